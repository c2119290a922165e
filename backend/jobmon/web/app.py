"""Put the web application together: published files, page, state, and what the capabilities add."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

import jobmon
from jobmon.api import problems
from jobmon.api.access import Access
from jobmon.api.context import Context
from jobmon.api.people import Everybody, People
from jobmon.api.routes import Level, Routes, asker, install
from jobmon.config import WebSettings
from jobmon.web import published, static
from jobmon.web.outermost import Outermost
from jobmon.web.shelf import Shelf

JSON = "application/json"
Health = Callable[[], Mapping[str, Any]]
"""Returns what /healthz shows; its "status" is "ok" when all is well."""

Metrics = Callable[[], bytes]
"""Returns what /metrics shows."""


def _all_is_well() -> Mapping[str, Any]:
    return {"status": "ok"}


def create(
    context: Context,
    routes: Mapping[str, Callable[[Context], Routes]] | None = None,
    people: Callable[[Context], People] | None = None,
    health: Health = _all_is_well,
    page: Path = static.FOLDER,
    metrics: Metrics = generate_latest,
) -> FastAPI:
    """Return the application.

    `routes` makes, by name, what answers below /api/NAME; `people` what knows whose jobs are whose; `page` is the
    folder of the built page.
    """
    settings = context.settings
    app = FastAPI(
        title="jobmon",
        version=jobmon.__version__,
        description="What the jobs of a cluster are doing. Times are UTC epoch seconds. Texts hold no NUL.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
    )
    problems.install(app)
    access = Access(settings.web)
    known = people(context) if people is not None else Everybody(hides=settings.web.names != "full")
    shelf = Shelf(settings.live, settings.web, access, known)
    app.include_router(published.router(settings.live, shelf).router)
    app.include_router(_state(settings.web, health, metrics).router)
    app.include_router(_people(settings.web, known.shown_name).router)
    for name, make in (routes or {}).items():
        app.include_router(make(context).router, prefix=f"/api/{name}", tags=[name])
    app.include_router(static.router(settings.web.site, page).router)
    install(app, settings.web, access, known.shown_name)
    app.add_middleware(Outermost)
    return app


def _people(web: WebSettings, shown: Callable[[str], str]) -> Routes:
    routes = Routes(quick=True, prefix="/api", tags=["people"])

    @routes.get("/whoami", Level.ANYBODY, summary="Who asks, and what the files call that person")
    def whoami(request: Request, response: Response) -> dict[str, Any]:
        person = asker(request)
        response.headers["Cache-Control"] = "no-store"
        return {
            "user": person.name or None,
            "shown": (person.name if person.staff else shown(person.name)) or None,
            "role": person.role,
            "staff": person.staff,
            "read": web.read,
            "names": web.names,
        }

    return routes


def _without_words(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the daemon is doing in numbers and states: what is wrong may name hosts, accounts and paths."""
    return {
        name: _without_words(value) if isinstance(value, Mapping) else value
        for name, value in state.items()
        if name not in {"error", "now"}
    }


def _state(web: WebSettings, health: Health, metrics: Metrics) -> Routes:
    routes = Routes(quick=True, tags=["state"], default_response_class=Response)
    unchecked = {"Cache-Control": "no-store"}

    @routes.get(
        "/healthz",
        Level.ANYBODY,
        summary="Whether the daemon does its work; what is wrong, where nothing is hidden or for the staff",
        responses={200: {"content": {JSON: {}}}, 503: {"description": "It does not.", "content": {JSON: {}}}},
    )
    def healthz(request: Request) -> Response:
        state = dict(health())
        if not asker(request).staff and (web.read != "open" or web.hides):
            state = _without_words(state)
        status = 200 if state.get("status") == "ok" else 503
        return Response(orjson.dumps(state) + b"\n", status, unchecked, JSON)

    @routes.get("/metrics", Level.ANYBODY, summary="The daemon's own metrics for Prometheus",
                responses={200: {"content": {"text/plain": {}}}})  # fmt: skip
    def exported() -> Response:
        return Response(metrics(), 200, unchecked, CONTENT_TYPE_LATEST)

    return routes
