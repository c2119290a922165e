"""Move the rows of the outbox from state to state, within transactions of the master."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from jobmon.engine.outbox.parcel import Entry, Parcel
from jobmon.engine.outbox.plan import MOST_LINES, MOST_TOGETHER, day_start, next_day, next_try
from jobmon.engine.outbox_tables import OUTBOX
from jobmon.store import MOST_NAMED, claim

WAITING, SENDING, SENT, FAILED, UNCERTAIN = STATES = ("waiting", "sending", "sent", "failed", "uncertain")
STOPPED = "jobmon was interrupted while it was sent"
UNKNOWN = "jobmon was interrupted while the script ran; whether it came to its end is not known"

Try = tuple[int, int | None, int]
"""A parcel's id, the fence of who sends it, and the number of the try."""
Tries = Callable[[], Collection[Try]]

C = OUTBOX.c
LEADS = C.id == C.delivery
LOOSE = sa.and_(C.state == WAITING, C.delivery.is_(None))


@dataclass(frozen=True, slots=True)
class Group:
    """Name what is sent together: a bundle for a recipient, or all that was held back for one."""

    kind: str
    address: str
    digest: bool
    bundle: str

    def rows(self, now: float) -> sa.ColumnElement[bool]:
        """Return the condition for its rows."""
        mine = [LOOSE, C.kind == self.kind, C.address == self.address, C.digest.is_(self.digest)]
        return sa.and_(*mine, C.due_at <= now if self.digest else C.bundle == self.bundle)


def anything(connection: sa.Connection, now: float, period_s: float, tries: Tries) -> bool:
    """Say whether a bundle is complete, or a row is said to be on its way that nobody here follows."""
    return bool(_groups(connection, now, period_s)) or any(_orphans(connection, tries))


def form(connection: sa.Connection, now: float, period_s: float, per_day: int) -> None:
    """Put what has been gathered long enough into parcels; what is too much for one day is held back."""
    for group in _groups(connection, now, period_s):
        if group.kind == "script":  # what is to be done is done for each, and however often it is asked for
            own = {"delivery": C.id, "bundled_at": now, "due_at": now}
            connection.execute(OUTBOX.update().where(group.rows(now)).values(**own))
            continue
        while (span := _first(connection, group, now)) is not None:
            if _sent_today(connection, group, now) >= per_day:
                held = {"digest": True, "due_at": next_day(now)}
                connection.execute(OUTBOX.update().where(group.rows(now)).values(**held))
                break
            together = {"delivery": span[0], "bundled_at": now, "due_at": now}
            connection.execute(OUTBOX.update().where(group.rows(now), C.id.between(*span)).values(**together))


def recover(connection: sa.Connection, now: float, tries: Tries) -> None:
    """Give up tries that nobody follows any more: a script is not run twice, the rest is sent again."""
    for row in _orphans(connection, tries):
        one = (row.id, row.fence, row.tries)
        if row.kind == "script":
            end(connection, one, UNCERTAIN, now, UNKNOWN)
        else:
            try_later(connection, one, row.bundled_at, now, STOPPED)


def lanes(connection: sa.Connection, now: float) -> list[tuple[str, str]]:
    """Return kind and address of the recipients for whom something is due, those who wait longest first."""
    due = sa.select(C.kind, C.address).where(LEADS, C.state == WAITING, C.due_at <= now)
    rows = connection.execute(due.group_by(C.kind, C.address).order_by(sa.func.min(C.due_at)))
    return [(row.kind, row.address) for row in rows]


def take(connection: sa.Connection, kind: str, address: str, fence: int | None, now: float) -> Parcel | None:
    """Claim what is due next for a recipient, before it is sent; None when nothing is."""
    due = sa.select(OUTBOX).where(LEADS, C.state == WAITING, C.due_at <= now, C.kind == kind, C.address == address)
    row = connection.execute(due.order_by(C.id).limit(1)).one_or_none()
    if row is None:
        return None
    where = {"id": row.id, "state": WAITING, "tries": row.tries}
    if not _change(connection, where, {"state": SENDING, "fence": fence, "tries": row.tries + 1}):
        return None
    mine = C.delivery == row.id
    count = connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one()
    first = connection.execute(sa.select(OUTBOX).where(mine).order_by(C.id).limit(MOST_LINES))
    return Parcel(
        id=row.id,
        token=row.token,
        address=address,
        kind=kind,
        digest=row.digest,
        count=count,
        entries=tuple(_entry(each) for each in first),
        tries=row.tries + 1,
        fence=fence,
        bundled_at=row.bundled_at,
    )


