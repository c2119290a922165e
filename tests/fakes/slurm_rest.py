"""Serve recorded answers like slurmrestd, on loopback or on a unix socket, and misbehave when a test asks for it."""

import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]
EMPTY = b'{"meta": {}, "errors": [], "reservations": [], "partitions": []}'


def folder(path: Path) -> Answer:
    """Answer /slurm/<any version>/<page> with <page>.json of a folder, and tell which versions there are."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        page = request.path.rpartition("/")[2]
        if request.path.startswith("/openapi"):
            send(request, 200, b'{"paths": {"\\/slurm\\/v0.0.38\\/jobs": {}, "\\/slurm\\/v0.0.99\\/jobs": {}}}')
            return
        file = path / f"{page}.json"
        send(request, 200, file.read_bytes() if file.exists() else EMPTY)

    return answer


def constant(status: int, body: bytes, content_type: str = "application/json") -> Answer:
    """Answer everything alike."""
    return lambda request: send(request, status, body, content_type)


def send(
    request: BaseHTTPRequestHandler, status: int, body: bytes, content_type: str = "application/json", missing: int = 0
) -> None:
    """Send an answer whose announced length is `missing` bytes more than what comes."""
    request.send_response(status)
    request.send_header("Content-Type", content_type)
    request.send_header("Content-Length", str(len(body) + missing))
    request.end_headers()
    request.wfile.write(body)


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def serving(answer: Answer, unix_path: Path | None = None) -> Iterator[str]:
    """Serve until the end of the block and return the address for [scheduler] slurmrestd_url."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                answer(self)

        def log_message(self, *_: Any) -> None:
            pass

        def address_string(self) -> str:
            return "client"

    server: socketserver.BaseServer
    if unix_path is None:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        address = f"http://127.0.0.1:{server.server_port}"
    else:
        server = _UnixServer(str(unix_path), Handler)
        address = f"unix:{unix_path}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
