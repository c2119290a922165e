"""Run the web application in a thread of the daemon."""

import errno
import logging
import os
import socket
import threading
from collections.abc import Iterable
from pathlib import Path

import uvicorn

from jobmon.config import Settings, WebSettings
from jobmon.errors import JobmonError, SettingsError
from jobmon.web import static
from jobmon.web.app import Capability, Health, create

log = logging.getLogger("jobmon.web")

START_S = 10.0
FINISH_S = 1
"""So long a request that is being answered may go on when the server stops."""
STOP_S = 2.0
BACKLOG = 1024


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
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=FINISH_S,
        )
        self._uvicorn = uvicorn.Server(config)
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Return the port that is listened on, also when the settings left the choice to the system (0)."""
        if self._socket is None:
            return self._web.port
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Return the address of the page."""
        host = f"[{self._web.host}]" if ":" in self._web.host else self._web.host
        return f"http://{host}:{self.port}/"

    def start(self) -> None:
        """Bind, and answer from now on; an address that cannot be had is a SettingsError."""
        self._socket = bind(self._web)
        port = self.port
        self._thread = threading.Thread(target=self._uvicorn.run, args=([self._socket],), name="web", daemon=True)
        self._thread.start()
        deadline = START_S
        while not self._uvicorn.started and self._thread.is_alive() and deadline > 0:
            self._thread.join(0.01)
            deadline -= 0.01
        if not self._uvicorn.started:
            raise JobmonError(f"the web server did not start on port {port}; the log says why")
        log.info("the page is at %s", self.url)

    def stop(self) -> None:
        """Stop listening, let running requests finish for a second, and return within two."""
        if self._thread is not None:
            self._uvicorn.should_exit = True
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                log.warning("a request is still running; the web server is left behind")
            self._thread = None
        if self._socket is not None:
            self._socket.close()


def bind(web: WebSettings) -> socket.socket:
    """Return a listening socket for the address in `[web]`."""
    here = f"[web] host = {web.host!r}, port = {web.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            web.host, web.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingsError(f"{here}: this is no address of this machine: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(f"{here}: {_explain(error)}") from error
    return listener


def _explain(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            "address in use; stop what listens there, or choose another port: --set web.port=8081 (0 takes a free one)"
        )
    if error.errno == errno.EACCES:
        return "a port below 1024 needs root; choose another one: --set web.port=8080"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this is no address of this machine; --set web.host=127.0.0.1 is the default"
    return error.strerror or os.strerror(error.errno or 0)
