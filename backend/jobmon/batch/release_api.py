"""Answer and act on releases over HTTP, below /api/batch/releases."""

from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import Field
from starlette.responses import PlainTextResponse, Response

from jobmon.api.bodies import Body, example
from jobmon.api.problems import ProblemError
from jobmon.api.routes import Level, Routes, asker
from jobmon.batch import asking, release_erase, release_files, release_rows, release_trigger, visibility
from jobmon.batch.context import BatchContext
from jobmon.batch.release_results import NAME
from jobmon.batch.release_trigger import Trigger

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Sub = Annotated[str, Path(pattern=f"^{NAME.pattern}$", max_length=100)]
Step = Annotated[str, Path(pattern="^[a-z]{1,20}$", max_length=20)]
BUILT = {
    "/releases/build/{number}": {"number": "$response.body#/builds/0/build_id"},
    "/runs/{number}": {"number": "$response.body#/builds/0/run_id"},
}
Part = Annotated[str, Field(max_length=20, json_schema_extra={"enum": list(release_erase.PARTS)})]
MOST_LOG = 1_000_000


class Erase(Body):
    """Name builds, and which parts of them are to be erased."""

    model_config = example(builds=[1], parts=["logs"])
    builds: Annotated[
        list[Annotated[int, Field(ge=1, le=2**31 - 1)]], Field(min_length=1, max_length=release_erase.MOST_BUILDS)
    ]
    parts: Annotated[list[Part], Field(min_length=1, max_length=len(release_erase.PARTS))]


class Confirmation(Body):
    """Confirm what a preview has shown."""

    token: Annotated[str, Field(max_length=10_000)]


def add_routes(routes: Routes, context: BatchContext) -> None:
    """Add the addresses."""
    _read(routes, context)
    _act(routes, context)


def _read(routes: Routes, context: BatchContext) -> None:
    batch = context.settings.batch

    @routes.get("/releases", Level.SEES_ALL,
                 summary="Versions, those that are being built first, with a cell for each variant")  # fmt: skip
    def listing(
        request: Request,
        package: Annotated[str, Query(max_length=100)] = "",
        before: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only older builds")] = None,
    ) -> dict[str, Any]:
        with asking.answering(), context.store().searching() as connection:
            found = release_rows.overview(connection, package=package, before=before)
        return visibility.view(request, batch).releases(found)

    @routes.get("/releases/packages", Level.SEES_ALL, summary="Packages and variants that can be built")
    def packages(request: Request) -> dict[str, Any]:
        with asking.answering(), context.store().searching() as connection:
            return visibility.view(request, batch).packages(release_trigger.packages(connection, batch.programs))

    @routes.get("/releases/build/{number}", Level.SEES_ALL,
                 summary="One build: its stages, and its sub-packages beside other builds")  # fmt: skip
    def one(request: Request, number: Number) -> dict[str, Any]:
        with asking.answering(), context.store().searching() as connection:
            return visibility.view(request, batch).build(release_rows.details(connection, number))

    @routes.get("/releases/build/{number}/log/{sub}/{step}", Level.SEES_ALL, summary="The last megabyte of a log",
                response_class=PlainTextResponse)  # fmt: skip
    def log(request: Request, number: Number, sub: Sub, step: Step) -> Response:
        visibility.view(request, batch).check_content("Logs of builds are shown to operators and administrators")
        with asking.answering(), context.store().searching() as connection:
            place = release_rows.find(connection, number)["place"]
        found = release_files.log_end(place, f"{step}-{sub}.log", MOST_LOG)
        if found is None:
            raise ProblemError(404, "There is no such log, or not any more.")
        return PlainTextResponse(found.decode("utf-8", "replace"), headers={"Content-Disposition": "inline"})


def _act(routes: Routes, context: BatchContext) -> None:
    batch = context.settings.batch

    @routes.post("/releases/trigger", Level.STAFF, summary="Build a version", status_code=201, leads=BUILT)
    def trigger(request: Request, body: Trigger) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), context.store().writing() as connection:
            return release_trigger.trigger(connection, context.runs, body, who, batch.programs)

    @routes.post("/releases/erase/preview", Level.STAFF,
                 summary="What would be erased, how large it is, and what confirms it", also=[404],
                 leads={"/releases/erase": {"token": "$response.body#/token"}})  # fmt: skip
    def preview(request: Request, body: Erase) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), context.store().searching() as connection:
            answer, places = release_erase.preview(connection, body.builds, body.parts, who)
        return release_erase.measured(answer, places)

    @routes.post("/releases/erase", Level.STAFF, summary="Erase what a preview has shown", status_code=201, also=[404])
    def erase(request: Request, body: Confirmation) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), context.store().writing() as connection:
            return release_erase.confirmed(connection, body.token, who, batch)
