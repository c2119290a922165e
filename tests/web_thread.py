"""Serve the web application in a thread of the test, with the sockets, protocol and limits of the real process."""

import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from daemon_process import until
from jobmon.api.context import Context
from jobmon.api.people import People
from jobmon.api.routes import Routes
from jobmon.config import Settings
from jobmon.web import app, listening, serving, static
from jobmon.web.app import Health


class Server:
    """Serve from `start()` to `stop()`."""

    def __init__(
        self, settings: Settings, routes: Mapping[str, Callable[[Context], Routes]] | None = None,
        health: Health = lambda: {"status": "ok"}, page: Path = static.FOLDER,
        people: Callable[[Context], People] | None = None,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.context = Context(settings)
        self.application = app.create(self.context, routes, people, health, page)
        self.served: Any = self.application
        """What is served instead, for a test that looks at it."""
        self._sockets: list[socket.socket] = []
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        found = (int(one.getsockname()[1]) for one in self._sockets if one.family != socket.AF_UNIX)
        return next(found, self.settings.web.port)

    @property
    def url(self) -> str:
        return listening.url_of(self._sockets)

    def start(self) -> None:
        self._sockets = list(listening.bind(self.settings.web).values())
        ready = threading.Event()
        self.connections = serving.connections_of(self.settings, self._sockets)
        self._server = serving.server(self.served, self.settings, self.connections, ready.set)
        copies = [one.dup() for one in self._sockets]
        self._thread = threading.Thread(target=self._server.run, args=(copies,), name="web", daemon=True)
        self._thread.start()
        until(ready.is_set, "the web application answers")

    def stop(self) -> None:
        if self._thread is not None:
            self._server.should_exit = True
            self._thread.join(10)
            self._thread = None
        listening.release(self._sockets)
        self.context.close()
