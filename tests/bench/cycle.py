"""Measure cycles of the daemon with the simulated back end: `python -m tests.bench.cycle SIZE DATA_PATH`.

Prints one JSON object. A process of its own, so that peaks of memory are those of one size.
"""

import gc
import gzip
import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from jobmon import clock, config
from jobmon.daemon.turn import Turn
from jobmon.live.capability import Live

SIZES = {
    "323 nodes": {"nodes": 323},
    "1,500 nodes": {"nodes": 1500, "cores": 128, "running": 10_000, "pending": 40_000},
}
WARM_UP = 2
CYCLES = 7


def measure(size: str, data_path: Path) -> dict[str, Any]:
    """Return medians over some cycles of one of SIZES; seconds, MiB and kB.

    `cycle_s` is from the question to the last file without `source_s`, what the simulation itself took; `memory_mb` is
    the peak of the daemon and its back end together, the simulation's own memory included.
    """
    tables = {
        "live": {"backend": "simulated", "data_path": str(data_path), "cycle_timeout": 120},
        "simulated": SIZES[size],
    }
    return run(config.use(config.parse(tables, "bench")), data_path)


def run(
    settings: config.Settings,
    data_path: Path,
    cycles: int = CYCLES,
    pause_s: float = 1.1,
    time_of: Callable[[int], float] | None = None,
) -> dict[str, Any]:
    """Return the medians over so many cycles, and the memory at every twentieth of the time.

    `time_of` gives the daemon's time of each cycle in the place of the real one.
    """
    live = Live(settings)
    turn = Turn(live, data_path)
    rows = []
    memory = 0.0
    resident: list[float] = []
    gc.disable()  # as the daemon does
    try:
        for number in range(WARM_UP + cycles):
            gc.collect()
            began = time.monotonic()
            with clock.replaced(partial(time_of, number)) if time_of else nullcontext():
                if not turn.once():
                    raise RuntimeError(f"the cycle failed: {turn.error}")
            took = time.monotonic() - began
            summary = json.loads(gzip.decompress((data_path / "pages/live/summary.json.gz").read_bytes()))
            source = summary["cycle"]["sources"]
            if number >= WARM_UP:
                rows.append((took - source, source, summary["cycle"]["collect"]))
            back_ends = [p for p in psutil.Process().children() if "jobmon.backends.worker" in p.cmdline()]
            processes = [psutil.Process(), *back_ends]
            memory = max(memory, sum(_resident_mb(p) for p in processes))
            resident.append(sum(p.memory_info().rss for p in processes) / 2**20)
            time.sleep(pause_s)  # time stamps are whole seconds, and between cycles the back end tidies its memory
    finally:
        live.close()
    cycle_s, source_s, collect_s = (statistics.median(column) for column in zip(*rows, strict=True))
    snapshot = json.loads(gzip.decompress((data_path / "data.json.gz").read_bytes()))
    states = [job["state"] for job in snapshot["jobs"].values()]
    return {
        "nodes": len(snapshot["nodes"]),
        "cores": sum(node["nCpus"] for node in snapshot["nodes"].values()),
        "running": states.count("RUNNING"),
        "pending": states.count("PENDING"),
        "cycle_s": cycle_s,
        "source_s": source_s,
        "collect_s": collect_s,
        "publish_s": cycle_s - collect_s,
        "memory_mb": memory,
        "daemon_mb": _resident_mb(psutil.Process()),
        "resident_mb": [round(mb) for mb in resident[:: max(1, len(resident) // 20)]],
        **{f"{name}_kb": (data_path / path).stat().st_size / 1000 for name, path in FILES.items()},
    }


FILES = {
    "snapshot": "data.json.gz",
    "summary": "pages/live/summary.json.gz",
    "latest": "pages/live/latest.json.gz",
    "chunk": "pages/live/series/day/open.json.gz",
}


def _resident_mb(process: psutil.Process) -> float:
    """Return the largest resident memory that a process ever had."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
