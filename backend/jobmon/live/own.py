"""Leave in a published file what one person may see: the own jobs, the nodes and the totals."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from jobmon.live import visibility

Document = dict[str, Any]


def jobs_of(summary: Mapping[str, Any], user: str) -> set[str]:
    """Return the ids of a user's jobs in a summary."""
    jobs, strings = summary["jobs"], summary["strings"]
    return {job_id for job_id, name in zip(jobs["id"], jobs["user"], strict=True) if strings[name] == user}


def summary(document: Document, user: str) -> Document:
    """Return a summary, or facts, with the jobs of one user, and only the texts that are left."""
    jobs, strings = document["jobs"], document["strings"]
    kept = [row for row, name in enumerate(jobs["user"]) if strings[name] == user]
    texts = {"name", "user", "state", "partition", "account", "reason", "dependency", "arrayTasks"}
    numbers: dict[str, int] = {}

    def of(index: int) -> int:
        return numbers.setdefault(strings[index], len(numbers))

    columns = {
        name: [of(column[row]) for row in kept] if name in texts else [column[row] for row in kept]
        for name, column in jobs.items()
    }
    nodes = {
        name: [of(index) for index in column] if name in {"state", "reason", "partitions"} else column
        for name, column in document["nodes"].items()
    }
    part = {**document, "jobs": columns, "nodes": nodes, "strings": list(numbers)}
    if "sources" in document:
        part["sources"] = visibility.sources(document["sources"])
    if "planned" in document:
        own = set(columns["id"])
        part["planned"] = {job_id: places for job_id, places in document["planned"].items() if job_id in own}
    return part


def chunk(document: Document, own: Collection[str]) -> Document:
    """Return a chunk of series with the rows of some jobs; rows of nodes stay."""
    rows, names = document["jobRows"], document["jobs"]
    kept = [row for row, job in enumerate(rows["job"]) if names[job] in own]
    ids: dict[str, int] = {}
    jobs = [ids.setdefault(names[rows["job"][row]], len(ids)) for row in kept]
    points = len(document["times"])
    columns = {}
    for name, column in rows["columns"].items():
        held = range(len(rows["job"])) if column["rows"] is None else column["rows"]
        place = {row: index for index, row in enumerate(held)}
        there = [(new, place[row]) for new, row in enumerate(kept) if row in place]
        values = [v for _, at in there for v in column["values"][at * points : (at + 1) * points]]
        if there:
            columns[name] = {"rows": [new for new, _ in there], "values": values}
    pick = {name: [rows[name][row] for row in kept] for name in ("host", "cores", "gpus")}
    return {**document, "jobs": list(ids), "jobRows": {"job": jobs, **pick, "columns": columns}}


def cores(document: Document, own: Collection[str]) -> Document:
    """Return a shard of cores that names some jobs only."""
    nodes = {
        host: {**node, "jobs": {job: place for job, place in node["jobs"].items() if job in own}}
        for host, node in document["nodes"].items()
    }
    return {**document, "nodes": nodes}


def usage(document: Document, user: str) -> Document:
    """Return the use of cores with one user's alone; the totals stay."""
    return {**document, "users": {name: cores for name, cores in document["users"].items() if name == user}}


def history(document: Document, user: str) -> Document:
    """Return the history with one user's cores alone."""
    return {
        "history": {
            time: {**entry, "users": {name: cores for name, cores in entry["users"].items() if name == user}}
            for time, entry in document["history"].items()
        }
    }


def runs(document: Document, user: str) -> Document:
    """Return the sums of one user's jobs."""
    return {**document, "runs": {job: run for job, run in document["runs"].items() if run["user"] == user}}


def predictions(document: Document, own: Collection[str]) -> Document:
    """Return the predictions for some jobs; how right they were over all stays."""
    waiting = {job: times for job, times in document["waiting"].items() if job in own}
    return {**document, "waiting": waiting, "started": [entry for entry in document["started"] if entry[0] in own]}


def marks(document: Document, _user: str) -> Document:
    """Return the marks without what people wrote to them, which may name somebody."""
    return {**document, "marks": [{**mark, "note": ""} for mark in document["marks"]]}


def snapshot(document: Document, user: str) -> Document:
    """Return a snapshot with one user's jobs."""
    entry = document["usage"]
    jobs = {job_id: job for job_id, job in document["jobs"].items() if job["username"] == user}
    users = {name: cores for name, cores in entry["users"].items() if name == user}
    return {**document, "jobs": jobs, "usage": {**entry, "users": users}}


def filtered(name: str, document: Document, user: str, own: Callable[[], Collection[str]]) -> Document | None:
    """Return what a person may see of a page's file; None when there is nothing of it for one person alone."""
    kind = name.split("/")[1] if "/" in name else name
    part = _part(kind, document, user, own)
    return None if part is None else visibility.named(part, visibility.PARTS[kind])


def _part(kind: str, document: Document, user: str, own: Callable[[], Collection[str]]) -> Document | None:
    """Return a document with one person's rows."""
    by_user: dict[str, Callable[[Document, str], Document]] = {
        "snapshot": snapshot, "history": history, "summary": summary, "facts": summary, "usage": usage, "runs": runs,
        "marks": marks,
    }  # fmt: skip
    by_job: dict[str, Callable[[Document, Collection[str]], Document]] = {
        "recent": chunk, "series": chunk, "cores": cores, "predictions": predictions,
    }  # fmt: skip
    if kind in by_user:
        return by_user[kind](document, user)
    if kind in by_job:
        return by_job[kind](document, own())
    return None
