"""Declare for each route who may read or act; it is decided before the body of a request is read.

`Routes` takes the place of an APIRouter, and each of its routes names a `Level`. An application with a route that names
none does not start: `install` refuses it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import ClientDisconnect

from jobmon.api import document, faults
from jobmon.api.access import Access, Person
from jobmon.api.addresses import Addresses
from jobmon.api.bodies import fault_of
from jobmon.api.problems import ProblemError
from jobmon.config import WebSettings

MOST_AT_ONCE = 12
"""So many questions to the store are answered at a time, of the forty threads that there are."""
MOST_WAITING = 200
MOST_PARAMETERS = 100
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Decorator = Callable[[Any], Any]
Leads = Mapping[str, Mapping[str, str]]


class Level(StrEnum):
    """Say who gets an answer; what is in it may still differ between people."""

    ANYBODY = "anybody"
    """Everybody who reaches the port, whatever `[web] read` says."""
    READER = "reader"
    """Whoever may read by `[web] read`; the answer is cut to what this one may see."""
    SEES_ALL = "sees-all"
    """Whoever may see everybody's jobs: the staff, and all readers where nothing is hidden."""
    PERSON = "person"
    """Whoever has signed in."""
    STAFF = "staff"
    """Operators and administrators."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Be whoever asks, with what that one may see."""

    name: str
    role: str
    staff: bool
    own: str
    """Whose jobs may be seen alone; "" for everybody's. Of nobody it is a name that nobody has."""
    shown: Callable[[str], str] = str
    """Return what this one is told as the name of somebody else."""


NOBODYS = "\n"


def asker(request: Request) -> Asker:
    """Return who asks; the route has been let through already."""
    found: Asker = request.state.asker
    return found


class Gate:
    """Let requests through to routes, or not."""

    def __init__(self, web: WebSettings, access: Access, shown: Callable[[str], str] = str) -> None:
        self._web = web
        self._access = access
        self._shown = shown
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait until there is a place for one more question to the store; ProblemError 503 when too many wait."""
        if self._waiting >= MOST_WAITING:
            raise ProblemError(503, "Many are asking at the moment; try again in a few seconds.", {"Retry-After": "5"})
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()

    def admit(self, request: Request, level: Level) -> Asker:
        """Return who asks; ProblemError 401 or 403 when that one may not have an answer from a route of this level."""
        acts = request.method not in {"GET", "HEAD"}
        person = self._access.person(request)
        if acts or level in {Level.PERSON, Level.STAFF}:
            self._access.check_signed_in(person, "Sign in to do this." if acts else "Sign in to see this.")
        if acts:
            self._access.check_intent(request)
        elif level is not Level.ANYBODY:
            self._access.check_reader(person)
        who = Asker(person.name, person.role, person.staff, self._own(person), self._shown)
        if (level is Level.STAFF and not who.staff) or (level is Level.SEES_ALL and who.own):
            raise ProblemError(403, "Only operators and administrators may do this.")
        return who

    def _own(self, person: Person) -> str:
        return "" if person.staff or not self._web.hides else person.name or NOBODYS


class _DeclaredRoute(APIRoute):
    """Ask who asks before anything of the request's body is read."""

    quick = False

    def get_route_handler(self) -> Handler:
        """Return what answers requests."""
        answer = super().get_route_handler()
        level = level_of(self)

        async def admitted(request: Request) -> Response:
            gate: Gate = request.app.state.gate
            assert level is not None  # `install` has seen to it
            request.state.asker = gate.admit(request, level)
            check_address(request)
            if request.method not in {"GET", "HEAD"}:
                await _take_body(request)
            async with nullcontext() if self.quick else gate.place():
                response = await answer(request)
            response.headers.setdefault("Cache-Control", "private, no-store")
            return response

        return admitted


async def _take_body(request: Request) -> None:
    """Wait for the body, before a place is taken: whoever sends it slowly keeps nobody else waiting."""
    try:
        await request.body()
    except ClientDisconnect:
        raise ProblemError(400, "The request ended before its body was there.") from None


def check_address(request: Request) -> None:
    """See that each text in a path and its query can be looked for; ProblemError 400 names the one that cannot."""
    given = request.query_params.multi_items()
    if len(given) > MOST_PARAMETERS:
        raise ProblemError(400, f"A request may have {MOST_PARAMETERS} parameters at most.")
    for name, text in (*request.path_params.items(), *given):
        if fault := fault_of(str(name)) or fault_of(str(text)):
            field = name[: faults.MOST_FIELD]
            raise ProblemError(400, f"{field!r}: {fault}.", errors=[{"field": field, "detail": fault}])


class _QuickRoute(_DeclaredRoute):
    """Answer at once, however many others wait for the store."""

    quick = True


class Routes:
    """Hold routes that declare who gets an answer: `@routes.get("/jobs", Level.READER)`; `options` are APIRouter's.

    Those that are `quick` ask no store; of all others only some are answered at a time, so that they never wait for
    these.
    """

    def __init__(self, quick: bool = False, **options: Any) -> None:
        self.router = APIRouter(route_class=_QuickRoute if quick else _DeclaredRoute, **options)

    def get(self, path: str, level: Level, **options: Any) -> Decorator:
        """Declare what answers GET; `options` are those of `_declared`."""
        return self.router.get(path, **_declared(level, **options))

    def post(self, path: str, level: Level, **options: Any) -> Decorator:
        """Declare what answers POST."""
        return self.router.post(path, **_declared(level, **options))

    def put(self, path: str, level: Level, **options: Any) -> Decorator:
        """Declare what answers PUT."""
        return self.router.put(path, **_declared(level, **options))

    def delete(self, path: str, level: Level, **options: Any) -> Decorator:
        """Declare what answers DELETE."""
        return self.router.delete(path, **_declared(level, **options))

    def include(self, routes: "Routes") -> None:
        """Add all of another one's."""
        self.router.include_router(routes.router)


def _declared(level: Level, also: Sequence[int] = (), leads: Leads | None = None, **options: Any) -> dict[str, Any]:
    """Return FastAPI's options of a route, which may stand among these too.

    `also` are errors that not all routes of its level and method bring; `leads` names the addresses that an answer
    leads to, with where their parameters are found, in OpenAPI's words: {"/jobs/{number}": {"number": "$response…"}}.
    """
    said = {document.ACCESS: level.value, document.ALSO: list(also), document.LEADS: dict(leads or {})}
    return {"openapi_extra": said, **options}


def level_of(route: APIRoute) -> Level | None:
    """Return what a route has declared; None when it has not."""
    declared = (route.openapi_extra or {}).get(document.ACCESS)
    return None if declared is None else Level(declared)


def install(app: FastAPI, web: WebSettings, access: Access, shown: Callable[[str], str] = str) -> None:
    """Let the routes of `app` ask who asks; RuntimeError names the first route that does not say who gets an answer.

    `shown` returns what people are called where names are hidden.
    """
    app.state.gate = Gate(web, access, shown)
    app.state.addresses = Addresses(app)
    document.describe(app)
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and not (isinstance(route, _DeclaredRoute) and level_of(route)):
            raise RuntimeError(f"{route.path} does not say who may read or act: make it with jobmon.api.routes.Routes")
