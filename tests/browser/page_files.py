"""A small cluster as the files that the page reads, with numbers that a test can name.

Ten nodes, users with one habit each. Every file fits its schema in backend/jobmon/live/schema (test_page_files.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

STEP = 30
SPAN = 600
POINTS = 60
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"

Series = Mapping[str, float | None]
"""Metric → its value, which stays the same over time; None is unknown."""


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    cpus: int = 16
    gpus: int = 0
    up: int = 1
    state: str = "ALLOCATED"
    reason: str = ""
    partitions: str = "cpu"
    shard: int = 0
    series: Series = field(default_factory=lambda: {"user": 40, "system": 2, "wait": 0, "mem": 20_000, "swap": 100})


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    user: str
    places: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Host → cores and GPUs as "0-3,8"."""
    name: str = "run.sh"
    state: str = "RUNNING"
    partition: str = "cpu"
    reason: str = "None"
    cpus: int = 0
    """Of a job that holds no cores yet."""
    age: int = 7200
    mem_req: int = 4096
    mem_max: int = 3000
    series: Series = field(default_factory=dict)


BUSY: Series = {"user": 95, "system": 2, "wait": 0, "mem": 3000}
LAZY: Series = {"user": 20, "system": 5, "wait": 1, "mem": 3000}

NODES = (
    *(Node(f"n{i}", shard=0 if i < 5 else 1) for i in range(1, 7)),
    Node("n7", up=0, state="DOWN", reason="Not responding", shard=1, series={}),
    Node("n8", state="IDLE+DRAIN", reason="disk", shard=1, series={"user": 0, "system": 1, "wait": 0, "mem": 900}),
    Node("g1", cpus=32, gpus=4, partitions="gpu", shard=1),
    Node("g2", cpus=32, gpus=4, partitions="gpu", state="IDLE", shard=1),
)

JOBS = (
    Job("101", "ann", {"n1": ("0-15", ""), "n2": ("0-15", "")}, name="good run", series=BUSY),
    Job("102", "ann", {"n3": ("0-7", "")}, name="one thread on eight cores", series=LAZY),
    Job(
        "103",
        "bob",
        {"g1": ("0-3", "0-1")},
        name="train",
        partition="gpu",
        series={**BUSY, "gpuUtil": 5, "gpuMem": 900},
    ),
    Job(
        "104", "cid", {"n4": ("0-3", "")}, name="memory hog", mem_req=65_536, mem_max=1024, series={**BUSY, "mem": 1024}
    ),
    Job("105_7", "dot", {"n5": ("0-1", "")}, name=HOSTILE, series=BUSY),
    Job("106", "eve", {"n6": ("0-3", "")}, name="nothing known"),
    Job("107", "fay", {"n3": ("8-11", "")}, name="just started", age=60, series=LAZY),
    Job("108", "ann", name="waits", state="PENDING", reason="Resources", cpus=64, age=-3600),
    Job("109", "bob", name="done", state="COMPLETED", cpus=4),
    Job("110", "bob", name="crashed", state="OUT_OF_MEMORY", cpus=4),
)


NO_LIMITS = {"maxNodes": None, "maxCpusPerNode": None, "maxMemPerNode": None}


def cpus(text: str) -> list[int]:
    """Read "0-3,8"."""
    ranges = [part.split("-") for part in text.split(",") if part]
    return [i for first, *last in ranges for i in range(int(first), int((last or [first])[0]) + 1)]


def documents(now: int, jobs: Sequence[Job] = JOBS, nodes: Sequence[Node] = NODES) -> dict[str, Any]:
    """Return name → document of everything that is published at `now`."""
    times = [now - STEP * k for k in reversed(range(POINTS))]
    starts = sorted({time - time % SPAN for time in times})
    chunks = {start: chunk([t for t in times if t - t % SPAN == start], start, now, jobs, nodes) for start in starts}
    return {
        "live/summary": summary(now, starts, jobs, nodes),
        "live/recent": recent(times, now, jobs, nodes),
        "live/latest": latest(now, now - STEP, starts, jobs, nodes),
        **{f"live/series/day/{start}": chunks[start] for start in starts[:-1]},
        "live/series/day/open": chunks[starts[-1]],
        **{f"live/cores/{shard}": cores(now, shard, jobs, nodes) for shard in {node.shard for node in nodes}},
    }


