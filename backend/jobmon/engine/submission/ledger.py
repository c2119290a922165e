"""Read and change a table of attempts, one state at a time; what cannot be changed keeps no other from it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from jobmon import clock
from jobmon.engine.lease import Lease
from jobmon.engine.submission.aside import Aside
from jobmon.engine.submission.attempts import ACTIVE, HELD, WAITING, Attempt, Changed
from jobmon.engine.submission.verdict import Change
from jobmon.store import Store, claim_many, concerns_all

Row = Mapping[str, Any]
PutAside = Callable[[sa.Connection, str, str], None]
"""Is called with the key of what was put aside, and why, within the transaction that writes it down."""
MOST_ENDED = 500
"""So many that wait are ended in one transaction."""


class Ledger:
    """Hold a table of attempts; `changed` is told of every change, in the transaction that makes it.

    `first` is called before rows are locked, for other locks that `changed` will want: who takes them in the same
    order never waits in a circle. `noted` is told of what is put aside.
    """

    def __init__(
        self, store: Store, lease: Lease, table: sa.Table, changed: Changed,
        first: Callable[[sa.Connection], None] = lambda _connection: None,
        noted: PutAside = lambda _connection, _key, _why: None,
    ) -> None:  # fmt: skip
        self._store = store
        self._lease = lease
        self._table = table
        self._changed = changed
        self._first = first
        self._noted = noted
        self.aside = Aside()
        self._tenure = lease.fence
        c = table.c
        self._brief = sa.select(
            c.submit_key,
            c.status,
            c.scheduler_id,
            c.released_at,
            c.cancel_at,
            c.latest_start,
            c.fence,
            c.put_aside,
            c.unknown,
            c.returns,
            c.reason,
            *(column for column in (c.get("user"),) if column is not None),
        )

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a transaction of the master; LeaseLostError when that is another one by now."""
        with self._lease.writing(self._tenure) as connection:
            yield connection

    def active(self) -> Sequence[Row]:
        """Return what the scheduler may have: key, status, scheduler's id and times."""
        with self._store.reading() as connection:
            return _rows(connection, self._brief.where(self._table.c.status.in_(ACTIVE)))

    def of_keys(self, keys: Sequence[str]) -> dict[str, Row]:
        """Return the rows of some keys, as `active` does."""
        found: dict[str, Row] = {}
        with self._store.reading() as connection:
            for start in range(0, len(keys), 500):
                query = self._brief.where(self._table.c.submit_key.in_(keys[start : start + 500]))
                found |= {row["submit_key"]: row for row in _rows(connection, query)}
        return found

    def waiting(self, connection: sa.Connection, now: float, most: int) -> Sequence[Row]:
        """Return whole rows that wait to be submitted, the most urgent first."""
        c = self._table.c
        in_time = sa.or_(c.latest_start.is_(None), c.latest_start >= now)
        query = sa.select(self._table).where(c.status == WAITING, c.not_before <= now, c.cancel_at.is_(None), in_time)
        order = (c.priority.desc(), *self._table.primary_key.columns)
        return _rows(connection, query.order_by(*order).limit(most))

    def unwanted(self, now: float) -> list[Row]:
        """Return what waits and will not be submitted any more, so much at a time: it is cancelled, or too late."""
        c = self._table.c
        condition = (c.status.in_((WAITING, HELD)), sa.or_(c.cancel_at.is_not(None), c.latest_start < now))
        with self._store.reading() as connection:
            return _rows(connection, self._brief.where(*condition).limit(MOST_ENDED))

    def change(self, connection: sa.Connection, changes: Mapping[str, tuple[str, Change]]) -> list[Row]:
        """Change the states of attempts that are in the expected ones, tell of it, and return their rows.

        `changes` are, by key, the state that is expected and what the attempt becomes. One that fails, or of which
        cannot be told, is put aside, and the others are changed without it.
        """
        wanted = {key: one for key, one in changes.items() if not self.aside.waits(key)}
        self._first(connection)
        try:
            with connection.begin_nested():
                return self._change(connection, wanted)
        except Exception as error:
            if concerns_all(error):
                raise
        rows: list[Row] = []
        for key, one in wanted.items():
            try:
                with connection.begin_nested():
                    rows += self._change(connection, {key: one})
            except Exception as error:
                if concerns_all(error):
                    raise
                self._put_aside(connection, key, error)
        return rows

    def _change(self, connection: sa.Connection, changes: Mapping[str, tuple[str, Change]]) -> list[Row]:
        wanted = {key: (expected, {"status": change.status, "put_aside": None, **change.values})
                  for key, (expected, change) in changes.items()}  # fmt: skip
        rows = claim_many(connection, self._table, "submit_key", wanted)
        attempts = []
        for key, row in rows.items():
            expected, change = changes[key]
            attempts.append(Attempt(row, change.text, change.tail, expected))
        if attempts:
            self._changed(connection, attempts)
        self.aside.forgive(changes)
        return list(rows.values())

    @contextmanager
    def guarding(self, key: str) -> Iterator[None]:
        """Let whatever goes wrong with one attempt cost that attempt alone: it is put aside."""
        try:
            yield
        except Exception as error:
            if concerns_all(error):
                raise
            with self.writing() as connection:
                self._put_aside(connection, key, error)

    def doubt(self, reasons: Mapping[str, str]) -> None:
        """Write down why what attempts left behind is not believed."""
        with self.writing() as connection:
            for key, why in reasons.items():
                self.note(connection, [key], put_aside=why)
                self._noted(connection, key, f"{why}; this record is put aside, and what the scheduler says counts")

    def _put_aside(self, connection: sa.Connection, key: str, error: Exception) -> None:
        known = self.aside.knows(key)
        why, wait_s = self.aside.add(key, error)
        c = self._table.c
        self.note(connection, [key], put_aside=why)
        waiting = (c.submit_key == key, c.status == WAITING)  # it takes no other one's place meanwhile
        connection.execute(self._table.update().where(*waiting).values(reason=why, not_before=clock.now() + wait_s))
        if not known:
            self._noted(connection, key, f"it is put aside, and tried again less and less often: {why}")

    def note(self, connection: sa.Connection, keys: Sequence[str], **values: object) -> None:
        """Write values that are no state."""
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            connection.execute(self._table.update().where(self._table.c.submit_key.in_(some)).values(**values))


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]
