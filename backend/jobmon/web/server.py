"""Run the web application in a thread of the daemon."""

import logging
import socket
import threading
from collections.abc import Iterable
from pathlib import Path

import uvicorn

from jobmon.config import Settings
from jobmon.errors import JobmonError
from jobmon.web import listening, static
from jobmon.web.app import Capability, Health, create
from jobmon.web.protocol import Protocol

log = logging.getLogger("jobmon.web")

START_S = 10.0
FINISH_S = 1
"""So long a request that is being answered may go on when the server stops."""
STOP_S = 2.0


class Server:
    """Serve from `start()` to `stop()`; a wrong address is told at `start()`, before anything is served."""

    def __init__(
        self, settings: Settings, capabilities: Iterable[Capability], health: Health, page: Path = static.FOLDER
    ) -> None:
        self._web = settings.web
        config = uvicorn.Config(
            create(settings, capabilities, health, page),
            log_config=None,  # its loggers are ours to set up
            access_log=settings.daemon.log_level == "debug",
            http=Protocol,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=FINISH_S,
        )
        self._uvicorn = uvicorn.Server(config)
        self._listeners: list[socket.socket] = []
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Return the TCP port that is listened on, also when the settings left the choice to the system (0)."""
        return listening.port_of(self._listeners) or self._web.port

    @property
    def url(self) -> str:
        """Return the address of the page."""
        return listening.url_of(self._listeners)

    def start(self) -> None:
        """Bind, and answer from now on; an address that cannot be had is a SettingsError."""
        self._listeners = listening.bind(self._web)
        self._thread = threading.Thread(
            target=self._uvicorn.run, args=([one.dup() for one in self._listeners],), name="web", daemon=True
        )
        self._thread.start()
        deadline = START_S
        while not self._uvicorn.started and self._thread.is_alive() and deadline > 0:
            self._thread.join(0.01)
            deadline -= 0.01
        if not self._uvicorn.started:
            raise JobmonError(f"the web server did not start at {self.url}; the log says why")
        log.info("the page is at %s", self.url)

    def stop(self) -> None:
        """Stop listening, let running requests finish for a second, and return within two."""
        if self._thread is not None:
            self._uvicorn.should_exit = True
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                log.warning("a request is still running; the web server is left behind")
            self._thread = None
        listening.release(self._listeners)
