"""Build live/summary and live/latest: what the page lists, and what changed (schema/summary and latest)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobmon import __version__
from jobmon.model import natural_key

FORMAT = 1

JOB_TEXTS = ("name", "user", "state", "partition", "account", "reason", "dependency", "arrayTasks")
JOB_COLUMNS = ("id", *JOB_TEXTS, "cpus", "gpus", "nNodes", "timeLimit", "runTime", "start", "end", "submit", "priority",
               "memReq", "memMax", "jobfsReq", "exitCode", "hosts", "hostCores", "hostGpus")  # fmt: skip
NODE_COLUMNS = ("name", "up", "counted", "cpus", "gpus", "memTotal", "swapTotal", "state", "reason", "partitions",
                "shard")  # fmt: skip
_ID, _STATE, _START, _PRIORITY, _MEM_MAX = (
    JOB_COLUMNS.index(name) for name in ("id", "state", "start", "priority", "memMax")
)

NODE_TEXTS = ("state", "reason", "partitions")
PENDING = "PENDING"

Row = tuple[Any, ...]


@dataclass
class Tables:
    """Hold the rows of one snapshot, texts as texts."""

    timestamp: int
    nodes: list[Row]
    jobs: dict[str, Row]
    waiting: dict[str, dict[str, Any]]
    """The pending jobs as the snapshot has them; they have no hosts, so their rows stay right when nodes change."""
    partitions: list[dict[str, Any]]
    reservations: list[dict[str, Any]]


@dataclass
class Strings:
    """Give each text a number."""

    numbers: dict[str, int] = field(default_factory=dict)

    def of_all(self, texts: Sequence[str]) -> list[int]:
        """Return the number of each text."""
        for text in dict.fromkeys(texts):
            self.numbers.setdefault(text, len(self.numbers))
        return [self.numbers[text] for text in texts]


def tables(snapshot: dict[str, Any], shards: dict[str, int], before: Tables | None = None) -> Tables:
    """Return the rows of a snapshot; `shards` is the number of the cores file of each host.

    Rows of `before`, the tables of the snapshot before, are taken over for jobs that wait as they did.
    """
    names = sorted(snapshot["nodes"], key=natural_key)
    place = {name: index for index, name in enumerate(names)}
    old_rows, old_waiting = (before.jobs, before.waiting) if before else ({}, {})
    jobs: dict[str, Row] = {}
    waiting: dict[str, dict[str, Any]] = {}
    for job_id, job in snapshot["jobs"].items():
        if job["state"] != PENDING:
            jobs[job_id] = _job_row(job_id, job, place)
            continue
        waiting[job_id] = job
        jobs[job_id] = old_rows[job_id] if old_waiting.get(job_id) == job else _job_row(job_id, job, place)
    return Tables(
        timestamp=snapshot["timestamp"],
        nodes=[_node_row(name, snapshot["nodes"][name], shards[name]) for name in names],
        jobs=jobs,
        waiting=waiting,
        partitions=[p | {"nodes": _places(p["nodes"], place)} for p in snapshot.get("partitions", ())],
        reservations=[r | {"nodes": _places(r["nodes"], place)} for r in snapshot.get("reservations", ())],
    )


def summary(now: Tables, common: dict[str, Any]) -> dict[str, Any]:
    """Return live/summary; `common` holds the fields that are neither tables nor strings."""
    strings = Strings()
    return {
        **common,
        "nodes": _node_columns(now.nodes, strings),
        "jobs": _job_columns(now.jobs.values(), strings),
        "partitions": now.partitions,
        "reservations": now.reservations,
        "planned": _planned(now),
        "strings": list(strings.numbers),
    }


def tables_of(document: dict[str, Any]) -> Tables:
    """Return the tables that a summary was made of; of pending jobs it tells the planned hosts alone."""
    strings = document["strings"]
    nodes = rows_of(document["nodes"], NODE_COLUMNS, NODE_TEXTS, strings)
    jobs = {row[_ID]: row for row in rows_of(document["jobs"], JOB_COLUMNS, JOB_TEXTS, strings)}
    planned = document["planned"]
    waiting: dict[str, dict[str, Any]] = {
        job_id: {"state": PENDING, "plannedNodes": [nodes[place][0] for place in planned.get(job_id, ())]}
        for job_id, row in jobs.items()
        if row[_STATE] == PENDING
    }
    return Tables(document["timestamp"], nodes, jobs, waiting, document["partitions"], document["reservations"])


def latest(before: Tables | None, now: Tables, common: dict[str, Any], point: dict[str, Any]) -> dict[str, Any]:
    """Return live/latest: the rows that changed since `before`, and the newest point of the series."""
    strings = Strings()
    old = before.jobs if before else {}
    changed = [row for job_id, row in now.jobs.items() if _differs(old.get(job_id), row)]
    sent = {row[_ID] for row in changed}
    grown = {
        job_id: row[_MEM_MAX]
        for job_id, row in now.jobs.items()
        if job_id not in sent and _size(row[_MEM_MAX]) != _size(old[job_id][_MEM_MAX])
    }
    part: dict[str, Any] = {**common, "jobs": _job_columns(changed, strings)}
    if nodes := _changed_nodes(before.nodes if before else [], now.nodes):
        part["nodes"] = _node_columns(nodes, strings)
    if before is None or before.partitions != now.partitions:
        part["partitions"] = now.partitions
    if before is None or before.reservations != now.reservations:
        part["reservations"] = now.reservations
    part["strings"] = list(strings.numbers)
    return {
        "format": FORMAT,
        "timestamp": now.timestamp,
        "previous": common["previous"],
        "summary": part,
        "jobsGone": [job_id for job_id in old if job_id not in now.jobs],
        "memMax": grown,
        "point": point,
    }


def common_fields(
    snapshot: dict[str, Any], previous: int | None, interval: float, cycle: dict[str, Any], series: dict[str, Any]
) -> dict[str, Any]:
    """Return what a summary tells beside its tables; `sources` are added by whoever knows them."""
    return {
        "format": FORMAT,
        "timestamp": snapshot["timestamp"],
        "previous": previous,
        "interval": interval,
        "cluster": snapshot.get("cluster", ""),
        "version": __version__,
        "usage": {"avail": snapshot["usage"]["avail"], "running": snapshot["usage"]["running"]},
        "cycle": cycle,
        "series": series,
    }


def _node_row(name: str, node: dict[str, Any], shard: int) -> Row:
    return (
        name,
        int(node["up"]),
        int(node["isCounted"]),
        node["nCpus"],
        node["nGpus"],
        node["mem"]["total"] if node["mem"] else None,
        node["swap"]["total"] if node["swap"] else None,
        node.get("state", ""),
        node.get("reason", ""),
        ",".join(node.get("partitions", ())),
        shard,
    )


def _job_row(job_id: str, job: dict[str, Any], place: dict[str, int]) -> Row:
    layout = job["layout"] | job["layoutDown"] if "layoutDown" in job else job["layout"]
    gpus = job["gpuLayout"]
    running = job["state"] == "RUNNING"
    return (
        job_id,
        job["name"],
        job["username"],
        job["state"],
        job.get("partition", ""),
        job.get("account", ""),
        job.get("reason", ""),
        job.get("dependency", ""),
        job.get("arrayTasks", ""),
        job["nCpus"],
        job["nGpus"],
        job.get("nNodes") or len(layout) or None,
        job["timeLimit"],
        None if running and job["startTime"] else job["runTime"],
        job["startTime"] or None,
        job.get("endTime"),
        job.get("submitTime"),
        job.get("priority"),
        job["memReq"] or None,
        job["memMax"] or None,
        job["jobfsReq"] or None,
        job.get("exitCode"),
        [place[host] for host in layout],
        [len(cores) for cores in layout.values()],
        [len(gpus.get(host, ())) for host in layout] if gpus else [],
    )


def _changed_nodes(before: list[Row], now: list[Row]) -> list[Row]:
    """Return the rows that changed; all of them when nodes came or went, for then every index means another one."""
    if [row[0] for row in before] != [row[0] for row in now]:
        return now
    return [row for old, row in zip(before, now, strict=True) if old != row]


def _differs(before: Row | None, row: Row) -> bool:
    return before is None or (before is not row and before != row and _mark(before) != _mark(row))


def _mark(row: Row) -> Row:
    """Return what must change in a row for it to be sent again: not what drifts with every cycle."""
    marked = list(row)
    marked[_PRIORITY] = marked[_MEM_MAX] = None
    if row[_STATE] == PENDING and row[_START]:
        marked[_START] = row[_START] // 600
    return tuple(marked)


def _size(memory: int | None) -> tuple[int, int] | None:
    """Return the five leading bits: what grows by less need not be told."""
    return (memory.bit_length(), memory >> max(0, memory.bit_length() - 5)) if memory else None


def _job_columns(rows: Iterable[Row], strings: Strings) -> dict[str, Sequence[Any]]:
    return columns_of(JOB_COLUMNS, JOB_TEXTS, rows, strings)


def _node_columns(rows: Iterable[Row], strings: Strings) -> dict[str, Sequence[Any]]:
    return columns_of(NODE_COLUMNS, NODE_TEXTS, rows, strings)


def columns_of(names: Sequence[str], texts: Sequence[str], rows: Iterable[Row], strings: Strings) -> dict[str, Any]:
    """Return {column: values}; the columns in `texts` as numbers of strings."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [[] for _ in names]
    return {
        name: strings.of_all(column) if name in texts else column for name, column in zip(names, columns, strict=True)
    }


def rows_of(
    columns: Mapping[str, Sequence[Any]], names: Sequence[str], texts: Sequence[str], strings: Sequence[str]
) -> list[Row]:
    """Return the rows that `columns_of` has turned into columns."""
    return list(
        zip(*([strings[at] for at in columns[name]] if name in texts else columns[name] for name in names), strict=True)
    )


def _planned(now: Tables) -> dict[str, list[int]]:
    """Return, by pending job, the hosts that the scheduler has planned for it, as places in the table of nodes."""
    place = {row[0]: index for index, row in enumerate(now.nodes)}
    return {
        job_id: _places(job["plannedNodes"], place) for job_id, job in now.waiting.items() if job.get("plannedNodes")
    }


def _places(hosts: Iterable[str], place: dict[str, int]) -> list[int]:
    return [place[host] for host in hosts if host in place]
