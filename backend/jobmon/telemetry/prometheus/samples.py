"""Put the samples of instant queries into a draft: find host, GPU and job in the labels, convert the units."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from jobmon.telemetry.draft import MAX_CORES, MODES, Draft

MIB = 1 / 1048576

NODE: Mapping[str, float] = {
    "load": 1,
    "boot_time": 1,
    "memory_total": MIB,
    "memory_available": MIB,
    "swap_total": MIB,
    "swap_free": MIB,
    "network_in": 1,
    "network_out": 1,
    "packets_in": 1,
    "packets_out": 1,
    "infiniband_in": 1,
    "infiniband_out": 1,
    "infiniband_packets_in": 1,
    "infiniband_packets_out": 1,
    "filesystem_read": 1,
    "filesystem_write": 1,
    "disk_read": 1,
    "disk_write": 1,
    "pressure_cpu": 1,
    "pressure_memory": 1,
    "pressure_io": 1,
}
"""Setting of a number per node → factor to the draft's unit; the draft calls it the same."""
GPU: Mapping[str, tuple[str, float]] = {
    "gpu_util": ("util", 1),
    "gpu_memory_used": ("memory_used", MIB),
    "gpu_memory_total": ("memory_total", MIB),
}
JOB: Mapping[str, tuple[str, float]] = {
    "job_memory": ("memory", MIB),
    "job_memory_max": ("memory_max", MIB),
    "job_cpu": ("cpu", 1),
    "job_disk_used": ("disk_used", MIB),
}
JOB_FILESYSTEM: Mapping[str, str] = {
    "job_filesystem_read": "read",
    "job_filesystem_write": "write",
    "job_filesystem_operations": "operations",
    "job_filesystem_metadata": "metadata",
}

GPU_LABELS = ("gpu", "minor_number", "index", "minor")
PART_LABELS = ("GPU_I_ID", "mig")
"""The part of a divided GPU (MIG)."""
JOB_LABELS = ("jobid", "slurmjobid", "uuid", "job_id")
JOB_ID = re.compile(r"([0-9]+)(?:[^0-9A-Za-z].*)?")
"""Slurm's own number of a job; Lustre may append the host."""
JOB_CGROUP = re.compile(r"/job_([0-9]+)(?:/|$)")


def take_cores(records: Iterable[Any], host_label: str, draft: Draft) -> None:
    """Take samples with a host, a cpu and a mode: by far the most of all, so that every step counts."""
    hosts: dict[str, dict[int, list[float]]] = {}
    taken = 0
    for record in records:
        try:
            labels = record["metric"]
            written = labels[host_label]
            part = MODES[labels["mode"]]
            number = int(labels["cpu"])
            value = float(record["value"][1])
        except (LookupError, TypeError, ValueError) as error:
            draft.skip("cpu", _shown(record), f"is no sample of a core: {type(error).__name__} {error}")
            continue
        taken += 1
        if part is None:
            continue
        cores = hosts.get(written)
        if cores is None:
            node = draft.node(written)
            cores = hosts[written] = {} if node is None else node.cores
        shares = cores.get(number)
        if shares is None:
            if not 0 <= number < MAX_CORES:
                draft.skip("cpu", written, f"{number} is no number of a core")
                continue
            shares = cores[number] = [0.0] * 6
        if 0 <= value <= 2:
            shares[part] += 100 * value
        elif value == value:  # not NaN
            draft.skip("cpu", written, "a core cannot do more than a second's work in a second: other units?")
    draft.records += taken


def take(records: Iterable[Any], host_label: str, quantity_label: str, only: str | None, draft: Draft) -> None:
    """Take samples of any other quantity; `only` names it where the request asked for nothing else."""
    for record in records:
        try:
            labels = record["metric"]
            quantity = only or labels[quantity_label]
            value = float(record["value"][1])
            _take(quantity, labels, labels.get(host_label), value, draft)
        except (LookupError, TypeError, ValueError) as error:
            draft.skip(only or "sample", _shown(record), f"cannot be understood: {type(error).__name__} {error}")


def _take(quantity: str, labels: Mapping[str, str], written: str | None, value: float, draft: Draft) -> None:
    if quantity in JOB_FILESYSTEM:
        job_id = _job_id(labels)
        if job_id is not None:  # Lustre also counts what is no job, under other names
            draft.put_job_filesystem(job_id, labels.get("fs", "shared"), JOB_FILESYSTEM[quantity], value)
        return
    if written is None:
        draft.skip(quantity, _shown(labels), "has no label that names the host (host_label)")
    elif quantity in NODE:
        draft.put(written, quantity, value * NODE[quantity])
    elif quantity == "seen":
        if value == value:
            draft.seen(written, value)
    elif quantity in GPU:
        name, factor = GPU[quantity]
        draft.put_gpu(written, _gpu_index(labels), name, value * factor)
    else:
        name, factor = JOB[quantity]
        job_id = _job_id(labels)
        if job_id is None:
            draft.skip(quantity, _shown(labels), f"has no label that names the job ({', '.join(JOB_LABELS)}, cgroup)")
        else:
            draft.put_job(job_id, written, name, value * factor)


def _gpu_index(labels: Mapping[str, str]) -> str:
    index = next((labels[label] for label in GPU_LABELS if labels.get(label)), None)
    if index is None:
        raise ValueError(f"none of the labels {', '.join(GPU_LABELS)} names the GPU")
    part = next((labels[label] for label in PART_LABELS if labels.get(label)), "")
    return f"{index}.{part}" if part else index


def _job_id(labels: Mapping[str, str]) -> str | None:
    for label in JOB_LABELS:
        if match := JOB_ID.fullmatch(labels.get(label, "")):
            return match[1]
    match = JOB_CGROUP.search(labels.get("cgroup", ""))
    return match[1] if match else None


def _shown(record: Any) -> str:
    """Return which labels a sample has: their values may be people's names, and this is shown to everybody."""
    labels = record.get("metric", record) if isinstance(record, dict) else None
    return f"labels {', '.join(map(str, labels))}"[:80] if isinstance(labels, dict) else type(record).__name__
