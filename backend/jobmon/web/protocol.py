"""Speak HTTP on one connection: tell the application who is at its other end, and how long each step takes."""

import asyncio
import time

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from jobmon.api import peer
from jobmon.web.connections import Connections


class Protocol(H11Protocol):
    """Add the peer to each request's state; it depends on nothing but the connected socket and `connections`."""

    connections_of_all: Connections
    """Set by `limited`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to speak with whoever has connected, if there is a place."""
        connected = transport.get_extra_info("socket")
        self.peer = peer.UNKNOWN if connected is None else peer.peer_of(connected)
        self.waits_since: float | None = time.monotonic()
        self.blocked_since: float | None = None
        self._asked_at = 0.0
        self.app_state = {**self.app_state, peer.STATE: self.peer}
        super().connection_made(transport)
        if not self.connections_of_all.admit(self):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place to others."""
        self.connections_of_all.leave(self)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Note when a request has begun."""
        super().handle_events()
        cycle: RequestResponseCycle | None = self.cycle  # there is none before the first request
        if self.waits_since is not None and cycle is not None and not cycle.response_complete:
            self.waits_since, self._asked_at = None, time.monotonic()

    @property
    def body_since(self) -> float | None:
        """Return since when the body of a request is being received; None when all of it is there."""
        return self._asked_at if self.waits_since is None and self.cycle.more_body else None

    def on_response_complete(self) -> None:
        """Note that the next request is waited for."""
        self.waits_since = time.monotonic()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note that the reader takes nothing at the moment."""
        self.blocked_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the reader goes on."""
        self.blocked_since = None
        super().resume_writing()

    def end(self) -> None:
        """Close the connection at once."""
        self.transport.abort()


def limited(connections: Connections) -> type[Protocol]:
    """Return a protocol for the connections of one server."""

    class Limited(Protocol):
        connections_of_all = connections

    return Limited
