"""Decide what is true of an attempt, from its own records and from what the scheduler says."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jobmon.engine.submission.attempts import (
    CANCELLED,
    FAILED,
    HELD,
    LOST,
    MOST_TAIL,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    WAITING,
)
from jobmon.engine.submission.records import Done, Started
from jobmon.schedulers.acting import Seen

GRACE_S = 60.0
"""So long a job may be missing in the listing, or have ended there, before its own record is given up."""
FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 600.0
MOST_RETURNS = 6
"""So often a job is submitted of which the scheduler then knows nothing; after that a person decides."""


@dataclass(frozen=True, slots=True)
class Change:
    """Say what an attempt becomes: its new state, the values that come with it, and what happened in words."""

    status: str
    text: str
    values: dict[str, Any] = field(default_factory=dict)
    tail: str = ""


def pause_s(times: int) -> float:
    """Return how long to wait after something was in vain for so many times."""
    return min(FIRST_WAIT_S * 2.0 ** min(times, 10), LONGEST_WAIT_S)


def returned(row: Mapping[str, Any], text: str, now: float) -> Change:
    """Return the change of a job that the scheduler does not have: it is submitted again, later each time.

    What a master left behind that died is submitted again at once, the first time. What comes back too often is held.
    """
    returns = row["returns"] + 1
    said = f"{text}: {row['reason']}" if row["unknown"] and row["reason"] else text
    values: dict[str, Any] = {"returns": returns, "scheduler_id": None, "unknown": row["unknown"]}
    if returns >= MOST_RETURNS:
        reason = f"submitted {returns} times in vain, and held until somebody releases or cancels it; {said}"
        return Change(HELD, reason, {**values, "unknown": True, "reason": reason})
    if returns == 1 and not row["unknown"]:
        return Change(WAITING, f"{text}, and it is submitted again", {**values, "not_before": 0.0, "reason": None})
    wait_s = pause_s(returns - 1)
    values |= {"not_before": now + wait_s, "reason": said}
    return Change(WAITING, f"{text}, and it is submitted again in {wait_s:g} s", values)


def from_started(started: Started) -> Change:
    """Return the change of a job that has begun."""
    values = {"started_at": started.at, "host": started.host}
    return Change(RUNNING, f"started on {started.host}", values)


def runs(why: str) -> Change:
    """Return the change of a job that the scheduler runs, and whose own record of that is not believed."""
    text = f"the scheduler says that it runs; its own record was put aside: {why}"
    return Change(RUNNING, text, {"put_aside": why})


def doubted(change: Change, why: str) -> Change:
    """Return an end that was decided without the attempt's own record, because that was put aside."""
    text = f"{change.text}; its own record was put aside: {why}"
    return replace(change, text=text, values={**change.values, "reason": text, "put_aside": why})


def from_done(done: Done, cancelled: bool) -> Change:
    """Return the end that the script recorded; `cancelled` says that somebody asked for its end."""
    values = {
        "started_at": done.started_at,
        "finished_at": done.ended_at,
        "host": done.host,
        "output_bytes": done.output_bytes,
        "output_tail": done.tail[-MOST_TAIL:],
        "return_code": done.return_code,
        "signal": done.signal,
    }
    ending, status, text = done.why, FAILED, done.told
    if done.why == "terminated":
        ending, status, text = ("cancelled", CANCELLED, "cancelled") if cancelled else ("signal", FAILED, "")
        text = text or "the scheduler ended it"
    elif done.why == "exit" and done.return_code == 0:
        status, text = SUCCEEDED, "ended with 0"
    elif done.why == "exit":
        text = done.told or f"ended with {done.return_code}"
    elif done.why == "timeout":
        text = "its time limit was reached"
    elif done.why == "oom":
        text = "it needed more memory than it may have"
    elif done.why == "signal":
        text = f"killed by signal {done.signal}"
    return Change(status, text, {**values, "ending": ending, "reason": text}, done.tail)


def late(latest_start: float | None, cancelled: bool) -> Change:
    """Return the end of an attempt that was never started, because its time for that has passed.

    Without a latest start it was a deadline that the scheduler had been given; `cancelled` says that somebody had asked
    for its end, which then is what happened.
    """
    if cancelled:
        return Change(CANCELLED, "cancelled", {"ending": "cancelled", "reason": "cancelled"})
    if latest_start is None:
        text = "the scheduler removed it, because it could not have ended by its deadline"
    else:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(latest_start))
        text = f"not started by {when}, its latest start"
    return Change(SKIPPED, text, {"ending": "late", "reason": text})


def from_scheduler(seen: Seen, cancelled: bool, log: str, refused: bool, began: bool = False) -> Change:
    """Return the end of a job that left no record of its own, by what the scheduler says of it.

    `began` says that its command is known to have been started.
    """
    values: dict[str, Any] = {"return_code": seen.return_code, "signal": seen.signal}
    if seen.ending == "cancelled" or (cancelled and seen.ending in {"signal", "unknown"}):
        return Change(CANCELLED, "cancelled", {**values, "ending": "cancelled", "reason": "cancelled"})
    told = {
        "timeout": "its time limit was reached",
        "oom": "it needed more memory than it may have",
        "node_fail": "its node went down",
        "signal": f"killed by signal {seen.signal}",
    }
    if seen.ending == "late":  # and it had begun
        text = "the scheduler ended it at the deadline that it had been given"
        return Change(FAILED, text, {**values, "ending": "timeout", "reason": text})
    if seen.ending in told:
        text = told[seen.ending]
        return Change(FAILED, text, {**values, "ending": seen.ending, "reason": text})
    if refused:
        text = "it was started twice by the scheduler; the second start was refused, the first left no record"
        return Change(LOST, text, {"ending": "lost", "reason": text})
    if seen.ending == "exit" and seen.return_code:
        early = "" if began else " before the command could be started"
        text = f"ended with {seen.return_code}{early}" + (f": {log}" if log else "")
        return Change(FAILED, text, {**values, "ending": "exit", "reason": text})
    text = "it has ended, and nothing says how" + (f": {log}" if log else "")
    return Change(LOST, text, {"ending": "lost", "reason": text})


def gone(refused: bool, log: str) -> Change:
    """Return the end of a job of which neither its own records nor the scheduler know anything."""
    text = "the scheduler has forgotten it, and it left no record"
    if refused:
        text += "; a second start of it was refused"
    if log:
        text += f": {log}"
    return Change(LOST, text, {"ending": "lost", "reason": text})
