"""Keep crontab entries: what people add, change, pause, run now and replay."""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa

from jobmon import clock
from jobmon.batch import jobs
from jobmon.batch.jobs import NoSuchThing, NotPossible
from jobmon.batch.requests import MOST_NAME, CronRequest, JobRequest, account, checked, shown
from jobmon.batch.tables import CRONTAB, FIRE
from jobmon.config import BatchSettings
from jobmon.engine import cron
from jobmon.engine.outbox.targets import HIDDEN, restored
from jobmon.errors import SettingsError
from jobmon.printing import plain

log = logging.getLogger("jobmon.batch")

FIELDS = ("minute", "hour", "day_of_month", "month", "day_of_week")
MOST_BEHIND_S = 40 * 86_400
"""What was due longer ago than this is not even recorded as missed."""
MOST_ENTRIES = 10_000
MOST_SPAN_S = 366 * 86_400
"""So long a span is replayed at once."""
AHEAD_S = 120
"""So far ahead of now the last fire of an entry may be stored: clocks of hosts differ."""
MOST_NAMED_SILENT = 5


def expression(row: Mapping[str, Any]) -> str:
    """Return an entry's schedule as one text."""
    return " ".join(row[name] for name in FIELDS if row[name])


def add(connection: sa.Connection, request: CronRequest, settings: BatchSettings) -> int:
    """Write down an entry, which counts from now on, and return its number; SettingsError when the name is taken."""
    if any(HIDDEN in target for target in request.notify):
        raise SettingsError(f"notify: name the whole address of a webhook: {HIDDEN} stands for what nobody is shown")
    taken = connection.execute(sa.select(CRONTAB.c.cron_id).where(CRONTAB.c.name == request.name)).first()
    if taken:
        raise SettingsError(f"there is a crontab entry {request.name!r} already")
    if connection.execute(sa.select(sa.func.count()).select_from(CRONTAB)).scalar_one() >= MOST_ENTRIES:
        raise SettingsError(f"there are {MOST_ENTRIES} crontab entries already; remove one first")
    now = clock.now()
    values = {**_values(request, settings), "effective_from": now, "fired_until": now, "version": 1}
    key = connection.execute(CRONTAB.insert().values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def edit(connection: sa.Connection, name: str, request: CronRequest, settings: BatchSettings) -> None:
    """Replace an entry; a new schedule counts from now on, and what was due before stays as it was.

    A webhook that is named as it is shown stays as it is.
    """
    row = find(connection, name)
    request = request.model_copy(update={"notify": restored(request.notify, row["on_success"])})
    values = {**_values(request, settings), "version": row["version"] + 1}
    if (expression(row), row["timezone"]) != (expression(values), values["timezone"]):
        values |= {"effective_from": clock.now(), "fired_until": clock.now()}
    connection.execute(CRONTAB.update().where(CRONTAB.c.cron_id == row["cron_id"]).values(**values))


def enable(connection: sa.Connection, name: str, enabled: bool) -> None:
    """Let an entry fire, or not; what would have been due in between is not made up for."""
    row = find(connection, name)
    values = {"enabled": enabled, "version": row["version"] + 1}
    if enabled and not row["enabled"]:
        values["fired_until"] = clock.now()
    connection.execute(CRONTAB.update().where(CRONTAB.c.cron_id == row["cron_id"]).values(**values))


def remove(connection: sa.Connection, name: str) -> None:
    """Take an entry out; what it has fired stays in the history of jobs."""
    row = find(connection, name)
    connection.execute(FIRE.delete().where(FIRE.c.cron_id == row["cron_id"]))
    connection.execute(CRONTAB.delete().where(CRONTAB.c.cron_id == row["cron_id"]))


def find(connection: sa.Connection, name: str) -> dict[str, Any]:
    """Return an entry by its name or number."""
    number = name.isascii() and name.isdecimal() and len(name) < 10
    by = CRONTAB.c.cron_id == int(name) if number else CRONTAB.c.name == name
    row = connection.execute(sa.select(CRONTAB).where(by)).mappings().one_or_none()
    if row is None:
        raise NoSuchThing(f"there is no crontab entry {name!r}")
    return dict(row)


def listing(connection: sa.Connection, now: float, coming: int = 5) -> list[dict[str, Any]]:
    """Return all entries with their next times, their last fire and how late it was."""
    other = FIRE.alias()  # asked by entry: the history of all entries is long
    newest = sa.select(sa.func.max(other.c.scheduled_for)).where(other.c.cron_id == CRONTAB.c.cron_id)
    last = (FIRE.c.cron_id == CRONTAB.c.cron_id) & (FIRE.c.scheduled_for == newest.scalar_subquery())
    fires = sa.select(FIRE).select_from(CRONTAB.join(FIRE, last))
    known = {row["cron_id"]: dict(row) for row in connection.execute(fires).mappings()}
    entries = []
    for found in connection.execute(sa.select(CRONTAB).order_by(CRONTAB.c.name)).mappings():
        row = dict(found)
        try:
            schedule = cron.parse(expression(row), row["timezone"], row["name"])
            following = cron.next_times(schedule, int(now), coming) if row["enabled"] else []
        except SettingsError:  # a time zone that this host does not know any more; the master complains of it
            following = []
        entries.append({**row, "schedule": expression(row), "next": following, "last": known.get(row["cron_id"])})
    return entries


def history(connection: sa.Connection, name: str, limit: int = 200) -> list[dict[str, Any]]:
    """Return what came of an entry's due times, the newest first."""
    row = find(connection, name)
    query = sa.select(FIRE).where(FIRE.c.cron_id == row["cron_id"]).order_by(FIRE.c.scheduled_for.desc())
    return [dict(fire) for fire in connection.execute(query.limit(limit)).mappings()]


def run_now(connection: sa.Connection, name: str, who: str, settings: BatchSettings) -> int:
    """Run an entry's command now, beside its schedule."""
    row = find(connection, name)
    if row["workflow"]:
        raise NotPossible(f"{name} starts workflow {row['workflow']}; start that instead")
    return jobs.submit(connection, job_request(row), who, settings, cron_id=row["cron_id"])


def to_replay(row: Mapping[str, Any], since: int, until: int) -> list[int]:
    """Return the due times of an entry between two moments, before a transaction is begun; NotPossible for too many."""
    if row["workflow"]:
        raise NotPossible(f"{row['name']} starts a workflow, which is not replayed")
    until = min(until, int(clock.now()))
    if until - since > MOST_SPAN_S:
        raise NotPossible(f"at most {MOST_SPAN_S // 86_400} days are replayed at once; name a shorter span")
    schedule = cron.parse(expression(row), row["timezone"], row["name"])
    times = list(islice(cron.due(schedule, since, until), cron.MOST_CAUGHT_UP + 1))
    if len(times) > cron.MOST_CAUGHT_UP:
        raise NotPossible(f"at most {cron.MOST_CAUGHT_UP} due times are replayed at once; name a shorter span")
    return times


def replay(
    connection: sa.Connection, entry: Mapping[str, Any], times: Sequence[int], who: str, settings: BatchSettings
) -> list[int]:
    """Run what was missed or skipped of some due times, each once; return the jobs' numbers.

    NotPossible when the entry was changed since its due times were worked out.
    """
    row = find(connection, entry["name"])
    if (row["cron_id"], row["version"]) != (entry["cron_id"], entry["version"]):
        raise NotPossible(f"{entry['name']} has just been changed; look again")
    numbers = []
    for at in times:
        query = sa.select(FIRE).where(FIRE.c.cron_id == row["cron_id"], FIRE.c.scheduled_for == at)
        known = connection.execute(query).mappings().one_or_none()
        if known is not None and known["outcome"] == "fired":
            continue
        number = jobs.submit(connection, job_request(row, at), who, settings, cron_id=row["cron_id"])
        values = {"fired_at": clock.now(), "outcome": "fired", "reason": "replayed by hand", "job_id": number}
        if known is None:
            connection.execute(FIRE.insert().values(cron_id=row["cron_id"], scheduled_for=at, **values))
        else:
            condition = (FIRE.c.cron_id == row["cron_id"], FIRE.c.scheduled_for == at)
            connection.execute(FIRE.update().where(*condition).values(**values))
        numbers.append(number)
    return numbers


def _values(request: CronRequest, settings: BatchSettings) -> dict[str, Any]:
    return {
        "name": request.name,
        "user": account(request.user, settings),
        **request.fields(),
        "command": shown(request.command),
        "args": request.command,
        "timezone": request.timezone,
        "enabled": request.enabled,
        "workflow": request.workflow,
        "params": request.params,
        "overlap": request.overlap,
        "misfire": request.misfire,
        "misfire_window": request.misfire_window,
        "jitter": request.jitter,
        "start_within": request.start_within,
        "not_before": request.not_before,
        "not_after": request.not_after,
        "queue": request.queue,
        "batch_opts": request.options,
        "limit_s": request.time_limit,
        "on_success": request.notify,
        "working_dir": request.working_dir,
        "output_location": request.output,
    }


def latest_start(row: Mapping[str, Any], at: int) -> float | None:
    """Return until when the job of a due time must have started; None when that does not matter."""
    return float(at + row["start_within"]) if row["start_within"] else None


def job_request(row: Mapping[str, Any], at: int | None = None) -> JobRequest:
    """Return the job of an entry; for a due time it may be put off a little, always by the same for that time."""
    later = 0.0
    labels = {"cron": plain(row["name"], MOST_NAME)}
    if at is not None:
        labels["scheduled_for"] = str(at)
        if row["jitter"]:
            digest = hashlib.sha256(f"{row['name']}\0{at}".encode()).digest()
            later = at + int.from_bytes(digest[:4]) % (row["jitter"] + 1)
    values = {
        "command": row["args"], "name": plain(row["name"], MOST_NAME), "queue": row["queue"],
        "options": row["batch_opts"], "working_dir": row["working_dir"], "output": row["output_location"],
        "time_limit": row["limit_s"], "notify": row["on_success"], "user": row["user"], "not_before": later,
        "labels": labels,
    }  # fmt: skip
    request: JobRequest = checked(JobRequest, values, f"crontab entry {row['name']!r} as it is kept")
    return request


def silent(connection: sa.Connection, now: float) -> str:
    """Say which entries will not fire because their last fire is stored as one to come; empty without any."""
    last = sa.case((CRONTAB.c.fired_until > CRONTAB.c.effective_from, CRONTAB.c.fired_until),
                   else_=CRONTAB.c.effective_from)  # fmt: skip
    query = sa.select(CRONTAB.c.name, last).where(CRONTAB.c.enabled, last > now + AHEAD_S).order_by(CRONTAB.c.name)
    found = list(connection.execute(query.limit(MOST_NAMED_SILENT + 1)))
    if not found:
        return ""
    names = ", ".join(plain(name, 100) for name, _ in found[:MOST_NAMED_SILENT])
    more = " and more" if len(found) > MOST_NAMED_SILENT else ""
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(min(cron.LATEST, *(float(at) for _, at in found))))
    return f"crontab entries do not fire before {until}, for a clock was ahead: {names}{more}"
