"""Answer and act on crontab entries over HTTP, below /api/batch/cron."""

from typing import Annotated, Any, Literal

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict

from jobmon import clock
from jobmon.api.routes import Level, Routes, asker
from jobmon.batch import asking, audit, crontab
from jobmon.batch.context import BatchContext
from jobmon.batch.requests import CronRequest

EntryName = Annotated[str, Path(min_length=1, max_length=100)]


class Span(BaseModel):
    """Be a span of time in epoch seconds."""

    model_config = ConfigDict(extra="forbid", strict=True)
    since: int
    until: int


def add_routes(routes: Routes, house: BatchContext) -> None:
    """Add the addresses."""
    batch = house.settings.batch

    @routes.get("/cron", Level.READER, summary="Crontab entries, their next five times and their last fire")
    def listing(request: Request) -> dict[str, Any]:
        with asking.answering(), house.store().reading() as connection:
            entries = crontab.listing(connection, clock.now())
        if asker(request).own:
            entries = [{**entry, "command": "", "args": [], "on_success": []} for entry in entries]
        return {"entries": entries}

    @routes.get("/cron/{name}/history", Level.READER, summary="What came of an entry's due times")
    def history(name: EntryName) -> dict[str, Any]:
        with asking.answering(), house.store().reading() as connection:
            return {"fires": crontab.history(connection, name)}

    @routes.post("/cron", Level.STAFF, summary="Add a crontab entry", status_code=201)
    def add(request: Request, body: CronRequest) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), house.store().writing() as connection:
            number = crontab.add(connection, body, batch)
            audit.add(connection, who, "add", f"cron {body.name}", body.schedule)
        return {"cron_id": number}

    @routes.put("/cron/{name}", Level.STAFF, summary="Replace a crontab entry")
    def edit(request: Request, name: EntryName, body: CronRequest) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), house.store().writing() as connection:
            crontab.edit(connection, name, body, batch)
            audit.add(connection, who, "edit", f"cron {name}", body.schedule)
        return {}

    @routes.delete("/cron/{name}", Level.STAFF, summary="Remove a crontab entry")
    def remove(request: Request, name: EntryName) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), house.store().writing() as connection:
            crontab.remove(connection, name)
            audit.add(connection, who, "remove", f"cron {name}", "done")
        return {}

    @routes.post("/cron/{name}/{what}", Level.STAFF, summary="Let an entry fire or not, or run it now")
    def act(request: Request, name: EntryName, what: Literal["enable", "disable", "run-now"]) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), house.store().writing() as connection:
            number = None
            if what == "run-now":
                number = crontab.run_now(connection, name, who, batch)
            else:
                crontab.enable(connection, name, what == "enable")
            audit.add(connection, who, what, f"cron {name}", f"job {number}" if number else "done")
        return {"job_id": number}

    @routes.post("/cron/{name}/replay/span", Level.STAFF, summary="Run what was missed or skipped in a span of time")
    def replay(request: Request, name: EntryName, body: Span) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), house.store().writing() as connection:
            numbers = crontab.replay(connection, name, body.since, body.until, who, batch)
            audit.add(connection, who, "replay", f"cron {name}", f"{len(numbers)} jobs")
        return {"jobs": numbers}
