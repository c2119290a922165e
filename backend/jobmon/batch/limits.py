"""Choose which waiting jobs may be submitted now: within their queues' limits, and one after the other where asked."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from jobmon import clock
from jobmon.batch.jobs import NoSuchThing, TooMany
from jobmon.batch.tables import CRONTAB, JOB, QUEUE_LIMIT
from jobmon.config import BatchSettings
from jobmon.engine.submission import ACTIVE
from jobmon.engine.submission.attempts import HELD, PENDING, SUBMITTING, WAITING
from jobmon.errors import SettingsError

NAMES = ("max_pending", "max_running", "submits_per_minute")
LARGEST = 1_000_000_000
MOST_QUEUE = 200
MOST_QUEUES = 1000
"""So many queues can have limits of their own."""
EVERY_QUEUE = "*"
"""Its limits hold for each queue that has none of its own."""


def choose(connection: sa.Connection, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return those of the waiting rows that may be submitted, in their order."""
    return _within_limits(connection, _one_by_one(connection, rows))


def check_person(connection: sa.Connection, who: str, notices: int, settings: BatchSettings) -> None:
    """See that somebody may submit one more job with so many notices; TooMany says which limit is reached."""
    unstarted = sa.case((JOB.c.status.in_((WAITING, HELD, SUBMITTING, PENDING)), 1), else_=0)
    query = sa.select(
        sa.func.coalesce(sa.func.sum(unstarted), 0),
        sa.func.coalesce(sa.func.sum(sa.func.json_array_length(JOB.c.on_success)), 0),
    ).where(JOB.c.status.in_((WAITING, HELD, *ACTIVE)), JOB.c.submitted_by == who)
    jobs, told = connection.execute(query).one()
    if jobs >= settings.user_jobs:
        raise TooMany(f"{settings.user_jobs} of your jobs wait already, which is the limit ([batch] user_jobs)")
    if notices and told + notices > settings.user_notices:
        raise TooMany(
            f"your jobs are to send {told} notices already, and at most {settings.user_notices} are allowed "
            "([batch] user_notices)"
        )


def set_limit(connection: sa.Connection, queue: str, values: Mapping[str, int | None]) -> None:
    """Limit a queue, or all with "*"; None takes one limit away, and a queue without any is forgotten.

    SettingsError when one cannot be.
    """
    if len(queue) > MOST_QUEUE or not queue.isprintable():
        raise SettingsError(f"queue {queue[:80]!r}: must be at most {MOST_QUEUE} printable characters")
    for name, value in values.items():
        if value is not None and not 0 <= value <= LARGEST:
            raise SettingsError(f"{name} = {value}: must be from 0 to {LARGEST}")
    known = connection.execute(sa.select(QUEUE_LIMIT).where(QUEUE_LIMIT.c.queue == queue)).mappings().one_or_none()
    limits = {name: values.get(name, known[name] if known else None) for name in NAMES}
    if known is not None:
        connection.execute(QUEUE_LIMIT.delete().where(QUEUE_LIMIT.c.queue == queue))
    if any(value is not None for value in limits.values()):
        connection.execute(QUEUE_LIMIT.insert().values(queue=queue, **limits))
        count = connection.execute(sa.select(sa.func.count()).select_from(QUEUE_LIMIT)).scalar_one()
        if count > MOST_QUEUES:
            raise SettingsError(f"{MOST_QUEUES} queues have limits already; take one of them away")
    elif known is None:
        raise NoSuchThing(f"queue {queue!r} has no limits")


def listing(connection: sa.Connection) -> list[dict[str, Any]]:
    """Return the limits of all queues that have any."""
    return [dict(row) for row in connection.execute(sa.select(QUEUE_LIMIT).order_by(QUEUE_LIMIT.c.queue)).mappings()]


def _one_by_one(connection: sa.Connection, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Leave out jobs of crontab entries that are to queue, while an earlier one of them goes on."""
    numbers = {row["cron_id"] for row in rows if row["cron_id"] is not None}
    if not numbers:
        return rows
    condition = (CRONTAB.c.overlap == "queue", CRONTAB.c.cron_id.in_(numbers))
    queuing = set(connection.execute(sa.select(CRONTAB.c.cron_id).where(*condition)).scalars())
    active = (JOB.c.cron_id.in_(queuing), JOB.c.status.in_(ACTIVE))
    busy = set(connection.execute(sa.select(JOB.c.cron_id).where(*active)).scalars()) if queuing else set()
    chosen = []
    for row in sorted(rows, key=lambda row: (row["cron_id"] in queuing, row["job_id"])) if queuing else rows:
        if row["cron_id"] in busy:
            continue
        if row["cron_id"] in queuing:
            busy.add(row["cron_id"])
        chosen.append(row)
    return chosen


def _within_limits(connection: sa.Connection, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    limits = {row["queue"]: row for row in listing(connection)}
    if not limits:
        return rows
    pending: Counter[str] = Counter()
    running: Counter[str] = Counter()
    states = sa.select(JOB.c.queue, JOB.c.status, sa.func.count()).where(JOB.c.status.in_(ACTIVE))
    for queue, status, count in connection.execute(states.group_by(JOB.c.queue, JOB.c.status)):
        (pending if status in {SUBMITTING, PENDING} else running)[queue] += count
    recent = sa.select(JOB.c.queue, sa.func.count()).where(JOB.c.submitted_at > clock.now() - 60)
    lately = Counter({row[0]: row[1] for row in connection.execute(recent.group_by(JOB.c.queue))})
    chosen = []
    for row in rows:
        queue = row["queue"]
        limit = limits.get(queue) or limits.get(EVERY_QUEUE)
        if limit is not None:
            used = (pending[queue], pending[queue] + running[queue], lately[queue])
            if any(limit[name] is not None and now >= limit[name] for name, now in zip(NAMES, used, strict=True)):
                continue
        pending[queue] += 1
        lately[queue] += 1
        chosen.append(row)
    return chosen
