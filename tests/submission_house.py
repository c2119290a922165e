"""Be a store, a scheduler that can be made to misbehave, and the masters that come and go: for tests of submission."""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from jobmon.engine.lease import Lease
from jobmon.engine.submission import Attempt, Submitter, Work, columns
from jobmon.engine.submission.folder import Folders
from jobmon.engine.submission.ledger import Ledger
from jobmon.schedulers.acting import JobSpec, Scheduler, Seen, Silent
from jobmon.schedulers.local import LocalScheduler
from jobmon.store import Store
from stores import Open

TABLE = sa.Table("test_job", sa.MetaData(), sa.Column("job_id", sa.Integer, primary_key=True),
                 sa.Column("args", sa.JSON), *columns())  # fmt: skip


class Crash(BaseException):
    """Be the end of a master: nothing of it goes on."""


@dataclass
class Shaky:
    """Be a scheduler in front of the real one; what a test puts in place of a verb happens instead."""

    real: Scheduler
    submits: list[Callable[[JobSpec], object]] = field(default_factory=list)
    crash_at: str = ""
    silent: bool = False
    hidden: set[str] = field(default_factory=set)
    remembered: tuple[Seen, ...] = ()
    withdrawn: list[str] = field(default_factory=list)
    name: str = "local"

    def submit_held(self, spec: JobSpec) -> object:
        self._maybe("before submit")
        answer = self.submits.pop(0)(spec) if self.submits else self.real.submit_held(spec)
        self._maybe("after submit")
        return answer

    def seen(self) -> tuple[Seen, ...] | Silent:
        if self.silent:
            return Silent("no answer")
        answer = self.real.seen()
        assert isinstance(answer, tuple)
        return tuple(seen for seen in answer if seen.id not in self.hidden)

    def past(self, keys: Collection[str]) -> tuple[Seen, ...] | Silent:
        return tuple(seen for seen in self.remembered if seen.key in keys)

    def release(self, ids: Collection[str]) -> tuple[str, ...]:
        self._maybe("before release")
        released = self.real.release(ids)
        self._maybe("after release")
        return released

    def cancel(self, ids: Collection[str], only_held: bool = False) -> None:
        self.real.cancel(ids, only_held)

    def withdraw(self, ids: Collection[str]) -> None:
        self.withdrawn += ids
        self.real.withdraw(ids)

    def warnings(self) -> list[str]:
        return []

    def _maybe(self, point: str) -> None:
        if self.crash_at == point:
            self.crash_at = ""
            raise Crash(point)


@dataclass
class House:
    """Hold a store, a scheduler, and the masters that come and go."""

    opened: Open
    folder: Path
    store: Store
    real: LocalScheduler
    scheduler: Shaky
    told: list[Attempt] = field(default_factory=list)

    def add(self, *args: str, key: str = "x-b1-1", **values: object) -> str:
        with self.store.writing() as connection:
            row = {"args": list(args), "status": "waiting", "scheduler": "", "submit_key": key, **values}
            connection.execute(TABLE.insert().values(**row))
        return key

    def master(self, name: str = "a", ttl_s: float = 30.0, **lease: object) -> tuple[Lease, Submitter]:
        """Take the lease, which must be free, and return what acts."""
        store = self.opened()
        holder = Lease(store, "batch", name, ttl_s=ttl_s)
        assert holder.hold()
        ledger = Ledger(store, holder, TABLE, lambda _connection, attempts: self.told.extend(attempts))
        describe = lambda row: Work(  # noqa: E731
            tuple(row["args"]), str(self.folder), latest_start=row["latest_start"] or 0
        )
        acts = Submitter(ledger, holder, self.scheduler, Folders(self.folder / "attempts"), "x-", describe,
                         lambda _connection, rows: rows)  # fmt: skip
        return holder, acts

    def expire(self) -> None:
        with self.store.writing() as connection:
            connection.execute(sa.text("UPDATE engine_lease SET expires_at = 0"))

    def row(self, key: str = "x-b1-1") -> dict:
        with self.store.reading() as connection:
            return dict(connection.execute(sa.select(TABLE).where(TABLE.c.submit_key == key)).mappings().one())

    def until(self, acts: Submitter, status: str, key: str = "x-b1-1", seconds: float = 60) -> dict:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            acts.cycle()
            if self.row(key)["status"] == status:
                return self.row(key)
            time.sleep(0.05)
        raise AssertionError(f"not {status} within {seconds} s: {self.row(key)}")

    def witness(self) -> list[str]:
        path = self.folder / "witness"
        return path.read_text().split() if path.exists() else []


RUN = ("sh", "-c", "echo ran >> witness; echo hi; exit 7")


@pytest.fixture
def house(opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    store = opened()
    TABLE.metadata.create_all(store.engine)
    # What takes seconds on a cluster would make these tests slow.
    monkeypatch.setattr("jobmon.engine.submission.following.LOOK_S", 0.2)
    monkeypatch.setattr("jobmon.engine.submission.following.LOOK_SOON_S", 0.05)
    monkeypatch.setattr("jobmon.engine.submission.following.GRACE_S", 0.5)
    monkeypatch.setattr("jobmon.engine.submission.submitter.RELEASE_EVERY_S", 0.1)
    monkeypatch.setattr("jobmon.engine.submission.submitter.CANCEL_EVERY_S", 0.1)
    monkeypatch.setattr("jobmon.engine.submission.verdict.FIRST_WAIT_S", 0.1)
    real = LocalScheduler(tmp_path / "local", slots=4)
    yield House(opened, tmp_path, store, real, Shaky(real))
    TABLE.metadata.drop_all(store.engine)
