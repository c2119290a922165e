"""Keep crontab entries: what people add, change, pause, run now and replay."""

import hashlib
import logging
import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from jobmon import clock
from jobmon.batch import jobs
from jobmon.batch.jobs import NoSuchThing, NotPossible
from jobmon.batch.requests import CronRequest, JobRequest, account, shown
from jobmon.batch.tables import CRONTAB, FIRE
from jobmon.config import BatchSettings
from jobmon.engine import cron
from jobmon.errors import SettingsError
from jobmon.printing import plain

log = logging.getLogger("jobmon.batch")

FIELDS = ("minute", "hour", "day_of_month", "month", "day_of_week")
MOST_BEHIND_S = 40 * 86_400
"""What was due longer ago than this is not even recorded as missed."""
CALLER = "cron"
AHEAD_S = 120
"""So far ahead of now the last fire of an entry may be stored: clocks of hosts differ."""
MOST_NAMED_SILENT = 5
LATEST = 4_102_444_800
"""The year 2100."""


def expression(row: Mapping[str, Any]) -> str:
    """Return an entry's schedule as one text."""
    return " ".join(row[name] for name in FIELDS if row[name])


def add(connection: sa.Connection, request: CronRequest, settings: BatchSettings) -> int:
    """Write down an entry, which counts from now on, and return its number; SettingsError when the name is taken."""
    taken = connection.execute(sa.select(CRONTAB.c.cron_id).where(CRONTAB.c.name == request.name)).first()
    if taken:
        raise SettingsError(f"there is a crontab entry {request.name!r} already")
    now = clock.now()
    values = {**_values(request, settings), "effective_from": now, "fired_until": now, "version": 1}
    key = connection.execute(CRONTAB.insert().values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def edit(connection: sa.Connection, name: str, request: CronRequest, settings: BatchSettings) -> None:
    """Replace an entry; a new schedule counts from now on, and what was due before stays as it was."""
    row = find(connection, name)
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
    by = CRONTAB.c.cron_id == int(name) if name.isdigit() and len(name) < 10 else CRONTAB.c.name == name
    row = connection.execute(sa.select(CRONTAB).where(by)).mappings().one_or_none()
    if row is None:
        raise NoSuchThing(f"there is no crontab entry {name!r}")
    return dict(row)


def listing(connection: sa.Connection, now: float, coming: int = 5) -> list[dict[str, Any]]:
    """Return all entries with their next times, their last fire and how late it was."""
    newest = sa.select(FIRE.c.cron_id, sa.func.max(FIRE.c.scheduled_for).label("at")).group_by(FIRE.c.cron_id)
    last = newest.subquery()
    fires = sa.select(FIRE).join(last, (FIRE.c.cron_id == last.c.cron_id) & (FIRE.c.scheduled_for == last.c.at))
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


def replay(
    connection: sa.Connection, name: str, since: int, until: int, who: str, settings: BatchSettings
) -> list[int]:
    """Run what was missed or skipped between two moments, each due time once; return the jobs' numbers."""
    row = find(connection, name)
    if row["workflow"]:
        raise NotPossible(f"{name} starts a workflow, which is not replayed")
    schedule = cron.parse(expression(row), row["timezone"], row["name"])
    times = list(cron.due(schedule, since, min(until, int(clock.now()))))
    if len(times) > cron.MOST_CAUGHT_UP:
        raise NotPossible(f"{len(times)} times were due then; at most {cron.MOST_CAUGHT_UP} are replayed at once")
    numbers = []
    for at in times:
        query = sa.select(FIRE).where(FIRE.c.cron_id == row["cron_id"], FIRE.c.scheduled_for == at)
        known = connection.execute(query).mappings().one_or_none()
        if known is not None and known["outcome"] == "fired":
            continue
        number = jobs.submit(connection, job_request(row, at), who, settings, cron_id=row["cron_id"])
        values = {"fired_at": clock.now(), "outcome": "fired", "reason": f"replayed by {who}", "job_id": number}
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
    labels = {"cron": row["name"]}
    if at is not None:
        labels["scheduled_for"] = str(at)
        if row["jitter"]:
            digest = hashlib.sha256(f"{row['name']}\0{at}".encode()).digest()
            later = at + int.from_bytes(digest[:4]) % (row["jitter"] + 1)
    return JobRequest(
        command=row["args"], name=row["name"], queue=row["queue"], options=row["batch_opts"],
        working_dir=row["working_dir"], output=row["output_location"], time_limit=row["limit_s"],
        notify=row["on_success"], user=row["user"], not_before=later, labels=labels,
    )  # fmt: skip


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
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(min(LATEST, *(float(at) for _, at in found))))
    return f"crontab entries do not fire before {until}, for a clock was ahead: {names}{more}"
