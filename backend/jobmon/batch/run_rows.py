"""Keep the rows of runs: what people see of them, and the changes that carrying them on makes."""

from collections.abc import Mapping
from typing import Any, get_args

import sqlalchemy as sa

from jobmon import clock
from jobmon.batch import jobs
from jobmon.batch.jobs import NoSuchThing
from jobmon.batch.tables import JOB, RULE_FIRE, RUN, STAGE
from jobmon.batch.workflow.definitions import Definition
from jobmon.batch.workflow.joins import StageState
from jobmon.batch.workflow.library import Library
from jobmon.batch.workflow.models import State
from jobmon.batch.workflow.outcome import Outcome
from jobmon.engine.submission import Attempt
from jobmon.engine.tables import IDENTITY


def lock(connection: sa.Connection) -> None:
    """Let one transaction at a time change runs: what one decides depends on all it has read."""
    connection.execute(sa.select(IDENTITY.c.id).with_for_update())


def change(connection: sa.Connection, number: int, **values: Any) -> None:
    """Change values of a run."""
    connection.execute(RUN.update().where(RUN.c.run_id == number).values(**values))


def fire(connection: sa.Connection, number: int, stage: str, job: int | None, rule: str, text: str) -> None:
    """Append what was decided, by which rule."""
    values = {"run_id": number, "at": clock.now(), "stage": stage, "job_id": job, "rule": rule, "text": text[:2000]}
    connection.execute(RULE_FIRE.insert().values(**values))


def states(connection: sa.Connection, number: int) -> dict[str, StageState]:
    """Return where the stages of a run are, by name; those that were never started are missing."""
    found = connection.execute(sa.select(STAGE).where(STAGE.c.run_id == number)).mappings()
    return {row["stage"]: _state(dict(row)) for row in found}


def job_of(connection: sa.Connection, number: int, stage: str) -> int | None:
    """Return the newest job of a stage; None when it has none."""
    query = sa.select(STAGE.c.job_id).where(STAGE.c.run_id == number, STAGE.c.stage == stage)
    found: int | None = connection.execute(query).scalar_one_or_none()
    return found


def keep_state(connection: sa.Connection, number: int, stage: str, state: StageState, job: int | None) -> None:
    """Write down where a stage is, and which job is its newest."""
    condition = (STAGE.c.run_id == number, STAGE.c.stage == stage)
    values = {"status": state.status, "visits": state.visits, "seen": dict(state.seen), "fails": state.fails,
              "chosen": None if state.chosen is None else list(state.chosen), "job_id": job}  # fmt: skip
    if not connection.execute(STAGE.update().where(*condition).values(**values)).rowcount:
        connection.execute(STAGE.insert().values(run_id=number, stage=stage, **values))


def find(connection: sa.Connection, number: int) -> dict[str, Any]:
    """Return a run; NoSuchThing when there is none."""
    row = connection.execute(sa.select(RUN).where(RUN.c.run_id == number)).mappings().one_or_none()
    if row is None:
        raise NoSuchThing(f"there is no run {number}")
    return dict(row)


def listing(
    connection: sa.Connection, *, workflow: str = "", status: str = "", before: int | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Return runs, the newest first."""
    query = sa.select(RUN).order_by(RUN.c.run_id.desc()).limit(limit)
    if workflow:
        query = query.where(RUN.c.workflow == workflow)
    if status:
        query = query.where(RUN.c.status == status)
    if before is not None:
        query = query.where(RUN.c.run_id < before)
    return [dict(row) for row in connection.execute(query).mappings()]


def details(connection: sa.Connection, number: int) -> dict[str, Any]:
    """Return a run with its stages, its jobs and the rules that fired."""
    stages = connection.execute(sa.select(STAGE).where(STAGE.c.run_id == number)).mappings()
    fires = sa.select(RULE_FIRE).where(RULE_FIRE.c.run_id == number).order_by(RULE_FIRE.c.fire_id)
    listed = sa.select(*(JOB.c[name] for name in jobs.LISTED)).where(JOB.c.run_id == number).order_by(JOB.c.job_id)
    return {
        "run": find(connection, number),
        "stages": [{"name": row["stage"], **{k: row[k] for k in ("status", "visits", "job_id")}} for row in stages],
        "jobs": [dict(row) for row in connection.execute(listed).mappings()],
        "fires": [dict(row) for row in connection.execute(fires).mappings()],
    }


def described(library: Library) -> dict[str, Any]:
    """Return all workflows and what is wrong with their files."""
    known = library.current()
    return {"workflows": [_described(found) for _, found in sorted(known.workflows.items())], "errors": known.errors}


def _described(found: Definition) -> dict[str, Any]:
    stages = [
        {"name": s.name, "command": s.command, "queue": s.queue or "", "join": s.join, "final": s.final,
         "optional": s.optional, "next": s.leads_to, "rules": len(s.rules)}
        for s in found.workflow.stages
    ]  # fmt: skip
    return {"name": found.workflow.name, "file": found.file, "sha256": found.sha256,
            "params": found.workflow.params, "stages": stages}  # fmt: skip


def outcome_of(attempt: Attempt) -> Outcome:
    """Return how a job has ended, as rules see it."""
    row = attempt.row
    state: State = row["ending"] if row["ending"] in get_args(State) else "lost"
    began, finished = row["started_at"], row["finished_at"]
    elapsed = finished - began if began is not None and finished is not None else None
    rc = row["return_code"] if state == "exit" else None
    return Outcome(rc, row["signal"], state, attempt.output, row["attempt"], elapsed, attempt.output_cut)


def _state(row: Mapping[str, Any]) -> StageState:
    chosen = None if row["chosen"] is None else tuple(row["chosen"])
    return StageState(row["status"], row["visits"], chosen, row["seen"], row["fails"])
