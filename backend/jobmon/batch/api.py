"""Answer and act over HTTP, below /api/batch: reading for whoever may read, acting for those with a role."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import PlainTextResponse, Response

from jobmon import clock
from jobmon.batch import audit, crontab, jobs, limits, master, overview
from jobmon.batch.requests import CronRequest, JobRequest
from jobmon.config import Settings
from jobmon.errors import JobmonError, SettingsError, StoreError

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
EntryName = Annotated[str, Path(min_length=1, max_length=100)]
MOST_OUTPUT = 1_000_000


class Person(Protocol):
    """Be whoever asks, as the web application tells it."""

    name: str
    role: str
    staff: bool


class House(overview.House, Protocol):
    """Be the capability."""

    settings: Settings


class MasterChange(BaseModel):
    """Ask for another master, or for a limit to how long a process runs."""

    model_config = ConfigDict(extra="forbid", strict=True)
    master: str | None = None
    run_time: int | None = None


class LimitChange(BaseModel):
    """Ask for limits of a queue; None takes one away."""

    model_config = ConfigDict(extra="forbid", strict=True)
    max_pending: int | None = None
    max_running: int | None = None
    submits_per_minute: int | None = None


class Span(BaseModel):
    """Be a span of time in epoch seconds."""

    model_config = ConfigDict(extra="forbid", strict=True)
    since: int
    until: int


@contextmanager
def _answering() -> Iterator[None]:
    """Turn what went wrong into an answer that says so."""
    try:
        yield
    except SettingsError as error:
        raise HTTPException(400, str(error)) from error
    except jobs.NoSuchThing as error:
        raise HTTPException(404, str(error)) from error
    except jobs.NotPossible as error:
        raise HTTPException(409, str(error)) from error
    except StoreError as error:
        raise HTTPException(503, "The store of jobs does not answer.") from error
    except JobmonError as error:
        raise HTTPException(500, str(error)) from error


def router(house: House) -> APIRouter:
    """Return the addresses."""
    routes = APIRouter()
    _read_jobs(routes, house)
    _act_on_jobs(routes, house)
    _cron(routes, house)
    _masters(routes, house)
    return routes


def _person(request: Request) -> Person:
    person: Person = request.state.person
    return person


def _staff(request: Request) -> str:
    """Return the name of an operator or administrator; others are refused."""
    person = _person(request)
    if not person.staff:
        raise HTTPException(403, "Only operators and administrators may do this.")
    return person.name


def _own_only(request: Request, settings: Settings) -> str:
    """Return whose jobs the reader may see; "" for everybody's."""
    person = _person(request)
    if person.staff or (settings.web.read != "own" and settings.web.names == "full"):
        return ""
    return person.name or "\0"


def _may_act(request: Request, row: dict[str, Any]) -> str:
    """Return the name of who may act on a job: the staff, and whose it is."""
    person = _person(request)
    if not person.staff and person.name not in {row["user"], row["submitted_by"]}:
        raise HTTPException(403, "This job belongs to somebody else.")
    return person.name


