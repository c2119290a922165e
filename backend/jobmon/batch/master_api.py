"""Answer and act on masters, limits and what people asked for over HTTP, below /api/batch."""

from typing import Annotated, Any

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict

from jobmon.api.routes import Level, Routes, asker
from jobmon.batch import asking, audit, limits, master
from jobmon.batch.context import BatchContext


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


def add_routes(routes: Routes, house: BatchContext) -> None:
    """Add the addresses."""

    @routes.get("/audit", Level.SEES_ALL, summary="What people have asked for, with its result")
    def asked() -> dict[str, Any]:
        with asking.answering(), house.store().reading() as connection:
            return {"todo": audit.listing(connection)}

    @routes.post("/master", Level.STAFF, summary="Prefer a host as the master, or limit how long a process runs")
    def change(request: Request, body: MasterChange) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), house.store().writing() as connection:
            for name, value in body.model_dump(exclude_none=True).items():
                master.change_setting(connection, name, str(value))
                audit.add(connection, who, "set", name, str(value))
        return {}

    @routes.put("/limits/{queue:path}", Level.STAFF, summary="Limit what a queue takes")
    def limit(
        request: Request, queue: Annotated[str, Path(min_length=1, max_length=100)], body: LimitChange
    ) -> dict[str, Any]:
        who = asker(request).name
        with asking.answering(), house.store().writing() as connection:
            limits.set_limit(connection, queue, body.model_dump())
            told = ", ".join(f"{name} {value}" for name, value in body.model_dump(exclude_none=True).items())
            audit.add(connection, who, "limit", f"queue {queue}", told or "no limits")
        return {}
