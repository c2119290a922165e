"""Measure how fast jobs go through the whole protocol, crontab rows are ticked, and a full store answers.

`./jobmon.sh bench batch`; each number stands beside what it must not miss.
"""

import logging
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

import postgres  # noqa: E402 - beside this folder
import slurm_cluster  # noqa: E402
from batch_house import BatchHouse  # noqa: E402
from jobmon import clock  # noqa: E402
from jobmon.batch import crontab, jobs, overview, ticking  # noqa: E402
from jobmon.batch.requests import CronRequest, JobRequest  # noqa: E402
from jobmon.batch.tables import JOB  # noqa: E402
from jobmon.config import BatchSettings  # noqa: E402
from jobmon.schedulers.slurm.acting import SlurmScheduler  # noqa: E402
from jobmon.store import open_store  # noqa: E402

JOBS = 1000
ROWS = 1000
KEPT = 100_000

Row = tuple[str, str, str, str]


def timed(what: Callable[[], Any]) -> float:
    began = time.monotonic()
    what()
    return time.monotonic() - began


def submit_all(house: BatchHouse) -> None:
    request = JobRequest(command=["true"], working_dir="/")
    with house.store.writing() as connection:
        for _ in range(JOBS):
            jobs.submit(connection, request, "bench", BatchSettings())


def rate(house: BatchHouse) -> tuple[float, float]:
    """Return the seconds until all jobs were released, and until all had ended and were recorded."""
    submit_all(house)
    house.election.start()  # the lease is renewed beside the work, as in a daemon
    began = time.monotonic()
    released = 0.0
    while True:
        house.turn()
        with house.store.reading() as connection:
            found = jobs.counts(connection)
        if not released and not found.get("waiting") and not found.get("submitting"):
            released = time.monotonic() - began
        if released and (house.scheduler.name == "slurm" or found.get("succeeded", 0) == JOBS):
            return released, time.monotonic() - began  # how fast Slurm then starts them is its own matter
        if time.monotonic() - began > 300:
            raise AssertionError(found)


def cron(house: BatchHouse) -> float:
    """Return the seconds of a tick that fires a thousand entries."""
    with house.store.writing() as connection:
        for number in range(ROWS):
            request = CronRequest(name=f"c{number}", schedule="* * * * *", command=["true"], overlap="skip")
            crontab.add(connection, request, BatchSettings())
    now = clock.now()
    with house.store.writing() as connection:
        connection.execute(crontab.CRONTAB.update().values(effective_from=now - 61, fired_until=now - 61))
    ticker = ticking.Ticker(BatchSettings(), house.master.runs)

    def tick() -> None:
        with house.election.lease.writing() as connection:
            assert ticker.tick(connection, now, 1, False) == ROWS

    return timed(tick)


def full(house: BatchHouse) -> tuple[float, float]:
    """Return the seconds of the overview and of the newest page of jobs, with many finished ones."""
    with house.store.writing() as connection:
        house_row = jobs.find(connection, house.submit_in(connection))
        columns = {name: value for name, value in house_row.items() if name != "job_id"}
        for start in range(0, KEPT, 5000):
            rows = [
                {**columns, "submit_key": f"k{start + number}", "status": "succeeded", "finished_at": clock.now()}
                for number in range(5000)
            ]
            connection.execute(JOB.insert(), rows)

    def look() -> None:
        with house.store.reading() as connection:
            jobs.counts(connection)
            overview.attention(connection)

    def listing() -> None:
        with house.store.reading() as connection:
            jobs.listing(connection, limit=100)

    return timed(look), timed(listing)


class Bench(BatchHouse):
    def close(self) -> None:
        self.election.stop()
        super().close()

    def submit_in(self, connection: Any) -> int:
        return jobs.submit(connection, JobRequest(command=["true"]), "bench", self.settings.batch)


def rows() -> list[Row]:
    """Measure all."""
    logging.disable(logging.WARNING)
    found: list[Row] = []
    for store_name in ("sqlite", "postgresql"):
        for scheduler in ("local", "slurm"):
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jobmon-bench-")))
                url = "" if store_name == "sqlite" else stack.enter_context(postgres.running())
                store = open_store(url, folder)
                stack.callback(store.close)
                house = Bench(store, folder)
                stack.callback(house.close)
                if scheduler == "slurm":
                    conf = str(stack.enter_context(slurm_cluster.running()).conf)
                    settings = house.settings.scheduler.model_copy(update={"conf": conf})
                    house.scheduler = SlurmScheduler(settings)
                    house.new_master()
                print(f"measuring {JOBS} jobs, {store_name}, {scheduler} …", file=sys.stderr)
                released, ended = rate(house)
                limit = "≤ 25 s" if scheduler == "slurm" else "≤ 20 s"
                found.append((f"{JOBS} jobs submitted, {store_name}, {scheduler}", limit, f"{released:.1f} s",
                              f"{JOBS / released:.0f} jobs/s"))  # fmt: skip
                if scheduler == "local":
                    found.append(("  until the last one's end was recorded", "", f"{ended:.1f} s",
                                  f"{JOBS / ended:.0f} jobs/s"))  # fmt: skip
                    found.append((f"{ROWS} crontab rows fired, {store_name}", "≤ 1 s", f"{cron(house):.2f} s", ""))
                    look, listed = full(house)
                    found.append((f"overview with {KEPT:,} finished jobs, {store_name}", "≤ 1 s", f"{look:.2f} s", ""))
                    found.append(("  the newest hundred", "≤ 1 s", f"{listed:.3f} s", ""))
    return found


def main() -> int:
    """Print the table."""
    table = [("what", "budget", "measured", ""), *rows()]
    widths = [max(len(row[column]) for row in table) for column in range(4)]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
