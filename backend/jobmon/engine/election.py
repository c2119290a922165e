"""Take part in the election for a role: renew or take the lease in a thread of its own, and say who else is there."""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa

from jobmon import clock
from jobmon.engine.lease import Lease, now_of
from jobmon.engine.tables import CANDIDATE
from jobmon.errors import StoreError
from jobmon.store import Store

log = logging.getLogger("jobmon.engine.election")

POLL_S = 0.5
"""A standby looks this often whether the role is free."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Say who takes part, when it was seen last, by the database's clock, and how it was doing then."""

    holder: str
    host: str
    endpoint: str
    seen_at: float
    pid: int = 0
    told: Mapping[str, Any] = field(default_factory=dict)
    """What its capability says of itself."""


class Election:
    """Take part in the election for a role.

    `preferred` returns the host that is to act if it is there, or "", and `tell` what others are to know of this one.
    """

    def __init__(
        self, store: Store, name: str, ttl_s: float, endpoint: str = "", preferred: Callable[[], str] = lambda: "",
        tell: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:  # fmt: skip
        self.host = socket.gethostname()
        self.holder = f"{self.host}:{os.getpid()}:{secrets.token_hex(3)}"
        self.lease = Lease(store, name, self.holder, endpoint, ttl_s)
        self._store = store
        self._name = name
        self._ttl_s = ttl_s
        self._endpoint = endpoint
        self._preferred = preferred
        self._tell = tell
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._introduced_at = float("-inf")
        self.error = ""
        """Why the store cannot be asked, if it cannot."""
        self.elected = threading.Event()
        """Is set while this one holds the role, as far as it knows."""

    def start(self) -> None:
        """Begin to take part."""
        self.turn()
        self._thread = threading.Thread(target=self._run, name=f"{self._name}-lease", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave, and let somebody else act at once."""
        if self._ending.is_set():
            return
        self._ending.set()
        if self._thread is not None:
            self._thread.join(self._ttl_s)
        try:
            self.lease.give_up()
            with self._store.writing() as connection:
                mine = (CANDIDATE.c.name == self._name, CANDIDATE.c.holder == self.holder)
                connection.execute(CANDIDATE.delete().where(*mine))
        except StoreError as error:
            log.warning("%s: the lease could not be given back: %s", self._name, error)

    def turn(self) -> None:
        """Renew, take or give up, once; what the store says against it is remembered."""
        before = self.lease.fence
        try:
            others = self._introduce()
            preferred = self._preferred()
            if preferred and preferred != self.host and any(other.host == preferred for other in others):
                self.elected.clear()
                self.lease.give_up()
            elif not self.lease.hold():
                self.elected.clear()
            else:
                if self.lease.fence != before:
                    log.info("%s: %s acts now, with fence %s", self._name, self.holder, self.lease.fence)
                self.elected.set()
            self.error = ""
        except StoreError as error:
            if not self.error:
                log.warning("%s: %s", self._name, error)
            self.error = str(error)

    def candidates(self) -> list[Candidate]:
        """Return who has been seen lately, the acting one included."""
        with self._store.reading() as connection:
            return candidates(connection, self._name, self._ttl_s)

    def _introduce(self) -> list[Candidate]:
        """Say that one is there, forget who has gone, and return the others."""
        if clock.monotonic() - self._introduced_at >= self._ttl_s / 3:
            self._introduced_at = clock.monotonic()
            self._write_down()
        return [other for other in self.candidates() if other.holder != self.holder]

    def _write_down(self) -> None:
        with self._store.writing() as connection:
            now = now_of(connection)
            mine = (CANDIDATE.c.name == self._name, CANDIDATE.c.holder == self.holder)
            told = orjson.dumps(dict(self._tell())).decode()
            if not connection.execute(CANDIDATE.update().where(*mine).values(seen_at=now, told=told)).rowcount:
                values = {"name": self._name, "holder": self.holder, "host": self.host, "endpoint": self._endpoint}
                connection.execute(CANDIDATE.insert().values(**values, seen_at=now, pid=os.getpid(), told=told))
                old = (CANDIDATE.c.name == self._name, CANDIDATE.c.seen_at < now - 100 * self._ttl_s)
                connection.execute(CANDIDATE.delete().where(*old))

    def _run(self) -> None:
        while not self._ending.wait(self.lease.renew_every_s if self.lease.fence is not None else POLL_S):
            self.turn()


def candidates(connection: sa.Connection, name: str, ttl_s: float) -> list[Candidate]:
    """Return who takes part in the election for a role and has been seen within `ttl_s`."""
    query = sa.select(CANDIDATE).where(CANDIDATE.c.name == name, CANDIDATE.c.seen_at >= now_of(connection) - ttl_s)
    return [
        Candidate(row.holder, row.host, row.endpoint, row.seen_at, row.pid or 0, orjson.loads(row.told))
        for row in connection.execute(query)
    ]
