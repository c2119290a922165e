"""Tell how the outbox stands, and what of it needs somebody's attention."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import sqlalchemy as sa

from jobmon.engine.outbox.rows import FAILED, LEADS, SENDING, STATES, UNCERTAIN, WAITING
from jobmon.engine.outbox.targets import without_address
from jobmon.engine.outbox_tables import OUTBOX

C = OUTBOX.c
MOST = 200


@dataclass(frozen=True, slots=True)
class Summary:
    """Count messages by state; `oldest_unsent` is when the oldest one was written that still waits, None without."""

    waiting: int
    sending: int
    sent: int
    failed: int
    uncertain: int
    oldest_unsent: float | None

    @property
    def counts(self) -> dict[str, int]:
        """Return the numbers by state."""
        return {state: getattr(self, state) for state in STATES}


@dataclass(frozen=True, slots=True)
class Unsent:
    """Be a parcel that failed, whose fate is unknown, or that was tried in vain so far; times in epoch seconds."""

    id: int
    kind: str
    recipient: str
    """A path, an address, or the host of a URL: the rest of it may be a secret."""
    subject: str
    count: int
    state: str
    tries: int
    error: str
    made_at: float
    due_at: float | None
    """When it is tried again; None when it is not."""


def summary(connection: sa.Connection) -> Summary:
    """Count the messages, and find the oldest that was not sent yet."""
    # what was sent is much, and is counted by the index alone
    counts = {row[0]: row[1] for row in connection.execute(sa.select(C.state, sa.func.count()).group_by(C.state))}
    unsent_still = sa.select(sa.func.min(C.made_at)).where(C.state.in_((WAITING, SENDING)))
    oldest = connection.execute(unsent_still).scalar_one()
    return Summary(**{state: counts.get(state, 0) for state in STATES}, oldest_unsent=oldest)


def unsent(connection: sa.Connection, most: int = MOST) -> tuple[Unsent, ...]:
    """Return what needs attention, the newest first."""
    other = OUTBOX.alias()
    count = sa.select(sa.func.count()).where(other.c.delivery == C.id).scalar_subquery()
    trouble = sa.or_(C.state.in_((FAILED, UNCERTAIN)), sa.and_(C.state == WAITING, C.tries > 0))
    query = sa.select(OUTBOX, count.label("messages")).where(LEADS, trouble).order_by(C.id.desc()).limit(most)
    return tuple(
        Unsent(
            id=row.id,
            kind=row.kind,
            recipient=(urlsplit(row.address).hostname or "") if row.kind == "webhook" else row.address,
            subject=row.subject,
            count=row.messages,
            state=row.state,
            tries=row.tries,
            error=without_address(row.error, row.address) if row.kind == "webhook" else row.error,
            made_at=row.made_at,
            due_at=row.due_at if row.state == WAITING else None,
        )
        for row in connection.execute(query)
    )
