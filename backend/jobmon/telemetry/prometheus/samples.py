"""Put the samples of instant queries into a draft: find host, GPU and job in the labels, convert the units."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from jobmon.telemetry.cores import IGNORED, MAX_CORES, MODES
from jobmon.telemetry.draft import Draft
from jobmon.telemetry.jobs import job_number

MIB = 1 / 1048576
MOST_PERCENT = 200.0
"""A rate over few samples may be a little off; a number larger than this has another unit."""

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
JOB_CGROUP = re.compile(r"/job_([0-9]+)(?:/|$)")


class Cores:
    """Take samples with a host, a cpu and a mode: by far the most of all, so that they are taken by columns."""

    def __init__(self, host_label: str) -> None:
        self._host_label = host_label
        self._nodes: dict[str, int] = {}
        """What the label says → number of the node in the draft, IGNORED for what is no name."""
        self._cores = {str(number): number for number in range(MAX_CORES)}
        self._parts = {mode: IGNORED if part is None else part for mode, part in MODES.items()}

    def take(self, records: Sequence[Any], draft: Draft) -> None:
        """Take some samples; when one of them is odd, each by itself."""
        label = self._host_label
        try:
            labels = [record["metric"] for record in records]
            written = [each[label] for each in labels]
            for name in set(written) - self._nodes.keys():
                node = draft.node(name)
                self._nodes[name] = IGNORED if node is None else node.number
            nodes = np.array([self._nodes[name] for name in written], np.int64)
            cores = np.array([self._cores[each["cpu"]] for each in labels], np.int64)
            parts = np.array([self._parts[each["mode"]] for each in labels], np.int64)
            # orjson reads numbers many times quicker than float() does
            percent = 100 * np.array(orjson.loads(f"[{','.join([record['value'][1] for record in records])}]"), float)
            well = bool(((percent >= 0) & (percent <= MOST_PERCENT)).all())
        except (LookupError, TypeError, ValueError):
            well = False
        if not well:
            for record in records:
                self._take_one(record, draft)
            return
        wanted = (nodes != IGNORED) & (parts != IGNORED)
        draft.cores.extend(nodes[wanted], cores[wanted], parts[wanted], percent[wanted])
        draft.records += len(records)

    def _take_one(self, record: Any, draft: Draft) -> None:
        try:
            labels = record["metric"]
            written, mode, number = labels[self._host_label], labels["mode"], int(labels["cpu"])
            value = float(record["value"][1])
            if mode not in MODES:
                raise ValueError(f"{mode[:40]!r} is no mode of a core")
        except (LookupError, TypeError, ValueError) as error:
            draft.skip("cpu", _shown(record), f"is no sample of a core: {type(error).__name__} {error}")
            return
        if value > MOST_PERCENT / 100:
            draft.skip("cpu", written[:80], "a core cannot do more than a second's work in a second: other units?")
        elif value == value:  # not NaN
            draft.put_core(written, number, mode, 100 * value)


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
        # Lustre and NFS are told by exporters of their own: the shared file systems together
        draft.put(written, quantity, value * NODE[quantity], add=quantity.startswith("filesystem_"))
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
        if number := job_number(labels.get(label, "")):
            return number
    match = JOB_CGROUP.search(labels.get("cgroup", ""))
    return match[1] if match else None


def _shown(record: Any) -> str:
    """Return which labels a sample has: their values may be people's names, and this is shown to everybody."""
    labels = record.get("metric", record) if isinstance(record, dict) else None
    return f"labels {', '.join(map(str, labels))}"[:80] if isinstance(labels, dict) else type(record).__name__
