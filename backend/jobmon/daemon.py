"""Run the capabilities: one thread each, one loop that listens to signals and to the service manager."""

import contextlib
import fcntl
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from jobmon import clock
from jobmon.capabilities import Capability
from jobmon.config import Settings
from jobmon.errors import AlreadyRunningError, JobmonError, SettingsError, SpoolError
from jobmon.notify import notify, watchdog_period_s
from jobmon.spool import writer
from jobmon.web.server import Server

log = logging.getLogger("jobmon.daemon")

LOCK = ".jobmon.lock"
GRACE_S = 3.0
"""So long a running tick may go on after SIGTERM before its processes are ended."""
LOOP_S = 1.0


@dataclass
class Turn:
    """Run one capability's ticks, and remember how they went."""

    capability: Capability
    data_path: Path
    last_success_at: float | None = None
    error: str = "has not run yet"
    failures: int = 0

    def once(self) -> bool:
        """Tick, and write the pages that changed; say whether all went well. What failed is logged."""
        name = self.capability.name
        try:
            try:
                self.capability.tick(clock.now())
            finally:
                problems = self._write_pages()
            if problems:
                raise SpoolError("; ".join(problems))
        except SettingsError:
            raise
        except JobmonError as error:
            log.error("%s: %s", name, error)
            self.error, self.failures = str(error), self.failures + 1
            return False
        except Exception as error:
            log.exception("%s failed in this cycle; the next one tries again", name)
            self.error, self.failures = f"{type(error).__name__}: {error}", self.failures + 1
            return False
        self.last_success_at, self.error, self.failures = clock.now(), "", 0
        return True

    def _write_pages(self) -> list[str]:
        problems = []
        for name, body in self.capability.pages(clock.now()):
            try:
                writer.write(self.data_path / f"{name}.json.gz", writer.compress(body))
            except SpoolError as error:
                problems.append(str(error))
        return problems

    def health(self) -> dict[str, Any]:
        """Return the state for /healthz."""
        late = self.last_success_at is None or clock.now() - self.last_success_at > 3 * self.capability.interval + 30
        return {
            "status": "ok" if not late else "starting" if not self.failures else "failing",
            "lastSuccess": self.last_success_at,
            "error": self.error,
            "failures": self.failures,
            "now": self.capability.status(),
        }


@dataclass
class Daemon:
    """Serve until a signal ends it; settings are loaded anew for each SIGHUP."""

    load: Callable[[], Settings]
    create: Callable[[Settings], list[Capability]]
    on_listening: Callable[[str], None] = lambda _url: None
    """Called with the address of the page once it is served."""

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._reload = threading.Event()
        self._wake = threading.Event()
        self._fatal: SettingsError | None = None
        self._ready = False

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, and return the exit code; settings that are wrong at the start are raised."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        settings = self.load()
        while not self._stop.is_set():
            self._reload.clear()
            with locked(Path(settings.live.data_path)):
                self._serve(settings)
            if self._fatal is not None:
                raise self._fatal
            if self._reload.is_set() and not self._stop.is_set():
                try:
                    settings = self.load()
                except SettingsError as error:
                    log.error("the settings are not reloaded: %s", error)
        return 0

    def _serve(self, settings: Settings) -> None:
        """Run all capabilities and the web server until a signal arrives."""
        turns = [Turn(c, Path(settings.live.data_path)) for c in self.create(settings)]
        ending = threading.Event()
        server = None
        if settings.web.enabled:
            server = Server(settings, [turn.capability for turn in turns], lambda: health(turns))
            server.start()
            self.on_listening(server.url)
        threads = [
            threading.Thread(target=self._keep_turning, args=(turn, ending), name=turn.capability.name, daemon=True)
            for turn in turns
        ]
        for thread in threads:
            thread.start()
        period = min(LOOP_S, (watchdog_period_s() or 60) / 3)
        try:
            while not (self._stop.is_set() or self._reload.is_set() or self._fatal):
                self._wake.wait(period)
                self._wake.clear()
                self._tell(turns)
        finally:
            if not self._reload.is_set():
                notify("STOPPING=1")
            ending.set()
            deadline = clock.monotonic() + GRACE_S
            for thread in threads:
                thread.join(max(0.0, deadline - clock.monotonic()))
            for turn in turns:
                turn.capability.close()
            for thread in threads:
                thread.join(1.0)
            if server is not None:
                server.stop()

    def _keep_turning(self, turn: Turn, ending: threading.Event) -> None:
        """Tick at each interval; a tick that takes longer is followed by the next one at once."""
        due = clock.monotonic()
        while not ending.is_set():
            try:
                turn.once()
            except SettingsError as error:
                if turn.last_success_at is None:
                    self._fatal = error
                    self._wake.set()
                    return
                log.error("%s: %s", turn.capability.name, error)
                turn.error, turn.failures = str(error), turn.failures + 1
            due = max(due + turn.capability.interval, clock.monotonic())
            ending.wait(due - clock.monotonic())

    def _tell(self, turns: list[Turn]) -> None:
        """Tell the service manager that the loop turns, and what the capabilities are doing."""
        status = "; ".join(f"{t.capability.name}: {t.error or t.capability.status()}" for t in turns)
        states = ["WATCHDOG=1", f"STATUS={status}"]
        if not self._ready and all(turn.last_success_at is not None for turn in turns):
            self._ready = True
            states.append("READY=1")
        elif not self._ready:
            states.append("EXTEND_TIMEOUT_USEC=60000000")  # a scheduler that is down at boot is waited for
        notify(*states)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        (self._reload if number == signal.SIGHUP else self._stop).set()
        self._wake.set()


def health(turns: list[Turn]) -> dict[str, Any]:
    """Return the body of /healthz; its "status" is "ok" when every capability is."""
    states = {turn.capability.name: turn.health() for turn in turns}
    well = all(state["status"] == "ok" for state in states.values())
    return {"status": "ok" if well else "unavailable", "capabilities": states}


def run_once(settings: Settings, capabilities: list[Capability]) -> int:
    """Run each capability once, and return the exit code: 0 when all went well."""
    with locked(Path(settings.live.data_path)):
        try:
            results = [Turn(c, Path(settings.live.data_path)).once() for c in capabilities]
        finally:
            for capability in capabilities:
                capability.close()
    return 0 if all(results) else 1


@contextlib.contextmanager
def locked(data_path: Path) -> Iterator[None]:
    """Hold the lock of a data path; AlreadyRunningError names the process that has it, SettingsError what is wrong."""
    try:
        data_path.mkdir(parents=True, exist_ok=True)
        file = (data_path / LOCK).open("a+")
    except OSError as error:
        raise SettingsError(
            f"[live] data_path = {str(data_path)!r}: cannot be written: {error.strerror}; "
            "make the folder, or choose another with --set live.data_path=DIR"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read(20).strip()
            raise AlreadyRunningError(
                f"another jobmon writes to {data_path} (process {owner or 'unknown'}); "
                "stop it, or choose another folder with --set live.data_path=DIR"
            ) from None
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
