"""Keep crontab entries, and fire what is due: each due time once, whoever is the master."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from jobmon import clock
from jobmon.batch import jobs
from jobmon.batch.jobs import NoSuchThing, NotPossible
from jobmon.batch.requests import CronRequest, JobRequest, account, shown
from jobmon.batch.runs import Runs
from jobmon.batch.tables import CRONTAB, FIRE, JOB, RUN
from jobmon.config import BatchSettings
from jobmon.engine import cron
from jobmon.engine.cron import Schedule
from jobmon.engine.submission import ACTIVE
from jobmon.engine.submission.attempts import HELD, WAITING
from jobmon.errors import JobmonError, SettingsError

FIELDS = ("minute", "hour", "day_of_month", "month", "day_of_week")
MOST_BEHIND_S = 40 * 86_400
"""What was due longer ago than this is not even recorded as missed."""
CALLER = "cron"


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
        schedule = cron.parse(expression(row), row["timezone"], row["name"])
        following = cron.next_times(schedule, int(now), coming) if row["enabled"] else []
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
    return jobs.submit(connection, _job_request(row), who, settings, cron_id=row["cron_id"])


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
        number = jobs.submit(connection, _job_request(row, at), who, settings, cron_id=row["cron_id"])
        values = {"fired_at": clock.now(), "outcome": "fired", "reason": f"replayed by {who}", "job_id": number}
        if known is None:
            connection.execute(FIRE.insert().values(cron_id=row["cron_id"], scheduled_for=at, **values))
        else:
            condition = (FIRE.c.cron_id == row["cron_id"], FIRE.c.scheduled_for == at)
            connection.execute(FIRE.update().where(*condition).values(**values))
        numbers.append(number)
    return numbers


# --- firing ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Known:
    """Remember an entry's schedule and its next due time, so that a tick costs little."""

    version: int
    schedule: Schedule
    next_at: float


