"""Tell those who asked for it that a job was submitted, has started, has ended."""

import sqlalchemy as sa

from jobmon.engine import outbox
from jobmon.engine.outbox import Message, parse_targets
from jobmon.engine.submission import ENDED, Attempt
from jobmon.engine.submission.attempts import FAILED, HELD, LOST, PENDING, RUNNING, SKIPPED

TAIL_LINES = 20


def tell(connection: sa.Connection, attempt: Attempt, site: str = "") -> None:
    """Write messages for what has changed, in the transaction that changed it."""
    row = attempt.row
    if not row["on_success"]:
        return
    for event in _events(attempt):
        for target in parse_targets(row["on_success"]):
            if target.wants(event) or (event == "fail" and target.wants("finish")):
                outbox.add(connection, _message(target, event, attempt, site))


def _events(attempt: Attempt) -> list[str]:
    events = []
    if attempt.status == PENDING and attempt.before != RUNNING:
        events.append("submit")
    if attempt.status == RUNNING or (attempt.before == PENDING and attempt.status in ENDED and _began(attempt)):
        events.append("start")
    if attempt.status == HELD:  # which it is when nothing goes on before a person decides
        events.append("fail")
    if attempt.status in ENDED:
        # What was skipped has not been done, which is what those want to know who ask for failures.
        events.append("fail" if attempt.status in {FAILED, LOST, SKIPPED} else "finish")
    return events


def _began(attempt: Attempt) -> bool:
    return attempt.row["started_at"] is not None


def _message(target: outbox.Target, event: str, attempt: Attempt, site: str) -> Message:
    row = attempt.row
    words = {"submit": "submitted", "start": "started", "finish": attempt.status, "fail": attempt.status}
    subject = f"{site + ': ' if site else ''}job {row['job_id']} ({row['name']}) {words[event]}"
    if event in {"finish", "fail"} and attempt.text:
        subject += f": {attempt.text}"
    facts = {
        "event": event,
        "job": row["job_id"],
        "name": row["name"],
        "status": attempt.status,
        "command": row["command"],
        "scheduler": row["scheduler"],
        "scheduler_id": row["scheduler_id"],
        "return_code": row["return_code"],
        "signal": row["signal"],
        "reason": row["reason"],
        "host": row["host"],
        "attempt": row["attempt"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "output": row["output_location"],
    }
    tail = "\n".join(attempt.tail.splitlines()[-TAIL_LINES:])
    text = f"{row['command']}\n" + (f"\nThe end of its output:\n\n{tail}\n" if tail else "")
    bundle = f"run {row['run_id']}" if row["run_id"] is not None else "jobs"
    wait_s = None if target.kind == "email" else 0.0
    return Message(target, subject, bundle if target.kind == "email" else "", text, facts, wait_s)
