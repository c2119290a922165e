"""Put single numbers, in whatever order a source tells them, together into the metrics of nodes and jobs.

Units are converted before a number comes here: percent, MiB, bytes per second, epoch seconds. What makes no sense is
left out and named.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jobmon.model import Skipped, natural_key
from jobmon.telemetry.base import (
    CpuShares,
    Gpu,
    JobMetrics,
    Memory,
    Metrics,
    Network,
    NodeMetrics,
    Pressure,
    SharedTransfer,
    Swap,
    Transfer,
    busier,
)
from jobmon.telemetry.cores import MAX_CORES, MODES, UNKNOWN, WHOLE_PERCENT, CoreColumns, CoreTable
from jobmon.telemetry.hosts import HostNames

MAX_MB = float(1 << 40)
MAX_RATE = 1e15
MAX_NAMED = 10_000
"""As many hosts or jobs are remembered for one kind of fault."""
NO_WHOLE = "what a core did does not add up to about 100 %: a part is missing, or other units"
FUTURE_S = 60.0
"""A measurement from further ahead than this has a wrong clock, and nobody knows how old it is."""

LIMITS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("memory_total", "memory_used", "memory_available", "swap_total", "swap_free"), (0, MAX_MB)),
    **dict.fromkeys(("network_in", "network_out", "packets_in", "packets_out"), (0, MAX_RATE)),
    **dict.fromkeys(("infiniband_in", "infiniband_out"), (0, MAX_RATE)),
    **dict.fromkeys(("infiniband_packets_in", "infiniband_packets_out"), (0, MAX_RATE)),
    **dict.fromkeys(("filesystem_read", "filesystem_write", "disk_read", "disk_write"), (0, MAX_RATE)),
    **dict.fromkeys(("pressure_cpu", "pressure_memory", "pressure_io"), (0, 110)),
    "load": (0, 1e6),
    "cores": (1, MAX_CORES),
    "boot_time": (0, float(1 << 40)),
}
"""The numbers of a node and what they may be."""
GPU_LIMITS: Mapping[str, tuple[float, float]] = {
    "util": (0, 101),
    "memory_used": (0, MAX_MB),
    "memory_total": (0, MAX_MB),
    "memory_free": (0, MAX_MB),
}
JOB_LIMITS: Mapping[str, tuple[float, float]] = {
    "memory": (0, MAX_MB),
    "memory_max": (0, MAX_MB),
    "cpu": (0, MAX_CORES),
    "disk_used": (0, MAX_MB),
    "read": (0, MAX_RATE),
    "write": (0, MAX_RATE),
    "operations": (0, MAX_RATE),
    "metadata": (0, MAX_RATE),
}


@dataclass(slots=True)
class NodeDraft:
    """Collect what is told of one node."""

    number: int
    """Nodes are counted from 0."""
    read_at: float | None = None
    values: dict[str, float] = field(default_factory=dict)
    cpu: list[float] | None = None
    gpus: dict[str, dict[str, float]] = field(default_factory=dict)
    """Index ("0", or "0.3" for part 3 of a divided GPU) → numbers."""


@dataclass(slots=True)
class JobDraft:
    """Collect what is told of one job."""

    on_host: dict[str, dict[str, float]] = field(default_factory=dict)
    filesystem: dict[str, dict[str, float]] = field(default_factory=dict)


class Draft:
    """Collect the numbers of one load."""

    def __init__(self, names: HostNames, loaded_at: float, whole_percent: tuple[float, float] = WHOLE_PERCENT) -> None:
        """Take what the parts of a core may add up to before they are made to sum up to 100."""
        self.names = names
        self.loaded_at = loaded_at
        self._whole_percent = whole_percent
        self.records = 0
        self.nodes: dict[str, NodeDraft] = {}
        self.jobs: dict[str, JobDraft] = {}
        self.cores = CoreColumns()
        self._faults: dict[tuple[str, str], dict[str, None]] = {}

    def skip(self, method: str, record: str, error: str) -> None:
        """Note that a record is left out."""
        records = self._faults.setdefault((method, error), {})
        if len(records) < MAX_NAMED:
            records[record] = None

    def node(self, written: str) -> NodeDraft | None:
        """Return the draft of the node that the source calls so; None when that is no name."""
        host = self.names.name(written)
        if host is None:
            self.skip("host", written[:80], "no host name is found in it (host_pattern)")
            return None
        draft = self.nodes.get(host)
        if draft is None:
            draft = self.nodes[host] = NodeDraft(len(self.nodes))
        return draft

    def put(self, written: str, quantity: str, value: float, add: bool = False) -> None:
        """Note a number of a node; `add` sums what several devices tell, else the first counts."""
        node = self.node(written)
        if node is None or not self._sane(quantity, written, value, LIMITS[quantity]):
            return
        _note(node.values, quantity, value, add)

    def put_core(self, written: str, core: int, mode: str, share: float) -> None:
        """Note what a core did, in percent."""
        node = self.node(written)
        part = MODES.get(mode)
        if node is None or part is None or not self._sane("cpu", written, share, (0, 200)):
            return
        if not 0 <= core < MAX_CORES:
            self.skip("cpu", written, f"{core} is no number of a core")
            return
        self.cores.add(node.number, core, part, share)

    def put_cpu(self, written: str, mode: str, share: float) -> None:
        """Note what all cores of a node together did, in percent of all of them."""
        node = self.node(written)
        part = MODES.get(mode)
        if node is None or part is None or not self._sane("cpu", written, share, (0, 200)):
            return
        if node.cpu is None:
            node.cpu = [0.0] * 6
        node.cpu[part] += share

    def put_gpu(self, written: str, index: str, quantity: str, value: float) -> None:
        """Note a number of a GPU; `index` is "0", or "0.3" for part 3 of a divided one (MIG)."""
        node = self.node(written)
        if node is None or not self._sane(f"gpu_{quantity}", written, value, GPU_LIMITS[quantity]):
            return
        _note(node.gpus.setdefault(index[:40], {}), quantity, value)

    def put_job(self, job_id: str, written: str, quantity: str, value: float, add: bool = False) -> None:
        """Note a number of a job on a host: memory, memory_max, cpu (busy cores), disk_used."""
        host = self.names.name(written)
        if host is None:
            self.skip("host", written[:80], "no host name is found in it (host_pattern)")
        elif self._sane(f"job_{quantity}", job_id, value, JOB_LIMITS[quantity]):
            _note(self._job(job_id).on_host.setdefault(host, {}), quantity, value, add)

    def put_job_filesystem(self, job_id: str, name: str, quantity: str, value: float) -> None:
        """Note what a job moves in a shared file system: read, write, operations, metadata; servers are summed."""
        if self._sane(f"job_filesystem_{quantity}", job_id, value, JOB_LIMITS[quantity]):
            numbers = self._job(job_id).filesystem.setdefault(name[:80], {})
            numbers[quantity] = numbers.get(quantity, 0.0) + value

    def seen(self, written: str, at: float) -> None:
        """Note when a node was measured; the newest counts."""
        node = self.node(written)
        if node is not None and (node.read_at is None or at > node.read_at):
            node.read_at = at

    def metrics(self) -> Metrics:
        """Return what was collected."""
        nodes = {}
        tables, odd = self.cores.tables(len(self.nodes), self._whole_percent)
        hosts = list(self.nodes)
        for number in odd:
            self.skip("cpu", hosts[number], NO_WHOLE)
        for host, draft in self.nodes.items():
            read_at = self.loaded_at if draft.read_at is None else draft.read_at
            if read_at > self.loaded_at + FUTURE_S:
                self.skip("clock", host, "was measured in the future: its clock, or ours, is wrong")
                continue
            nodes[host] = self._node(host, draft, read_at, tables[draft.number])
        jobs = {job_id: _job(job) for job_id, job in self.jobs.items()}
        return Metrics(self.loaded_at, nodes, jobs, tuple(self._skipped()), self.records)

    def _job(self, job_id: str) -> JobDraft:
        job = self.jobs.get(job_id)
        if job is None:
            job = self.jobs[job_id] = JobDraft()
        return job

    def _sane(self, quantity: str, record: str, value: float, limits: tuple[float, float]) -> bool:
        self.records += 1
        if limits[0] <= value <= limits[1]:
            return True
        if math.isfinite(value):  # NaN is how many exporters say "not known"
            self.skip(quantity, record[:80], f"is not a number from {limits[0]:g} to {limits[1]:g}")
        return False

    def _skipped(self) -> Iterable[Skipped]:
        for (method, error), records in self._faults.items():
            for record in records:
                yield Skipped(method, record, error)

    def _node(self, host: str, draft: NodeDraft, read_at: float, table: NDArray[np.int8]) -> NodeMetrics:
        value = draft.values.get
        known = table[table[:, 0] != UNKNOWN]
        cpu = self._shares(host, draft.cpu) if draft.cpu is not None else _mean(known)
        n_cores = value("cores")
        boot_at = value("boot_time")
        return NodeMetrics(
            read_at=read_at,
            n_cores=round(n_cores) if n_cores is not None else len(table) or None,
            cpu=cpu,
            cores=CoreTable(table) if len(table) else (),
            memory=self._memory(host, draft.values),
            swap=_swap(draft.values),
            gpus=_gpus(draft.gpus) if draft.gpus else None,
            network=_network(draft.values),
            filesystem=_transfer(value("filesystem_read"), value("filesystem_write")),
            disk=_transfer(value("disk_read"), value("disk_write")),
            pressure=_pressure(draft.values),
            load=value("load"),
            boot_at=None if boot_at is None else round(boot_at),
        )

    def _shares(self, host: str, parts: list[float] | None) -> CpuShares | None:
        """Return shares that sum up to 100 %; None when nothing is known, or when the parts are no whole."""
        if parts is None:
            return None
        total = parts[0] + parts[1] + parts[2] + parts[3] + parts[4]
        if not self._whole_percent[0] <= total + parts[5] <= self._whole_percent[1]:
            self.skip("cpu", host, NO_WHOLE)
            return None
        if not total > 0:
            return None
        scale = 100.0 / total
        return CpuShares(parts[0] * scale, parts[1] * scale, parts[2] * scale, parts[3] * scale, parts[4] * scale)

    def _memory(self, host: str, values: Mapping[str, float]) -> Memory | None:
        total = values.get("memory_total")
        used = values.get("memory_used")
        available = values.get("memory_available")
        if total is None or (used is None and available is None):
            return None
        if used is None:
            assert available is not None
            used = total - available
        if not 0 <= used <= total:
            self.skip("memory", host, "more memory is used or free than there is")
            return None
        return Memory(used, total)


def _note(numbers: dict[str, float], quantity: str, value: float, add: bool = False) -> None:
    """Note a number: of several exporters on one host the first counts, unless their numbers are to be summed."""
    if add:
        numbers[quantity] = numbers.get(quantity, 0.0) + value
    else:
        numbers.setdefault(quantity, value)


def _mean(known: NDArray[np.int8]) -> CpuShares | None:
    return CpuShares(*known.mean(axis=0, dtype=np.float64).tolist()) if len(known) else None


def _swap(values: Mapping[str, float]) -> Swap | None:
    free, total = values.get("swap_free"), values.get("swap_total")
    return None if free is None or total is None else Swap(min(free, total), total)


def _network(values: Mapping[str, float]) -> Network | None:
    """Return the traffic over InfiniBand, that over Ethernet where there is none or it carries nothing."""
    infiniband, ethernet = (
        Network(bytes_in, bytes_out, values.get(f"{packets}in"), values.get(f"{packets}out"))
        if (bytes_in := values.get(f"{prefix}in")) is not None and (bytes_out := values.get(f"{prefix}out")) is not None
        else None
        for prefix, packets in (("infiniband_", "infiniband_packets_"), ("network_", "packets_"))
    )
    return busier(infiniband, ethernet)


def _transfer(read: float | None, write: float | None) -> Transfer | None:
    return None if read is None or write is None else Transfer(read, write)


def _pressure(values: Mapping[str, float]) -> Pressure | None:
    cpu, memory, io = (values.get(f"pressure_{what}") for what in ("cpu", "memory", "io"))
    if cpu is None and memory is None and io is None:
        return None
    return Pressure(*(None if share is None else min(share, 100.0) for share in (cpu, memory, io)))


def _gpus(found: Mapping[str, Mapping[str, float]]) -> dict[str, Gpu]:
    """Return gpu0, gpu1, … in the order of their indices; the parts of a divided GPU stand in its place."""
    divided = {index.partition(".")[0] for index in found if "." in index}
    listed = sorted((index for index in found if index not in divided), key=natural_key)
    whole = all(index.isdecimal() for index in listed)
    result = {}
    for place, index in enumerate(listed):
        numbers = found[index]
        used, free = numbers.get("memory_used"), numbers.get("memory_free")
        total = numbers.get("memory_total")
        if total is None and used is not None and free is not None:
            total = used + free
        if used is None and total is not None and free is not None:
            used = max(0.0, total - free)
        name = f"gpu{int(index)}" if whole else f"gpu{place}"
        result[name] = Gpu(numbers.get("util"), used, total)
    return result


def _job(draft: JobDraft) -> JobMetrics:
    hosts = draft.on_host
    peaks = [numbers["memory_max"] for numbers in hosts.values() if "memory_max" in numbers]
    return JobMetrics(
        memory_mb={host: numbers["memory"] for host, numbers in hosts.items() if "memory" in numbers},
        memory_max_mb=max(peaks, default=None),
        cpu_cores={host: numbers["cpu"] for host, numbers in hosts.items() if "cpu" in numbers},
        filesystem={
            name: SharedTransfer(n.get("read"), n.get("write"), n.get("operations"), n.get("metadata"))
            for name, n in draft.filesystem.items()
        },
        disk_used_mb={host: numbers["disk_used"] for host, numbers in hosts.items() if "disk_used" in numbers},
    )
