"""Forget what ended long ago: jobs, due times, runs and the messages about them."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from jobmon.batch import run_rows
from jobmon.batch.release_tables import BUILD
from jobmon.batch.tables import EVENT, FIRE, JOB, RULE_FIRE, RUN, STAGE, WORKFLOW
from jobmon.engine import outbox
from jobmon.engine.submission import ENDED
from jobmon.store import MOST_NAMED

MOST = 10_000
"""So many at a time, for others wait while this is done; the rest comes the next time."""


def forget(connection: sa.Connection, before: float) -> list[str]:
    """Forget what ended before a time; return the keys of the jobs, whose folders are to go too."""
    run_rows.lock(connection)
    _forget_runs(connection, before)
    connection.execute(FIRE.delete().where(FIRE.c.fired_at < before))
    outbox.forget(connection, before)
    return _forget_jobs(connection, before)


def _forget_jobs(connection: sa.Connection, before: float) -> list[str]:
    query = sa.select(JOB.c.job_id, JOB.c.submit_key).where(JOB.c.status.in_(ENDED), JOB.c.finished_at < before)
    gone = connection.execute(query.limit(MOST)).all()
    for numbers in _some([row.job_id for row in gone]):
        connection.execute(EVENT.delete().where(EVENT.c.job_id.in_(numbers)))
        connection.execute(JOB.delete().where(JOB.c.job_id.in_(numbers)))
    return [row.submit_key for row in gone]


def _forget_runs(connection: sa.Connection, before: float) -> None:
    """Forget runs that nothing depends on.

    Kept are those of builds, those that must not be started a second time, and the last one of each workflow that went
    well, whose variables the next one begins with.
    """
    last = sa.select(sa.func.max(RUN.c.run_id)).where(RUN.c.status == "succeeded").group_by(RUN.c.workflow)
    free = (RUN.c.dedupe_key.is_(None), RUN.c.run_id.not_in(last), RUN.c.run_id.not_in(sa.select(BUILD.c.run_id)))
    gone = connection.execute(sa.select(RUN.c.run_id).where(RUN.c.finished_at < before, *free).limit(MOST)).scalars()
    for numbers in _some(gone.all()):
        for table in (STAGE, RULE_FIRE, RUN):
            connection.execute(table.delete().where(table.c.run_id.in_(numbers)))
    unused = WORKFLOW.c.sha256.not_in(sa.select(RUN.c.sha256))
    connection.execute(WORKFLOW.delete().where(WORKFLOW.c.loaded_at < before, unused))


def _some(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), MOST_NAMED):
        yield numbers[start : start + MOST_NAMED]
