"""Answer and act on workflows and their runs over HTTP, below /api/batch."""

from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import Field

from jobmon.api.bodies import Body, example
from jobmon.api.routes import Level, Routes, asker
from jobmon.batch import asking, audit, requests, run_rows, visibility
from jobmon.batch.context import BatchContext
from jobmon.batch.jobs import NoSuchThing
from jobmon.errors import SettingsError

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Name = Annotated[str, Path(min_length=1, max_length=100)]
MOST_LISTED = 500


class Params(Body):
    """Be the parameters of a new run."""

    model_config = example(params={"sample": "a"})
    params: requests.Params = {}


class OneStage(Body):
    """Name a stage of a run."""

    model_config = example(stage="fit")
    stage: Annotated[str, Field(max_length=100)]


def add_routes(routes: Routes, context: BatchContext) -> None:
    """Add the addresses."""
    batch = context.settings.batch
    runs = context.runs

    def check_known(name: str) -> None:
        try:
            runs.library.find(name)
        except SettingsError as error:
            raise NoSuchThing(str(error)) from error

    @routes.get(
        "/workflows", Level.SEES_ALL, summary="Workflows that can be started, and what is wrong with their files"
    )
    def workflows(request: Request) -> dict[str, Any]:
        return visibility.view(request, batch).workflows(run_rows.described(runs.library))

    @routes.get(
        "/runs",
        Level.SEES_ALL,
        summary="Runs of workflows, the newest first",
        leads={"/runs/{number}": {"number": "$response.body#/runs/0/run_id"}},
    )
    def listing(
        request: Request,
        workflow: Annotated[str, Query(max_length=100)] = "",
        status: Annotated[str, Query(pattern="^[a-z]{0,12}$", max_length=12)] = "",
        before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
    ) -> dict[str, Any]:
        with asking.answering(), context.store().searching() as connection:
            found = run_rows.listing(connection, workflow=workflow, status=status, before=before, limit=limit + 1)
        shown = visibility.view(request, batch).runs(found[:limit])
        return {"runs": shown, "next": found[limit - 1]["run_id"] if len(found) > limit else None}

    @routes.get("/runs/{number}", Level.SEES_ALL, summary="One run, its stages, its jobs and the rules that fired")
    def one(request: Request, number: Number) -> dict[str, Any]:
        with asking.answering(), context.store().searching() as connection:
            return visibility.view(request, batch).run(run_rows.details(connection, number))

    @routes.post(
        "/workflows/{name}/start",
        Level.STAFF,
        summary="Start a run",
        status_code=201,
        leads={"/runs/{number}": {"number": "$response.body#/run_id"}},
    )
    def start(request: Request, name: Name, body: Params) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), context.store().writing() as connection:
            check_known(name)
            number = runs.start(connection, name, body.params, who)
            audit.add(connection, who, "start", f"workflow {name}", f"run {number}")
        return {"run_id": number}

    @routes.post("/runs/{number}/stop", Level.STAFF, summary="Stop a run; its final stage still comes")
    def stop(request: Request, number: Number) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), context.store().writing() as connection:
            runs.stop(connection, number, who)
            audit.add(connection, who, "stop", f"run {number}", "done")
        return {}

    @routes.post("/runs/{number}/rerun", Level.STAFF, summary="Run an ended run again from a stage on")
    def rerun(request: Request, number: Number, body: OneStage) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), context.store().writing() as connection:
            runs.rerun(connection, number, body.stage, who)
            audit.add(connection, who, "rerun", f"run {number}", f"from {body.stage}")
        return {}

    @routes.post("/runs/{number}/release", Level.STAFF, summary="Let a held stage go on")
    def release(request: Request, number: Number, body: OneStage) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), context.store().writing() as connection:
            runs.release(connection, number, body.stage, who)
            audit.add(connection, who, "release", f"run {number}", body.stage)
        return {}
