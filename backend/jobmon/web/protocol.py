"""Speak HTTP on one connection, and tell the application who is at its other end."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

from jobmon.api import peer


class Protocol(H11Protocol):
    """Add the peer to each request's state; it depends on nothing but the connected socket."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to speak with whoever has connected."""
        connected = transport.get_extra_info("socket")
        found = peer.UNKNOWN if connected is None else peer.peer_of(connected)
        self.app_state = {**self.app_state, peer.STATE: found}
        super().connection_made(transport)
