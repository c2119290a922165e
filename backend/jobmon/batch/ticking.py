"""Fire crontab entries when they are due: each due time once, whoever is the master."""

import logging
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from jobmon import clock
from jobmon.batch import jobs
from jobmon.batch.crontab import expression, job_request
from jobmon.batch.requests import account
from jobmon.batch.runs import Runs
from jobmon.batch.tables import CRONTAB, FIRE, JOB, RUN
from jobmon.config import BatchSettings
from jobmon.engine import cron
from jobmon.engine.submission import ACTIVE
from jobmon.engine.submission.attempts import HELD, WAITING
from jobmon.errors import JobmonError, SettingsError

log = logging.getLogger("jobmon.batch")

MOST_BEHIND_S = 40 * 86_400
"""What was due longer ago than this is not even recorded as missed."""
CALLER = "cron"


@dataclass(slots=True)
class _Known:
    """Remember when an entry is due next, so that a tick costs little."""

    version: int
    next_at: float


@dataclass(slots=True)
class _Tick:
    """Gather what one tick writes at its end: what came of due times, and until when entries were looked at."""

    now: float
    fence: int | None
    at_start: bool
    store_id: str
    taken: set[tuple[int, int]]
    fires: list[dict[str, Any]] = field(default_factory=list)
    looked: list[dict[str, Any]] = field(default_factory=list)
    fired: int = 0

    def record(self, number: int, at: int, outcome: str, reason: str = "", **more: int | None) -> None:
        """Note what came of a due time."""
        values = {"cron_id": number, "scheduled_for": at, "fired_at": clock.now(), "fence": self.fence}
        self.fires.append({**values, "outcome": outcome, "reason": reason, "job_id": None, "run_id": None, **more})


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
        """Fire what is due, in the master's transaction; return how many jobs and runs were asked for.

        `fresh` says that this process has just been started, which is when @reboot is due.
        """
        at_start = fresh and not self._started_up
        self._started_up = True
        due = self._due(connection, now, at_start)
        if not due:
            return 0
        tick = _Tick(now, fence, at_start, jobs.identity(connection), set())
        for start in range(0, len(due), 500):
            some = due[start : start + 500]
            known = sa.select(FIRE.c.cron_id, FIRE.c.scheduled_for).where(FIRE.c.cron_id.in_(some))
            tick.taken.update(
                tuple(row) for row in connection.execute(known.where(FIRE.c.scheduled_for > now - MOST_BEHIND_S))
            )
            for row in connection.execute(sa.select(CRONTAB).where(CRONTAB.c.cron_id.in_(some))).mappings().all():
                self._try_entry(connection, dict(row), tick)
        if tick.fires:
            connection.execute(FIRE.insert(), tick.fires)
        if tick.looked:
            entry = CRONTAB.update().where(CRONTAB.c.cron_id == sa.bindparam("number"))
            connection.execute(entry.values(fired_until=sa.bindparam("until")), tick.looked)
        return tick.fired

    def _due(self, connection: sa.Connection, now: float, at_start: bool) -> list[int]:
        """Return the entries to look at: those that are due, were changed, or were never looked at."""
        brief = sa.select(CRONTAB.c.cron_id, CRONTAB.c.version).where(CRONTAB.c.enabled)
        found = {row.cron_id: row.version for row in connection.execute(brief)}
        self._known = {number: known for number, known in self._known.items() if number in found}
        due = []
        for number, version in found.items():
            known = self._known.get(number)
            if known is None or known.version != version or known.next_at <= now or at_start:
                due.append(number)
        return due

    def _try_entry(self, connection: sa.Connection, row: dict[str, Any], tick: _Tick) -> None:
        """Fire an entry; one that cannot be fired keeps no other from it, and is tried again at the next tick."""
        before = (len(tick.fires), len(tick.looked), tick.fired)
        try:
            with connection.begin_nested():
                self._fire_entry(connection, row, tick)
        except sa.exc.SQLAlchemyError:
            raise
        except Exception as error:
            if row["name"] not in self.faults:
                log.exception("crontab entry %s cannot be fired", row["name"])
            self.faults[row["name"]] = f"{type(error).__name__}: {error}"
            del tick.fires[before[0] :], tick.looked[before[1] :]
            tick.fired = before[2]

    def _fire_entry(self, connection: sa.Connection, row: dict[str, Any], tick: _Tick) -> None:
        number, name, until = row["cron_id"], row["name"], int(tick.now)
        try:
            schedule = cron.parse(expression(row), row["timezone"], name)
            account(row["user"], self._settings)
            self.faults.pop(name, None)
        except SettingsError as error:
            self.faults[name] = str(error)
            self._known[number] = _Known(row["version"], tick.now + 60)
            return
        if schedule.at_start:
            if tick.at_start:
                self._fire_one(connection, row, until, tick, "")
            self._known[number] = _Known(row["version"], float("inf"))
            return
        after = max(int(row["fired_until"]), int(row["effective_from"]), until - MOST_BEHIND_S)
        times = [at for at in cron.due(schedule, after, until) if _within(row, at)]
        decision = cron.decide(times, until, row["misfire"], row["misfire_window"])
        late = "no master was there"
        for at in decision.missed:
            if (number, at) not in tick.taken:
                tick.record(number, at, "missed", f"{late}, and the policy is {row['misfire']!r}")
        for at in decision.fire:
            if (number, at) not in tick.taken:
                self._fire_one(connection, row, at, tick, late if tick.now - at > cron.ON_TIME_S else "")
        if times:
            tick.looked.append({"number": number, "until": until})
        upcoming = cron.next_times(schedule, until, 1)
        self._known[number] = _Known(row["version"], upcoming[0] if upcoming else tick.now + 86_400)

    def _fire_one(self, connection: sa.Connection, row: dict[str, Any], at: int, tick: _Tick, why: str) -> None:
        number = row["cron_id"]
        before = self._still_active(connection, row) if row["overlap"] in {"skip", "replace"} else []
        if before and row["overlap"] == "skip":
            what = "run" if row["workflow"] else "job"
            tick.record(number, at, "skipped", f"{what} {before[0]} had not ended")
            return
        for other in before:
            self._replace(connection, row, other)
        try:
            tick.record(number, at, "fired", why, **self._start(connection, row, at, tick))
            tick.fired += 1
        except JobmonError as error:
            tick.record(number, at, "skipped", str(error)[:500])

    def _start(self, connection: sa.Connection, row: dict[str, Any], at: int, tick: _Tick) -> dict[str, int | None]:
        number = row["cron_id"]
        if row["workflow"]:
            with connection.begin_nested():
                return {"run_id": self._runs.start(connection, row["workflow"], row["params"], CALLER, cron=number)}
        request = job_request(row, at)
        return {"job_id": jobs.submit(connection, request, CALLER, self._settings, tick.store_id, cron_id=number)}

    def _replace(self, connection: sa.Connection, row: dict[str, Any], number: int) -> None:
        if row["workflow"]:
            self._runs.stop(connection, number, CALLER)
        else:
            jobs.cancel(connection, number, CALLER)

    def _still_active(self, connection: sa.Connection, row: dict[str, Any]) -> list[int]:
        if row["workflow"]:
            same = (RUN.c.cron_id == row["cron_id"], RUN.c.status.in_(("queued", "running")))
            return list(connection.execute(sa.select(RUN.c.run_id).where(*same).order_by(RUN.c.run_id)).scalars())
        active = (JOB.c.cron_id == row["cron_id"], JOB.c.status.in_((WAITING, HELD, *ACTIVE)))
        return list(connection.execute(sa.select(JOB.c.job_id).where(*active).order_by(JOB.c.job_id)).scalars())


def _within(row: dict[str, Any], at: int) -> bool:
    return (row["not_before"] is None or at >= row["not_before"]) and (
        row["not_after"] is None or at <= row["not_after"]
    )
