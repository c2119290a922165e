"""Hold a back end's process: ask it for snapshots, replace it when it hangs or dies, and remember why.

A method that hangs for one host or job is found by name; that pair of method and record is left out for a while
(`[live] quarantine`), so that the next try gets past it. All waiting here ends at the cycle's deadline.
"""

import logging
import mmap
import os
import selectors
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import IO, Any

import orjson

from jobmon import clock
from jobmon.backends.collect import DISPENSABLE, EVERY, METHODS, PHASES
from jobmon.backends.worker import HEADER, MAX_FRAME, PROGRESS_BYTES
from jobmon.config import Settings
from jobmon.errors import SettingsError, SourceError
from jobmon.model import Skipped, SourceHealth

log = logging.getLogger("jobmon.backend")

POLL_S = 0.05
MANY = 3
"""So many hosts or jobs that hang in one method within the quarantine put the whole method aside."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """Hold what one cycle of a back end brought."""

    snapshot: dict[str, Any]
    body: bytes
    """The snapshot as JSON."""
    backfill: dict[str, Any]
    sources: tuple[SourceHealth, ...]
    skipped: tuple[Skipped, ...]
    """The records that were left out, at most 1000 of them."""
    skipped_count: int
    collect_s: float
    """How long the back end took, from the command to the snapshot."""
    sources_s: float
    """How much of that its `pre_update()` took, which asks the sources."""


class CycleFailed(SourceError):
    """Tell that a cycle brought no snapshot; `sources` is what the back end still could say of its sources."""

    def __init__(self, message: str, sources: tuple[SourceHealth, ...] = ()) -> None:
        super().__init__(message)
        self.sources = sources


class _Died(Exception):
    """Tell that the process ended, or must be ended, and whether the call in progress is to blame."""

    def __init__(self, message: str, blame: bool = False) -> None:
        super().__init__(message)
        self.blame = blame


@dataclass
class BackendProcess:
    """Run the back end that the settings name; `cycle()` is called from one thread only."""

    settings: Settings
    no_history: bool = False
    mem_max: dict[str, int] = field(default_factory=dict)
    """Largest memory of each job so far, which outlives the process."""
    starts: int = 0
    """How often the process was started; more than once means that it was replaced."""

    def __post_init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._selector = selectors.DefaultSelector()
        self._buffer = bytearray()
        self._names: tuple[list[str], list[str]] = ([], [])
        self._quarantine: dict[tuple[str, str], float] = {}
        self._stopping = threading.Event()
        self._loaded = False
        self._in_use = threading.Lock()
        self._snapshot_fd = os.memfd_create("jobmon-snapshot")
        self._progress_fd = os.memfd_create("jobmon-progress")
        os.truncate(self._progress_fd, PROGRESS_BYTES)
        self._map = mmap.mmap(self._progress_fd, PROGRESS_BYTES)
        self._cells: Any = memoryview(self._map).cast("Q")

    def cycle(self, at: int | None = None) -> Cycle:
        """Return the next snapshot, with the back end's clock set to `at` if given.

        Raise CycleFailed when there is none before the deadline, SettingsError when the back end cannot be loaded.
        """
        with self._in_use:
            try:
                return self._cycle(at)
            finally:
                if self._stopping.is_set():
                    self._release()

    def _cycle(self, at: int | None) -> Cycle:
        deadline = clock.monotonic() + self.settings.live.cycle_timeout_s
        while True:
            try:
                self._start()
                now = clock.monotonic()
                self._quarantine = {pair: until for pair, until in self._quarantine.items() if until > now}
                self._send(b"C", {"at": at, "quarantined": list(self._quarantine)})
                return self._receive(deadline)
            except _Died as death:
                what, again = self._bury(death)
                if not again or clock.monotonic() >= deadline or self._stopping.is_set():
                    raise CycleFailed(what) from None

    def load(self) -> None:
        """Start the process, and see whether it can load the back end; SettingsError when not.

        One that hangs or dies meanwhile is the first cycle's to find out about.
        """
        deadline = clock.monotonic() + self.settings.live.cycle_timeout_s
        with self._in_use:
            try:
                self._start()
                self._await_loaded(deadline)
            except _Died as death:
                self._bury(death)

    def _await_loaded(self, deadline: float) -> None:
        while not self._loaded and not self._stopping.is_set():
            kind, body = self._next_frame(deadline)
            if kind == b"E":
                self._kill()
                raise SettingsError(body.decode())
            self._loaded = kind == b"L"

    def close(self) -> None:
        """End the process now, from any thread; a waiting `cycle()` raises CycleFailed."""
        self._stopping.set()
        process = self._process
        if process is not None:
            _kill_group(process)
            process.wait()
        if self._in_use.acquire(timeout=1.0):  # else the running cycle lets go, when it ends
            try:
                self._release()
            finally:
                self._in_use.release()

    def _release(self) -> None:
        """Let go of all descriptors, for a daemon that reloads its settings goes on for long."""
        self._kill()
        self._selector.close()
        if self._progress_fd >= 0:
            os.close(self._progress_fd)
            os.close(self._snapshot_fd)
            self._progress_fd = self._snapshot_fd = -1
            cells, self._cells = self._cells, list(self._cells)
            cells.release()
            self._map.close()

    @property
    def imported(self) -> bool:
        """Say whether the site's file could be imported, here or in an earlier process."""
        return bool(METHODS[min(self._cells[0], len(METHODS) - 1)] != "import")

    def quarantined(self) -> list[tuple[str, str]]:
        """Return the pairs of method and record that are not called for a while."""
        return sorted(self._quarantine)

    # --- the process -----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._process is not None or self._stopping.is_set():
            return
        self._cells[0] = METHODS.index("import")
        self._loaded = False
        shared = (self._progress_fd, self._snapshot_fd)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "jobmon.backends.worker", *map(str, (*shared, os.getpid()))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=shared,
            start_new_session=True,  # what it starts is ended with it
            bufsize=0,
        )
        self.starts += 1
        self._buffer.clear()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        threading.Thread(target=_log_lines, args=(self._process.stderr,), name="backend-log", daemon=True).start()
        self._send(
            b"S",
            {
                "settings": self.settings.model_dump(mode="json", exclude_unset=True),
                "no_history": self.no_history,
                "mem_max": self.mem_max,
            },
        )

    def _send(self, kind: bytes, message: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise _Died("the back end was stopped")
        body = orjson.dumps(message)
        try:
            process.stdin.write(HEADER.pack(len(body), kind) + body)
        except BrokenPipeError:
            raise _Died("the back end's process ended before it was asked") from None

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _kill_group(process)
        process.wait()
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout in {key.fileobj for key in self._selector.get_map().values()}:
            self._selector.unregister(process.stdout)
        process.stdin.close()
        process.stdout.close()

    def _bury(self, death: _Died) -> tuple[str, bool]:
        """End the process, put aside what it was doing; return what happened, and whether to try again at once."""
        method, record = self._in_progress()
        self._kill()
        what = f"{death} in {method}" + (f" of {record!r}" if record else "")
        if self._stopping.is_set() or method == "idle":
            return str(death), False
        log.error("%s; its process is replaced", what)
        if not death.blame or (method in PHASES and method not in DISPENSABLE):
            return what, False  # the next cycle tries again
        until = clock.monotonic() + self.settings.live.quarantine
        self._quarantine[method, record] = until
        if record and sum(1 for pair in self._quarantine if pair[0] == method) >= MANY:
            log.error("%s hung or crashed for %d records: it is not called at all for a while", method, MANY)
            self._quarantine[method, EVERY] = until
        return what, True

    def _in_progress(self) -> tuple[str, str]:
        """Return the method that is being called, and for which host or job."""
        number, index = self._cells[0], self._cells[1]
        method = METHODS[number] if number < len(METHODS) else "idle"
        if method in PHASES:
            return method, ""
        names = self._names[1 if method.startswith("job") and method != "jobfs" else 0]
        return method, names[index] if index < len(names) else ""

    # --- its answers -----------------------------------------------------------------------------------------------

    def _receive(self, deadline: float) -> Cycle:
        """Return what a cycle brings; its parts are read while the rest is still being asked for."""
        parts: list[bytes] = []
        nodes: dict[str, Any] = {}
        rest: dict[str, Any] = {}
        while True:
            kind, body = self._next_frame(deadline)
            if kind == b"N":
                hosts, jobs = orjson.loads(body)
                self._names = (hosts, jobs)
            elif kind == b"P":
                part = self._read_memory(sum(map(len, parts)), int(body))
                if parts:
                    rest = orjson.loads(part)
                else:
                    nodes = orjson.loads(part)
                parts.append(part)
            elif kind == b"E":
                self._kill()
                raise SettingsError(body.decode())
            elif kind == b"L":
                self._loaded = True
            else:
                return self._result(orjson.loads(body), parts, rest | {"nodes": nodes})

    def _read_memory(self, start: int, size: int) -> bytes:
        """Return what the process left in the shared memory; a pipe would take many times as long."""
        if size > MAX_FRAME:
            raise _Died(f"the back end answered {size} bytes at once, more than {MAX_FRAME},")
        content = bytearray()
        while len(content) < size:
            content += os.pread(self._snapshot_fd, size - len(content), start + len(content))
        return bytes(content)

    def _result(self, report: dict[str, Any], parts: list[bytes], snapshot: dict[str, Any]) -> Cycle:
        sources = tuple(SourceHealth(**source | {"reasons": tuple(source["reasons"])}) for source in report["sources"])
        if report["error"]:
            raise CycleFailed(report["error"], sources)
        nodes, rest = parts
        return Cycle(
            snapshot=snapshot,
            body=b"".join((b'{"nodes":', nodes, b",", memoryview(rest)[1:])),
            backfill=report["backfill"],
            sources=sources,
            skipped=tuple(Skipped(**skipped) for skipped in report["skipped"]),
            skipped_count=report["skipped_count"],
            collect_s=report["collect_s"],
            sources_s=report["sources_s"],
        )

    def _next_frame(self, deadline: float) -> tuple[bytes, bytes]:
        """Return kind and body of the next frame, watching what the process is doing meanwhile."""
        last_seen, since = self._watch(), clock.monotonic()
        while True:
            if len(self._buffer) >= HEADER.size:
                size, kind = HEADER.unpack_from(self._buffer)
                if size > MAX_FRAME:
                    raise _Died(f"the back end answered {size} bytes at once, more than {MAX_FRAME},")
                if len(self._buffer) >= HEADER.size + size:
                    body = bytes(memoryview(self._buffer)[HEADER.size : HEADER.size + size])
                    del self._buffer[: HEADER.size + size]
                    return kind, body
            if self._selector.select(POLL_S) and not self._read():
                raise _Died("the back end's process died", blame=True)
            now, seen = clock.monotonic(), self._watch()
            if seen != last_seen:
                last_seen, since = seen, now
            if self._stopping.is_set():
                raise _Died("the back end was stopped")
            if now > deadline:
                raise _Died(f"the back end took longer than {self.settings.live.cycle_timeout_s:g} s")
            patient = METHODS[seen[0]] in PHASES and METHODS[seen[0]] not in DISPENSABLE
            if not patient and now - since > self.settings.live.call_timeout:
                raise _Died(f"the back end hung for {self.settings.live.call_timeout:g} s", blame=True)

    def _watch(self) -> tuple[int, int]:
        return min(self._cells[0], len(METHODS) - 1), self._cells[1]

    def _read(self) -> bool:
        """Take what has arrived; say whether the process is still there."""
        process = self._process
        if process is None or process.stdout is None:
            return False
        chunk = process.stdout.read(1 << 20)
        if chunk:
            self._buffer += chunk
        return chunk != b""


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process with everything that it started."""
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        process.kill()  # its group is gone; the process itself may still wait to be reaped


def _log_lines(stream: IO[bytes]) -> None:
    """Log what a back end's process writes to standard error, line by line, bounded in length."""
    with stream:
        while line := stream.readline(4096):
            words = line.decode(errors="replace").rstrip()
            level, _, rest = words.partition(" ")
            if level in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
                log.log(logging.getLevelNamesMapping()[level], "%s", rest)
            elif words:
                log.warning("%s", words)
