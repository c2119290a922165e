"""Measure cycles of the slurm back end with a Prometheus at size: `python measured.py SIZE DATA_PATH [CYCLES]`.

Slurm itself is played by a simulation that stands still, Prometheus by prometheus_load.py; everything between is real.
Prints one JSON object.
"""

import json
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import cycle

from jobmon import config
from jobmon.backends.simulation import Simulation
from jobmon.config import SimulatedSettings

HERE = Path(__file__).parent
SIZES = {
    "323 nodes": {"nodes": 323, "cores": 51, "running": 2000, "pending": 370},
    "1,500 nodes": {"nodes": 1500, "cores": 128, "running": 10_000, "pending": 1000},
}
BACKEND = """
import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from jobmon import clock
from jobmon.backends.slurm import Backend as Slurm


class Backend(Slurm):
    # each cycle is 30 s after the one before, as it is for the daemon of the measurement

    cycles = 0

    def init(self):
        super().init()
        began = int(Path(__file__).with_name("began").read_text())
        self.replaced = clock.replaced(lambda: began + 30.0 * Backend.cycles)
        self.replaced.__enter__()
        state = pickle.loads(Path(__file__).with_name("state.pickle").read_bytes())
        self._reader = SimpleNamespace(name="slurm", load=lambda: replace(state, loaded_at=clock.now()))

    def write_influx(self):
        Backend.cycles += 1  # after the cycle
"""


def prepare(size: str, site: Path) -> None:
    """Write the site's back end, the state of its scheduler and what Prometheus is to know."""
    simulated = SimulatedSettings.model_validate(SIZES[size])
    simulation = Simulation(simulated)
    now = 1_800_000_000
    state = simulation.state(now, simulation.moment(now)).cluster
    site.mkdir(parents=True)
    (site / "backend_bench.py").write_text(BACKEND)
    (site / "state.pickle").write_bytes(pickle.dumps(state))
    jobs = {job.scheduler_id or job.id: list(job.layout) for job in state.jobs if job.state == "RUNNING"}
    about = {"hosts": [node.name for node in state.nodes], "cores": simulated.cores, "jobs": jobs}
    (site / "about.json").write_text(json.dumps(about))


def measure(size: str, data_path: Path, cycles: int = cycle.CYCLES, pause_s: float = 1.5) -> dict[str, Any]:
    """Return what `cycle.run` does, `requests` per cycle, and `answer_mb` of one; the source is part of the cycle."""
    site = data_path / "site"
    # in a process of its own: the simulation's memory is not the daemon's
    subprocess.run([sys.executable, __file__, "prepare", size, site], check=True)
    began = int(time.time())
    (site / "began").write_text(str(began))
    server = subprocess.Popen(
        [sys.executable, HERE / "prometheus_load.py", site / "about.json"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        told = json.loads(server.stdout.readline())
        tables = {
            "live": {"backend": "bench", "backend_path": str(site), "data_path": str(data_path / "spool"),
                     "cycle_timeout": 120},
            "telemetry": {"sources": ["prometheus"], "timeout": 60},
            "prometheus": {"url": told["url"]},
        }  # fmt: skip
        settings = config.use(config.parse(tables, "bench"))
        result = cycle.run(settings, data_path / "spool", cycles, pause_s, lambda number: began + 30.0 * number)
        asked = int(urlopen(told["url"], timeout=10).read())
    finally:
        server.terminate()
        server.wait()
    result["requests"] = asked / (cycle.WARM_UP + cycles)
    result["answer_mb"] = sum(told["sizes"].values()) / 1e6
    result["whole_s"] = result["cycle_s"] + result["source_s"]
    return result


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(sys.argv[2], Path(sys.argv[3]))
    else:
        print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]), *(int(option) for option in sys.argv[3:4]))))
