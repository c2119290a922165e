"""Let programs of the daemon's own account ask it how it is doing, by a socket in a folder that is closed to others.

It speaks HTTP, so that `curl --unix-socket FILE http://jobmon/healthz` works too.
"""

import contextlib
import http.client
import logging
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from jobmon.errors import SettingsError

log = logging.getLogger("jobmon.daemon")

FOLDER = "run"
SOCKET = "daemon.sock"
PATIENCE_S = 5.0
MOST_AT_ONCE = 32
MOST_ANSWER = 64_000_000

Answer = tuple[int, str, bytes]
"""Status, media type and body."""


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE_S
    server: "_Server"

    def do_GET(self) -> None:
        """Answer one question."""
        answer = self.server.answers.get(self.path)
        status, kind, body = answer() if answer else (404, "text/plain", b"there is no such address\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in http.server
        """Log at the level for details."""
        log.debug("control socket: " + format, *args)  # noqa: G003 - the format is http.server's


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_AT_ONCE
    _at_once = threading.BoundedSemaphore(MOST_AT_ONCE)
    answers: Mapping[str, Callable[[], Answer]]

    def get_request(self) -> tuple[socket.socket, Any]:
        """Return a connection with a name for the log, which a socket of a program has none of."""
        connection, _ = super().get_request()
        return connection, ("a program", 0)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, if there are not too many."""
        if self._at_once.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one program, which has so long and no longer."""
        ending = threading.Timer(PATIENCE_S, _cut, (request,))
        ending.daemon = True
        ending.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            ending.cancel()
            self._at_once.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong: who asked has gone, or asked too slowly."""
        log.debug("control socket: an answer failed", exc_info=True)


def _cut(request: socket.socket) -> None:
    with contextlib.suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class Control:
    """Answer questions on the socket of a data path until it is closed."""

    def __init__(self, data_path: Path, answers: Mapping[str, Callable[[], Answer]]) -> None:
        """`answers` are, by path, what makes an answer; SettingsError when the socket cannot be made."""
        self.data_path = data_path
        folder = data_path / FOLDER
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
            (folder / SOCKET).unlink(missing_ok=True)  # whose data path it is, is known: the lock is held
            with _short(folder / SOCKET) as address:
                self._server = _Server(address, _Handler)
            self._inode = (folder / SOCKET).stat().st_ino
        except OSError as error:
            raise SettingsError(f"{folder / SOCKET}: cannot be listened on: {error.strerror}") from error
        self._server.answers = answers
        self._thread = threading.Thread(target=self._server.serve_forever, name="control", daemon=True)
        self._thread.start()

    def is_there(self) -> bool:
        """Say whether its socket can still be found; True also when that cannot be told."""
        try:
            return (self.data_path / FOLDER / SOCKET).stat().st_ino == self._inode
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("jobmon", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with _short(self._path) as address:
            self.sock.connect(address)


def ask(data_path: Path, path: str, timeout_s: float = PATIENCE_S) -> tuple[int, bytes]:
    """Return status and body of what the daemon of a data path answers; OSError when it does not answer."""
    connection = _Connection(data_path / FOLDER / SOCKET, timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(MOST_ANSWER)
    except http.client.HTTPException as error:
        raise OSError(f"what answers is not a daemon: {error}") from error
    finally:
        connection.close()


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give a name for a socket that is short enough, whatever the folder is called."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