def source(now: int, name: str = "scheduler", error: str = "") -> dict[str, Any]:
    good = {"lastSuccess": now - 1, "duration": 0.2, "error": error, "errors": int(bool(error))}
    return {"name": name, **good, "records": 10, "skipped": 0, "reasons": [], "nodes": None, "warning": ""}


def summary(now: int, starts: Sequence[int], jobs: Sequence[Job], nodes: Sequence[Node]) -> dict[str, Any]:
    strings: list[str] = []

    def word(text: str) -> int:
        if text not in strings:
            strings.append(text)
        return strings.index(text)

    place = {node.name: i for i, node in enumerate(nodes)}
    running = [job for job in jobs if job.state == "RUNNING"]
    held = {job.id: {host: len(cpus(ids)) for host, (ids, _) in job.places.items()} for job in jobs}
    total = {job.id: sum(held[job.id].values()) or job.cpus for job in jobs}
    document = {
        "format": 1,
        "timestamp": now,
        "previous": now - STEP,
        "interval": STEP,
        "cluster": "testcluster",
        "version": "0.1",
        "usage": {
            "avail": sum(node.cpus for node in nodes if node.up),
            "running": sum(total[job.id] for job in running),
        },
        "nodes": {
            "name": [node.name for node in nodes],
            "up": [node.up for node in nodes],
            "counted": [1 for _ in nodes],
            "cpus": [node.cpus for node in nodes],
            "gpus": [node.gpus for node in nodes],
            "memTotal": [64_000 for _ in nodes],
            "swapTotal": [8000 for _ in nodes],
            "state": [word(node.state) for node in nodes],
            "reason": [word(node.reason) for node in nodes],
            "partitions": [word(node.partitions) for node in nodes],
            "shard": [node.shard for node in nodes],
        },
        "jobs": {
            "id": [job.id for job in jobs],
            "name": [word(job.name) for job in jobs],
            "user": [word(job.user) for job in jobs],
            "state": [word(job.state) for job in jobs],
            "partition": [word(job.partition) for job in jobs],
            "account": [word("physics") for _ in jobs],
            "reason": [word(job.reason) for job in jobs],
            "dependency": [word("") for _ in jobs],
            "arrayTasks": [word("") for _ in jobs],
            "cpus": [total[job.id] for job in jobs],
            "gpus": [sum(len(cpus(gpus)) for _, gpus in job.places.values()) for job in jobs],
            "nNodes": [len(job.places) or None for job in jobs],
            "timeLimit": [1440 for _ in jobs],
            "runTime": [30 if job.state in {"COMPLETED", "OUT_OF_MEMORY"} else None for job in jobs],
            "start": [now - job.age for job in jobs],
            "end": [now - 60 if job.state in {"COMPLETED", "OUT_OF_MEMORY"} else None for job in jobs],
            "submit": [now - 9000 for _ in jobs],
            "priority": [1000 if job.state == "PENDING" else None for job in jobs],
            "memReq": [job.mem_req for job in jobs],
            "memMax": [job.mem_max if job.state == "RUNNING" else None for job in jobs],
            "jobfsReq": [None for _ in jobs],
            "exitCode": [1 if job.state == "OUT_OF_MEMORY" else None for job in jobs],
            "hosts": [[place[host] for host in job.places] for job in jobs],
            "hostCores": [list(held[job.id].values()) for job in jobs],
            "hostGpus": [[len(cpus(gpus)) for _, gpus in job.places.values()] for job in jobs],
        },
        "partitions": [
            {"name": name, "up": True, "default": name == "cpu", "maxTime": 1440, "nodes": [], **NO_LIMITS}
            for name in ("cpu", "gpu")
        ],
        "reservations": [],
        "planned": {},
        "sources": [source(now), source(now, "telemetry")],
        "cycle": {"sources": 0.2, "collect": 0.1, "publish": 0.1, "bytes": 12_000, "late": 0},
        "series": {
            "day": {"step": STEP, "span": SPAN, "open": starts[-1], "closed": list(starts[:-1])},
            "month": {"step": 300, "span": 6000, "open": None, "closed": []},
            "year": {"step": 3600, "span": 86_400, "open": None, "closed": []},
        },
    }
    return {**document, "strings": strings}


