"""Bound what visitors can hold: connections in all and for each of them, and the time that each step may take."""

import asyncio
import logging
import time
from typing import Protocol

from jobmon.api.peer import Peer

log = logging.getLogger("jobmon.web")

HEAD_S = 10.0
"""So long it may take until a request has begun: from the connection, or from the answer before."""
BODY_S = 60.0
"""So long the body of a request may take."""
WRITE_S = 30.0
"""So long a reader may take nothing of its answer."""
SWEEP_S = 1.0


class Connection(Protocol):
    """Be one visitor's connection, as far as its limits are concerned; times are monotonic."""

    peer: Peer
    waits_since: float | None
    """Since when no request is being answered."""
    blocked_since: float | None
    """Since when the visitor has taken nothing of an answer."""

    @property
    def body_since(self) -> float | None:
        """Return since when the body of a request is being received."""

    def end(self) -> None:
        """Close it at once."""


class Connections:
    """Know all connections of a process, and end those that hold one up or that are too many.

    Who is one too many gets the place of the connection that has been idle the longest; where none is idle, it is
    turned away. A unix socket belongs to a proxy, behind which are many people: there is no limit for each of these.
    """

    def __init__(self, most: int, most_per_peer: int) -> None:
        self._most = most
        self._most_per_peer = most_per_peer
        self._all: dict[Connection, None] = {}
        self._of_peer: dict[tuple[str, str], dict[Connection, None]] = {}
        self._sweeping: asyncio.TimerHandle | None = None
        self.refused = 0
        self.ended = 0
        """Connections that were turned away, and that were ended because of a limit."""

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, one: Connection) -> bool:
        """Take in a new connection; say whether there is a place for it."""
        same = self._of_peer.get(_key(one), {})
        of_kind = sum(len(some) for (kind, _), some in self._of_peer.items() if kind == one.peer.kind)
        full = one.peer.kind == "tcp" and len(same) >= self._most_per_peer
        if (full and not self._make_room(same)) or (of_kind >= self._most and not self._make_room(self._all)):
            self.refused += 1
            log.warning("a connection of %s is turned away: there are too many", one.peer.address or "somebody")
            return False
        self._all[one] = None
        self._of_peer.setdefault(_key(one), {})[one] = None
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
        return True

    def leave(self, one: Connection) -> None:
        """Forget a connection that has ended."""
        self._all.pop(one, None)
        same = self._of_peer.get(_key(one))
        if same is not None:
            same.pop(one, None)
            if not same:
                del self._of_peer[_key(one)]

    def _make_room(self, among: dict[Connection, None]) -> bool:
        """End the connection that has been idle the longest; say whether there was one."""
        idle = [one for one in among if one.waits_since is not None]
        if not idle:
            return False
        self._end(min(idle, key=lambda one: one.waits_since or 0.0))
        return True

    def _sweep(self) -> None:
        self._sweeping = None
        now = time.monotonic()
        for one in [one for one in self._all if _is_late(one, now)]:
            self._end(one)
        if self._all:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _end(self, one: Connection) -> None:
        self.ended += 1
        self.leave(one)
        one.end()


def _key(one: Connection) -> tuple[str, str]:
    return one.peer.kind, one.peer.address


def _is_late(one: Connection, now: float) -> bool:
    steps = ((one.waits_since, HEAD_S), (one.body_since, BODY_S), (one.blocked_since, WRITE_S))
    return any(since is not None and now - since > limit for since, limit in steps)
