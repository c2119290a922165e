"""Fire crontab entries when they are due: each due time once, whoever is the master."""

import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from jobmon import clock
from jobmon.batch import jobs
from jobmon.batch.crontab import expression, job_request, latest_start
from jobmon.batch.origin import Machinery
from jobmon.batch.requests import account
from jobmon.batch.runs import Runs
from jobmon.batch.tables import CRONTAB, FIRE, JOB, RUN
from jobmon.config import BatchSettings
from jobmon.engine import cron
from jobmon.engine.submission import ACTIVE
from jobmon.engine.submission.attempts import HELD, WAITING
from jobmon.errors import JobmonError, SettingsError
from jobmon.printing import plain
from jobmon.store import MOST_NAMED, concerns_all

log = logging.getLogger("jobmon.batch")

MOST_BEHIND_S = 40 * 86_400
"""What was due longer ago than this is not even recorded as missed."""
MOST_FAULT = 500
MOST_LOOKED = cron.MOST_CAUGHT_UP + 3
"""So many due times of an entry are looked at, the newest; one of them tells that there were others."""
MOST_FIRES, MOST_JOBS = 10_000, 2000
"""So much is written down in one transaction; the other entries come with the next tick, a second later."""


@dataclass(slots=True)
class _Known:
    """Remember when an entry is due next, so that a tick costs little."""

    version: int
    next_at: float


