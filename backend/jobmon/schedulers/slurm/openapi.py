"""Read the records of slurmrestd, whatever its API version.

Up to v0.0.38 a number is a number and null means none; from v0.0.39 on it is {"set", "infinite", "number"}. From
v0.0.40 on a state is a list. The shape of a value tells which, so that a version between or after these still reads.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jobmon.model import Job, Node, Partition, Reservation, expand_hostlist
from jobmon.schedulers.slurm import facts, text


def number(value: Any) -> float | None:
    """Return a number of either shape; None when it is not set, negative or without limit."""
    if isinstance(value, Mapping):
        if value.get("infinite") or not value.get("set", True):
            return None
        value = value.get("number")
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value in text.NO_VALUE:
        return None
    return value


def whole(value: Any) -> int | None:
    """Return a whole number of either shape, None when it is not set."""
    found = number(value)
    return None if found is None else int(found)


def epoch(value: Any) -> int | None:
    """Return a time in epoch seconds; None for 0, which means not known."""
    return whole(value) or None


def words(value: Any) -> list[str]:
    """Return a list of words, given as a list, as one word or as words separated by commas."""
    if isinstance(value, str):
        return [part for part in value.split(",") if part]
    return [str(part) for part in value] if isinstance(value, list) else []


def node(record: Mapping[str, Any]) -> Node:
    """Return a node; what the oldest API leaves out (partitions, allocation) is completed from the jobs."""
    gres = record.get("gres") or ""
    load = number(record.get("cpu_load"))
    cpus = int(record["cpus"])
    return Node(
        name=str(record["name"]),
        cpus=whole(record.get("effective_cpus")) or cpus,
        states=text.node_states([*words(record["state"]), *words(record.get("state_flags"))]),
        cpus_allocated=whole(record.get("alloc_cpus")) or 0,
        memory_mb=whole(record.get("real_memory")),
        memory_allocated_mb=whole(record.get("alloc_memory")) or 0,
        memory_free_mb=whole(record.get("free_mem", record.get("free_memory"))),
        disk_mb=whole(record.get("temporary_disk")) or None,
        gpus=text.gpu_count(gres),
        gpu_type=text.gpu_types(gres),
        gpus_allocated=text.gpu_count(record.get("gres_used")),
        sockets=whole(record.get("sockets")) or 1,
        cores_per_socket=whole(record.get("cores")) or 0,
        threads_per_core=whole(record.get("threads")) or 1,
        partitions=tuple(words(record.get("partitions"))),
        features=tuple(words(record.get("active_features"))),
        load=None if load is None else load / 100,
        reason=record.get("reason") or "",
        boot_at=epoch(record.get("boot_time")),
    )


def partition(record: Mapping[str, Any]) -> Partition:
    """Return a partition of either shape: flat up to v0.0.38, nested later."""
    nested = isinstance(record.get("nodes"), Mapping)
    most: Mapping[str, Any] = record.get("maximums", {}) if nested else {}
    memory = whole(most.get("partition_memory_per_node", record.get("maximum_memory_per_node")))
    longest = whole(most.get("time", record.get("max_time_limit")))
    default = whole(record.get("defaults", {}).get("time") if nested else record.get("default_time_limit"))
    state = words(record.get("partition", {}).get("state") if nested else record.get("state", "UP"))
    return Partition(
        name=str(record["name"]),
        nodes=expand_hostlist(record["nodes"]["configured"] if nested else record.get("nodes") or ""),
        up=state == ["UP"],
        default="DEFAULT" in {flag.upper() for flag in words(record.get("flags"))},
        max_time_s=None if longest is None else longest * 60,
        default_time_s=default * 60 if default else None,
        max_nodes=whole(most.get("nodes", record.get("maximum_nodes_per_job"))),
        max_cpus_per_node=whole(most.get("cpus_per_node", record.get("maximum_cpus_per_node"))) or None,
        max_memory_per_node_mb=memory or None,
    )


def reservation(record: Mapping[str, Any]) -> Reservation:
    """Return a reservation."""
    return Reservation(
        name=str(record["name"]),
        nodes=expand_hostlist(record.get("node_list") or ""),
        start_at=epoch(record.get("start_time")) or 0,
        end_at=epoch(record.get("end_time")) or 0,
        flags=frozenset(flag.upper() for flag in words(record.get("flags"))),
        users=tuple(words(record.get("users"))),
        accounts=tuple(words(record.get("accounts"))),
        partition=record.get("partition") or "",
    )


def job(record: Mapping[str, Any], nodes: Mapping[str, Node], now: float) -> Job:
    """Return a job; `nodes` tell how a core's place becomes a CPU id."""
    state = text.job_state(words(record["job_state"]))
    active = state in facts.ACTIVE
    task = whole(record.get("array_task_id"))
    own_id = str(record["job_id"])
    component = f"{whole(record.get('het_job_id'))}+{whole(record.get('het_job_offset')) or 0}"
    shown, array_id, array_tasks = facts.job_ids(
        own_id,
        str(whole(record.get("array_job_id")) or own_id),
        str(task) if task is not None else record.get("array_task_string") or "",
        component if whole(record.get("het_job_id")) else "",
    )
    # A job that ended without ever starting has 0 CPUs; what it asked for says more.
    cpus = whole(record.get("cpus")) or int(text.tres(record.get("tres_req_str")).get("cpu") or 0)
    n_nodes = whole(record.get("node_count")) or 1
    layout = cpu_layout(record.get("job_resources") or {}, nodes) if active else {}
    hosts = expand_hostlist(record.get("nodes") or "")
    gres = words_of_gres(record.get("gres_detail")) if active else []
    limit = whole(record.get("time_limit"))
    start_at, end_at = epoch(record.get("start_time")), epoch(record.get("end_time"))
    until = end_at if state in facts.ENDED and end_at is not None else now
    exit_code, signal = exit_status(record.get("exit_code")) if state in facts.ENDED else (None, None)
    return Job(
        id=shown,
        name=str(record.get("name") or ""),
        user=record.get("user_name") or facts.user_name(record.get("user_id")),
        state=state,
        cpus=cpus,
        scheduler_id=own_id,
        array_id=array_id,
        array_tasks=array_tasks,
        account=text.word(record.get("account")),
        qos=text.word(record.get("qos")),
        partition=record.get("partition") or "",
        gpus=sum(map(text.gpu_count, gres)) or _requested_gpus(record, n_nodes),
        n_nodes=n_nodes,
        layout=layout,
        gpu_layout=facts.layout_from_nodes(hosts, gres),
        memory_request_mb=facts.memory_per_node_mb(
            number(record.get("memory_per_node")), number(record.get("memory_per_cpu")), cpus, n_nodes, layout
        ),
        disk_request_mb=number(record.get("minimum_tmp_disk_per_node")) or None,
        time_limit_s=None if limit is None else limit * 60,
        submit_at=epoch(record.get("submit_time")),
        eligible_at=epoch(record.get("eligible_time")),
        start_at=start_at,
        # Slurm writes an end in a year's time for a job without a limit.
        end_at=None if state == "PENDING" or (active and limit is None) else end_at,
        suspended_s=_suspended_s(record, state, start_at, until),
        reason=text.reason(record.get("state_reason")),
        priority=whole(record.get("priority")),
        dependency=text.word(record.get("dependency")),
        reservation=text.word(record.get("resv_name")),
        features=text.word(record.get("features")),
        planned_nodes=expand_hostlist(record.get("scheduled_nodes") or "") if state == "PENDING" else (),
        exit_code=exit_code,
        signal=signal,
    )


