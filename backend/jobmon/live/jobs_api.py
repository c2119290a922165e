"""Answer questions about finished jobs over HTTP."""

from collections.abc import Callable
from pathlib import Path as Folder
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request

from jobmon.api import problems
from jobmon.api.access import SIGN_IN
from jobmon.api.problems import ProblemError
from jobmon.api.routes import Level, Routes, asker
from jobmon.errors import SpoolError, StoreError
from jobmon.live.endings import shard_of
from jobmon.live.finished import Search, find, find_one
from jobmon.live.visibility import FINISHED
from jobmon.spool import layout, reader
from jobmon.store import Store

Text = Annotated[str, Query(max_length=255)]
Time = Annotated[int | None, Query(ge=0, le=1 << 40, description="Epoch seconds.")]


def router(store: Callable[[], Store], folder: Folder) -> Routes:
    """Return the routes; `folder` holds the published files, which know the running jobs."""
    routes = Routes()

    def limit_of(request: Request) -> str:
        """Return the only user whose jobs may be told, "" for all."""
        who = asker(request)
        if who.own and not who.name:
            raise ProblemError(401, "Sign in to see your finished jobs.", SIGN_IN)
        return who.own

    @routes.get(
        "/jobs",
        Level.READER,
        summary="Finished jobs, the last ones first",
        leads={"/jobs/{job_id}": {"job_id": "$response.body#/jobs/0/id"}},
    )
    def jobs(
        request: Request,
        user: Text = "",
        state: Text = "",
        partition: Text = "",
        since: Time = None,
        until: Time = None,
        q: Annotated[str, Query(max_length=255, description="Part of an id, a name or an account.")] = "",
        waste: Annotated[bool, Query(description="Only jobs with a warning.")] = False,
        sort: Literal["end", "waste", "gpuWaste", "memoryWaste", "cores"] = "end",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    ) -> dict[str, Any]:
        own = limit_of(request)
        if own and user not in {"", own}:
            return {"jobs": [], "total": 0, "next": None}
        search = Search(own or user, state, partition, since, until, q, waste, sort, limit, offset)
        try:
            found, total = find(store(), search)
        except StoreError as error:
            raise problems.of_store(error, "The store of finished jobs") from error
        following = offset + len(found)
        return {
            "jobs": FINISHED.all_shown(found, asker(request)),
            "total": total,
            "next": following if found and following < total else None,
        }

    @routes.get("/jobs/{job_id}", Level.READER, summary="What one job used and wasted, running or finished")
    def job(request: Request, job_id: Annotated[str, Path(max_length=64)]) -> dict[str, Any]:
        own = limit_of(request)
        try:
            found = newest(running(folder, job_id), find_one(store(), job_id))
        except StoreError as error:
            raise problems.of_store(error, "The store of finished jobs") from error
        if found is None or (own and found["user"] != own):
            raise ProblemError(404, "No such job is running or was seen to end.")
        return FINISHED.shown(found, asker(request))

    return routes


def newest(runs: dict[str, Any] | None, ended: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the later of a running and an ended job of one id: what is published of running ones is minutes old."""
    if runs is None or ended is None:
        return runs or ended
    return runs if (runs["start"] or 0) > (ended["start"] or 0) else ended


def running(folder: Folder, job_id: str) -> dict[str, Any] | None:
    """Return the published summary of a running job; None when it is not known to run."""
    try:
        shard = reader.read_json(layout.page(folder, f"live/runs/{shard_of(job_id)}"))
        found = shard["runs"].get(job_id) if shard else None
    except (SpoolError, KeyError, TypeError, AttributeError):
        return None  # the file is made anew within minutes
    return found if isinstance(found, dict) else None
