"""Answer and act over HTTP, below /api/batch: reading for whoever may read, acting for those with a role."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import HTTPException, Path, Query, Request
from starlette.responses import PlainTextResponse, Response

from jobmon.api.context import Context
from jobmon.api.routes import Level, Routes, asker
from jobmon.batch import asking, audit, cron_api, jobs, master_api, overview, release_api, workflow_api
from jobmon.batch import context as batch_context
from jobmon.batch.context import BatchContext
from jobmon.batch.requests import JobRequest
from jobmon.engine.outbox import parse_targets

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
MOST_OUTPUT = 1_000_000


def routes(context: Context) -> Routes:
    """Return the addresses below /api/batch."""
    house = batch_context.of(context)
    routes = Routes()
    _read_jobs(routes, house)
    _act_on_jobs(routes, house)
    cron_api.add_routes(routes, house)
    workflow_api.add_routes(routes, house)
    release_api.add_routes(routes, house)
    master_api.add_routes(routes, house)
    return routes


def _read_jobs(routes: Routes, house: BatchContext) -> None:
    @routes.get("/overview", Level.READER, summary="Jobs by state, masters, and what needs attention")
    def told(request: Request) -> dict[str, Any]:
        with asking.answering():
            found = overview.overview(house)
        if not asker(request).staff and asker(request).own:
            found.pop("attention")
        return found

    @routes.get("/jobs", Level.READER, summary="Jobs, the newest first")
    def listing(
        request: Request,
        status: Annotated[str, Query(pattern="^[a-z]{0,12}$")] = "",
        q: Annotated[str, Query(max_length=100, description="Part of a name or command, or a scheduler's id")] = "",
        before: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only jobs with smaller numbers")] = None,
        limit: Annotated[int, Query(ge=1, le=jobs.MOST_LISTED)] = 100,
    ) -> dict[str, Any]:
        own = asker(request).own
        with asking.answering(), house.store().reading() as connection:
            found = jobs.listing(connection, status=status, text=q, user=own, before=before, limit=limit + 1)
        rest = len(found) > limit
        return {"jobs": found[:limit], "next": found[limit - 1]["job_id"] if rest else None}

    def visible(request: Request, number: int) -> dict[str, Any]:
        own = asker(request).own
        with house.store().reading() as connection:
            row = jobs.find(connection, number)
        if own and own not in {row["user"], row["submitted_by"]}:
            raise jobs.NoSuchThing(f"there is no job {number}")
        return row

    @routes.get(
        "/jobs/{number}", Level.READER, summary="One job, what happened to it, and the script that was submitted"
    )
    def job(request: Request, number: Number) -> dict[str, Any]:
        with asking.answering():
            row = visible(request, number)
            with house.store().reading() as connection:
                happened = jobs.events(connection, number)
                again = jobs.attempts_of(connection, row)
        return {"job": row, "events": happened, "attempts": again, "folder": str(house.folders.of(row["submit_key"]))}

    @routes.get(
        "/jobs/{number}/script",
        Level.READER,
        summary="The script as it was submitted",
        response_class=PlainTextResponse,
    )
    def script(request: Request, number: Number) -> Response:
        with asking.answering():
            row = visible(request, number)
        return _text(house, row, "script")

    @routes.get("/jobs/{number}/output", Level.READER, summary="The last megabyte of the output, if jobmon keeps it",
                response_class=PlainTextResponse)  # fmt: skip
    def output(request: Request, number: Number) -> Response:
        with asking.answering():
            row = visible(request, number)
        if row["output_location"]:
            raise HTTPException(404, "The output is in a file of the job's own choice, which is not shown here.")
        return _text(house, row, "output")


def _act_on_jobs(routes: Routes, house: BatchContext) -> None:
    batch = house.settings.batch

    @routes.post("/jobs", Level.PERSON, summary="Submit a job", status_code=201)
    def submit(request: Request, body: JobRequest) -> dict[str, Any]:
        person = asker(request)
        if not person.staff:
            if body.user not in {"", person.name}:
                raise HTTPException(403, "You may submit in your own name only.")
            if any(target.kind != "email" for target in parse_targets(body.notify)):
                # the daemon itself runs scripts and calls web servers, with its own rights
                raise HTTPException(403, "Only operators and administrators may name scripts and webhooks to be told.")
            body = body.model_copy(update={"user": person.name})
        with asking.answering(), house.store().writing() as connection:
            number = jobs.submit(connection, body, person.name, batch)
            audit.add(connection, person.name, "submit", f"job {number}", "asked for")
        return {"job_id": number}

    def act(request: Request, number: int, what: str, do: Callable[[Any, str], Any]) -> dict[str, Any]:
        with asking.answering(), house.store().writing() as connection:
            who = asking.may_act(request, jobs.find(connection, number))
            result = do(connection, who)
            audit.add(connection, who, what, f"job {number}", str(result or "done"))
            row = jobs.find(connection, number)
        return {"status": row["status"], "result": result}

    @routes.post("/jobs/{number}/cancel", Level.PERSON, summary="End a job")
    def cancel(request: Request, number: Number) -> dict[str, Any]:
        return act(request, number, "cancel", lambda connection, who: jobs.cancel(connection, number, who))

    @routes.post("/jobs/{number}/rerun", Level.PERSON, summary="Run an ended job again, as a new job")
    def rerun(request: Request, number: Number) -> dict[str, Any]:
        return act(request, number, "rerun", lambda connection, who: jobs.rerun(connection, number, who, batch))

    @routes.post("/jobs/{number}/hold", Level.PERSON, summary="Keep a waiting job from being submitted")
    def hold(request: Request, number: Number) -> dict[str, Any]:
        return act(request, number, "hold", lambda connection, who: jobs.hold(connection, number, who))

    @routes.post("/jobs/{number}/release", Level.PERSON, summary="Let a held job be submitted")
    def release(request: Request, number: Number) -> dict[str, Any]:
        return act(request, number, "release", lambda connection, who: jobs.let_go(connection, number, who))


def _text(house: BatchContext, row: dict[str, Any], name: str) -> Response:
    """Answer with the end of a file of an attempt's folder, as text and nothing else."""
    found = house.folders.end_of(row["submit_key"], name, MOST_OUTPUT)
    if found is None:
        raise HTTPException(404, "There is no such file, or not yet.")
    return PlainTextResponse(found.decode("utf-8", "replace"), headers={"Content-Disposition": "inline"})
