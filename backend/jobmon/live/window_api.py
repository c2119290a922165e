"""Answer "will it run now?" over HTTP."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from jobmon.api.problems import ProblemError
from jobmon.api.routes import Level, Routes
from jobmon.backends.backfill import Request
from jobmon.live.summary import tables_of
from jobmon.live.window import answer, state_of
from jobmon.model import ClusterState


class Alternative(BaseModel):
    """Be a request that could start now, with one thing changed."""

    changed: str
    line: str


class WindowAnswer(BaseModel):
    """Say when a request could start first; `startAt` null means never, `reason` why it does not start now."""

    timestamp: int
    now: bool
    startAt: int | None  # noqa: N815 - the word in the JSON
    reason: str
    partition: str
    nodes: list[str]
    line: str
    alternatives: list[Alternative]


def router(published: Callable[[], dict[str, Any] | None]) -> Routes:
    """Return the route; `published` gives the newest summary that hides nothing, None before the first snapshot."""
    routes = Routes()
    known: dict[int, ClusterState] = {}

    @routes.get("/window", Level.READER, summary="Whether a request could start now, and when it could first")
    def window(
        cores: Annotated[int, Query(ge=1, le=1_000_000, description="Cores per node.")] = 1,
        nodes: Annotated[int, Query(ge=1, le=100_000)] = 1,
        memory: Annotated[int, Query(ge=0, le=1 << 30, description="MiB per node.")] = 0,
        gpus: Annotated[int, Query(ge=0, le=1024, description="GPUs per node.")] = 0,
        walltime: Annotated[int, Query(ge=0, le=5_256_000, description="Minutes; 0 means without a limit.")] = 60,
        partition: Annotated[str, Query(max_length=255, description="Empty for any.")] = "",
    ) -> WindowAnswer:
        summary = published()
        if summary is None:
            raise ProblemError(503, "There is no snapshot yet.")
        state = known.get(summary["timestamp"])
        if state is None:
            state = state_of(tables_of(summary))
            known.clear()
            known[summary["timestamp"]] = state
        request = Request(
            partition=partition,
            nodes=nodes,
            cores_per_node=cores,
            memory_per_node_mb=memory,
            gpus_per_node=gpus,
            walltime_s=60 * walltime or None,
        )
        found: dict[str, Any] = answer(state, request)
        return WindowAnswer(**found)

    return routes
