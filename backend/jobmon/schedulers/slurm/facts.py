"""Hold what all readers of Slurm conclude in the same way from what they read."""

import math
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from jobmon.model import Job, Node, Partition
from jobmon.schedulers.slurm import text

ACTIVE = frozenset(
    {"RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT"}
)
"""Jobs in these states hold nodes."""

ENDED = frozenset(
    {
        "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
        "REVOKED", "SPECIAL_EXIT", "TIMEOUT",
    }
)  # fmt: skip

CLOCK_SLACK_S = 3
"""Differences of two clocks below this many seconds are not taken for a suspension."""


def job_ids(job_id: str, array_id: str, task: str, shown: str = "") -> tuple[str, str, str]:
    """Return (id as people type it, array id, waiting tasks) from a job's own id, its array's id and its task.

    `task` is one index, a set of waiting ones ("9-20%3"), or empty; `shown` is what squeue shows for a component of a
    heterogeneous job ("10+1").
    """
    if task.isdigit():
        return f"{array_id}_{task}", array_id, ""
    if task:
        return array_id, array_id, task
    return (shown if "+" in shown else job_id), "", ""


def memory_per_node_mb(
    per_node: float | None, per_cpu: float | None, cpus: int, n_nodes: int, layout: Mapping[str, Sequence[int]]
) -> float | None:
    """Return the requested memory per node in MiB, on the node where it is most; None for none or the whole node's."""
    if per_node:
        return per_node
    if not per_cpu:
        return None
    on_one_node = max((len(ids) for ids in layout.values()), default=0) or math.ceil(cpus / max(n_nodes, 1))
    return per_cpu * on_one_node


@lru_cache(maxsize=4096)
def requested_gpus(
    tres_total: str, per_node: str, per_job: str, per_task: str, per_socket: str, n_nodes: int, n_tasks: int
) -> int:
    """Return the GPUs of a job that has none yet, over all nodes, from what it asks for."""
    total = text.tres(tres_total)
    if total.get("gres/gpu", "").isdigit():
        return int(total["gres/gpu"])
    if count := text.gpu_count(_gres_only(per_job)):
        return count
    if count := text.gpu_count(_gres_only(per_node)):
        return count * max(n_nodes, 1)
    if count := text.gpu_count(_gres_only(per_task)):
        return count * max(n_tasks, 1)
    return text.gpu_count(_gres_only(per_socket)) * max(n_nodes, 1)


def _gres_only(request: str) -> str:
    """Leave out "cpu=4", which newer versions put into the same list."""
    return ",".join(part for part in text.word(request).split(",") if not part.startswith(("cpu", "mem", "license")))


def suspended_s(start_at: int | None, until: float, used_s: int | None) -> int:
    """Return how long a job did not run between its start and `until`, given how long it ran."""
    if start_at is None or used_s is None:
        return 0
    gap = int(until) - start_at - used_s
    return gap if gap > CLOCK_SLACK_S else 0


def layout_from_nodes(hosts: Sequence[str], details: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return host → GPU indices from one description per host, in the same order; hosts without GPUs left out."""
    found = {host: text.gpu_indices(detail) for host, detail in zip(hosts, details, strict=False)}
    return {host: indices for host, indices in found.items() if indices}


def complete_nodes(nodes: Sequence[Node], jobs: Sequence[Job], partitions: Sequence[Partition]) -> list[Node]:
    """Add to nodes what an old interface leaves out: their partitions, allocated CPUs and memory."""
    members: dict[str, list[str]] = {}
    for partition in partitions:
        for host in partition.nodes:
            members.setdefault(host, []).append(partition.name)
    cpus: dict[str, int] = {}
    memory: dict[str, float] = {}
    for job in jobs:
        if job.state in ACTIVE and job.state != "SUSPENDED":
            for host, ids in job.layout.items():
                cpus[host] = cpus.get(host, 0) + len(ids)
                memory[host] = memory.get(host, 0) + (job.memory_request_mb or 0)
    return [
        replace(
            node,
            partitions=node.partitions or tuple(members.get(node.name, ())),
            cpus_allocated=node.cpus_allocated or min(node.cpus, cpus.get(node.name, 0)),
            memory_allocated_mb=node.memory_allocated_mb or int(memory.get(node.name, 0)),
        )
        for node in nodes
    ]


def cpus_per_core(shape: Node | None) -> int:
    """Return how many CPUs Slurm gives with one core; 1 where it counts cores only, whatever threads there are."""
    if shape is None or shape.cpus <= shape.sockets * shape.cores_per_socket:
        return 1
    return shape.threads_per_core


@lru_cache(maxsize=65536)
def user_name(user_id: Any) -> str:
    """Return the name of a user whom Slurm names by number only; the number where nobody knows him."""
    try:
        return pwd.getpwuid(int(user_id)).pw_name
    except (KeyError, TypeError, ValueError):
        return str(user_id)
