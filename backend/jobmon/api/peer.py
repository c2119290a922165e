"""Know who is at the other end of a connection: what the kernel says, not what a request says."""

import socket
import struct
from dataclasses import dataclass
from typing import Literal

STATE = "peer"
"""Its name in the ASGI scope's state, where `request.state` has it."""
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """Be the other end of one connection."""

    kind: Literal["tcp", "unix"]
    address: str
    """The host that connected, without its port; of a unix socket our own path, for the other end has none."""
    uid: int | None = None
    """The account of the process that connected to a unix socket; None where the kernel does not say."""


UNKNOWN = Peer("tcp", "")
"""Whoever cannot be told any more, or was not asked; nothing may be believed of it."""


def peer_of(connected: socket.socket) -> Peer:
    """Return who is at the other end of a connected socket."""
    try:
        if connected.family == socket.AF_UNIX:
            packed = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            _process, uid, _group = _CREDENTIALS.unpack(packed)  # the process is 0 for one in another container
            return Peer("unix", str(connected.getsockname()), uid if uid >= 0 else None)
        return Peer("tcp", str(connected.getpeername()[0]))
    except OSError:  # it has left already
        return UNKNOWN