def words_of_gres(value: Any) -> list[str]:
    """Return one description of generic resources per node of a job."""
    return [str(part or "") for part in value] if isinstance(value, list) else []


def exit_status(value: Any) -> tuple[int | None, int | None]:
    """Return (exit code, signal) from a raw wait status or from the object that later versions send."""
    if not isinstance(value, Mapping):
        return text.wait_status(whole(value))
    signal = value.get("signal") or {}
    return whole(value.get("return_code")) or 0, whole(signal.get("id", signal.get("signal_id"))) or None


def cpu_layout(resources: Mapping[str, Any], nodes: Mapping[str, Node]) -> dict[str, tuple[int, ...]]:
    """Return host → CPU ids; {} when the version does not tell them exactly.

    v0.0.36 and v0.0.37 send the set of sockets and the set of cores of a job on a node, which is exact only if the job
    has one socket, or all these cores on all these sockets.
    """
    layout: dict[str, tuple[int, ...]] = {}
    for host, places in _places(resources):
        if places is None:
            return {}
        shape = nodes.get(host)
        per_socket = shape.cores_per_socket if shape else 0
        threads = facts.cpus_per_core(shape)
        cores = sorted(socket * per_socket + core for socket, core in places)
        layout[host] = tuple(core * threads + thread for core in cores for thread in range(threads))
    return layout


def _places(resources: Mapping[str, Any]) -> Iterable[tuple[str, list[tuple[int, int]] | None]]:
    """Yield (host, [(socket, core), …]), None for the places when they are ambiguous."""
    listed = resources.get("nodes")
    if isinstance(listed, Mapping):  # v0.0.41 and later
        for entry in listed.get("allocation") or []:
            yield (
                entry["name"],
                [
                    (int(socket["index"]), int(core["index"]))
                    for socket in entry["sockets"]
                    for core in socket["cores"]
                    if {"ALLOCATED", "IN_USE"} & set(words(core.get("status")))
                ],
            )
        return
    allocated = resources.get("allocated_nodes") or []
    if isinstance(allocated, Mapping):  # v0.0.36 and v0.0.37: by position in the list of hosts
        hosts = expand_hostlist(str(listed or ""))
        for position, entry in allocated.items():
            yield hosts[int(position)], _rectangle(entry)
        return
    for entry in allocated:
        yield (
            entry["nodename"],
            [(int(s), int(c)) for s, socket in entry["sockets"].items() for c in socket["cores"]],
        )


def _rectangle(entry: Mapping[str, Any]) -> list[tuple[int, int]] | None:
    places = [(int(socket), int(core)) for socket in entry["sockets"] for core in entry["cores"]]
    if len(entry["sockets"]) > 1 and len(places) != whole(entry.get("cpus")):
        return None
    return places


def _requested_gpus(record: Mapping[str, Any], n_nodes: int) -> int:
    return facts.requested_gpus(
        record.get("tres_alloc_str") or record.get("tres_req_str") or "",
        record.get("tres_per_node") or "",
        record.get("tres_per_job") or "",
        record.get("tres_per_task") or "",
        record.get("tres_per_socket") or "",
        n_nodes,
        whole(record.get("tasks")) or 1,
    )


def _suspended_s(record: Mapping[str, Any], state: str, start_at: int | None, until: float) -> int:
    """Return how long the job was suspended: Slurm tells how long it ran before the last suspension or resumption."""
    changed_at, ran_before = epoch(record.get("suspend_time")), whole(record.get("pre_sus_time")) or 0
    if start_at is None or changed_at is None:
        return 0
    ran_since = 0 if state == "SUSPENDED" else max(0, int(until) - changed_at)
    return facts.suspended_s(start_at, until, ran_before + ran_since)
