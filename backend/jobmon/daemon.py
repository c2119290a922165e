"""Run the capabilities: one thread each, one loop that listens to signals and to the service manager."""

import gc
import logging
import select
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

from jobmon import clock
from jobmon.capabilities import Capability
from jobmon.config import Settings
from jobmon.errors import AlreadyRunningError, JobmonError, SettingsError, SpoolError
from jobmon.notify import notify, watchdog_period_s
from jobmon.spool import layout, writer
from jobmon.spool.lock import locked, note
from jobmon.web.server import Server

log = logging.getLogger("jobmon.daemon")

GRACE_S = 3.0
"""So long a running tick may go on after SIGTERM before its processes are ended."""
LOOP_S = 1.0
COLLECT_S = 5.0
"""Capabilities that tick more often than this leave collecting garbage to the others."""
WRITERS = 4
"""Files that are packed and written side by side; more would not be quicker."""


@dataclass
class Turn:
    """Run one capability's ticks, and remember how they went."""

    capability: Capability
    data_path: Path
    last_success_at: float | None = None
    error: str = "has not run yet"
    failures: int = 0
    _success: float | None = None
    """The last success on a clock that nobody sets."""

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
        self.last_success_at, self._success, self.error, self.failures = clock.now(), clock.monotonic(), "", 0
        return True

    def _write_pages(self) -> list[str]:
        problems: list[str] = []
        with ThreadPoolExecutor(WRITERS, "write") as pool:
            for group in self.capability.pages(clock.now()):
                problems += filter(None, pool.map(self._write_page, group))
        return problems

    def _write_page(self, page: tuple[str, bytes]) -> str:
        """Write one file, and return what is wrong; empty when it is there."""
        name, body = page
        try:
            writer.write(layout.published(self.data_path, name), writer.compress(body))
        except SpoolError as error:
            return str(error)
        return ""

    def health(self) -> dict[str, Any]:
        """Return the state for /healthz."""
        late = self._success is None or clock.monotonic() - self._success > 3 * self.capability.interval + 30
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
        self._stop = False
        self._reload = False
        self._fatal: SettingsError | None = None
        self._ready = False
        self._bell, self._wire = socket.socketpair()
        """Wakes the loop; signal handlers only set flags, for they could meet a lock that the loop itself holds."""
        for end in (self._bell, self._wire):
            end.setblocking(False)

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, and return the exit code; settings that are wrong at the start are raised."""
        gc.disable()
        signal.set_wakeup_fd(self._wire.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        settings, previous = self.load(), None
        while True:
            try:
                with locked(Path(settings.live.data_path)) as lock:
                    following = self._serve(settings, lock)
            except (SettingsError, AlreadyRunningError) as error:
                if previous is None:
                    raise
                log.error("the new settings cannot be used, the old ones stay: %s", error)
                settings, previous, self._fatal = previous, None, None
                continue
            if following is None:
                return 0
            previous, settings = settings, following

    def _serve(self, settings: Settings, lock: IO[str]) -> Settings | None:
        """Run all capabilities and the web server until a signal; return the settings to go on with, None to end."""
        turns = [Turn(c, Path(settings.live.data_path)) for c in self.create(settings)]
        ending = threading.Event()
        following = None
        server = None
        threads = [
            threading.Thread(target=self._keep_turning, args=(turn, ending), name=turn.capability.name, daemon=True)
            for turn in turns
        ]
        try:
            if settings.web.enabled:
                server = Server(settings, [turn.capability for turn in turns], lambda: health(turns))
                server.start()
                note(lock, server.url)
                self.on_listening(server.url)
            for thread in threads:
                thread.start()
            period = min(LOOP_S, (watchdog_period_s() or 60) / 3)
            while not (self._stop or self._fatal or following or any(turn.capability.over for turn in turns)):
                self._wait(period)
                self._tell(turns)
                if self._reload:
                    following = self._load_anew()
        finally:
            if following is None:
                notify("STOPPING=1")
            self._end(turns, threads, ending, server)
        if self._fatal is not None:
            raise self._fatal
        return following

    def _end(
        self, turns: list[Turn], threads: list[threading.Thread], ending: threading.Event, server: Server | None
    ) -> None:
        """Let the running ticks finish for a while, then end their processes."""
        ending.set()
        deadline = clock.monotonic() + GRACE_S
        if server is not None:
            server.stop()
        started = [thread for thread in threads if thread.ident is not None]
        for thread in started:
            thread.join(max(0.0, deadline - clock.monotonic()))
        for turn in turns:
            turn.capability.close()
        for thread in started:
            thread.join(1.0)

    def _load_anew(self) -> Settings | None:
        """Return the settings as they are now; None, with a line in the log, when they are wrong."""
        self._reload = False
        try:
            return self.load()
        except SettingsError as error:
            log.error("the settings are not reloaded, the old ones stay: %s", error)
            return None

    def _wait(self, seconds: float) -> None:
        """Wait for a signal or another reason to look up."""
        if select.select([self._bell], [], [], seconds)[0]:
            self._bell.recv(4096)

    def _keep_turning(self, turn: Turn, ending: threading.Event) -> None:
        """Tick at each interval; a tick that takes longer is followed by the next one at once."""
        due = clock.monotonic()
        while not ending.is_set():
            if turn.capability.interval >= COLLECT_S:
                gc.collect()  # between the ticks, for it would look through millions of objects within them
            try:
                turn.once()
            except SettingsError as error:
                if turn.last_success_at is None:
                    self._fatal = error
                    self._wire.send(b"!")
                    return
                log.error("%s: %s", turn.capability.name, error)
                turn.error, turn.failures = str(error), turn.failures + 1
            due = max(due + turn.capability.interval, clock.monotonic())
            ending.wait(due - clock.monotonic())
        turn.capability.leave()  # at once: another host may be waiting to act

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
        if number == signal.SIGHUP:
            self._reload = True
        else:
            self._stop = True


def health(turns: list[Turn]) -> dict[str, Any]:
    """Return the body of /healthz; its "status" is "ok" when every capability is."""
    states = {turn.capability.name: turn.health() for turn in turns}
    well = all(state["status"] == "ok" for state in states.values())
    return {"status": "ok" if well else "unavailable", "capabilities": states}


def run_once(settings: Settings, create: Callable[[Settings], list[Capability]]) -> int:
    """Run each capability once, and return the exit code: 0 when all went well."""
    with locked(Path(settings.live.data_path)):
        capabilities = create(settings)
        try:
            results = [Turn(c, Path(settings.live.data_path)).once() for c in capabilities]
        finally:
            for capability in capabilities:
                capability.close()
    return 0 if all(results) else 1
