"""Cut an exchange over the network off at its deadline, however slowly the other side sends.

The time-out of a socket holds for each piece: who sends a byte a second is waited for as long as it likes.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_current = threading.local()


class Deadline:
    """Watch connections within a `with`; when the time is up they are cut off, and then `passed` says so."""

    def __init__(self, left_s: float) -> None:
        self._timer = threading.Timer(max(left_s, 0.0), self._cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._up = False
        self.passed = False

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()
        with self._lock:
            for one in self._watched:
                one.close()
            self._watched.clear()

    def watch(self, connection: socket.socket) -> None:
        """Cut this connection off when the time is up, also once it is wrapped by TLS."""
        # of the number, for what is wrapped by TLS later lets go of this object
        own = socket.socket(fileno=os.dup(connection.fileno()))
        with self._lock:
            self._watched.append(own)
        if self._up:
            self._cut()

    def check(self) -> None:
        """Raise TimeoutError when the time is up: an answer that was cut off may look like a whole one."""
        if self.passed:
            raise TimeoutError

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Watch what this thread connects to by `made`, where nobody else has the connection in hand."""
        _current.deadline = self
        try:
            yield
        finally:
            _current.deadline = None

    def _cut(self) -> None:
        self._up = True
        with self._lock:
            for one in self._watched:
                self.passed = True
                with suppress(OSError):  # it has ended by itself
                    one.shutdown(socket.SHUT_RDWR)


def made(connection: socket.socket) -> None:
    """Tell that this thread has made a connection, or uses it again."""
    deadline: Deadline | None = getattr(_current, "deadline", None)
    if deadline is not None:
        deadline.watch(connection)
