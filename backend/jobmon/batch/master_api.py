"""Answer and act on masters, limits and what people asked for over HTTP, below /api/batch."""

from typing import Annotated, Any

from fastapi import Path, Request
from pydantic import Field

from jobmon.api.bodies import PRINTABLE, WITHOUT_SPACES, Body, example
from jobmon.api.routes import Level, Routes, asker
from jobmon.batch import asking, audit, limits, master, visibility
from jobmon.batch.context import BatchContext
from jobmon.batch.master import LONGEST_RUN_S

Limit = Annotated[int, Field(ge=0, le=limits.LARGEST)]


class MasterChange(Body):
    """Ask for another master, or for a limit to how long a process runs."""

    model_config = example(run_time=86_400)
    master: Annotated[str, Field(max_length=253, json_schema_extra={"pattern": WITHOUT_SPACES})] | None = None
    run_time: Annotated[int, Field(ge=0, le=LONGEST_RUN_S)] | None = None


class LimitChange(Body):
    """Ask for limits of a queue; None takes one away."""

    model_config = example(max_running=10)
    max_pending: Limit | None = None
    max_running: Limit | None = None
    submits_per_minute: Limit | None = None


def add_routes(routes: Routes, context: BatchContext) -> None:
    """Add the addresses."""

    @routes.get("/audit", Level.SEES_ALL, summary="What people have asked for, with its result")
    def asked(request: Request) -> dict[str, Any]:
        with asking.answering(), context.store().searching() as connection:
            return {"todo": visibility.view(request, context.settings.batch).audit(audit.listing(connection))}

    @routes.post("/master", Level.STAFF, summary="Prefer a host as the master, or limit how long a process runs")
    def change(request: Request, body: MasterChange) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), context.store().writing() as connection:
            for name, value in body.model_dump(exclude_none=True).items():
                master.change_setting(connection, name, str(value))
                audit.add(connection, who, "set", name, str(value))
        return {}

    @routes.put("/limits/{queue:path}", Level.STAFF, summary="Limit what a queue takes")
    def limit(
        request: Request,
        queue: Annotated[str, Path(min_length=1, max_length=100, json_schema_extra={"pattern": PRINTABLE})],
        body: LimitChange,
    ) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), context.store().writing() as connection:
            limits.set_limit(connection, queue, body.model_dump())
            told = ", ".join(f"{name} {value}" for name, value in body.model_dump(exclude_none=True).items())
            audit.add(connection, who, "limit", f"queue {queue}", told or "no limits")
        return {}
