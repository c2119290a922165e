"""Answer and act on crontab entries over HTTP, below /api/batch/cron."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Path, Request
from pydantic import Field

from jobmon import clock
from jobmon.api.bodies import Body, example
from jobmon.api.routes import Level, Routes, asker
from jobmon.batch import asking, audit, crontab, visibility
from jobmon.batch.context import BatchContext
from jobmon.batch.jobs import NoSuchThing
from jobmon.batch.requests import CronRequest
from jobmon.engine import cron
from jobmon.engine.scheduler import check_options

ENTRY = {"/cron/{name}": {"name": "$request.body#/name"}}
JOB = {"/jobs/{number}": {"number": "$response.body#/job_id"}}
EntryName = Annotated[str, Path(min_length=1, max_length=100)]


Moment = Annotated[int, Field(ge=0, le=cron.LATEST)]


class Span(Body):
    """Be a span of time in epoch seconds."""

    model_config = example(since=1_790_000_000, until=1_790_086_400)
    since: Moment
    until: Moment


def add_routes(routes: Routes, context: BatchContext) -> None:
    """Add the addresses."""
    batch = context.settings.batch

    @routes.get(
        "/cron",
        Level.READER,
        summary="Crontab entries, their next five times and their last fire",
        leads={"/cron/{name}": {"name": "$response.body#/entries/0/name"}},
    )
    def listing(request: Request) -> dict[str, Any]:
        with asking.answering(), context.store().searching() as connection:
            entries = crontab.listing(connection, clock.now())
        view = visibility.view(request, batch)
        return {"entries": [view.entry(entry) for entry in entries if view.sees_entry(entry)]}

    @routes.get("/cron/{name}/history", Level.READER, summary="What came of an entry's due times")
    def history(request: Request, name: EntryName) -> dict[str, Any]:
        view = visibility.view(request, batch)
        with asking.answering(), context.store().searching() as connection:
            entry = crontab.find(connection, name)
            if not view.sees_entry(entry):
                raise NoSuchThing(f"there is no crontab entry {name!r}")
            return {"fires": view.fires(crontab.history(connection, name), entry)}

    @routes.post("/cron", Level.STAFF, summary="Add a crontab entry", status_code=201, leads=ENTRY)
    def add(request: Request, body: CronRequest) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering():
            check_options(context.settings, body.options)
        with asking.answering(), context.store().writing() as connection:
            number = crontab.add(connection, body, batch)
            audit.add(connection, who, "add", f"cron {body.name}", body.schedule)
        return {"cron_id": number}

    @routes.put("/cron/{name}", Level.STAFF, summary="Replace a crontab entry")
    def edit(request: Request, name: EntryName, body: CronRequest) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering():
            check_options(context.settings, body.options)
        with asking.answering(), context.store().writing() as connection:
            crontab.edit(connection, name, body, batch)
            audit.add(connection, who, "edit", f"cron {name}", body.schedule)
        return {}

    @routes.delete("/cron/{name}", Level.STAFF, summary="Remove a crontab entry")
    def remove(request: Request, name: EntryName) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), context.store().writing() as connection:
            crontab.remove(connection, name)
            audit.add(connection, who, "remove", f"cron {name}", "done")
        return {}

    def act(request: Request, name: str, what: str, do: Callable[[Any, str], Any]) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), context.store().writing() as connection:
            number = do(connection, who)
            audit.add(connection, who, what, f"cron {name}", f"job {number}" if number else "done")
        return {"job_id": number}

    @routes.post("/cron/{name}/enable", Level.STAFF, summary="Let an entry fire")
    def enable(request: Request, name: EntryName) -> dict[str, Any]:
        return act(request, name, "enable", lambda connection, _who: crontab.enable(connection, name, True))

    @routes.post("/cron/{name}/disable", Level.STAFF, summary="Keep an entry from firing")
    def disable(request: Request, name: EntryName) -> dict[str, Any]:
        return act(request, name, "disable", lambda connection, _who: crontab.enable(connection, name, False))

    @routes.post("/cron/{name}/run-now", Level.STAFF, summary="Run an entry now", leads=JOB)
    def run_now(request: Request, name: EntryName) -> dict[str, Any]:
        return act(request, name, "run-now", lambda connection, who: crontab.run_now(connection, name, who, batch))

    @routes.post("/cron/{name}/replay/span", Level.STAFF, summary="Run what was missed or skipped in a span of time")
    def replay(request: Request, name: EntryName, body: Span) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering():
            with context.store().searching() as connection:
                entry = crontab.find(connection, name)
            times = crontab.to_replay(entry, body.since, body.until)
        with asking.answering(), context.store().writing() as connection:
            numbers = crontab.replay(connection, entry, times, who, batch)
            audit.add(connection, who, "replay", f"cron {name}", f"{len(numbers)} jobs")
        return {"jobs": numbers}
