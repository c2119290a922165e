"""Stand in for InfluxDB over HTTP: give recorded answers, or misbehave on purpose."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from fakes import http_server


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

    class Handler(http_server.Quiet):
        def get(self) -> None:
            self.send_response(204)
            if told.version:
                self.send_header("X-Influxdb-Version", told.version)
            self.end_headers()

        def post(self) -> None:
            body = self.body()
            told.requests.append((self.path, body, dict(self.headers)))
            time.sleep(told.wait_s)
            status, answer = told.answer(self.path, body)
            with suppress(BrokenPipeError, ConnectionResetError):  # the reader does not wait for it
                self.send(status, answer, promised=told.promised)
            self.close_connection = bool(told.promised)

    with http_server.serving(Handler) as url:
        yield url