class Ticker:
    """Fire what is due, for one tenure of a master."""

    def __init__(self, settings: BatchSettings, runs: Runs) -> None:
        self._settings = settings
        self._runs = runs
        self._known: dict[int, _Known] = {}
        self._started_up = False
        self.faults: dict[str, str] = {}
        """What is wrong with entries that cannot be fired, by name."""

    def tick(self, connection: sa.Connection, now: float, fence: int | None, fresh: bool) -> int:
        """Fire what is due, in the master's transaction; return how many jobs were asked for.

        `fresh` says that this process has just been started, which is when @reboot is due.
        """
        brief = sa.select(CRONTAB.c.cron_id, CRONTAB.c.version).where(CRONTAB.c.enabled)
        due: list[int] = []
        at_start = fresh and not self._started_up
        self._started_up = True
        alive = set()
        for number, version in connection.execute(brief).all():
            alive.add(number)
            known = self._known.get(number)
            if known is None or known.version != version or known.next_at <= now or at_start:
                due.append(number)
        self._known = {number: known for number, known in self._known.items() if number in alive}
        fired = 0
        for start in range(0, len(due), 500):
            query = sa.select(CRONTAB).where(CRONTAB.c.cron_id.in_(due[start : start + 500]))
            for row in connection.execute(query).mappings().all():
                fired += self._fire_entry(connection, dict(row), now, fence, at_start)
        return fired

    def _fire_entry(
        self, connection: sa.Connection, row: dict[str, Any], now: float, fence: int | None, at_start: bool
    ) -> int:
        number, name = row["cron_id"], row["name"]
        try:
            schedule = cron.parse(expression(row), row["timezone"], name)
            account(row["user"], self._settings)
            self.faults.pop(name, None)
        except SettingsError as error:
            self.faults[name] = str(error)
            self._known[number] = _Known(row["version"], Schedule("", cron.parse("@daily").zone), now + 60)
            return 0
        until = int(now)
        if schedule.at_start:
            self._known[number] = _Known(row["version"], schedule, float("inf"))
            return self._fire_one(connection, row, until, fence, "") if at_start else 0
        after = max(int(row["fired_until"]), int(row["effective_from"]), until - MOST_BEHIND_S)
        times = [at for at in cron.due(schedule, after, until) if _within(row, at)]
        decision = cron.decide(times, until, row["misfire"], row["misfire_window"])
        fired = 0
        late = "no master was there" if times else ""
        for at in decision.missed:
            self._record(connection, row, at, fence, "missed", f"{late}, and the policy is {row['misfire']!r}")
        for at in decision.fire:
            fired += self._fire_one(connection, row, at, fence, late if now - at > cron.ON_TIME_S else "")
        if times:
            connection.execute(CRONTAB.update().where(CRONTAB.c.cron_id == number).values(fired_until=until))
        upcoming = cron.next_times(schedule, until, 1)
        self._known[number] = _Known(row["version"], schedule, upcoming[0] if upcoming else now + 86_400)
        return fired

    def _fire_one(self, connection: sa.Connection, row: dict[str, Any], at: int, fence: int | None, why: str) -> int:
        before = self._still_active(connection, row)
        if before and row["overlap"] == "skip":
            what = "run" if row["workflow"] else "job"
            self._record(connection, row, at, fence, "skipped", f"{what} {before[0]} had not ended")
            return 0
        if not self._record(connection, row, at, fence, "fired", why):
            return 0
        if row["overlap"] == "replace":
            for number in before:
                self._replace(connection, row, number)
        try:
            with connection.begin_nested():
                self._note(connection, row["cron_id"], at, **self._start(connection, row, at))
        except JobmonError as error:
            self._note(connection, row["cron_id"], at, outcome="skipped", reason=str(error)[:500])
            return 0
        return 1

    def _start(self, connection: sa.Connection, row: dict[str, Any], at: int) -> dict[str, Any]:
        if row["workflow"]:
            run = self._runs.start(connection, row["workflow"], row["params"], CALLER, cron=row["cron_id"])
            return {"run_id": run}
        job = jobs.submit(connection, _job_request(row, at), CALLER, self._settings, cron_id=row["cron_id"])
        return {"job_id": job}

    def _replace(self, connection: sa.Connection, row: dict[str, Any], number: int) -> None:
        if row["workflow"]:
            self._runs.stop(connection, number, CALLER)
        else:
            jobs.cancel(connection, number, CALLER)

    def _record(
        self, connection: sa.Connection, row: dict[str, Any], at: int, fence: int | None, outcome: str, reason: str
    ) -> bool:
        """Write down a due time; say whether nobody had done so before."""
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        values = {"cron_id": row["cron_id"], "scheduled_for": at, "fired_at": clock.now(), "fence": fence,
                  "outcome": outcome, "reason": reason}  # fmt: skip
        statement = insert(FIRE).values(**values).on_conflict_do_nothing().returning(FIRE.c.cron_id)
        return connection.execute(statement).first() is not None

    def _note(self, connection: sa.Connection, number: int, at: int, **values: Any) -> None:
        condition = (FIRE.c.cron_id == number, FIRE.c.scheduled_for == at)
        connection.execute(FIRE.update().where(*condition).values(**values))

    def _still_active(self, connection: sa.Connection, row: dict[str, Any]) -> list[int]:
        if row["workflow"]:
            same = (RUN.c.cron_id == row["cron_id"], RUN.c.status.in_(("queued", "running")))
            return list(connection.execute(sa.select(RUN.c.run_id).where(*same).order_by(RUN.c.run_id)).scalars())
        active = (JOB.c.cron_id == row["cron_id"], JOB.c.status.in_((WAITING, HELD, *ACTIVE)))
        return list(connection.execute(sa.select(JOB.c.job_id).where(*active).order_by(JOB.c.job_id)).scalars())


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
        "not_before": request.not_before,
        "not_after": request.not_after,
        "queue": request.queue,
        "batch_opts": request.options,
        "limit_s": request.time_limit,
        "on_success": request.notify,
        "working_dir": request.working_dir,
        "output_location": request.output,
    }


def _job_request(row: Mapping[str, Any], at: int | None = None) -> JobRequest:
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


def _within(row: Mapping[str, Any], at: int) -> bool:
    return (row["not_before"] is None or at >= row["not_before"]) and (
        row["not_after"] is None or at <= row["not_after"]
    )
