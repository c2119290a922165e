"""Show builds: all versions at a glance, and one build beside the newest of each kind."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from jobmon.batch import run_rows
from jobmon.batch.jobs import NoSuchThing
from jobmon.batch.release_results import FILE_PARTS
from jobmon.batch.release_tables import BUILD, PART
from jobmon.batch.releases import STEPS
from jobmon.batch.tables import RUN, STAGE
from jobmon.batch.workflow.joins import UNFINISHED

ACTIVE = ("queued", "running")
DOTS = frozenset({"C", "O", "T"})
"""Checkout, compile ("O"), test: the letters of the ancestor's red dots."""
KINDS = ("Release", "HEAD", "LATEST")
MOST_ROWS = 500


def overview(connection: sa.Connection, *, package: str = "", before: int | None = None) -> dict[str, Any]:
    """Return versions, those that are being built first, then the newest; each with a cell per variant."""
    query = _query().order_by(BUILD.c.build_id.desc())
    if package:
        query = query.where(BUILD.c.package == package)
    older = query if before is None else query.where(BUILD.c.build_id < before)
    found = [dict(row) for row in connection.execute(older.limit(MOST_ROWS + 1)).mappings()]
    more = found[MOST_ROWS - 1]["build_id"] if len(found) > MOST_ROWS else None
    found = found[:MOST_ROWS]
    if before is None:
        known = {row["build_id"] for row in found}
        active = connection.execute(query.where(RUN.c.status.in_(ACTIVE)).limit(MOST_ROWS)).mappings()
        found += [dict(row) for row in active if row["build_id"] not in known]
    stages = _stages(connection, [row["run_id"] for row in found if row["status"] in ACTIVE])
    versions: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found:  # the newest first, so that an older build of the same folder is left out
        version = versions.setdefault((row["package"], row["version"]), _version(row))
        version["cells"].setdefault(row["variant"], cell(row, stages.get(row["run_id"], ())))
        version["running"] = any(one["mark"] in ACTIVE for one in version["cells"].values())
    ordered = sorted(versions.values(), key=lambda one: (one["running"], one["noticed_at"]), reverse=True)
    return {"versions": ordered, "variants": _variants(found), "next": more}


