"""Forget what ended long ago: jobs, due times, runs and the messages about them, a portion at a time."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from jobmon.batch import run_rows
from jobmon.batch.release_tables import BUILD
from jobmon.batch.tables import EVENT, FIRE, JOB, RULE_FIRE, RUN, STAGE, WORKFLOW
from jobmon.engine import outbox
from jobmon.engine.submission import ENDED
from jobmon.store import MOST_NAMED

MOST = 1000
"""So many of a kind at a time, for others wait while this is done."""


def forget(connection: sa.Connection, before: float) -> tuple[list[str], bool]:
    """Forget a portion of what ended before a time.

    Return the keys of the jobs, whose folders are to go too, and whether there may be more.
    """
    run_rows.lock(connection)
    full = _forget_runs(connection, before)
    full |= _forget_fires(connection, before)
    full |= outbox.forget(connection, before, MOST)
    gone = _forget_jobs(connection, before)
    return gone, full or len(gone) == MOST


def _forget_jobs(connection: sa.Connection, before: float) -> list[str]:
    query = sa.select(JOB.c.job_id, JOB.c.submit_key).where(JOB.c.status.in_(ENDED), JOB.c.finished_at < before)
    gone = connection.execute(query.order_by(JOB.c.finished_at).limit(MOST)).all()
    for numbers in _some([row.job_id for row in gone]):
        connection.execute(EVENT.delete().where(EVENT.c.job_id.in_(numbers)))
        connection.execute(JOB.delete().where(JOB.c.job_id.in_(numbers)))
    return [row.submit_key for row in gone]


def _forget_fires(connection: sa.Connection, before: float) -> bool:
    old = sa.select(FIRE.c.fired_at).where(FIRE.c.fired_at < before).order_by(FIRE.c.fired_at)
    last = connection.execute(old.offset(MOST - 1).limit(1)).scalar_one_or_none()
    until = FIRE.c.fired_at < before if last is None else FIRE.c.fired_at <= last
    connection.execute(FIRE.delete().where(until))
    return last is not None


def _forget_runs(connection: sa.Connection, before: float) -> bool:
    """Forget runs that nothing depends on.

    Kept are those of builds, those that must not be started a second time, and the last one of each workflow that went
    well, whose variables the next one begins with.
    """
    last = sa.select(sa.func.max(RUN.c.run_id)).where(RUN.c.status == "succeeded").group_by(RUN.c.workflow)
    free = (RUN.c.dedupe_key.is_(None), RUN.c.run_id.not_in(last), RUN.c.run_id.not_in(sa.select(BUILD.c.run_id)))
    query = sa.select(RUN.c.run_id).where(RUN.c.finished_at < before, *free)
    gone = connection.execute(query.limit(MOST)).scalars().all()
    for numbers in _some(gone):
        for table in (STAGE, RULE_FIRE, RUN):
            connection.execute(table.delete().where(table.c.run_id.in_(numbers)))
    unused = WORKFLOW.c.sha256.not_in(sa.select(RUN.c.sha256))
    connection.execute(WORKFLOW.delete().where(WORKFLOW.c.loaded_at < before, unused))
    return len(gone) == MOST


def _some(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), MOST_NAMED):
        yield numbers[start : start + MOST_NAMED]
