"""Stand in for InfluxDB over HTTP: give recorded answers, or misbehave on purpose."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Told:
    """Hold what the stand-in answers."""

    version: str = "v2.7.10"
    """What /ping says; empty for a server that is none."""
    answer: Callable[[str, str], tuple[int, bytes]] = lambda _path, _body: (200, b"")
    """(path, body of the request) → status and body."""
    wait_s: float = 0.0
    promised: int = 0
    """Bytes that are promised beyond those that come."""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """(path, body, headers)."""


@contextmanager
def serving(told: Told) -> Iterator[str]:
    """Serve; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(204)
            if told.version:
                self.send_header("X-Influxdb-Version", told.version)
            self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            told.requests.append((self.path, body, dict(self.headers)))
            time.sleep(told.wait_s)
            status, answer = told.answer(self.path, body)
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer) + told.promised))
                self.end_headers()
                self.wfile.write(answer)
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.close_connection = bool(told.promised)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
