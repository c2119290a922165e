"""Do with jobs what people ask for: submit, cancel, run again, hold, let go; and find them."""

import os
import pwd
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from jobmon import clock
from jobmon.batch.origin import Who, columns_of
from jobmon.batch.requests import MOST_LABEL, MOST_NAME, JobRequest, account, checked, shown
from jobmon.batch.tables import EVENT, JOB
from jobmon.config import BatchSettings
from jobmon.engine.submission import ACTIVE, ENDED, Attempt, Work
from jobmon.engine.submission.attempts import HELD, WAITING
from jobmon.engine.tables import IDENTITY
from jobmon.errors import JobmonError
from jobmon.printing import plain
from jobmon.store import MOST_NAMED, claim

LISTED = (
    "job_id", "name", "command", "status", "ending", "return_code", "signal", "reason", "queue", "user", "submitted_by",
    "origin", "scheduler", "scheduler_id", "attempt", "tries", "unknown", "created_at", "not_before", "latest_start",
    "submitted_at", "started_at", "finished_at", "host", "output_bytes", "cron_id", "run_id", "stage", "parent_job_id",
    "labels",
)  # fmt: skip
MOST_LISTED = 500
ANEW = {"status": WAITING, "not_before": 0.0, "unknown": False, "returns": 0, "reason": None}
CONFIRMED = "confirmed"
"""The label of jobs that somebody has confirmed: what they did once is not done again without being asked for again."""


class NotPossible(JobmonError):
    """What was asked for cannot be done with this job in its state."""


class TooMany(NotPossible):
    """Somebody has as many jobs or notices as one person may; when some of them have ended there is room again."""


class NoSuchThing(JobmonError):
    """There is nothing of this number or name."""


def submit(connection: sa.Connection, request: JobRequest, who: Who, settings: BatchSettings, **more: Any) -> int:
    """Write down a job that is to be submitted, and return its number; SettingsError when the user may not be.

    `more` are columns that no person asks for: where it came from, its attempt.
    """
    return submit_all(connection, [asked(request, who, settings, **more)])[0]


def asked(request: JobRequest, who: Who, settings: BatchSettings, **more: Any) -> dict[str, Any]:
    """Return the row of a job that is to be submitted, for `submit_all`; it raises as `submit` does."""
    return {
        "status": WAITING,
        "scheduler": "",
        "attempt": 1,
        "priority": request.priority,
        "not_before": request.not_before,
        "latest_start": request.latest_start,
        "name": request.name or plain(Path(request.command[0]).name, MOST_NAME),
        "command": shown(request.command),
        "args": request.command,
        "queue": request.queue,
        "batch_opts": request.options,
        "limit_s": request.time_limit,
        "on_success": request.notify,
        "working_dir": request.working_dir,
        "output_location": request.output,
        "user": account(request.user, settings),
        **columns_of("submitted_by", who),
        "created_at": clock.now(),
        "labels": request.labels,
        **more,
    }


