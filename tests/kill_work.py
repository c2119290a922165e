"""Give masters work whose every command leaves a line and whose every end is told, and count both."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from jobmon.batch import crontab, jobs
from jobmon.batch.requests import CronRequest, JobRequest
from jobmon.batch.tables import CRONTAB, FIRE, JOB
from jobmon.config import BatchSettings
from jobmon.engine.outbox_tables import OUTBOX
from jobmon.engine.submission import ENDED
from jobmon.schedulers.acting import Scheduler
from jobmon.store import Store
from outbox_master import Hooks


@dataclass
class Count:
    """Hold what came out; all lists are empty when every promise was kept."""

    ticks: int
    missing: list[int]
    not_fired: list[int]
    never: list[int]
    twice: list[int]
    not_succeeded: list[tuple[int, str, str]]
    not_told: list[int]
    told_apart: list[int]
    told_again: int
    """Messages that came more than once, each time as the same one: that is allowed."""
    left: list[str]
    takeovers_s: list[float]
    planned_s: list[float]

    @property
    def faults(self) -> dict[str, Any]:
        names = ("missing", "not_fired", "never", "twice", "not_succeeded", "not_told", "told_apart", "left")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


@dataclass
class Work:
    """Hold the witness file, to which each command appends its job's number, and the receiver of messages."""

    root: Path
    store: Store
    scheduler: Scheduler
    hooks: Hooks

    def __post_init__(self) -> None:
        self.witness = self.root / "witness"
        self.witness.touch()

    def add_entry(self) -> None:
        """Add what is due each second and writes one line."""
        request = CronRequest(
            name="tick", schedule="@hourly", command=["sh", "-c", f"echo $JOBMON_JOB >> {self.witness}"],
            misfire="all", working_dir=str(self.root), notify=self._tells,
        )  # fmt: skip
        with self.store.writing() as connection:
            crontab.add(connection, request, BatchSettings())

    def add_job(self, *command: str) -> None:
        """Add one job more, which writes its number to the witness itself."""
        request = JobRequest(command=list(command), working_dir=str(self.root), notify=self._tells)
        with self.store.writing() as connection:
            jobs.submit(connection, request, "matrix", BatchSettings())

    @property
    def _tells(self) -> list[str]:
        return [f"webhook:{self.hooks.url}/told?on=finish"]

    def end(self) -> None:
        """Let nothing be due any more."""
        with self.store.writing() as connection:
            connection.execute(CRONTAB.update().values(enabled=False))

    def unfinished(self) -> int:
        """Return how many jobs have not ended."""
        with self.store.reading() as connection:
            found = jobs.counts(connection)
        return sum(number for status, number in found.items() if status not in ENDED)

    def left(self) -> list[str]:
        """Return what the scheduler still has of this store; other tests may have left jobs of their own there."""
        with self.store.reading() as connection:
            prefix = f"{jobs.identity(connection)}-"
        listed = self.scheduler.seen()
        assert isinstance(listed, tuple), listed
        return [seen.id for seen in listed if seen.phase != "ended" and seen.key.startswith(prefix)]

    def untold(self) -> int:
        """Return how many messages are still to be sent."""
        with self.store.reading() as connection:
            return connection.execute(
                sa.select(sa.func.count()).where(OUTBOX.c.state.in_(("waiting", "sending")))
            ).scalar_one()

    def count(self, takeovers_s: list[float], planned_s: list[float]) -> Count:
        """Compare ticks, rows, lines and messages."""
        with self.store.reading() as connection:
            fires = {row.scheduled_for: row for row in connection.execute(sa.select(FIRE))}
            rows = connection.execute(sa.select(JOB.c.job_id, JOB.c.status, JOB.c.reason)).all()
        lines = Counter(int(line) for line in self.witness.read_text().split())
        times = range(min(fires), max(fires) + 1)
        messages = [
            (entry["facts"]["job"], entry["id"]) for document in self.hooks.got for entry in document["messages"]
        ]
        told = Counter(job for job, _ in set(messages))
        return Count(
            ticks=len(times),
            missing=[at for at in times if at not in fires],
            not_fired=[at for at, row in fires.items() if row.outcome != "fired"],
            never=[row.job_id for row in rows if not lines[row.job_id]],
            twice=[number for number, count in lines.items() if count > 1],
            not_succeeded=[tuple(row) for row in rows if row.status != "succeeded"],
            not_told=[row.job_id for row in rows if not told[row.job_id]],
            told_apart=[job for job, count in told.items() if count > 1],
            told_again=len(messages) - len(set(messages)),
            left=self.left(),
            takeovers_s=takeovers_s,
            planned_s=planned_s,
        )
