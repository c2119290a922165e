"""Serve an application on sockets that are listened on already, within the limits for visitors."""

import resource
import socket
from collections.abc import Callable, Sequence

import uvicorn
from fastapi import FastAPI

from jobmon.config import Settings
from jobmon.web.connections import Connections
from jobmon.web.protocol import limited

FINISH_S = 1
"""So long a request that is being answered may go on when the server stops."""
SPARE = 128
"""So many descriptors are kept for files, the store and whatever libraries open."""


class Server(uvicorn.Server):
    """Say when it answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self._on_ready()


def server(
    app: FastAPI, settings: Settings, connections: Connections, on_ready: Callable[[], None] = lambda: None
) -> Server:
    """Return what serves `app`; `run(sockets)` ends when `should_exit` is set."""
    config = uvicorn.Config(
        app,
        log_config=None,  # its loggers are ours to set up
        access_log=settings.daemon.log_level == "debug",
        http=limited(connections),
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=FINISH_S,
    )
    return Server(config, on_ready)


def connections_of(settings: Settings, sockets: Sequence[socket.socket]) -> Connections:
    """Return the connections of a process, no more than it may have descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    web = settings.web
    wanted = (web.connections + SPARE) * 2 + len(sockets)  # TCP and unix sockets are counted apart
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    most = web.connections if soft == resource.RLIM_INFINITY else min(web.connections, max(16, (soft - SPARE) // 2))
    return Connections(most, min(web.connections_per_peer, most))