def cell(row: Mapping[str, Any], stages: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a build's cell shows."""
    return {
        "build_id": row["build_id"],
        "run_id": row["run_id"],
        "mark": mark(row),
        "stages": list(stages),
        "erased": row["erased"],
        "reason": row["reason"] or "",
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
    }


def mark(row: Mapping[str, Any]) -> str:
    """Return queued, running, ok, erased, the letter of a red dot, or how the run ended otherwise."""
    status = row["status"] or "unknown"
    if status in ACTIVE:
        return str(status)
    if set(FILE_PARTS) <= set(row["erased"]):
        return "erased"
    if status == "failed":
        letter = (row["variables"] or {}).get("dot")
        return letter if letter in DOTS else "failed"
    return "ok" if status == "succeeded" else str(status)


def find(connection: sa.Connection, number: int) -> dict[str, Any]:
    """Return a build with how its run goes; NoSuchThing when there is none."""
    row = connection.execute(_query().where(BUILD.c.build_id == number)).mappings().one_or_none()
    if row is None:
        raise NoSuchThing(f"there is no build {number}")
    return dict(row)


def details(connection: sa.Connection, number: int) -> dict[str, Any]:
    """Return a build: its stages with the rules that fired, and its sub-packages beside the newest builds."""
    row = find(connection, number)
    columns = [("this", row), *((kind, _newest(connection, row, kind)) for kind in KINDS)]
    numbers = [other["build_id"] for _, other in columns if other is not None]
    listed = sa.select(PART).where(PART.c.build_id.in_(numbers))
    parts = [dict(part) for part in connection.execute(listed).mappings()]
    own = [part for part in parts if part["build_id"] == number]
    stages = _timeline(connection, row["run_id"]) if row["status"] else []
    names = ("package", "version", "version_type", "tag", "variant", "noticed_at", "place", "status")
    return {
        "build": {**{name: row[name] for name in names}, **cell(row)},
        "stages": stages,
        "columns": [_column(title, other) for title, other in columns],
        "subpackages": _grid(columns, parts),
        "failures": [_shown(part) | {"subpackage": part["subpackage"], "step": part["step"], "owner": part["owner"]}
                     for part in sorted(own, key=_order) if part["rc"]],
    }  # fmt: skip


def _query() -> sa.Select[Any]:
    c = RUN.c
    more = (c.status, c.variables, c.reason, c.started_at, c.finished_at)
    return sa.select(BUILD, *more).select_from(BUILD.outerjoin(RUN, c.run_id == BUILD.c.run_id))


def _stages(connection: sa.Connection, runs: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    query = sa.select(STAGE.c.run_id, STAGE.c.stage).where(STAGE.c.run_id.in_(runs), STAGE.c.status.in_(UNFINISHED))
    for row in connection.execute(query.order_by(STAGE.c.stage)):
        found.setdefault(row.run_id, []).append(row.stage)
    return found


def _version(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("package", "version", "version_type", "tag", "noticed_at")
    return {**{name: row[name] for name in names}, "running": False, "cells": {}}


def _variants(found: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({row["variant"] for row in found})


def _newest(connection: sa.Connection, row: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    """Return the newest build of a kind, of the same variant if there is one."""
    same = sa.case((BUILD.c.variant == row["variant"], 0), else_=1)
    query = _query().where(BUILD.c.package == row["package"], BUILD.c.version_type == kind)
    found = connection.execute(query.order_by(same, BUILD.c.build_id.desc()).limit(1)).mappings().one_or_none()
    return None if found is None else dict(found)


def _column(title: str, row: Mapping[str, Any] | None) -> dict[str, Any]:
    if row is None:
        return {"title": title, "build_id": None, "version": None, "variant": None, "mark": None}
    return {"title": title, "build_id": row["build_id"], "version": row["version"], "variant": row["variant"],
            "mark": mark(row)}  # fmt: skip


def _grid(
    columns: Sequence[tuple[str, Mapping[str, Any] | None]], parts: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return a row per sub-package, and in it for each column what its steps came to."""
    cells: dict[str, dict[int, dict[str, Any]]] = {}
    for part in sorted(parts, key=_order):
        cells.setdefault(part["subpackage"], {}).setdefault(part["build_id"], {})[part["step"]] = _shown(part)
    return [
        {"name": name, "cells": [of.get(other["build_id"], {}) if other else {} for _, other in columns]}
        for name, of in sorted(cells.items())
    ]


def _shown(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in ("rc", "log", "line", "first_error", "seconds", "at")}


def _order(part: Mapping[str, Any]) -> tuple[int, str, str]:
    step = part["step"]
    return STEPS.index(step) if step in STEPS else len(STEPS), step, part["subpackage"]


def _timeline(connection: sa.Connection, run: int) -> list[dict[str, Any]]:
    """Return the stages in the order in which they were started, with their jobs and the rules that fired."""
    found = run_rows.details(connection, run)
    shown = ("job_id", "status", "attempt", "return_code", "signal", "reason", "host", "submitted_at", "started_at",
             "finished_at")  # fmt: skip
    stages = {one["name"]: {**one, "jobs": [], "fires": []} for one in found["stages"]}
    order: dict[str, int] = {}
    for job in found["jobs"]:
        if job["stage"] in stages:
            order.setdefault(job["stage"], job["job_id"])
            stages[job["stage"]]["jobs"].append({name: job[name] for name in shown})
    for fire in found["fires"]:
        if fire["stage"] in stages:
            stages[fire["stage"]]["fires"].append({name: fire[name] for name in ("at", "rule", "text", "job_id")})
    return sorted(stages.values(), key=lambda one: order.get(one["name"], 2**31))
