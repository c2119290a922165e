"""Read pyslurm's dictionaries: node(), job(), partition() and reservation(), as all versions up to 24.11 have them."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeVar

from jobmon.errors import SourceError
from jobmon.model import ClusterState, Job, Node, Partition, Reservation, Skipped, expand_hostlist
from jobmon.schedulers.slurm import facts, text

Record = TypeVar("Record")


def read(pyslurm: ModuleType, now: float) -> tuple[ClusterState, str]:
    """Return what Slurm knows and its version."""
    skipped: list[Skipped] = []
    raw_nodes = pyslurm.node().get() or {}
    nodes = _each(raw_nodes, "nodes", node, skipped)
    jobs = _each(pyslurm.job().get(), "jobs", lambda _id, record: job(record, now), skipped)
    partitions = _each(pyslurm.partition().get(), "partitions", partition, skipped)
    reservations = _each(pyslurm.reservation().get(), "reservations", reservation, skipped)
    state = ClusterState(
        loaded_at=now,
        nodes=tuple(nodes),
        jobs=tuple(jobs),
        partitions=tuple(partitions),
        reservations=tuple(reservations),
        skipped=tuple(skipped),
    )
    first: Mapping[str, Any] = next(iter(raw_nodes.values()), {})
    return state, str(first.get("version") or "")


def _each(
    raw: Mapping[Any, Any] | None, kind: str, convert: Callable[[Any, Any], Record], skipped: list[Skipped]
) -> list[Record]:
    """Convert records one by one; SourceError when there are some and none is understood."""
    records: list[Record] = []
    failed: list[Skipped] = []
    for name, entry in (raw or {}).items():
        try:
            records.append(convert(name, entry))
        except (AttributeError, KeyError, TypeError, ValueError, SourceError) as error:
            failed.append(Skipped("pyslurm", f"{kind} {name}"[:60], f"{type(error).__name__}: {error}"))
    if failed and not records:
        raise SourceError(f"pyslurm sends {kind} in a form we do not know: {failed[0].error}")
    skipped.extend(failed)
    return records


def words(value: Any) -> tuple[str, ...]:
    """Return a list of words, given as a list or separated by commas."""
    if isinstance(value, str):
        value = value.split(",")
    return tuple(str(part) for part in value or () if part)


def node(name: str, record: Mapping[str, Any]) -> Node:
    """Return a node."""
    gres = ",".join(words(record.get("gres")))
    load = text.number(record.get("cpu_load"))
    return Node(
        name=name,
        cpus=int(record["cpus"]),
        states=text.node_states([record["state"]]),
        cpus_allocated=text.number(record.get("alloc_cpus")) or 0,
        memory_mb=text.number(record.get("real_memory")),
        memory_allocated_mb=text.number(record.get("alloc_mem")) or 0,
        memory_free_mb=text.number(record.get("free_mem")),
        disk_mb=text.number(record.get("tmp_disk")) or None,
        gpus=text.gpu_count(gres),
        gpu_type=text.gpu_types(gres),
        gpus_allocated=text.gpu_count(",".join(record.get("gres_used") or ())),
        sockets=text.number(record.get("sockets")) or 1,
        cores_per_socket=text.number(record.get("cores")) or 0,
        threads_per_core=text.number(record.get("threads")) or 1,
        partitions=words(record.get("partitions")),
        features=words(record.get("features_active")),
        load=None if load is None else load / 100,
        reason=record.get("reason") or "",
        boot_at=text.number(record.get("boot_time")) or None,
    )


def partition(name: str, record: Mapping[str, Any]) -> Partition:
    """Return a partition; its times are seconds."""
    flags = record.get("flags")
    return Partition(
        name=name,
        nodes=expand_hostlist(record.get("nodes") or ""),
        up=record.get("state") == "UP",
        default=bool(flags.get("Default")) if isinstance(flags, Mapping) else False,
        max_time_s=text.number(record.get("max_time")),
        default_time_s=text.number(record.get("default_time")) or None,
        max_nodes=text.number(record.get("max_nodes")),
        max_cpus_per_node=text.number(record.get("max_cpus_per_node")),
        max_memory_per_node_mb=text.number(record.get("max_mem_per_node")) or None,
    )


def reservation(name: str, record: Mapping[str, Any]) -> Reservation:
    """Return a reservation."""
    return Reservation(
        name=name,
        nodes=expand_hostlist(",".join(words(record.get("node_list")))),
        start_at=text.number(record.get("start_time")) or 0,
        end_at=text.number(record.get("end_time")) or 0,
        flags=frozenset(flag.upper() for flag in words(record.get("flags"))),
        users=words(record.get("users")),
        accounts=words(record.get("accounts")),
        partition=record.get("partition") or "",
    )


def job(record: Mapping[str, Any], now: float) -> Job:
    """Return a job; GPU indices and exit codes are not known from here.

    The exit code is left out on purpose: these versions carry parts of it over from one record to the next.
    """
    state = text.job_state([record["job_state"]])
    own_id = str(record["job_id"])
    task = text.number(record.get("array_task_id"))
    leader = text.number(record.get("het_job_id"))
    shown, array_id, array_tasks = facts.job_ids(
        own_id,
        str(record.get("array_job_id") or own_id),
        str(task) if task is not None else record.get("array_task_str") or "",
        f"{leader}+{record.get('het_job_offset') or 0}" if leader else "",
    )
    cpus, n_nodes = text.number(record.get("num_cpus")) or 0, text.number(record.get("num_nodes")) or 1
    active, ended = state in facts.ACTIVE, state in facts.ENDED
    lists = record.get("cpus_alloc_layout") or {}
    layout = {host: tuple(ids) for host, ids in lists.items() if ids} if active else {}
    limit = text.number(record.get("time_limit"))
    start_at, end_at = text.number(record.get("start_time")) or None, text.number(record.get("end_time")) or None
    suspended = state != "PENDING" and bool(record.get("suspend_time"))
    return Job(
        id=shown,
        name=record.get("name") or "",
        user=facts.user_name(record.get("user_id")),
        state=state,
        cpus=cpus,
        scheduler_id=own_id,
        array_id=array_id,
        array_tasks=array_tasks,
        account=text.word(record.get("account")),
        qos=text.word(record.get("qos")),
        partition=record.get("partition") or "",
        gpus=facts.requested_gpus(
            record.get("tres_alloc_str") or record.get("tres_req_str") or "",
            record.get("tres_per_node") or "",
            record.get("tres_per_job") or "",
            record.get("tres_per_task") or "",
            record.get("tres_per_socket") or "",
            n_nodes,
            text.number(record.get("num_tasks")) or 1,
        ),
        n_nodes=n_nodes,
        layout=layout,
        memory_request_mb=facts.memory_per_node_mb(
            text.number(record.get("min_memory_node")), text.number(record.get("min_memory_cpu")), cpus, n_nodes, layout
        ),
        disk_request_mb=text.number(record.get("pn_min_tmp_disk")) or None,
        time_limit_s=None if limit is None else limit * 60,
        submit_at=text.number(record.get("submit_time")) or None,
        eligible_at=text.number(record.get("eligible_time")) or None,
        start_at=start_at,
        end_at=None if state == "PENDING" or (active and limit is None) else end_at,
        suspended_s=facts.suspended_s(
            start_at, end_at if ended and end_at else now, text.number(record.get("run_time"))
        )
        if suspended
        else 0,
        reason=text.reason((record.get("state_reason") or "").replace("_", " ").strip()),
        priority=text.number(record.get("priority")),
        dependency=text.word(record.get("dependency")),
        reservation=text.word(record.get("resv_name")),
        features=",".join(words(record.get("features"))),
        planned_nodes=expand_hostlist(record.get("sched_nodes") or "") if state == "PENDING" else (),
    )
