"""Tell how the masters are doing, and what needs a person's attention."""

from dataclasses import asdict
from typing import Any, Protocol

import sqlalchemy as sa

from jobmon.batch import jobs, limits
from jobmon.batch.master import Master, setting
from jobmon.batch.tables import JOB
from jobmon.engine import outbox
from jobmon.engine.election import Election
from jobmon.engine.submission.attempts import LOST, SUBMITTING, WAITING
from jobmon.engine.tables import LEASE
from jobmon.store import Store

MOST_LISTED = 20


class House(Protocol):
    """Be what is asked: the capability, whether its process is the master or not."""

    def store(self) -> Store:
        """Return the store."""

    @property
    def acting(self) -> Master | None:
        """Return what acts in this process; None before the first tick."""

    @property
    def election(self) -> Election | None:
        """Return this process's part in the election."""

    @property
    def run_time_left_s(self) -> float | None:
        """Return how long this process goes on."""


def masters(house: House) -> dict[str, Any]:
    """Return who acts, since when, who stands by, and what this process is."""
    election, acting = house.election, house.acting
    with house.store().searching() as connection:
        preferred, run_time = setting(connection, "master"), int(setting(connection, "run_time"))
        lease = connection.execute(sa.select(LEASE).where(LEASE.c.name == "batch")).mappings().one_or_none()
    state = election.lease.state() if election is not None else None
    return {
        "holder": lease["holder"] if lease and state and not state.expired else None,
        "endpoint": lease["endpoint"] if lease else None,
        "fence": lease["fence"] if lease else None,
        "since": lease["acquired_at"] if lease else None,
        "expires_in": round(state.expires_at - state.now, 1) if state else None,
        "takeovers": max(lease["fence"] - 1, 0) if lease else 0,
        "candidates": [
            {"holder": c.holder, "host": c.host, "endpoint": c.endpoint, "seen_at": c.seen_at}
            for c in (election.candidates() if election is not None else [])
        ],
        "this": election.holder if election is not None else None,
        "preferred": preferred,
        "run_time": run_time,
        "run_time_left": house.run_time_left_s,
        "scheduler": acting.scheduler.name if acting is not None else None,
        "troubles": acting.troubles() if acting is not None else [],
    }


def attention(connection: sa.Connection, orphans: int = 0) -> dict[str, Any]:
    """Return what a person should look at: unclear submissions, lost jobs, jobs that are refused, unsent messages."""
    listed = [JOB.c[name] for name in ("job_id", "name", "status", "reason", "tries", "finished_at")]

    def some(*condition: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
        query = sa.select(*listed).where(*condition).order_by(JOB.c.job_id.desc()).limit(MOST_LISTED)
        return [dict(row) for row in connection.execute(query).mappings()]

    messages = outbox.summary(connection)
    return {
        "unclear": some(JOB.c.status == SUBMITTING, JOB.c.unknown),
        "lost": some(JOB.c.status == LOST),
        "refused": some(JOB.c.status == WAITING, JOB.c.reason.is_not(None)),
        "unsent": [
            {
                "kind": one.kind,
                "recipient": one.recipient,
                "subject": one.subject,
                "state": one.state,
                "error": one.error,
            }
            for one in outbox.unsent(connection, MOST_LISTED)
        ],
        "messages": asdict(messages),
        "orphans": orphans,
    }


def overview(house: House) -> dict[str, Any]:
    """Return the numbers of all jobs by state, the queues' limits, the masters and what needs attention."""
    acting = house.acting
    with house.store().searching() as connection:
        found = {
            "counts": jobs.counts(connection),
            "limits": limits.listing(connection),
            "attention": attention(connection, acting.orphans if acting is not None else 0),
        }
    return {**found, "master": masters(house)}
