"""Remember what was foretold of the starts of pending jobs, and how right it was (schema/predictions)."""

from statistics import median
from typing import Any

FORMAT = 1
MAX_STARTED = 500
MAX_WAITING = 5000
NEAR_S = 600


def restored(document: Any) -> dict[str, Any] | None:
    """Return what a file of an earlier life holds; None when it is of another format, ValueError when it is broken."""
    if document is None or not isinstance(document, dict) or document.get("format") != FORMAT:
        return None
    waiting, started = document.get("waiting"), document.get("started")
    if not isinstance(waiting, dict) or not isinstance(started, list):
        raise ValueError("has no predictions")
    times = [*waiting.values(), *(entry[1:] for entry in started)]
    if not all(isinstance(time, int) for entry in times for time in entry):
        raise ValueError("holds times that are none")
    if {len(entry) for entry in waiting.values()} - {3} or {len(entry) for entry in started} - {5}:
        raise ValueError("holds predictions that are not whole")
    return document


def update(before: dict[str, Any] | None, snapshot: dict[str, Any]) -> dict[str, Any]:
    """Return the predictions after this snapshot; `before` is the last result, None at the beginning."""
    now = snapshot["timestamp"]
    known: dict[str, list[int]] = before["waiting"] if before else {}
    started: list[list[Any]] = list(before["started"]) if before else []
    waiting: dict[str, list[int]] = {}
    for job_id, job in snapshot["jobs"].items():
        start = job["startTime"]
        if job["state"] == "PENDING" and start and len(waiting) < MAX_WAITING:
            seen, first, _ = known.get(job_id, (now, start, start))
            waiting[job_id] = [seen, first, start]
        elif job_id in known and start and start <= now and job["state"] != "PENDING":
            started.append([job_id, *known[job_id], start])
    started = started[-MAX_STARTED:]
    return {
        "format": FORMAT,
        "timestamp": now,
        "waiting": waiting,
        "started": started,
        "accuracy": _accuracy([abs(real - first) for _, _, first, _, real in started]),
    }


def _accuracy(errors: list[int]) -> dict[str, Any]:
    if not errors:
        return {"jobs": 0, "medianError": None, "within10min": None}
    near = sum(1 for error in errors if error <= NEAR_S)
    return {"jobs": len(errors), "medianError": median(errors), "within10min": round(near / len(errors), 4)}
