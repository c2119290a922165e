"""Be a master of `batch` within the test's process: a store, the local scheduler, and turns when the test says so."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobmon import clock, config
from jobmon.batch import crontab, jobs, run_rows
from jobmon.batch.master import ROLE, Master, shared_path
from jobmon.batch.requests import CronRequest, JobRequest
from jobmon.config import Settings
from jobmon.engine.election import Election
from jobmon.engine.scheduler import scheduler_of
from jobmon.engine.submission.folder import Folders
from jobmon.store import Store


class BatchHouse:
    """Hold one master; `new_master` puts another one in its place, as after a crash."""

    def __init__(self, store: Store, folder: Path, **batch: Any) -> None:
        self.store = store
        self.folder = folder
        (folder / "workflows").mkdir(exist_ok=True)
        self.settings: Settings = config.parse(
            {
                "live": {"data_path": str(folder / "data")},
                "batch": {"scheduler": "local", "local_slots": 8, "workflows": str(folder / "workflows"), **batch},
                "mail": {"bundle": 0},
            },
            "test",
        )
        self.scheduler = scheduler_of(self.settings)
        self.masters: list[Master] = []
        self.election: Election | None = None
        self.new_master()

    def new_master(self) -> Master:
        """Let another one take over, whatever the one before is doing."""
        if self.election is not None:
            self.election.lease.give_up()
        self.election = Election(self.store, ROLE, 60.0)
        self.election.turn()
        self.master = Master(self.settings, self.store, self.election, self.scheduler)
        self.masters.append(self.master)
        return self.master

    @property
    def folders(self) -> Folders:
        return Folders(shared_path(self.settings))

    def close(self) -> None:
        for master in self.masters:
            master.close()

    # --- asking ----------------------------------------------------------------------------------------------------

    def submit(self, *command: str, **more: Any) -> int:
        request = JobRequest(command=list(command), **{"working_dir": str(self.folder), **more})
        with self.store.writing() as connection:
            return jobs.submit(connection, request, "alice", self.settings.batch)

    def cron(self, name: str, schedule: str, *command: str, **more: Any) -> int:
        request = CronRequest(name=name, schedule=schedule, command=list(command), working_dir=str(self.folder), **more)
        with self.store.writing() as connection:
            return crontab.add(connection, request, self.settings.batch)

    def workflow(self, text: str, name: str = "w") -> None:
        (self.folder / "workflows" / f"{name}.toml").write_text(text)

    def start(self, name: str, /, **params: str) -> int | None:
        with self.store.writing() as connection:
            return self.master.runs.start(connection, name, params, "alice")

    # --- watching --------------------------------------------------------------------------------------------------

    def job(self, number: int) -> dict[str, Any]:
        with self.store.reading() as connection:
            return jobs.find(connection, number)

    def jobs(self, **which: Any) -> list[dict[str, Any]]:
        with self.store.reading() as connection:
            return jobs.listing(connection, limit=500, **which)[::-1]

    def run(self, number: int) -> dict[str, Any]:
        with self.store.reading() as connection:
            return run_rows.details(connection, number)

    def history(self, name: str) -> list[tuple[int, str, str]]:
        with self.store.reading() as connection:
            return [(fire["scheduled_for"], fire["outcome"], fire["reason"])
                    for fire in crontab.history(connection, name)[::-1]]  # fmt: skip

    def turn(self, now: float | None = None) -> None:
        self.master.turn(clock.now() if now is None else now)

    def until(self, what: Any, seconds: float = 30.0) -> Any:
        """Turn until something is true, and return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn()
            found = what()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds:g} s")

    def until_ended(self, number: int) -> dict[str, Any]:
        self.until(lambda: self.job(number)["finished_at"])
        return self.job(number)

    def until_run_ended(self, number: int) -> dict[str, Any]:
        self.until(lambda: self.run(number)["run"]["finished_at"])
        return self.run(number)


@contextmanager
def housed(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, **batch: Any) -> Iterator[BatchHouse]:
    """Make a house in which nothing takes longer than it must."""
    for module, name, value in (
        ("following", "LOOK_S", 0.2),
        ("following", "LOOK_SOON_S", 0.05),
        ("following", "GRACE_S", 0.5),
        ("submitter", "RELEASE_EVERY_S", 0.1),
        ("submitter", "CANCEL_EVERY_S", 0.1),
    ):
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setattr(f"jobmon.engine.submission.{module}.{name}", value)
    made = BatchHouse(store, folder, **batch)
    try:
        yield made
    finally:
        made.close()
