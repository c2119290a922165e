"""Answer and act over HTTP, below /api/batch: reading for whoever may read, acting for those with a role."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Path, Query, Request
from starlette.responses import PlainTextResponse, Response

from jobmon.api.context import Context
from jobmon.api.problems import ProblemError
from jobmon.api.routes import Level, Routes, asker
from jobmon.api.visibility import To
from jobmon.batch import (
    asking,
    audit,
    cron_api,
    jobs,
    limits,
    master_api,
    overview,
    release_api,
    visibility,
    workflow_api,
)
from jobmon.batch import context as batch_context
from jobmon.batch.context import BatchContext
from jobmon.batch.requests import JobRequest
from jobmon.engine.scheduler import check_options

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
MOST_OUTPUT = 1_000_000


def routes(common: Context) -> Routes:
    """Return the addresses below /api/batch."""
    context = batch_context.of(common)
    routes = Routes()
    _read_jobs(routes, context)
    _act_on_jobs(routes, context)
    for one in (cron_api, workflow_api, release_api, master_api):
        one.add_routes(routes, context)
    return routes


def _read_jobs(routes: Routes, context: BatchContext) -> None:
    batch = context.settings.batch

    @routes.get("/overview", Level.READER, summary="Jobs by state, masters, and what needs attention")
    def told(request: Request) -> dict[str, Any]:
        with asking.answering():
            return visibility.view(request, batch).overview(overview.overview(context, asker(request).own))

    @routes.get(
        "/jobs",
        Level.READER,
        summary="Jobs, the newest first",
        leads={"/jobs/{number}": {"number": "$response.body#/jobs/0/job_id"}},
    )
    def listing(
        request: Request,
        status: Annotated[str, Query(pattern="^[a-z]{0,12}$", max_length=12)] = "",
        q: Annotated[
            str,
            Query(
                max_length=100,
                description="Part of a name or command, or a scheduler's id; in "
                "commands that one may not read nothing is found",
            ),
        ] = "",
        before: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only jobs with smaller numbers")] = None,
        limit: Annotated[int, Query(ge=1, le=jobs.MOST_LISTED)] = 100,
    ) -> dict[str, Any]:
        view = visibility.view(request, batch)
        readable = None if view.to() >= To.CONTENT else view.who.name
        with asking.answering(), context.store().searching() as connection:
            found = jobs.listing(
                connection, status=status, text=q, user=view.who.own, commands_of=readable, before=before,
                limit=limit + 1,
            )  # fmt: skip
        rest = len(found) > limit
        return {"jobs": view.jobs(found[:limit]), "next": found[limit - 1]["job_id"] if rest else None}

    def visible(request: Request, number: int) -> dict[str, Any]:
        own = asker(request).own
        with context.store().searching() as connection:
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
            with context.store().searching() as connection:
                happened = jobs.events(connection, number)
                again = jobs.attempts_of(connection, row)
        view = visibility.view(request, batch)
        return {
            "job": view.job(row),
            "events": view.events(happened, row),
            "attempts": visibility.ATTEMPT.all_shown(again, view.who),
            "folder": str(context.folders.of(row["submit_key"])) if view.reads(row) else None,
        }

    @routes.get(
        "/jobs/{number}/script",
        Level.READER,
        summary="The script as it was submitted",
        also=[403],
        response_class=PlainTextResponse,
    )
    def script(request: Request, number: Number) -> Response:
        with asking.answering():
            row = visible(request, number)
        view = visibility.view(request, batch)
        view.check_content(
            "The script is shown to whose job it is, to operators and administrators", own=view.owns(row)
        )
        return _text(context, row, "script")

    @routes.get("/jobs/{number}/output", Level.READER, summary="The last megabyte of the output, if jobmon keeps it",
                response_class=PlainTextResponse, also=[403])  # fmt: skip
    def output(request: Request, number: Number) -> Response:
        with asking.answering():
            row = visible(request, number)
        view = visibility.view(request, batch)
        view.check_content(
            "The output is shown to whose job it is, to operators and administrators", own=view.owns(row)
        )
        if row["output_location"]:
            raise ProblemError(404, "The output is in a file of the job's own choice, which is not shown here.")
        return _text(context, row, "output")


def _act_on_jobs(routes: Routes, context: BatchContext) -> None:
    batch = context.settings.batch

    @routes.post(
        "/jobs",
        Level.PERSON,
        summary="Submit a job",
        status_code=201,
        also=[429],
        leads={"/jobs/{number}": {"number": "$response.body#/job_id"}},
    )
    def submit(request: Request, body: JobRequest) -> dict[str, Any]:
        person = asker(request)
        if not person.staff:
            body = body.model_copy(update={"user": body.user or person.name})
        asking.check_start(person, body.user)
        asking.check_notices(person, body.notify)
        with asking.answering():
            check_options(context.settings, body.options)
        with asking.answering(), context.store().writing() as connection:
            if not person.staff:
                limits.check_person(connection, person.name, len(body.notify), batch)
            number = jobs.submit(connection, body, person.name, batch)
            audit.add(connection, person.name, "submit", f"job {number}", "asked for")
        return {"job_id": number}

    def act(request: Request, number: int, what: str, do: Callable[[Any, str], Any],
            starts: bool = False) -> dict[str, Any]:  # fmt: skip
        with asking.answering(), context.store().writing() as connection:
            who = asking.may_act(request, jobs.find(connection, number), starts)
            result = do(connection, who)
            audit.add(connection, who, what, f"job {number}", str(result or "done"))
            row = jobs.find(connection, number)
        return {"status": row["status"], "result": result}

    @routes.post("/jobs/{number}/cancel", Level.PERSON, summary="End a job")
    def cancel(request: Request, number: Number) -> dict[str, Any]:
        return act(request, number, "cancel", lambda connection, who: jobs.cancel(connection, number, who))

    @routes.post(
        "/jobs/{number}/rerun",
        Level.PERSON,
        summary="Run an ended job again, as a new job",
        also=[429],
        leads={"/jobs/{number}": {"number": "$response.body#/result"}},
    )
    def rerun(request: Request, number: Number) -> dict[str, Any]:
        def again(connection: Any, who: str) -> int:
            notices = jobs.find(connection, number)["on_success"]
            asking.check_notices(asker(request), notices)  # they would be told again
            if not asker(request).staff:
                limits.check_person(connection, who, len(notices), batch)
            return jobs.rerun(connection, number, who, batch)

        return act(request, number, "rerun", again, starts=True)

    @routes.post("/jobs/{number}/hold", Level.PERSON, summary="Keep a waiting job from being submitted")
    def hold(request: Request, number: Number) -> dict[str, Any]:
        return act(request, number, "hold", lambda connection, who: jobs.hold(connection, number, who))

    @routes.post("/jobs/{number}/release", Level.PERSON, summary="Let a held job be submitted")
    def release(request: Request, number: Number) -> dict[str, Any]:
        return act(request, number, "release", lambda connection, who: jobs.let_go(connection, number, who),
                   starts=True)  # fmt: skip


def _text(context: BatchContext, row: dict[str, Any], name: str) -> Response:
    """Answer with the end of a file of an attempt's folder, as text and nothing else."""
    found = context.folders.end_of(row["submit_key"], name, MOST_OUTPUT)
    if found is None:
        raise ProblemError(404, "There is no such file, or not yet.")
    return PlainTextResponse(found.decode("utf-8", "replace"), headers={"Content-Disposition": "inline"})