def _read_jobs(routes: APIRouter, house: House) -> None:
    @routes.get("/overview", summary="Jobs by state, masters, and what needs attention")
    def told(request: Request) -> dict[str, Any]:
        with _answering():
            found = overview.overview(house)
        if not _person(request).staff and _own_only(request, house.settings):
            found.pop("attention")
        return found

    @routes.get("/jobs", summary="Jobs, the newest first")
    def listing(
        request: Request,
        status: Annotated[str, Query(pattern="^[a-z]{0,12}$")] = "",
        q: Annotated[str, Query(max_length=100, description="Part of a name or command, or a scheduler's id")] = "",
        before: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only jobs with smaller numbers")] = None,
        limit: Annotated[int, Query(ge=1, le=jobs.MOST_LISTED)] = 100,
    ) -> dict[str, Any]:
        own = _own_only(request, house.settings)
        with _answering(), house.store().reading() as connection:
            found = jobs.listing(connection, status=status, text=q, user=own, before=before, limit=limit + 1)
        rest = len(found) > limit
        return {"jobs": found[:limit], "next": found[limit - 1]["job_id"] if rest else None}

    def visible(request: Request, number: int) -> dict[str, Any]:
        own = _own_only(request, house.settings)
        with house.store().reading() as connection:
            row = jobs.find(connection, number)
        if own and own not in {row["user"], row["submitted_by"]}:
            raise jobs.NoSuchThing(f"there is no job {number}")
        return row

    @routes.get("/jobs/{number}", summary="One job, what happened to it, and the script that was submitted")
    def job(request: Request, number: Number) -> dict[str, Any]:
        with _answering():
            row = visible(request, number)
            with house.store().reading() as connection:
                happened = jobs.events(connection, number)
                again = jobs.attempts_of(connection, row)
        folder = _folder(house, row)
        return {"job": row, "events": happened, "attempts": again, "folder": str(folder) if folder else None}

    @routes.get("/jobs/{number}/script", summary="The script as it was submitted", response_class=PlainTextResponse)
    def script(request: Request, number: Number) -> Response:
        with _answering():
            row = visible(request, number)
        return _text(_folder(house, row), "script")

    @routes.get("/jobs/{number}/output", summary="The last megabyte of the output, if jobmon keeps it",
                response_class=PlainTextResponse)  # fmt: skip
    def output(request: Request, number: Number) -> Response:
        with _answering():
            row = visible(request, number)
        if row["output_location"]:
            raise HTTPException(404, "The output is in a file of the job's own choice, which is not shown here.")
        return _text(_folder(house, row), "output")


def _act_on_jobs(routes: APIRouter, house: House) -> None:
    batch = house.settings.batch

    @routes.post("/jobs", summary="Submit a job", status_code=201)
    def submit(request: Request, body: JobRequest) -> dict[str, Any]:
        person = _person(request)
        if not person.staff:
            if body.user not in {"", person.name}:
                raise HTTPException(403, "You may submit in your own name only.")
            body = body.model_copy(update={"user": person.name})
        with _answering(), house.store().writing() as connection:
            number = jobs.submit(connection, body, person.name, batch)
            audit.add(connection, person.name, "submit", f"job {number}", "asked for")
        return {"job_id": number}

    def act(request: Request, number: int, what: str, do: Callable[[Any, str], Any]) -> dict[str, Any]:
        with _answering(), house.store().writing() as connection:
            who = _may_act(request, jobs.find(connection, number))
            result = do(connection, who)
            audit.add(connection, who, what, f"job {number}", str(result or "done"))
            row = jobs.find(connection, number)
        return {"status": row["status"], "result": result}

    @routes.post("/jobs/{number}/cancel", summary="End a job")
    def cancel(request: Request, number: Number) -> dict[str, Any]:
        return act(request, number, "cancel", lambda connection, who: jobs.cancel(connection, number, who))

    @routes.post("/jobs/{number}/rerun", summary="Run an ended job again, as a new job")
    def rerun(request: Request, number: Number) -> dict[str, Any]:
        return act(request, number, "rerun", lambda connection, who: jobs.rerun(connection, number, who, batch))

    @routes.post("/jobs/{number}/hold", summary="Keep a waiting job from being submitted")
    def hold(request: Request, number: Number) -> dict[str, Any]:
        return act(request, number, "hold", lambda connection, who: jobs.hold(connection, number, who))

    @routes.post("/jobs/{number}/release", summary="Let a held job be submitted")
    def release(request: Request, number: Number) -> dict[str, Any]:
        return act(request, number, "release", lambda connection, who: jobs.let_go(connection, number, who))


