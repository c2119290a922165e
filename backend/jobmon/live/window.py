"""Say whether a request could start now, when it could at the latest, and what could start instead.

All from what was published last; no scheduler is asked.
"""

import math
from collections.abc import Mapping
from typing import Any

from jobmon.backends.backfill import Request, alternatives_now, find_window
from jobmon.live.summary import JOB_COLUMNS, NODE_COLUMNS, Row, Tables
from jobmon.model import ClusterState, Job, Node, Partition, Reservation

_NODE = {name: index for index, name in enumerate(NODE_COLUMNS)}
_JOB = {name: index for index, name in enumerate(JOB_COLUMNS)}
MOST_HOSTS = 20
WAITING_OR_HOLDING = frozenset({"PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED", "RESIZING",
                                "SIGNALING", "STAGE_OUT"})  # fmt: skip


def state_of(tables: Tables) -> ClusterState:
    """Return what a published snapshot tells of the scheduler's state; jobs that have ended are left out.

    A back end that knows no partitions gets one that holds all nodes.
    """
    hosts = [row[0] for row in tables.nodes]
    nodes = tuple(_node(row) for row in tables.nodes)
    partitions = tuple(_partition(entry, hosts) for entry in tables.partitions)
    if not partitions and not any(node.partitions for node in nodes):
        partitions = (Partition("", tuple(hosts)),)
    return ClusterState(
        loaded_at=tables.timestamp,
        nodes=nodes,
        jobs=tuple(
            _job(row, hosts, tables.waiting.get(job_id, {}))
            for job_id, row in tables.jobs.items()
            if row[_JOB["state"]] in WAITING_OR_HOLDING
        ),
        partitions=partitions,
        reservations=tuple(
            Reservation(
                entry["name"],
                tuple(hosts[index] for index in entry["nodes"]),
                entry["start"],
                entry["end"],
                frozenset({"MAINT"} if entry["maintenance"] else ()),
            )
            for entry in tables.reservations
        ),
    )


def answer(state: ClusterState, request: Request) -> dict[str, Any]:
    """Return the answer to "will it run now?" as JSON; see `window_api` for the words."""
    window = find_window(state, request)
    now = window.start_at is not None and not window.reason
    return {
        "timestamp": int(state.loaded_at),
        "now": now,
        "startAt": window.start_at,
        "reason": window.reason,
        "partition": window.partition,
        "nodes": list(window.nodes[:MOST_HOSTS]),
        "line": line(request, window.partition),
        "alternatives": [] if now else [_alternative(request, other) for other in alternatives_now(state, request)],
    }


def line(request: Request, partition: str = "") -> str:
    """Return the request as options of sbatch."""
    options = [f"--nodes={request.nodes}", "--ntasks-per-node=1", f"--cpus-per-task={request.per_node}"]
    if request.memory_per_node_mb:
        options.append(f"--mem={_memory(request.memory_per_node_mb)}")
    if request.gpus_per_node:
        options.append(f"--gres=gpu:{request.gpus_per_node}")
    if request.walltime_s is not None:
        options.append(f"--time={_walltime(request.walltime_s)}")
    if request.partition or partition:
        options.append(f"--partition={request.partition or partition}")
    return " ".join(options)


def _alternative(asked: Request, other: Request) -> dict[str, Any]:
    return {"changed": _changed(asked, other), "line": line(other)}


def _changed(asked: Request, other: Request) -> str:
    """Say in words what is different."""
    if other.partition != asked.partition and asked.partition:
        return f"in partition {other.partition}"
    if other.walltime_s != asked.walltime_s and other.walltime_s is not None:
        return f"for {_walltime(other.walltime_s)} at most"
    if other.memory_per_node_mb != asked.memory_per_node_mb:
        return f"with {_memory(other.memory_per_node_mb)} of memory per node"
    if other.gpus_per_node != asked.gpus_per_node:
        return f"with {other.gpus_per_node} GPU{'s' * (other.gpus_per_node != 1)} per node"
    if other.nodes != asked.nodes:
        return f"on {other.nodes} node{'s' * (other.nodes != 1)}"
    return f"with {other.per_node} core{'s' * (other.per_node != 1)} per node"


def _memory(mebibytes: float) -> str:
    return f"{round(mebibytes / 1024)}G" if mebibytes % 1024 == 0 and mebibytes else f"{math.ceil(mebibytes)}M"


def _walltime(seconds: float) -> str:
    minutes = max(1, int(seconds // 60))
    days, rest = divmod(minutes, 1440)
    clock = f"{rest // 60:02d}:{rest % 60:02d}:00"
    return f"{days}-{clock}" if days else clock


def _node(row: Row) -> Node:
    states = frozenset(word for word in row[_NODE["state"]].upper().replace("*", "").split("+") if word)
    return Node(
        name=row[0],
        cpus=row[_NODE["cpus"]],
        states=states if row[_NODE["up"]] else states | {"DOWN"},
        memory_mb=row[_NODE["memTotal"]],
        gpus=row[_NODE["gpus"]],
        partitions=tuple(filter(None, row[_NODE["partitions"]].split(","))),
    )


def _job(row: Row, hosts: list[str], waiting: Mapping[str, Any]) -> Job:
    places = [hosts[index] for index in row[_JOB["hosts"]]]
    start, limit = row[_JOB["start"]], row[_JOB["timeLimit"]]
    end = row[_JOB["end"]]
    if end is None and start and limit is not None:
        end = start + 60 * limit
    return Job(
        id=row[0],
        name="",
        user="",
        state=row[_JOB["state"]],
        cpus=row[_JOB["cpus"]],
        partition=row[_JOB["partition"]],
        gpus=row[_JOB["gpus"]],
        n_nodes=row[_JOB["nNodes"]] or 1,
        layout=dict(zip(places, map(_indices, row[_JOB["hostCores"]]), strict=True)),
        gpu_layout=dict(zip(places, map(_indices, row[_JOB["hostGpus"]]), strict=False)),
        memory_request_mb=row[_JOB["memReq"]],
        time_limit_s=None if limit is None else 60 * limit,
        start_at=start,
        end_at=None if waiting else end,
        planned_nodes=tuple(waiting.get("plannedNodes", ())),
    )


def _partition(entry: Mapping[str, Any], hosts: list[str]) -> Partition:
    return Partition(
        name=entry["name"],
        nodes=tuple(hosts[index] for index in entry["nodes"]),
        up=entry["up"],
        default=entry["default"],
        max_time_s=None if entry["maxTime"] is None else 60 * entry["maxTime"],
        max_nodes=entry["maxNodes"],
        max_cpus_per_node=entry["maxCpusPerNode"],
        max_memory_per_node_mb=entry["maxMemPerNode"],
    )


def _indices(count: int) -> tuple[int, ...]:
    return tuple(range(count))