def submit_all(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Write down many jobs with the same columns at once, and return their numbers in the same order."""
    known = connection.execute(
        JOB.insert().returning(JOB.c.job_id, sort_by_parameter_order=True),
        [{**row, "submit_key": secrets.token_hex(8)} for row in rows],
    )
    numbers = [int(number) for number in known.scalars()]
    key = (
        sa.literal(f"{identity(connection)}-b") + sa.cast(JOB.c.job_id, sa.Text) + "-" + sa.cast(JOB.c.attempt, sa.Text)
    )
    for start in range(0, len(numbers), MOST_NAMED):
        some = JOB.c.job_id.in_(numbers[start : start + MOST_NAMED])
        connection.execute(JOB.update().where(some).values(submit_key=key))
    events = [_event(number, "", WAITING, "asked for") for number in numbers]
    by = [{"who": row["submitted_by"], "origin": row["origin"]} for row in rows]
    connection.execute(EVENT.insert(), [{**event, **who} for event, who in zip(events, by, strict=True)])
    return numbers


def identity(connection: sa.Connection) -> str:
    """Return the store's own name, with which the names of its jobs begin."""
    return str(connection.execute(sa.select(IDENTITY.c.id)).scalar_one())


def note(connection: sa.Connection, number: int, who: Who, status: str, text: str, fence: int | None = None) -> None:
    """Append to what happened to a job."""
    connection.execute(EVENT.insert(), [_event(number, who, status, text, fence)])


def note_changes(connection: sa.Connection, attempts: Sequence[Attempt], who: Who, fence: int | None) -> None:
    """Append changes of states to what happened."""
    rows = [_event(attempt.row["job_id"], who, attempt.status, attempt.text, fence) for attempt in attempts]
    connection.execute(EVENT.insert(), rows)


def note_by_key(connection: sa.Connection, key: str, who: Who, text: str, fence: int | None) -> None:
    """Append to what happened to the job of a key."""
    query = sa.select(JOB.c.job_id, JOB.c.status).where(JOB.c.submit_key == key)
    for row in connection.execute(query).all():
        note(connection, row.job_id, who, row.status, text, fence)


def _event(number: int, who: Who, status: str, text: str, fence: int | None = None) -> dict[str, Any]:
    by = columns_of("who", who)
    return {"job_id": number, "at": clock.now(), **by, "fence": fence, "status": status, "text": text[:2000]}


def work_of(row: Mapping[str, Any], home: str, programs: str = "") -> Work:
    """Return what a row is to run; `home` is where jobs of the daemon's own account run that do not say where.

    Those of another account run in that one's home; KeyError when there is no such account. The commands of workflows
    are looked for in the folder `programs` first.
    """
    environment = {"JOBMON_JOB": str(row["job_id"]), "JOBMON_ATTEMPT": str(row["attempt"])}
    if row["run_id"] is not None:
        environment |= {"JOBMON_RUN": str(row["run_id"]), "JOBMON_STAGE": str(row["stage"])}
        environment |= {"JOBMON_PROGRAMS": programs} if programs else {}
    return Work(
        tuple(row["args"]), row["working_dir"] or home_of(row["user"], home), row["output_location"], row["queue"],
        tuple(row["batch_opts"]), row["limit_s"], row["user"], row["latest_start"] or 0, environment,
    )  # fmt: skip


# --- what people do -------------------------------------------------------------------------------------------------


def cancel(connection: sa.Connection, number: int, who: Who) -> str:
    """Ask for a job's end and return its state; the master ends it, so that whoever waits for its end is told."""
    row = find(connection, number)
    condition = (JOB.c.job_id == number, JOB.c.status.in_((WAITING, HELD, *ACTIVE)))
    if not connection.execute(JOB.update().where(*condition).values(cancel_at=clock.now())).rowcount:
        raise NotPossible(f"job {number} has ended already: {row['status']}")
    note(connection, number, who, row["status"], "is to be cancelled")
    return str(row["status"])


def rerun(connection: sa.Connection, number: int, who: str, settings: BatchSettings) -> int:
    """Run an ended job again, as a new job with the same request, and return its number."""
    row = find(connection, number)
    if row["status"] not in ENDED:
        raise NotPossible(f"job {number} is {row['status']}; only what has ended can run again")
    if CONFIRMED in row["labels"]:
        raise NotPossible(f"job {number} was confirmed for once: {row['labels'][CONFIRMED]} must be asked for again")
    request = request_of(row)
    more = {"attempt": row["attempt"] + 1, "parent_job_id": number}
    number_again = submit(connection, request, who, settings, **more)
    note(connection, number, who, row["status"], f"runs again as job {number_again}")
    return number_again


def request_of(row: Mapping[str, Any]) -> JobRequest:
    """Return what was asked for when a job was submitted, without its times: they were meant for that one.

    An older jobmon may have kept what cannot be asked for: names and labels are mended, the rest is a SettingsError.
    """
    values = {
        "command": row["args"], "name": plain(row["name"], MOST_NAME), "queue": row["queue"],
        "options": row["batch_opts"], "working_dir": row["working_dir"], "output": row["output_location"],
        "time_limit": row["limit_s"], "notify": row["on_success"], "user": row["user"], "priority": row["priority"],
        "labels": {plain(name, MOST_NAME): plain(value, MOST_LABEL) for name, value in row["labels"].items()},
    }  # fmt: skip
    request: JobRequest = checked(JobRequest, values, f"job {row['job_id']} as it is kept")
    return request


def hold(connection: sa.Connection, number: int, who: str) -> None:
    """Keep a waiting job from being submitted."""
    row = find(connection, number)
    if not claim(connection, JOB, {"job_id": number, "status": WAITING}, {"status": HELD}):
        raise NotPossible(f"job {number} is {row['status']}; only what waits can be held")
    note(connection, number, who, HELD, "held")


def let_go(connection: sa.Connection, number: int, who: str) -> None:
    """Let a held job be submitted."""
    row = find(connection, number)
    if not claim(connection, JOB, {"job_id": number, "status": HELD}, ANEW):
        raise NotPossible(f"job {number} is {row['status']}, not held")
    note(connection, number, who, WAITING, "let go")


# --- what people see ------------------------------------------------------------------------------------------------


def find(connection: sa.Connection, number: int) -> dict[str, Any]:
    """Return a whole row; NoSuchThing when there is none."""
    row = connection.execute(sa.select(JOB).where(JOB.c.job_id == number)).mappings().one_or_none()
    if row is None:
        raise NoSuchThing(f"there is no job {number}")
    return dict(row)


def listing(
    connection: sa.Connection, *, status: str = "", text: str = "", user: str = "", commands_of: str | None = None,
    before: int | None = None, limit: int = 100,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return jobs, the newest first; `status` may also be "active" or "ended", `text` is part of name or command.

    Only commands of jobs of `commands_of` are looked at, None for all: what somebody may not read must not be found.
    """
    query = sa.select(*(JOB.c[name] for name in LISTED)).order_by(JOB.c.job_id.desc())
    groups = {"active": (WAITING, HELD, *ACTIVE), "ended": ENDED}
    if status:
        query = query.where(JOB.c.status.in_(groups.get(status, (status,))))
    if text:
        part = f"%{text.lower().replace('!', '!!').replace('%', '!%').replace('_', '!_')}%"
        name, command = (sa.func.lower(JOB.c[name]).like(part, escape="!") for name in ("name", "command"))
        readable = sa.true() if commands_of is None else _of(commands_of)
        query = query.where(sa.or_(name, sa.and_(readable, command), JOB.c.scheduler_id == text))
    if user:
        query = query.where(_of(user))
    if before is not None:
        query = query.where(JOB.c.job_id < before)
    return [dict(row) for row in connection.execute(query.limit(min(limit, MOST_LISTED))).mappings()]


def _of(user: str) -> sa.ColumnElement[bool]:
    """Return the condition for somebody's jobs; nobody has none."""
    return sa.and_(sa.literal(bool(user)), sa.or_(JOB.c.user == user, JOB.c.submitted_by == user))


def counts(connection: sa.Connection, user: str = "") -> dict[str, int]:
    """Return how many jobs are in each state; of one user's, "" for everybody's."""
    query = sa.select(JOB.c.status, sa.func.count()).group_by(JOB.c.status)
    if user:
        query = query.where(sa.or_(JOB.c.user == user, JOB.c.submitted_by == user))
    return {str(row[0]): int(row[1]) for row in connection.execute(query)}


def events(connection: sa.Connection, number: int) -> list[dict[str, Any]]:
    """Return what happened to a job, in order."""
    query = sa.select(EVENT).where(EVENT.c.job_id == number).order_by(EVENT.c.event_id)
    return [dict(row) for row in connection.execute(query).mappings()]


def attempts_of(connection: sa.Connection, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the job that a job repeats, and those that repeat it."""
    either = sa.or_(JOB.c.parent_job_id == row["job_id"], JOB.c.job_id == row["parent_job_id"])
    query = sa.select(JOB.c.job_id, JOB.c.attempt, JOB.c.status).where(either).order_by(JOB.c.job_id)
    return [dict(found) for found in connection.execute(query).mappings()]


def home_of(user: str, own: str) -> str:
    """Return the home of an account, `own` for ""; as at a login it is / where the list of accounts names none."""
    return (pwd.getpwnam(user).pw_dir or "/") if user else own


def default_home() -> str:
    """Return where jobs of the daemon's own account run that do not say where."""
    return os.path.expanduser("~")  # noqa: PTH111 - pathlib raises when there is no home