def latest(
    now: int, previous: int, starts: Sequence[int], jobs: Sequence[Job], nodes: Sequence[Node], gone: Sequence[str] = ()
) -> dict[str, Any]:
    running = sorted((job for job in jobs if job.state == "RUNNING"), key=lambda job: job.id)
    whole = chunk([now], now - now % SPAN, now, running, nodes)
    return {
        "format": 1,
        "timestamp": now,
        "previous": previous,
        "summary": summary(now, starts, jobs, nodes),
        "jobsGone": list(gone),
        "point": {
            "jobRows": len(whole["jobRows"]["job"]),
            "nodeRows": len(nodes),
            "jobColumns": whole["jobRows"]["columns"],
            "nodeColumns": whole["nodeRows"]["columns"],
        },
    }


def chunk(times: Sequence[int], start: int, now: int, jobs: Sequence[Job], nodes: Sequence[Node]) -> dict[str, Any]:
    running = [job for job in jobs if job.state == "RUNNING"]
    hosts = [node.name for node in nodes]
    rows = [(i, job, host) for i, job in enumerate(running) for host in job.places]
    job_series = [
        {**job.series, "known": len(cpus(job.places[host][0])) if "user" in job.series else None}
        for _, job, host in rows
    ]
    began = [[t >= now - job.age for t in times] for _, job, _ in rows]
    return {
        "format": 1,
        "tier": "day",
        "start": start,
        "span": SPAN,
        "times": list(times),
        "hosts": hosts,
        "jobs": [job.id for job in running],
        "jobRows": {
            "job": [i for i, _, _ in rows],
            "host": [hosts.index(host) for _, _, host in rows],
            "cores": [len(cpus(job.places[host][0])) for _, job, host in rows],
            "gpus": [len(cpus(job.places[host][1])) for _, job, host in rows],
            "columns": columns(job_series, began),
        },
        "nodeRows": {
            "host": list(range(len(nodes))),
            "columns": columns([node.series for node in nodes], [[True] * len(times)] * len(nodes)),
        },
    }


def recent(times: Sequence[int], now: int, jobs: Sequence[Job], nodes: Sequence[Node]) -> dict[str, Any]:
    """Return the last half hour in one chunk."""
    return {**chunk(times, times[0], now, jobs, nodes), "tier": "recent", "span": 1800}


def columns(rows: Sequence[Series], there: Sequence[Sequence[bool]]) -> dict[str, Any]:
    """Encode values that stay the same: the first is the value, then no difference."""
    names = sorted({name for row in rows for name, value in row.items() if value is not None})
    encoded = {}
    for name in names:
        own = [i for i, row in enumerate(rows) if row.get(name) is not None]
        values: list[int | None] = []
        for i in own:
            before = 0
            for is_there in there[i]:
                value = int(rows[i][name] or 0)
                values.append(value - before if is_there else None)
                before = value if is_there else before
        encoded[name] = {"rows": None if len(own) == len(rows) else own, "values": values}
    return encoded


def cores(now: int, shard: int, jobs: Sequence[Job], nodes: Sequence[Node]) -> dict[str, Any]:
    found = {}
    for node in nodes:
        if node.shard != shard:
            continue
        here = {job.id: job.places[node.name] for job in jobs if node.name in job.places and job.state == "RUNNING"}
        load: list[list[int]] = [[0, 1, 0] for _ in range(node.cpus)]
        for job in jobs:
            for i in cpus(job.places.get(node.name, ("", ""))[0]):
                load[i] = [int(job.series.get(name) or 0) for name in ("user", "system", "wait")]
        gpu = {"util": 5 if here else 0, "memUsed": 450, "memTotal": 40_960}
        found[node.name] = {
            "cores": load if node.up else None,
            "gpus": [gpu for _ in range(node.gpus)],
            "jobs": {job: list(ids) for job, ids in here.items()},
            "load": 12.34 if node.up else None,
            "pressure": {"cpu": 3.5, "io": 40.0} if node.up else None,
        }
    return {"format": 1, "timestamp": now, "nodes": found}
