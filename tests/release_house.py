"""Be a master that builds releases: ask for builds, wait for them, and look at what came of them."""

import sqlalchemy as sa

from batch_house import BatchHouse
from jobmon.batch import audit, release_erase, release_rows, release_trigger, run_rows
from jobmon.batch.release_trigger import Trigger
from jobmon.engine.outbox_tables import OUTBOX
from release_site import ReleaseSite

PATIENCE_S = 55.0


class Releases:
    """Hold a master, and the place where software is built."""

    def __init__(self, house: BatchHouse, site: ReleaseSite) -> None:
        self.house = house
        self.site = site

    def ended(self, number: int) -> dict:
        """Wait for the end of a run."""
        assert self.house.election is not None
        self.house.election.turn()  # a test may take longer than the lease
        self.house.until(lambda: self.house.run(number)["run"]["finished_at"], PATIENCE_S)
        return self.house.run(number)

    def watch(self) -> list[dict]:
        """Look for what is new, wait for its builds, and return them, the oldest first."""
        known = {row["run_id"] for row in self.runs()}
        found = self.ended(self.house.start("watch"))
        assert found["run"]["status"] == "succeeded", found
        new = [row["run_id"] for row in self.runs() if row["run_id"] not in known]
        for number in new:
            self.ended(number)
        return [self.of_run(number) for number in sorted(new)]

    def runs(self) -> list[dict]:
        with self.house.store.reading() as connection:
            return run_rows.listing(connection, workflow="release", limit=500)

    def of_run(self, number: int) -> dict:
        return next(cell for version in self.overview() for cell in version["cells"].values()
                    if cell["run_id"] == number)  # fmt: skip

    def overview(self) -> list[dict]:
        with self.house.store.reading() as connection:
            return release_rows.overview(connection)["versions"]

    def details(self, build: int) -> dict:
        with self.house.store.reading() as connection:
            return release_rows.details(connection, build)

    def trigger(self, version: str, *variants: str, **more: str) -> dict:
        asked = Trigger(package="core", version=version, variants=list(variants), **more)
        with self.house.store.writing() as connection:
            return release_trigger.trigger(connection, self.house.master.runs, asked, "olga", str(self.site.programs))

    def built(self, version: str, *variants: str, **more: str) -> list[dict]:
        """Trigger, wait, and return the builds."""
        started = self.trigger(version, *variants, **more)["builds"]
        for one in started:
            self.ended(one["run_id"])
        return [self.details(one["build_id"]) for one in started]

    def messages(self) -> list[tuple[str, str, str, str]]:
        query = sa.select(OUTBOX.c.address, OUTBOX.c.bundle, OUTBOX.c.subject, OUTBOX.c.text).order_by(OUTBOX.c.id)
        with self.house.store.reading() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def preview(self, builds: list[int], parts: list[str], who: str = "olga") -> dict:
        with self.house.store.reading() as connection:
            answer, places = release_erase.preview(connection, builds, parts, who)
        return release_erase.measured(answer, places)

    def erase(self, token: str, who: str = "olga") -> dict:
        with self.house.store.writing() as connection:
            done = release_erase.confirmed(connection, token, who, self.house.settings.batch)
        if done["job_id"] is not None:
            self.house.election.turn()
            self.house.until(lambda: self.house.job(done["job_id"])["finished_at"], PATIENCE_S)
        with self.house.store.reading() as connection:
            return next(row for row in audit.listing(connection) if row["todo_id"] == done["todo_id"])