def try_later(connection: sa.Connection, one: Try, since: float, now: float, error: str) -> bool:
    """Note that a try has failed, and when the next one is due, if there is to be one; say whether it was open."""
    due = next_try(one[2], since, now)
    if due is None:
        return end(connection, one, FAILED, now, error)
    return _change(connection, _open(one), {"state": WAITING, "due_at": due, "error": error})


def end(connection: sa.Connection, one: Try, state: str, now: float, error: str = "") -> bool:
    """Note what became of a parcel in the end; say whether the try was still open."""
    return _change(connection, _open(one), {"state": state, "ended_at": now, "error": error})


def forget(connection: sa.Connection, before: float, most: int) -> bool:
    """Forget so many messages that were sent, or given up, before a time; say whether there may be more."""
    old = connection.execute(sa.select(C.id).where(C.ended_at < before).order_by(C.id).limit(most)).scalars().all()
    for start in range(0, len(old), MOST_NAMED):
        connection.execute(OUTBOX.delete().where(C.id.in_(old[start : start + MOST_NAMED])))
    return len(old) == most


def _open(one: Try) -> dict[str, Any]:
    return {"id": one[0], "state": SENDING, "fence": one[1], "tries": one[2]}


def _change(connection: sa.Connection, where: dict[str, Any], change: dict[str, Any]) -> bool:
    """Change the row that leads a parcel if it is as expected, and with it the others of the parcel."""
    if not claim(connection, OUTBOX, where, change):
        return False
    connection.execute(OUTBOX.update().where(C.delivery == where["id"], C.id != where["id"]).values(**change))
    return True


def _groups(connection: sa.Connection, now: float, period_s: float) -> list[Group]:
    """Return what has been gathered long enough, digests first: they must not be held back again."""
    bundle = sa.case((C.digest, ""), else_=C.bundle).label("bundle")
    # PostgreSQL takes an expression with parameters for another one in each place: group by the column's name
    inner = sa.select(C.kind, C.address, C.digest, bundle, C.due_at, C.made_at, C.wait_s).where(LOOSE).subquery()
    c = inner.c
    patience = sa.case((c.kind == "script", 0.0), else_=sa.func.coalesce(c.wait_s, period_s))
    due = sa.func.min(sa.func.coalesce(c.due_at, c.made_at + patience))
    keys = (c.kind, c.address, c.digest, c.bundle)
    rows = connection.execute(sa.select(*keys).group_by(*keys).having(due <= now).order_by(due))
    return sorted((Group(*row) for row in rows), key=lambda group: not group.digest)


def _first(connection: sa.Connection, group: Group, now: float) -> tuple[int, int] | None:
    """Return the smallest and the largest id of what goes together."""
    ids = sa.select(C.id).where(group.rows(now)).order_by(C.id)
    most = MOST_TOGETHER[group.kind]
    rows = (ids.limit(most) if most else ids).subquery()
    first, last = connection.execute(sa.select(sa.func.min(rows.c.id), sa.func.max(rows.c.id))).one()
    return None if first is None else (first, last)


def _sent_today(connection: sa.Connection, group: Group, now: float) -> int:
    mine = (LEADS, C.kind == group.kind, C.address == group.address, C.bundled_at >= day_start(now))
    return connection.execute(sa.select(sa.func.count()).where(*mine)).scalar_one()


def _orphans(connection: sa.Connection, tries: Tries) -> list[Any]:
    """Return tries that are open in the store, and that nobody here follows."""
    query = sa.select(C.id, C.kind, C.fence, C.tries, C.bundled_at).where(LEADS, C.state == SENDING)
    sending = connection.execute(query).all()
    known = tries() if sending else ()  # asked afterwards: a try is known before it is committed
    return [row for row in sending if (row.id, row.fence, row.tries) not in known]


def _entry(row: Any) -> Entry:
    try:
        facts = json.loads(row.facts)
    except ValueError:  # the text says what happened; facts that nobody can read must not keep it here for ever
        facts = {}
    return Entry(row.id, row.made_at, row.bundle, row.subject, row.text, facts if isinstance(facts, dict) else {})
