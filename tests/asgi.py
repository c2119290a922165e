"""Ask an ASGI application without a server or a socket."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI

from jobmon.api import problems
from jobmon.api.access import Access, Person
from jobmon.api.peer import STATE, Peer
from jobmon.api.routes import Routes, install
from jobmon.config import WebSettings

ANYBODY = Peer("tcp", "127.0.0.1")
PROXY = Peer("unix", "/run/jobmon/web.sock", 33)
"""A web server in front, where `FRONT` is set."""
FRONT = {"listen": ["127.0.0.1", "unix:/run/jobmon/web.sock"], "proxy_users": ["33"]}


class Known(Access):
    """Take everybody for one person."""

    def __init__(self, who: Person) -> None:
        super().__init__(WebSettings())
        self.who = who

    def person(self, request: Any) -> Person:
        return self.who


def application(*parts: Routes, access: Access | None = None, prefix: str = "") -> FastAPI:
    """Return an application of some routes, for nobody in particular unless `access` says who asks."""
    web = WebSettings()
    app = FastAPI()
    problems.install(app)
    for part in parts:
        app.include_router(part.router, prefix=prefix)
    install(app, web, access or Access(web))
    return app


@dataclass
class Answer:
    status_code: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def get(app: Any, path: str, parameters: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None,
        peer: Peer = ANYBODY, method: str = "GET", body: bytes = b"",
        raw: Sequence[tuple[str, str]] = ()) -> Answer:  # fmt: skip
    """Send one request of `peer`, and return the whole answer; `raw` are headers whose names may come twice."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    named = {"host": "test", **{name.lower(): value for name, value in (headers or {}).items()}}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": urlencode(parameters or {}, doseq=True).encode(),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in [*named.items(), *raw]],
        "client": (peer.address, 50_000), "server": ("127.0.0.1", 80), "root_path": "", "state": {STATE: peer},
    }  # fmt: skip
    with ThreadPoolExecutor(1) as own:  # a test of the browser may have left its loop in this thread
        own.submit(lambda: asyncio.run(app(scope, receive, send))).result()
    start = next(message for message in sent if message["type"] == "http.response.start")
    answer = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Answer(start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, answer)
