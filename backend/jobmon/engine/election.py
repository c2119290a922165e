"""Take part in the election for a role: renew or take the lease in a thread of its own, and say who else is there."""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

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
    """Say who takes part, and when it was seen last, by the database's clock."""

    holder: str
    host: str
    endpoint: str
    seen_at: float


class Election:
    """Take part in the election for a role; `preferred` returns the host that is to act if it is there, or ""."""

    def __init__(
        self, store: Store, name: str, ttl_s: float, endpoint: str = "", preferred: Callable[[], str] = lambda: ""
    ) -> None:
        self.host = socket.gethostname()
        self.holder = f"{self.host}:{os.getpid()}:{secrets.token_hex(3)}"
        self.lease = Lease(store, name, self.holder, endpoint, ttl_s)
        self._store = store
        self._name = name
        self._ttl_s = ttl_s
        self._endpoint = endpoint
        self._preferred = preferred
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
            since = now_of(connection) - self._ttl_s
            query = sa.select(CANDIDATE).where(CANDIDATE.c.name == self._name, CANDIDATE.c.seen_at >= since)
            return [Candidate(row.holder, row.host, row.endpoint, row.seen_at) for row in connection.execute(query)]

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
            if not connection.execute(CANDIDATE.update().where(*mine).values(seen_at=now)).rowcount:
                values = {"name": self._name, "holder": self.holder, "host": self.host, "endpoint": self._endpoint}
                connection.execute(CANDIDATE.insert().values(**values, seen_at=now))
                old = (CANDIDATE.c.name == self._name, CANDIDATE.c.seen_at < now - 100 * self._ttl_s)
                connection.execute(CANDIDATE.delete().where(*old))

    def _run(self) -> None:
        while not self._ending.wait(self.lease.renew_every_s if self.lease.fence is not None else POLL_S):
            self.turn()
