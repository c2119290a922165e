"""Put the web application together: published files, page, state, and what the capabilities add."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import orjson
from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import jobmon
from jobmon.api import problems
from jobmon.api.access import Access
from jobmon.api.routes import Level, Routes, asker, install
from jobmon.config import Settings, WebSettings
from jobmon.live import privacy
from jobmon.web import published, static
from jobmon.web.shelf import Shelf

Health = Callable[[], Mapping[str, Any]]
"""Returns what /healthz shows; its "status" is "ok" when all is well."""

SAFETY = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class Capability(Protocol):
    """Be what the web application wants to know of a capability."""

    @property
    def name(self) -> str:
        """Return the word that its addresses begin with, below /api."""

    def routes(self) -> Routes | None:
        """Return its own addresses, below /api/NAME; None when it has none."""


@runtime_checkable
class KnowsPeople(Protocol):
    """Be a capability that publishes people's jobs."""

    def jobs_of(self, user: str) -> set[str]:
        """Return the ids of a user's jobs, running, waiting and ended."""

    def shown_name(self, user: str) -> str:
        """Return what the public files call a user."""


class Outermost:
    """Answer HEAD wherever GET is answered, and add the security headers to everything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; the server leaves out the body of an answer to HEAD by itself."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFETY.items():
                    headers.setdefault(name, value)
            await send(message)

        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        await self._app({**scope, "method": method}, receive, send_safely)


def _all_is_well() -> Mapping[str, Any]:
    return {"status": "ok"}


def create(
    settings: Settings,
    capabilities: Iterable[Capability] = (),
    health: Health = _all_is_well,
    page: Path = static.FOLDER,
) -> FastAPI:
    """Return the application; `page` is the folder of the built page."""
    app = FastAPI(
        title="jobmon",
        version=jobmon.__version__,
        description="What the jobs of a cluster are doing. Times are UTC epoch seconds.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
    )
    problems.install(app)
    known = list(capabilities)
    access = Access(settings.web)
    live = next((capability for capability in known if isinstance(capability, KnowsPeople)), None)
    shown = live.shown_name if live else privacy.mask_of(settings).name
    shelf = Shelf(settings.live, settings.web, access, live.jobs_of if live else lambda _user: set(), shown)
    app.include_router(published.router(settings.live, shelf).router)
    app.include_router(_state(health).router)
    app.include_router(_people(settings.web, shown).router)

    for capability in known:
        routes = capability.routes()
        if routes is not None:
            app.include_router(routes.router, prefix=f"/api/{capability.name}", tags=[capability.name])
    app.include_router(static.router(settings.web.site, page).router)
    install(app, settings.web, access, shown)
    app.add_middleware(Outermost)
    return app


def _people(web: WebSettings, shown: Callable[[str], str]) -> Routes:
    routes = Routes(prefix="/api", tags=["people"])

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


def _state(health: Health) -> Routes:
    routes = Routes(tags=["state"], default_response_class=Response)
    unchecked = {"Cache-Control": "no-store"}

    @routes.get(
        "/healthz",
        Level.ANYBODY,
        summary="Whether the daemon does its work",
        responses={503: {"description": "It does not."}},
    )
    def healthz() -> Response:
        state = health()
        status = 200 if state.get("status") == "ok" else 503
        return Response(orjson.dumps(state) + b"\n", status, unchecked, "application/json")

    @routes.get("/metrics", Level.ANYBODY, summary="The daemon's own metrics for Prometheus")
    def metrics() -> Response:
        return Response(generate_latest(), 200, unchecked, CONTENT_TYPE_LATEST)

    return routes
