"""Let one of several processes act, and see that nobody acts who only believes to be that one.

A role is a row. Who renews it in time holds it; who takes it over when it has expired raises its fence, and every
transaction of a holder that writes looks at the fence first. So a process that was frozen, or cut off, and wakes up
after a takeover writes nothing. Time is the database's, because hosts may disagree; on SQLite there is one host only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from jobmon import clock
from jobmon.engine.tables import LEASE
from jobmon.errors import LeaseLostError, StoreError
from jobmon.store import Store, claim


@dataclass(frozen=True, slots=True)
class State:
    """Say who holds a role; times in epoch seconds by the database's clock."""

    holder: str
    fence: int
    expires_at: float
    acquired_at: float
    endpoint: str
    now: float

    @property
    def expired(self) -> bool:
        """Say whether anybody may take it."""
        return self.expires_at < self.now


class Lease:
    """Be one candidate for a role; `holder` must be unique among the candidates, also over restarts."""

    def __init__(self, store: Store, name: str, holder: str, endpoint: str = "", ttl_s: float = 10.0) -> None:
        self._store = store
        self._name = name
        self._holder = holder
        self._endpoint = endpoint
        self._ttl_s = ttl_s
        self._fence: int | None = None
        self._renewed_at = 0.0

    @property
    def fence(self) -> int | None:
        """Return the number of this tenure; None while another one holds the role."""
        return self._fence

    @property
    def acting(self) -> bool:
        """Say whether one may act without asking: only for two thirds of the time that was promised."""
        return self._fence is not None and clock.monotonic() - self._renewed_at <= self._ttl_s * 2 / 3

    @property
    def renew_every_s(self) -> float:
        """Return how often to call `hold()`."""
        return self._ttl_s / 3

    def hold(self) -> bool:
        """Renew the lease, or take it if it is free or has expired; say whether it is held now.

        StoreError when the store does not answer; then `acting` ends by itself.
        """
        began = clock.monotonic()  # before the question: a slow answer must not lengthen what was promised
        with self._store.writing() as connection:
            now = now_of(connection)
            held = self._renew(connection, now) if self._fence is not None else None
            if not held:
                held = self._take(connection, now)
        self._fence = held
        if held is not None:
            self._renewed_at = began
        return held is not None

    def give_up(self) -> None:
        """Let others take it at once; nothing happens when it is not held."""
        fence, self._fence = self._fence, None
        if fence is None:
            return
        with self._store.writing() as connection:
            claim(connection, LEASE, {"name": self._name, "holder": self._holder, "fence": fence}, {"expires_at": 0.0})

    @contextmanager
    def writing(self, tenure: int | None = None) -> Iterator[sa.Connection]:
        """Open a transaction of the holder; LeaseLostError, and nothing is written, when the role is another's.

        `tenure` is the fence of whoever writes, who must not go on with what an earlier tenure has in mind.
        """
        if not self.acting or tenure not in {None, self._fence}:
            raise LeaseLostError(f"{self._name}: the lease was not renewed in time")
        with self._store.writing() as connection:
            query = sa.select(LEASE.c.holder, LEASE.c.fence).where(LEASE.c.name == self._name)
            row = connection.execute(query.with_for_update(read=True)).one_or_none()
            if row is None or (row.holder, row.fence) != (self._holder, self._fence):
                self._fence = None
                raise LeaseLostError(f"{self._name}: another one has taken over")
            yield connection

    def state(self) -> State | None:
        """Return who holds the role; None when nobody ever did."""
        with self._store.reading() as connection:
            return state_of(connection, self._name)

    def _renew(self, connection: sa.Connection, now: float) -> int | None:
        where = {"name": self._name, "holder": self._holder, "fence": self._fence}
        return self._fence if claim(connection, LEASE, where, {"expires_at": now + self._ttl_s}) else None

    def _take(self, connection: sa.Connection, now: float) -> int | None:
        """Return the new fence; None when somebody else holds it, or was quicker."""
        mine = {"holder": self._holder, "expires_at": now + self._ttl_s, "acquired_at": now, "endpoint": self._endpoint}
        row = connection.execute(sa.select(LEASE).where(LEASE.c.name == self._name)).one_or_none()
        if row is None:
            # nobody ever held it: of those who insert it at the same moment, the database lets one through
            try:
                with connection.begin_nested():
                    connection.execute(LEASE.insert().values(name=self._name, fence=1, **mine))
            except sa.exc.IntegrityError:
                return None
            return 1
        if row.expires_at >= now:
            return None
        seen = {"name": self._name, "fence": row.fence, "expires_at": row.expires_at}
        return row.fence + 1 if claim(connection, LEASE, seen, {"fence": row.fence + 1, **mine}) else None


def state_of(connection: sa.Connection, name: str) -> State | None:
    """Return who holds a role; None when nobody ever did."""
    row = connection.execute(sa.select(LEASE).where(LEASE.c.name == name)).one_or_none()
    if row is None:
        return None
    return State(row.holder, row.fence, row.expires_at, row.acquired_at, row.endpoint, now_of(connection))


def now_of(connection: sa.Connection) -> float:
    """Return the time by the database's clock; SQLite has none of its own."""
    if connection.dialect.name == "sqlite":
        return clock.now()
    now = connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
    if now is None:
        raise StoreError("the store does not tell the time")
    return float(now)