@dataclass(slots=True)
class _Tick:
    """Gather what one tick writes at its end: what came of due times, jobs, and until when entries were looked at."""

    now: float
    fence: int | None
    at_start: bool
    taken: set[tuple[int, int]] = field(default_factory=set)
    active: dict[int, list[int | dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """Jobs of entries that have not ended: their numbers, or the rows of those that have none yet."""
    fires: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    """Jobs that are to be submitted, each with what came of its due time."""
    looked: list[int] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    fired: int = 0

    @property
    def full(self) -> bool:
        """Say whether the rest of the entries are to wait for the next tick."""
        return len(self.fires) >= MOST_FIRES or self.fired >= MOST_JOBS

    def record(self, number: int, at: int, outcome: str, reason: str = "", run: int | None = None) -> dict[str, Any]:
        """Note what came of a due time, and return the note."""
        values = {"cron_id": number, "scheduled_for": at, "fired_at": clock.now(), "fence": self.fence}
        self.fires.append({**values, "outcome": outcome, "reason": reason, "job_id": None, "run_id": run})
        return self.fires[-1]

    def of(self, number: int) -> "_Tick":
        """Return what one entry has brought."""
        return _Tick(
            self.now, self.fence, self.at_start,
            fires=[fire for fire in self.fires if fire["cron_id"] == number],
            jobs=[(job, fire) for job, fire in self.jobs if fire["cron_id"] == number],
            looked=[one for one in self.looked if one == number],
        )  # fmt: skip


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
        tick = _Tick(now, fence, at_start)
        for start in range(0, len(due), MOST_NAMED):
            if not tick.full or at_start:
                self._look_at(connection, due[start : start + MOST_NAMED], tick)
        self._write(connection, tick)
        return tick.fired

    def _write(self, connection: sa.Connection, tick: _Tick) -> None:
        """Write what came of the tick, all at once; where that fails, what each entry has brought by itself."""
        try:
            with connection.begin_nested():
                _write_down(connection, tick)
        except Exception as error:
            if concerns_all(error):
                raise
        else:
            return
        for number, name in tick.names.items():
            one = tick.of(number)
            try:
                with connection.begin_nested():
                    _write_down(connection, one)
            except Exception as error:
                if concerns_all(error):
                    raise
                tick.fired -= len(one.jobs)
                self._blame(number, name, error)

    def _blame(self, number: int, name: str, error: Exception) -> None:
        """Note what is wrong with an entry; it is tried again at the next tick."""
        if name not in self.faults:
            log.error("crontab entry %s cannot be fired", name, exc_info=error)
        self.faults[name] = plain(f"{type(error).__name__}: {error}", MOST_FAULT)
        self._known.pop(number, None)

    def _look_at(self, connection: sa.Connection, numbers: list[int], tick: _Tick) -> None:
        # what was looked at before is not looked at again, and the history of an entry is long
        since = (FIRE.c.scheduled_for > CRONTAB.c.fired_until, FIRE.c.scheduled_for > tick.now - MOST_BEHIND_S)
        both = FIRE.join(CRONTAB, FIRE.c.cron_id == CRONTAB.c.cron_id)
        known = sa.select(FIRE.c.cron_id, FIRE.c.scheduled_for).select_from(both)
        known = known.where(CRONTAB.c.cron_id.in_(numbers), *since)
        tick.taken.update(tuple(row) for row in connection.execute(known))
        active = (JOB.c.cron_id.in_(numbers), JOB.c.status.in_((WAITING, HELD, *ACTIVE)))
        found = sa.select(JOB.c.job_id, JOB.c.cron_id).where(*active).order_by(JOB.c.job_id)
        for job, number in connection.execute(found):
            tick.active[number].append(job)
        for row in connection.execute(sa.select(CRONTAB).where(CRONTAB.c.cron_id.in_(numbers))).mappings().all():
            if not tick.full or expression(dict(row)).lower() == cron.REBOOT:  # that is due now or never
                self._try_entry(connection, dict(row), tick)

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
        before = (len(tick.fires), len(tick.jobs), len(tick.looked), tick.fired)
        tick.names[row["cron_id"]] = row["name"]
        # What only asks for jobs has written nothing before the tick's end.
        writes = row["workflow"] or row["overlap"] == "replace"
        try:
            with connection.begin_nested() if writes else nullcontext():
                self._fire_entry(connection, row, tick)
        except Exception as error:
            if concerns_all(error):
                raise
            self._blame(row["cron_id"], row["name"], error)
            del tick.fires[before[0] :], tick.jobs[before[1] :], tick.looked[before[2] :]
            tick.fired = before[3]

    def _fire_entry(self, connection: sa.Connection, row: dict[str, Any], tick: _Tick) -> None:
        number, name, until = row["cron_id"], row["name"], int(tick.now)
        try:
            schedule = cron.parse(expression(row), row["timezone"], name)
            account(row["user"], self._settings)
            if not row["workflow"]:
                job_request(row)
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
        times, more = cron.newest(schedule, *_span(row, after, until), MOST_LOOKED)
        decision = cron.decide(times, until, row["misfire"], row["misfire_window"])
        late = "no master was there"
        for at in decision.missed:
            if (number, at) not in tick.taken:
                others = "; those before it are not listed" if more and at == times[0] else ""
                tick.record(number, at, "missed", f"{late}, and the policy is {row['misfire']!r}{others}")
        for at in decision.fire:
            if (number, at) in tick.taken:
                continue
            if _is_over(row, at, tick.now):
                why = late if tick.now - at > cron.ON_TIME_S else "the master came too late"
                tick.record(number, at, "missed", f"{why}: its job had to start within {row['start_within']} s")
                continue
            self._fire_one(connection, row, at, tick, late if tick.now - at > cron.ON_TIME_S else "")
        if times:
            tick.looked.append(number)
        upcoming = cron.next_times(schedule, until, 1)
        self._known[number] = _Known(row["version"], upcoming[0] if upcoming else tick.now + 86_400)

    def _fire_one(self, connection: sa.Connection, row: dict[str, Any], at: int, tick: _Tick, why: str) -> None:
        number = row["cron_id"]
        before = self._still_active(connection, row, tick) if row["overlap"] in {"skip", "replace"} else []
        if before and row["overlap"] == "skip":
            what = "run" if row["workflow"] else "job"
            which = f"{what} {before[0]}" if isinstance(before[0], int) else f"the {what} before"
            tick.record(number, at, "skipped", f"{which} had not ended")
            return
        for other in before:
            self._replace(connection, row, other)
        try:
            self._start(connection, row, at, tick, why)
            tick.fired += 1
        except JobmonError as error:
            tick.record(number, at, "skipped", str(error)[:500])

    def _start(self, connection: sa.Connection, row: dict[str, Any], at: int, tick: _Tick, why: str) -> None:
        number = row["cron_id"]
        if row["workflow"]:
            with connection.begin_nested():
                run = self._runs.start(connection, row["workflow"], row["params"], Machinery.CRON, cron=number)
            tick.record(number, at, "fired", why, run)
            return
        more = {"cron_id": number, "cancel_at": None, "latest_start": latest_start(row, at)}
        job = jobs.asked(job_request(row, at), Machinery.CRON, self._settings, **more)
        tick.jobs.append((job, tick.record(number, at, "fired", why)))
        tick.active[number].append(job)

    def _replace(self, connection: sa.Connection, row: dict[str, Any], other: int | dict[str, Any]) -> None:
        if isinstance(other, dict):
            other["cancel_at"] = clock.now()  # it is written down, and is never submitted
        elif row["workflow"]:
            self._runs.stop(connection, other, Machinery.CRON)
        else:
            jobs.cancel(connection, other, Machinery.CRON)

    def _still_active(
        self, connection: sa.Connection, row: dict[str, Any], tick: _Tick
    ) -> Sequence[int | dict[str, Any]]:  # fmt: skip
        if not row["workflow"]:
            return tick.active[row["cron_id"]]
        same = (RUN.c.cron_id == row["cron_id"], RUN.c.status.in_(("queued", "running")))
        return list(connection.execute(sa.select(RUN.c.run_id).where(*same).order_by(RUN.c.run_id)).scalars())


def _write_down(connection: sa.Connection, tick: _Tick) -> None:
    """Write the jobs and what came of due times."""
    if tick.jobs:
        numbers = jobs.submit_all(connection, [row for row, _ in tick.jobs])
        for (_, fire), number in zip(tick.jobs, numbers, strict=True):
            fire["job_id"] = number
    if tick.fires:
        connection.execute(FIRE.insert(), tick.fires)
    for start in range(0, len(tick.looked), MOST_NAMED):
        some = CRONTAB.c.cron_id.in_(tick.looked[start : start + MOST_NAMED])
        connection.execute(CRONTAB.update().where(some).values(fired_until=int(tick.now)))


def _is_over(row: dict[str, Any], at: int, now: float) -> bool:
    """Say whether the job of a due time would not be started any more."""
    latest = latest_start(row, at)
    return latest is not None and now > latest


def _span(row: dict[str, Any], after: int, until: int) -> tuple[int, int]:
    """Return the part of a span in which an entry may be due."""
    first, last = row["not_before"], row["not_after"]
    return (
        after if first is None else max(after, math.ceil(first) - 1),
        until if last is None else min(until, math.floor(last)),
    )
