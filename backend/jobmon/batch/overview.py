"""Tell how the masters are doing, and what needs a person's attention."""

import socket
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from jobmon.batch import jobs, limits
from jobmon.batch.context import BatchContext
from jobmon.batch.master import ROLE, setting
from jobmon.batch.tables import JOB
from jobmon.engine import outbox
from jobmon.engine.election import candidates
from jobmon.engine.lease import state_of
from jobmon.engine.submission.attempts import HELD, LOST, SUBMITTING, WAITING

MOST_LISTED = 20


def masters(context: BatchContext) -> dict[str, Any]:
    """Return who acts, since when, who stands by, and which of them is the daemon of this page.

    What a candidate tells of itself is as old as `seen_at`, at most a third of the lease.
    """
    with context.store().searching() as connection:
        preferred, run_time = setting(connection, "master"), int(setting(connection, "run_time"))
        state = state_of(connection, ROLE)
        there = candidates(connection, ROLE, context.settings.batch.lease_ttl)
    this = next(
        (one for one in there if (one.host, one.pid) == (socket.gethostname(), context.common.daemon_pid)), None
    )
    acting = next((one for one in there if state and not state.expired and one.holder == state.holder), None)
    telling = acting or this
    return {
        "holder": state.holder if state and not state.expired else None,
        "endpoint": state.endpoint if state else None,
        "fence": state.fence if state else None,
        "since": state.acquired_at if state else None,
        "expires_in": round(state.expires_at - state.now, 1) if state else None,
        "takeovers": max(state.fence - 1, 0) if state else 0,
        "candidates": [
            {"holder": c.holder, "host": c.host, "endpoint": c.endpoint, "seen_at": c.seen_at} for c in there
        ],
        "this": this.holder if this else None,
        "preferred": preferred,
        "run_time": run_time,
        "run_time_left": this.told.get("run_time_left") if this else None,
        "scheduler": telling.told.get("scheduler") if telling else None,
        "troubles": [
            text if one is telling else f"{one.host}: {text}" for one in there for text in one.told.get("troubles", ())
        ],
        "orphans": acting.told.get("orphans", 0) if acting else 0,
    }


def attention(connection: sa.Connection, orphans: int = 0) -> dict[str, Any]:
    """Return what a person should look at: unclear submissions, lost jobs, jobs that are refused, unsent messages.

    What was put aside is told too: records that are not believed, and jobs whose handling fails.
    """
    listed = [JOB.c[name] for name in ("job_id", "name", "status", "reason", "tries", "finished_at", "put_aside")]

    def some(*condition: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
        query = sa.select(*listed).where(*condition).order_by(JOB.c.job_id.desc()).limit(MOST_LISTED)
        return [dict(row) for row in connection.execute(query).mappings()]

    messages = outbox.summary(connection)
    return {
        "unclear": some(JOB.c.status.in_((SUBMITTING, WAITING, HELD)), JOB.c.unknown),
        "lost": some(JOB.c.status == LOST),
        "refused": some(JOB.c.status == WAITING, JOB.c.reason.is_not(None), ~JOB.c.unknown),
        "put_aside": some(JOB.c.put_aside.is_not(None)),
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


def overview(context: BatchContext, user: str = "") -> dict[str, Any]:
    """Return the numbers of jobs by state, the queues' limits, the masters and what needs attention.

    With a `user` the numbers are of that one's jobs.
    """
    master = masters(context)
    orphans = master.pop("orphans")
    with context.store().searching() as connection:
        found = {
            "counts": jobs.counts(connection, user),
            "limits": limits.listing(connection),
            "attention": attention(connection, orphans),
        }
    return {**found, "master": master}
