"""Say what a workflow's rules have decided: in the run's own history, and to whom the rules name."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from jobmon.batch import run_rows as rows
from jobmon.batch.workflow.decision import Decision
from jobmon.engine import outbox
from jobmon.engine.outbox import Message, parse_targets
from jobmon.errors import SettingsError


def write_down(connection: sa.Connection, run: Mapping[str, Any], job: Mapping[str, Any], decision: Decision) -> None:
    """Append to the run's history which rules fired after a job, and what was noticed."""
    rule = ", ".join(str(number) for number in decision.rules)
    rows.fire(connection, run["run_id"], job["stage"], job["job_id"], rule, decision.reason)
    for note in decision.notes:
        rows.fire(connection, run["run_id"], job["stage"], job["job_id"], "note", note)


def tell(connection: sa.Connection, run: Mapping[str, Any], job: Mapping[str, Any], decision: Decision) -> None:
    """Write messages to those whom the rules name, in the transaction of the decision."""
    if not decision.notify:
        return
    subject = f"run {run['run_id']} of {run['workflow']}: {decision.reason}"
    facts = {"run": run["run_id"], "workflow": run["workflow"], "stage": job["stage"], "job": job["job_id"],
             "return_code": job["return_code"], "ending": job["ending"], **run["params"]}  # fmt: skip
    try:
        targets = parse_targets(decision.notify)
    except SettingsError as error:
        rows.fire(connection, run["run_id"], job["stage"], job["job_id"], "note", f"nobody is told: {error}")
        return
    for target in targets:
        bundle = f"run {run['run_id']}" if target.kind == "email" else ""
        outbox.add(connection, Message(target, subject, bundle, job["output_tail"] or "", facts))
