"""Search an output for a regular expression in a process of its own, which an expression without an end cannot outlive.

The limit is 100 ms of processor time, kept by the kernel: on a busy host an honest expression is not stopped for having
waited. The process is kept for the next search, and replaced when it was stopped.
"""

import signal
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from jobmon import clock
from jobmon.errors import JobmonError

PROGRAM = Path(__file__).with_name("search_process.py")
REQUEST = struct.Struct("!II")
ANSWER = struct.Struct("!I")
LIMIT_MS = 100
START_S = 10.0
PATIENCE_S = 5.0
"""After so long by the clock a process is replaced that neither answers nor uses its time: it is frozen, or swapped."""
TRIES = 2


class SearchUnavailable(JobmonError):
    """Tell that nothing could be searched, so that nothing can be decided now."""

    retry_can_help = True


@dataclass(frozen=True, slots=True)
class Found:
    """Say whether an expression matched, with its named groups; `stopped` says why the search was ended before."""

    matched: bool
    groups: dict[str, str] = field(default_factory=dict)
    stopped: str = ""


class Searcher:
    """Keep a process that searches; any thread may ask, one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self.starts = 0
        """How many processes there have been."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; a later search starts another one."""
        with self._lock:
            self._end()

    def search(self, pattern: str, text: str) -> Found:
        """Say whether the pattern is found in the text; SearchUnavailable when there is no process that could tell."""
        request = [part.encode(errors="replace") for part in (pattern, text)]
        frame = REQUEST.pack(*map(len, request)) + b"".join(request)
        with self._lock:
            for _ in range(TRIES):
                answer = self._ask(frame)
                if answer is not None:
                    return answer
        raise SearchUnavailable(f"the process that searches outputs did not answer within {PATIENCE_S:g} s")

    def _ask(self, frame: bytes) -> Found | None:
        """Return an answer, or None when the process has to be replaced for no fault of the expression."""
        try:
            channel = self._started()
            channel.settimeout(PATIENCE_S)
            channel.sendall(frame)
            deadline = clock.monotonic() + PATIENCE_S
            (size,) = ANSWER.unpack(_exactly(channel, ANSWER.size, deadline))
            content = orjson.loads(_exactly(channel, size, deadline))
        except EOFError:
            code = self._end(wait=True)
            if code == -signal.SIGPROF:
                return Found(False, stopped=f"was stopped after {LIMIT_MS} ms")
            if code in {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS}:
                return Found(False, stopped=f"crashed the search with signal {-code}")
            return None
        except OSError:  # a time-out, too
            self._end()
            return None
        except BaseException:
            self._end()  # an answer that nobody has read would be taken for that of the next search
            raise
        return Found(content["matched"], content["groups"], content["stopped"])

    def _started(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        here, there = socket.socketpair()
        try:
            with there:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(PROGRAM), str(LIMIT_MS)],
                    stdin=there.fileno(),
                    stdout=there.fileno(),
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    start_new_session=True,  # Ctrl-C is for us
                )
            self.starts += 1
            self._socket = here
            _exactly(here, 1, clock.monotonic() + START_S)
        except BaseException:
            self._end()
            here.close()
            raise
        return here

    def _end(self, wait: bool = False) -> int:
        """End the process if there is one, and return how it ended; `wait` lets it end by itself."""
        process, self._process = self._process, None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if process is None:
            return 0
        try:
            return process.wait(1.0 if wait else 0.0)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _exactly(channel: socket.socket, size: int, deadline: float) -> bytes:
    """Return so many bytes; EOFError when the other side has ended, TimeoutError after the deadline."""
    content = bytearray()
    while len(content) < size:
        channel.settimeout(max(0.001, deadline - clock.monotonic()))
        try:
            chunk = channel.recv(min(size - len(content), 1 << 20))
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            raise EOFError
        content += chunk
    return bytes(content)
