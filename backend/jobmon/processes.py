"""Start programs of our own, watch them, and start them again when they end.

What a program needs is handed to it through a socket that stays open: it ends when this process does, however that
happens, and says "ready" through it when it does its work.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from jobmon import clock

log = logging.getLogger("jobmon.processes")

READY = b"R"
PING, PONG = b"?", b"!"
PING_S = 5.0
SILENT_S = 20.0
"""Who has not answered for so long is stuck, and is ended."""
FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 30.0
LONGEST_AFTER_READY_S = 0.2
"""So long at most the next one is put off when the last one had begun to do its work."""
STEADY_S = 30.0
"""Whoever has worked for so long begins with the shortest wait again."""
START_S = 60.0
"""Who is not ready by then is ended."""
LEAVE_S = 3.0
"""So long a program may finish what it is doing when it is asked to end."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Hold what a program is given: a message, and sockets that it finds under the numbers in the message."""

    message: Mapping[str, object]
    sockets: Sequence[socket.socket] = ()


class _Child:
    """Be one process."""

    def __init__(self, module: str, sockets: Sequence[socket.socket]) -> None:
        self.wire, theirs = socket.socketpair()
        self.began = clock.monotonic()
        self.ready_at: float | None = None
        self.told = False
        self._module = module
        self._leaving_at: float | None = None
        self._asked_at = self._heard_at = self.began
        with theirs:
            shared = (theirs.fileno(), *(one.fileno() for one in sockets))
            command = [sys.executable, "-P", "-m", module, str(theirs.fileno()), str(os.getpid())]
            try:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, pass_fds=shared, start_new_session=True
                )
            except OSError:
                self.wire.close()
                raise

    def tell(self, given: HandOver) -> None:
        """Tell it what to do."""
        self.told = True
        body = orjson.dumps(dict(given.message))
        self.wire.settimeout(START_S)
        try:
            self.wire.sendall(len(body).to_bytes(8, "big") + body)
        except OSError:
            log.debug("%s ended before it was told what to do", self._module)  # which the next look finds out
        self.wire.setblocking(False)

    def look(self) -> int | None:
        """Take what it says; return its exit code when it has ended, negative for a signal."""
        code, now = self.process.poll(), clock.monotonic()
        try:
            if said := self.wire.recv(4096):  # also what it has said before it ended
                self._heard_at = now
                if self.ready_at is None and READY in said:
                    self.ready_at = now
        except OSError:
            pass  # it has said nothing yet, or goes
        if code is None and self.ready_at is not None and now - self._asked_at >= PING_S:
            self._ask(now)
        stuck = now - self.began > START_S if self.ready_at is None else now - self._heard_at > SILENT_S
        if stuck and code is None:
            log.error("%s does not answer any more, and is ended", self._module)
        lingers = self._leaving_at is not None and now - self._leaving_at > LEAVE_S
        if code is None and (stuck or lingers):
            self.process.kill()
        return code

    def _ask(self, now: float) -> None:
        """Ask whether it is still at work."""
        if now - self._asked_at > 2 * PING_S:
            self._heard_at = now  # nobody has looked for a while: we were frozen ourselves
        self._asked_at = now
        try:
            self.wire.send(PING)
        except OSError:
            log.debug("%s cannot be asked", self._module)  # it goes, or it is stuck and has been asked often

    def ask_to_end(self) -> None:
        """Ask it to end; `look` sees to it that it does."""
        if self._leaving_at is None:
            self._leaving_at = clock.monotonic()
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """End it, and wait for that."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.wire.close()


class Keeper:
    """Keep one program running, from `start` to `stop`; all calls come from one thread."""

    def __init__(self, name: str, module: str, on_ready: Callable[[], None] = lambda: None) -> None:
        self._name = name
        self._module = module
        self._on_ready = on_ready
        self._given = HandOver({})
        self._current: _Child | None = None
        self._following: _Child | None = None
        """Has the newer hand-over; takes the place of the current one as soon as it is ready."""
        self._leaving: list[_Child] = []
        self._wait_s = FIRST_WAIT_S
        self._due = 0.0
        self.starts = 0
        self.error = ""
        """Why it does not do its work, as far as that is known; empty when it does."""

    @property
    def ready(self) -> bool:
        """Say whether it does its work."""
        return self._current is not None and self._current.ready_at is not None

    @property
    def pid(self) -> int | None:
        """Return the process that does the work, or is to do it."""
        return self._current.process.pid if self._current is not None else None

    @property
    def wires(self) -> list[socket.socket]:
        """Return what can be read when there is reason to `turn`."""
        children = filter(None, (self._current, self._following, *self._leaving))
        return [child.wire for child in children if child.process.returncode is None]

    def prepare(self, sockets: Sequence[socket.socket]) -> None:
        """Let it load what it needs while that is prepared which `start` hands over with these sockets."""
        if self._current is None:
            self._current = self._begin(sockets)

    def start(self, given: HandOver) -> None:
        """Start it with what it needs; if it runs already, the next one is there before this one leaves."""
        self._given = given
        if self._current is None:
            self._current = self._told(self._begin(given.sockets))
        elif not self._current.told:
            self._current.tell(given)
        else:
            if self._following is not None:
                self._leave(self._following)
            self._following = self._told(self._begin(given.sockets))

    def turn(self) -> float:
        """See how it is doing, start it again if it has ended, and return in how many seconds to look again."""
        for child in list(self._leaving):
            if child.look() is not None:
                child.close()
                self._leaving.remove(child)
        if self._following is not None:
            self._take_over(self._following)
        if self._current is not None:
            self._watch(self._current)
        if self._current is None and self._following is None and clock.monotonic() >= self._due:
            self._current = self._told(self._begin(self._given.sockets))
        waits = self._current is None or not self.ready or self._following or self._leaving
        return max(0.0, self._due - clock.monotonic()) if self._current is None else 0.2 if waits else PING_S

    def stop(self, patience_s: float = LEAVE_S) -> None:
        """End it, after what it is doing if that is soon done."""
        children = [child for child in (self._current, self._following, *self._leaving) if child is not None]
        for child in children:
            child.ask_to_end()
        deadline = clock.monotonic() + patience_s
        for child in children:
            try:
                child.process.wait(max(0.0, deadline - clock.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("%s is still at work, and is ended", self._name)
            child.close()
        self._current, self._following, self._leaving = None, None, []

    def _told(self, child: _Child | None) -> _Child | None:
        if child is not None:
            child.tell(self._given)
        return child

    def _begin(self, sockets: Sequence[socket.socket]) -> _Child | None:
        self.starts += 1
        try:
            return _Child(self._module, sockets)
        except OSError as error:
            self._failed(f"cannot be started: {error.strerror}", after_ready=False)
            return None

    def _leave(self, child: _Child) -> None:
        child.ask_to_end()
        self._leaving.append(child)

    def _take_over(self, following: _Child) -> None:
        code = following.look()
        if following.ready_at is not None and code is None:
            if self._current is not None:
                self._leave(self._current)
            self._current, self._following = following, None
            self._well()
        elif code is not None:
            following.close()
            self._following = None
            log.error("%s with the new settings %s; the one before goes on", self._name, _ended(code))
            self.error = f"with the new settings it {_ended(code)}"
            if self._current is None:
                self._failed(_ended(code), after_ready=False)

    def _watch(self, current: _Child) -> None:
        was_ready = current.ready_at is not None
        code = current.look()
        if code is None:
            if current.ready_at is not None and not was_ready:
                self._well()
            elif was_ready and clock.monotonic() - current.began > STEADY_S:
                self._wait_s = FIRST_WAIT_S
            return
        current.close()
        self._current = None
        self._failed(_ended(code), after_ready=current.ready_at is not None)

    def _well(self) -> None:
        self.error = ""
        self._on_ready()

    def _failed(self, what: str, after_ready: bool) -> None:
        longest = LONGEST_AFTER_READY_S if after_ready else LONGEST_WAIT_S
        wait_s = min(self._wait_s, longest)
        self._wait_s = min(2 * wait_s, longest)
        self._due = clock.monotonic() + wait_s
        self.error = what
        log.error("%s %s; it is started again in %.3g s", self._name, what, wait_s)


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def received(number: int) -> tuple[socket.socket, dict[str, object]]:
    """Return, in a program that a Keeper has started, the wire to it and the message that was handed over."""
    wire = socket.socket(fileno=number)
    size = int.from_bytes(_exactly(wire, 8), "big")
    message: dict[str, object] = orjson.loads(_exactly(wire, size))
    return wire, message


def _exactly(wire: socket.socket, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        part = wire.recv(size - len(content))
        if not part:
            raise SystemExit(0)  # who started us has gone
        content += part
    return bytes(content)
