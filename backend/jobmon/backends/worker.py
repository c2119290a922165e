"""Run a back end in a process of its own, so that it may hang, crash or hold the interpreter without harm.

Started by `child.BackendProcess` as `python -m jobmon.backends.worker FD FD PID`, with shared memory for the progress
and for the snapshot, and the daemon's process. It reads commands from standard input and answers on the former standard
output, in frames of eight bytes of length, one letter and the body:

    in   S settings and what to remember    C one cycle: {"at": seconds or null, "quarantined": [[method, record]]}
    out  N names of hosts and jobs          P a part of the snapshot is there: its bytes; first the nodes, then the rest
         R what else the cycle found        E the back end cannot be loaded or started (text for people)
         L it is loaded and has been started

The nodes are handed over before the jobs are asked about, so that the daemon reads them meanwhile.
What the site's code prints goes to standard error, where the daemon logs it.
"""

import ctypes
import gc
import itertools
import logging
import mmap
import os
import signal
import struct
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any, BinaryIO

import orjson

from jobmon import clock, config
from jobmon.backends.collect import Collector, Progress
from jobmon.backends.loader import load_class
from jobmon.errors import JobmonError

HEADER = struct.Struct("<Qc")
MAX_FRAME = 1 << 30
PROGRESS_BYTES = 16
PR_SET_PDEATHSIG = 1
TIDY_CYCLES = 20


class Answers:
    """Answer the daemon: frames through a pipe, the snapshot through shared memory."""

    def __init__(self, stream: BinaryIO, memory: int) -> None:
        self._stream = stream
        self._memory = memory
        self._end = 0

    def frame(self, kind: bytes, body: bytes) -> None:
        """Write one frame."""
        self._stream.write(HEADER.pack(len(body), kind) + body)
        self._stream.flush()

    def part(self, content: dict[str, Any], first: bool) -> None:
        """Leave a part of the snapshot in the shared memory, and tell how long it is."""
        body = orjson.dumps(content)
        if first:
            os.ftruncate(self._memory, 0)
            self._end = 0
        rest, written = memoryview(body), 0
        while written < len(body):
            written += os.pwrite(self._memory, rest[written:], self._end + written)
        self._end += written
        self.frame(b"P", str(written).encode())


def main() -> None:
    """Serve cycles until standard input ends."""
    # A daemon that is killed must not leave a back end behind, even one that hangs.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[3]):
        return  # it was killed while we were being loaded
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the daemon, which then ends us
    commands = os.fdopen(os.dup(0), "rb")
    answers = Answers(os.fdopen(os.dup(1), "wb"), int(sys.argv[2]))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    cells: Any = memoryview(mmap.mmap(int(sys.argv[1]), PROGRESS_BYTES)).cast("Q")
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)

    start = orjson.loads(_read_frame(commands))
    settings = config.use(config.parse(start["settings"], "settings"))
    logging.getLogger().setLevel(settings.daemon.log_level.upper())
    progress = Progress(cells)
    try:
        progress.phase("import")
        backend_class = load_class(settings.live.backend, settings.live.backend_path)
        progress.phase("__init__")
        backend = backend_class(start["no_history"])
        progress.phase("init")
        backend.init()
    except JobmonError as error:
        answers.frame(b"E", str(error).encode())
        return
    except Exception as error:
        logging.getLogger("jobmon.backend").exception("the back end %r cannot be started", settings.live.backend)
        answers.frame(b"E", f"{type(error).__name__}: {error}".encode())
        return

    answers.frame(b"L", b"")

    def announce(hosts: list[str], jobs: list[str]) -> None:
        answers.frame(b"N", orjson.dumps([hosts, jobs]))

    collector = Collector(
        backend, announce, lambda nodes: answers.part(nodes, first=True), progress, dict(start["mem_max"])
    )
    gc.disable()  # a cycle makes millions of objects that live until its end: they are looked through now and then
    for number in itertools.count(1):
        progress.phase("idle")
        frame = _read_frame(commands)
        if not frame:
            return
        command = orjson.loads(frame)
        collector.quarantined = {(method, record) for method, record in command["quarantined"]}
        at = command["at"]
        with clock.replaced(lambda at=at: float(at)) if at is not None else nullcontext():  # type: ignore[misc]
            report = _cycle(collector, at is None, settings.live, answers)
        answers.frame(b"R", orjson.dumps(report))
        if not report["error"] and at is None:
            collector.one("write_influx", backend.write_influx, None)
        if number % TIDY_CYCLES == 0:
            gc.collect()


def _cycle(collector: Collector, is_now: bool, settings: config.LiveSettings, answers: Answers) -> dict[str, Any]:
    """Leave the parts of a snapshot as they become ready, and return the report; its `error` says why there is none."""
    began = time.monotonic()
    report: dict[str, Any] = {"error": "", "backfill": {}}
    try:
        snapshot = collector.collect(clock.now_s(), settings)
        answers.part({key: value for key, value in snapshot.items() if key != "nodes"}, first=False)
        if settings.backfill and is_now:
            report["backfill"] = collector.backfill()
    except JobmonError as error:
        report["error"] = str(error)
    except Exception as error:
        collector.backend.log.exception("the back end failed in this cycle")
        report["error"] = f"{type(error).__name__}: {error}"
    report["sources"] = collector.one("sources", lambda: [asdict(s) for s in collector.backend.sources()], [])
    report["skipped"] = [asdict(skipped) for skipped in collector.skipped]
    report["skipped_count"] = collector.skipped_count
    report["sources_s"] = collector.sources_s
    report["collect_s"] = time.monotonic() - began
    return report


def _read_frame(stream: BinaryIO) -> bytes:
    """Return the body of the next frame; empty at the end of the stream."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return b""
    size, _kind = HEADER.unpack(header)
    return stream.read(size)


if __name__ == "__main__":
    main()