def _cron(routes: APIRouter, house: House) -> None:
    batch = house.settings.batch

    @routes.get("/cron", summary="Crontab entries, their next five times and their last fire")
    def listing(request: Request) -> dict[str, Any]:
        with _answering(), house.store().reading() as connection:
            entries = crontab.listing(connection, clock.now())
        if _own_only(request, house.settings):
            entries = [{**entry, "command": "", "args": [], "on_success": []} for entry in entries]
        return {"entries": entries}

    @routes.get("/cron/{name}/history", summary="What came of an entry's due times")
    def history(name: EntryName) -> dict[str, Any]:
        with _answering(), house.store().reading() as connection:
            return {"fires": crontab.history(connection, name)}

    @routes.post("/cron", summary="Add a crontab entry", status_code=201)
    def add(request: Request, body: CronRequest) -> dict[str, Any]:
        who = _staff(request)
        with _answering(), house.store().writing() as connection:
            number = crontab.add(connection, body, batch)
            audit.add(connection, who, "add", f"cron {body.name}", body.schedule)
        return {"cron_id": number}

    @routes.put("/cron/{name}", summary="Replace a crontab entry")
    def edit(request: Request, name: EntryName, body: CronRequest) -> dict[str, Any]:
        who = _staff(request)
        with _answering(), house.store().writing() as connection:
            crontab.edit(connection, name, body, batch)
            audit.add(connection, who, "edit", f"cron {name}", body.schedule)
        return {}

    @routes.delete("/cron/{name}", summary="Remove a crontab entry")
    def remove(request: Request, name: EntryName) -> dict[str, Any]:
        who = _staff(request)
        with _answering(), house.store().writing() as connection:
            crontab.remove(connection, name)
            audit.add(connection, who, "remove", f"cron {name}", "done")
        return {}

    @routes.post("/cron/{name}/{what}", summary="Let an entry fire or not, or run it now")
    def act(request: Request, name: EntryName, what: Literal["enable", "disable", "run-now"]) -> dict[str, Any]:
        who = _staff(request)
        with _answering(), house.store().writing() as connection:
            number = None
            if what == "run-now":
                number = crontab.run_now(connection, name, who, batch)
            else:
                crontab.enable(connection, name, what == "enable")
            audit.add(connection, who, what, f"cron {name}", f"job {number}" if number else "done")
        return {"job_id": number}

    @routes.post("/cron/{name}/replay/span", summary="Run what was missed or skipped in a span of time")
    def replay(request: Request, name: EntryName, body: Span) -> dict[str, Any]:
        who = _staff(request)
        with _answering(), house.store().writing() as connection:
            numbers = crontab.replay(connection, name, body.since, body.until, who, batch)
            audit.add(connection, who, "replay", f"cron {name}", f"{len(numbers)} jobs")
        return {"jobs": numbers}


def _masters(routes: APIRouter, house: House) -> None:
    @routes.get("/audit", summary="What people have asked for, with its result")
    def asked(request: Request) -> dict[str, Any]:
        if _own_only(request, house.settings):
            _staff(request)
        with _answering(), house.store().reading() as connection:
            return {"todo": audit.listing(connection)}

    @routes.post("/master", summary="Prefer a host as the master, or limit how long a process runs")
    def change(request: Request, body: MasterChange) -> dict[str, Any]:
        who = _staff(request)
        with _answering(), house.store().writing() as connection:
            for name, value in body.model_dump(exclude_none=True).items():
                master.change_setting(connection, name, str(value))
                audit.add(connection, who, "set", name, str(value))
        return {}

    @routes.put("/limits/{queue}", summary="Limit what a queue takes")
    def limit(
        request: Request, queue: Annotated[str, Path(min_length=1, max_length=100)], body: LimitChange
    ) -> dict[str, Any]:
        who = _staff(request)
        with _answering(), house.store().writing() as connection:
            limits.set_limit(connection, queue, body.model_dump())
            audit.add(connection, who, "limit", f"queue {queue}", str(body.model_dump(exclude_none=True)))
        return {}


def _folder(house: House, row: dict[str, Any]) -> FilePath | None:
    acting = house.acting
    return acting.folders.of(row["submit_key"]) if acting is not None else None


def _text(folder: FilePath | None, name: str) -> Response:
    """Answer with the end of a file of an attempt's folder, as text and nothing else."""
    found = read_end(folder / name, MOST_OUTPUT) if folder is not None else None
    if found is None:
        raise HTTPException(404, "There is no such file, or not yet.")
    return PlainTextResponse(found.decode("utf-8", "replace"), headers={"Content-Disposition": "inline"})


def read_end(path: FilePath, most: int) -> bytes | None:
    """Return the end of a regular file; None when it is missing, or is something else: its owner may not be ours."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return None
        file.seek(max(0, status.st_size - most))
        return file.read(most)
