"""Run the capabilities: one thread each, and one loop that listens to signals, to its web process and to systemd."""

import gc
import logging
import select
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from jobmon import clock
from jobmon.capabilities import Capability
from jobmon.config import Settings
from jobmon.control import Control
from jobmon.daemon.place import Place
from jobmon.daemon.reload import Reload
from jobmon.daemon.turn import Turn
from jobmon.daemon.webprocess import WebProcess, answers
from jobmon.errors import AlreadyRunningError, JobmonError, SettingsError
from jobmon.notify import notify, watchdog_period_s
from jobmon.spool.lock import locked, note

log = logging.getLogger("jobmon.daemon")

GRACE_S = 3.0
"""So long a running tick may go on after SIGTERM before its processes are ended."""
LOOP_S = 1.0
COLLECT_S = 5.0
"""Capabilities that tick more often than this leave collecting garbage to the others."""
REPLACED = 1
"""The exit code when what is written to was taken away: whoever starts the daemon again gets one of what is there."""


@dataclass
class Daemon:
    """Serve until a signal ends it; settings are loaded anew for each SIGHUP."""

    load: Callable[[], Settings]
    create: Callable[[Settings], list[Capability]]
    check: Callable[[Settings, Settings], None] = lambda _new, _before: None
    """Raises an error for new settings that cannot work; called before anything is ended for their sake."""
    on_listening: Callable[[str], None] = lambda _url: None
    """Called with the address of the page once it is served."""
    only: Sequence[str] = ()
    """The capabilities whose addresses are served; all of them when it is empty."""

    def __post_init__(self) -> None:
        self._stop = False
        self._reload = False
        self._fatal: SettingsError | None = None
        self._replaced = ""
        self._ready = False
        self._turns: list[Turn] = []
        self._control: Control | None = None
        self._web = WebProcess(self.only, self._on_web_ready)
        self._place: Place | None = None
        self._reloading: Reload | None = None
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
        place, previous = Place.open(self.load()), None
        try:
            while True:
                try:
                    following = self._serve(place)
                except (SettingsError, AlreadyRunningError) as error:
                    if previous is None:
                        raise
                    log.error("the new settings cannot be used, the old ones stay: %s", error)
                    before = place.successor(previous)
                    before.adopt(place)
                    place, previous, self._fatal = before, None, None
                    continue
                if following is None:
                    return REPLACED if self._replaced else 0
                following.adopt(place)
                place, previous = following, place.settings
        finally:
            self._web.stop()
            if self._control is not None:
                self._control.close()
            place.close()

    def _serve(self, place: Place) -> Place | None:
        """Run all capabilities and the web process until a signal; return where to go on, None to end."""
        self._web.prepare(place)
        turns = [Turn(c, Path(place.settings.live.data_path)) for c in self.create(place.settings)]
        for turn in turns:
            turn.follow(self._turns)
        ending = threading.Event()
        following = None
        threads = [
            threading.Thread(target=self._keep_turning, args=(turn, ending), name=turn.capability.name, daemon=True)
            for turn in turns
        ]
        try:
            self._turns, self._place = turns, place
            self._answer_on(place)
            for turn in turns:
                turn.capability.prepare()
            self._web.serve(place)
            for thread in threads:
                thread.start()
            period = min(LOOP_S, (watchdog_period_s() or 60) / 3)
            while not (self._stop or self._fatal or following or any(turn.capability.over for turn in turns)):
                self._wait(min(period, self._web.turn()))
                self._tell(turns)
                if self._replaced or (problem := place.replaced()):
                    self._replaced = self._replaced or problem
                    log.critical("%s; this daemon ends, and writes nothing more", self._replaced)
                    break
                self._keep_answering(place)
                following = self._look_for_new_settings(place)
        finally:
            if following is None:
                notify("STOPPING=1")
            self._end(turns, threads, ending)
        if self._fatal is not None:
            if following is not None:
                following.close(place)
            raise self._fatal
        return following

    def _keep_answering(self, place: Place) -> None:
        """Make the control socket anew if somebody has removed it; where that cannot be, the work goes on without."""
        try:
            self._answer_on(place)
        except SettingsError as error:
            if self._control is not None:
                log.error("the daemon cannot be asked how it is doing: %s", error)
            self._control = None

    def _answer_on(self, place: Place) -> None:
        """Answer on the control socket of a place, made anew where it has gone or the data path is another."""
        if self._control is not None:
            if self._control.data_path == place.lock.data_path and self._control.is_there():
                return
            self._control.close()
        self._control = Control(place.lock.data_path, answers(lambda: self._turns, self._web))

    def _end(self, turns: list[Turn], threads: list[threading.Thread], ending: threading.Event) -> None:
        """Let the running ticks finish for a while, then end their processes."""
        ending.set()
        deadline = clock.monotonic() + GRACE_S
        started = [thread for thread in threads if thread.ident is not None]
        for thread in started:
            thread.join(max(0.0, deadline - clock.monotonic()))
        for turn in turns:
            turn.capability.close()
        for thread in started:
            thread.join(1.0)

    def _look_for_new_settings(self, place: Place) -> Place | None:
        """Return the place for settings that were loaded anew and can work; all that is wrong with them is logged."""
        if self._reload and self._reloading is None:
            self._reload = False
            self._reloading = Reload(place, self.load, self.check, self._ring)
        if self._reloading is None or not self._reloading.done:
            return None
        reloading, self._reloading = self._reloading, None
        try:
            return reloading.result()
        except (SettingsError, AlreadyRunningError) as error:
            log.error("the settings are not reloaded, the old ones stay: %s", error)
        except (JobmonError, OSError) as error:
            log.error("the settings cannot be reloaded now, the old ones stay: %s", error)
        return None

    def _wait(self, seconds: float) -> None:
        """Wait for a signal, for news of the web process, or for another reason to look up."""
        looked = select.poll()
        for one in (self._bell, *self._web.wires):
            looked.register(one, select.POLLIN)
        if any(number == self._bell.fileno() for number, _ in looked.poll(1000 * seconds)):
            self._bell.recv(4096)

    def _ring(self) -> None:
        """Wake the loop, from any thread."""
        self._wire.send(b"!")

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
                    self._ring()
                    return
                log.error("%s: %s", turn.capability.name, error)
                turn.error, turn.failures = str(error), turn.failures + 1
            due = max(due + turn.capability.interval, clock.monotonic())
            ending.wait(due - clock.monotonic())
        turn.capability.leave()  # at once: another host may be waiting to act

    def _on_web_ready(self) -> None:
        assert self._place is not None
        note(self._place.lock.file, self._place.url)
        self.on_listening(self._place.url)

    def _tell(self, turns: list[Turn]) -> None:
        """Tell the service manager that the loop turns, and what the capabilities are doing."""
        status = "; ".join(f"{t.capability.name}: {t.error or t.capability.status()}" for t in turns)
        status += f"; web: {self._web.error}" if self._web.error else ""
        states = ["WATCHDOG=1", f"STATUS={status}"]
        if not self._ready and self._web.tried and all(turn.last_success_at is not None for turn in turns):
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
