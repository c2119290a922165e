"""Read pyslurm's collections of objects: Nodes, Jobs, Partitions and Reservations."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any, TypeVar

from jobmon.errors import SourceError
from jobmon.model import ClusterState, Job, Node, Partition, Reservation, Skipped, expand_hostlist, expand_indices
from jobmon.schedulers.slurm import facts, text

Record = TypeVar("Record")

_CUT = 120
"""pyslurm has room for 127 characters of CPU ids per node and cuts the rest off."""

_FLAGS = {
    "MAINTENANCE": "MAINT",
    "IGNORE_RUNNING_JOBS": "IGNORE_JOBS",
    "SPECIFIC_NODES": "SPEC_NODES",
}


def read(pyslurm: ModuleType, now: float) -> tuple[ClusterState, str]:
    """Return what Slurm knows and its version."""
    skipped: list[Skipped] = []
    raw_nodes = list(pyslurm.Nodes.load().values())
    nodes = _each(raw_nodes, "nodes", node, skipped)
    by_name = {found.name: found for found in nodes}
    raw_jobs = list(pyslurm.Jobs.load().values())
    jobs = _each(raw_jobs, "jobs", lambda record: job(record, by_name, now), skipped)
    partitions = _each(list(pyslurm.Partitions.load().values()), "partitions", partition, skipped)
    reservations = _each(list(pyslurm.Reservations.load().values()), "reservations", reservation, skipped)
    skipped.extend(
        Skipped("pyslurm", found.id, "no CPU ids; shown without its layout")
        for found in jobs
        if found.state in {"RUNNING", "SUSPENDED"} and not found.layout
    )
    state = ClusterState(
        loaded_at=now,
        nodes=tuple(with_used_gpus(nodes, jobs)),
        jobs=tuple(jobs),
        partitions=tuple(partitions),
        reservations=tuple(reservations),
        cluster=str(getattr(raw_nodes[0], "cluster", None) or "") if raw_nodes else "",
        skipped=tuple(skipped),
    )
    return state, str(getattr(raw_nodes[0], "slurm_version", None) or "") if raw_nodes else ""


def with_used_gpus(nodes: Iterable[Node], jobs: Iterable[Job]) -> list[Node]:
    """Add how many GPUs are allocated, which pyslurm tells only where the cluster accounts for them."""
    used: dict[str, int] = {}
    for found in jobs:
        if found.state in facts.ACTIVE:
            for host, indices in found.gpu_layout.items():
                used[host] = used.get(host, 0) + len(indices)
    return [replace(n, gpus_allocated=n.gpus_allocated or min(n.gpus, used.get(n.name, 0))) for n in nodes]


def _each(raw: list[Any], kind: str, convert: Callable[[Any], Record], skipped: list[Skipped]) -> list[Record]:
    """Convert records one by one; SourceError when there are some and none is understood."""
    records: list[Record] = []
    failed: list[Skipped] = []
    for entry in raw:
        try:
            records.append(convert(entry))
        except (AttributeError, KeyError, TypeError, ValueError, SourceError) as error:
            named = getattr(entry, "id", None) or getattr(entry, "name", "")
            failed.append(Skipped("pyslurm", f"{kind} {named}"[:60], f"{type(error).__name__}: {error}"))
    if failed and not records:
        raise SourceError(f"pyslurm sends {kind} in a form we do not know: {failed[0].error}")
    skipped.extend(failed)
    return records


def node(record: Any) -> Node:
    """Return a node."""
    gres = gres_text(record.configured_gres)
    load = record.cpu_load
    return Node(
        name=record.name,
        cpus=text.number(getattr(record, "effective_cpus", None)) or record.total_cpus,
        states=text.node_states([record.state]),
        cpus_allocated=text.number(record.allocated_cpus) or 0,
        memory_mb=text.number(record.real_memory),
        memory_allocated_mb=text.number(record.allocated_memory) or 0,
        memory_free_mb=text.number(record.free_memory),
        disk_mb=text.number(record.temporary_disk) or None,
        gpus=text.gpu_count(gres),
        gpu_type=text.gpu_types(gres),
        gpus_allocated=text.gpu_count(gres_text(record.allocated_gres)),
        sockets=text.number(record.sockets) or 1,
        cores_per_socket=text.number(record.cores_per_socket) or 0,
        threads_per_core=text.number(record.threads_per_core) or 1,
        partitions=tuple(record.partitions or ()),
        features=tuple(record.active_features or ()),
        load=float(load) if isinstance(load, int | float) else None,
        reason=record.reason or "",
        boot_at=text.number(record.boot_time) or None,
    )


def partition(record: Any) -> Partition:
    """Return a partition; its times are minutes."""
    longest, default = text.number(record.max_time), text.number(record.default_time)
    nodes = record.nodes or ""
    return Partition(
        name=record.name,
        nodes=expand_hostlist(nodes if isinstance(nodes, str) else ",".join(nodes)),
        up=record.state == "UP",
        default=bool(record.is_default),
        max_time_s=None if longest is None else longest * 60,
        default_time_s=default * 60 if default else None,
        max_nodes=text.number(record.max_nodes),
        max_cpus_per_node=text.number(record.max_cpus_per_node),
        max_memory_per_node_mb=text.number(record.max_memory_per_node) or None,
    )


def reservation(record: Any) -> Reservation:
    """Return a reservation."""
    flags = record.flags
    names = flags if isinstance(flags, list) else [flag.name or "" for flag in flags]
    nodes = record.nodes or ""
    return Reservation(
        name=record.name,
        nodes=expand_hostlist(nodes if isinstance(nodes, str) else ",".join(nodes)),
        start_at=text.number(record.start_time) or 0,
        end_at=text.number(record.end_time) or 0,
        flags=frozenset(_FLAGS.get(name.upper(), name.upper()) for name in names if name),
        users=tuple(record.users or ()),
        accounts=tuple(record.accounts or ()),
        partition=record.partition or "",
    )


def job(record: Any, nodes: Mapping[str, Node], now: float) -> Job:
    """Return a job; its limit is minutes, its memory MiB."""
    state = text.job_state([record.state])
    active, ended = state in facts.ACTIVE, state in facts.ENDED
    own_id = str(record.id)
    waiting = record.array_tasks_waiting or ""
    if waiting and text.number(record.array_tasks_parallel):
        waiting = f"{waiting}%{record.array_tasks_parallel}"
    task = text.number(record.array_task_id)
    if task is None and text.number(record.array_id) and not waiting:
        task = 0  # pyslurm takes the index 0 for none
    leader = text.number(record.heterogeneous_id)
    shown, array_id, array_tasks = facts.job_ids(
        own_id,
        str(text.number(record.array_id) or own_id),
        str(task) if task is not None and not waiting else waiting,
        f"{leader}+{text.number(record.heterogeneous_offset) or 0}" if leader else "",
    )
    cpus, n_nodes = text.number(record.cpus) or 0, text.number(record.num_nodes) or 1
    per_host = record.get_resource_layout_per_node() if active else {}
    layout = cpu_layout(per_host, cpus, nodes)
    gres = [gres_text(part.get("gres")) for part in per_host.values()]
    limit = text.number(record.time_limit)
    start_at, end_at = text.number(record.start_time), text.number(record.end_time)
    return Job(
        id=shown,
        name=record.name or "",
        user=facts.user_name(record.user_id),
        state=state,
        cpus=cpus,
        scheduler_id=own_id,
        array_id=array_id,
        array_tasks=array_tasks,
        account=text.word(record.account),
        qos=text.word(record.qos),
        partition=record.partition or "",
        gpus=sum(map(text.gpu_count, gres)) or _requested_gpus(record, n_nodes),
        n_nodes=n_nodes,
        layout=layout,
        gpu_layout=facts.layout_from_nodes(list(per_host), gres),
        memory_request_mb=facts.memory_per_node_mb(
            text.number(record.memory_per_node), text.number(record.memory_per_cpu), cpus, n_nodes, layout
        ),
        disk_request_mb=text.number(record.temporary_disk_per_node) or None,
        time_limit_s=None if limit is None else limit * 60,
        submit_at=text.number(record.submit_time),
        eligible_at=text.number(record.eligible_time),
        start_at=start_at,
        end_at=None if state == "PENDING" or (active and limit is None) else end_at,
        suspended_s=0
        if state == "PENDING" or not record.suspend_time
        else facts.suspended_s(start_at, end_at if ended and end_at else now, text.number(record.run_time)),
        reason=text.reason(record.state_reason),
        priority=text.number(record.priority),
        dependency=_dependency(record.dependencies),
        reservation=text.word(record.reservation),
        features=",".join(record.constraints or ()),
        planned_nodes=expand_hostlist(record.scheduled_nodes or "") if state == "PENDING" else (),
        exit_code=text.number(record.exit_code) if ended else None,
        signal=(text.number(record.exit_code_signal) or None) if ended else None,
    )


def cpu_layout(
    per_host: Mapping[str, Mapping[str, Any]], cpus: int, nodes: Mapping[str, Node]
) -> dict[str, tuple[int, ...]]:
    """Return host → CPU ids; {} when a list of ids was cut off.

    pyslurm takes cores for CPUs: on nodes with several threads per core its ids are those of cores, unless their number
    says otherwise.
    """
    layout: dict[str, tuple[int, ...]] = {}
    for host, part in per_host.items():
        ids = str(part.get("cpu_ids") or "")
        if len(ids) >= _CUT:
            return {}
        layout[host] = expand_indices(ids)
    if sum(map(len, layout.values())) == cpus:
        return layout
    expanded: dict[str, tuple[int, ...]] = {}
    for host, cores in layout.items():
        threads = facts.cpus_per_core(nodes.get(host))
        expanded[host] = tuple(core * threads + thread for core in cores for thread in range(threads))
    return expanded


def gres_text(value: Any) -> str:
    """Return generic resources in Slurm's notation from any of pyslurm's forms."""
    if not value:
        return ""
    if isinstance(value, str):
        return value
    listed = value if isinstance(value, Mapping) else getattr(value, "gres", {})
    parts = []
    for name, entry in listed.items():
        count: Any = entry
        indices: Any = ""
        if isinstance(entry, Mapping):
            count, indices = entry.get("count", 1), entry.get("indexes", "")
        elif not isinstance(entry, int):
            count, indices = getattr(entry, "count", 1), getattr(entry, "indexes", "")
        if not isinstance(indices, str):
            indices = ",".join(map(str, indices or ()))
        parts.append(f"{name}:{count}" + (f"(IDX:{indices})" if indices else ""))
    return ",".join(parts)


def _requested_gpus(record: Any, n_nodes: int) -> int:
    per_node = gres_text(getattr(record, "tres_per_node", None)) or gres_text(getattr(record, "gres_per_node", None))
    per_job, per_task, per_socket = (
        gres_text(getattr(record, f"tres_per_{what}", None)) for what in ("job", "task", "socket")
    )
    return facts.requested_gpus("", per_node, per_job, per_task, per_socket, n_nodes, text.number(record.ntasks) or 1)


def _dependency(value: Any) -> str:
    """Return dependencies in Slurm's notation; pyslurm sorts them by kind."""
    if not isinstance(value, Mapping):
        return text.word(value)
    parts = [f"{kind}:{':'.join(map(str, ids))}" for kind, ids in value.items() if isinstance(ids, list) and ids]
    return ("?" if value.get("satisfy") == "any" else ",").join(parts)
