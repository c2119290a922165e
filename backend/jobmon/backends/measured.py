"""Answer what telemetry tells; back ends that have a source of metrics build on this."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from jobmon.backends.base import BackendBase
from jobmon.telemetry.base import JobMetrics, NodeMetrics

NOTHING = JobMetrics()


class MeasuredBackend(BackendBase):
    """Answer for the load of nodes and jobs; a subclass calls `take_metrics()` in its `pre_update()`."""

    def __init__(self, no_history: bool = False) -> None:
        super().__init__(no_history)
        self.measured: Mapping[str, NodeMetrics] = {}
        """Host → what was measured there."""
        self._measured_jobs: Mapping[str, JobMetrics] = {}

    def take_metrics(self, nodes: Mapping[str, NodeMetrics], jobs: Mapping[str, JobMetrics]) -> None:
        """Answer from these metrics from now on."""
        self.measured, self._measured_jobs = nodes, jobs

    def metrics_of(self, job_id: str) -> JobMetrics:
        """Return what was measured of a job; override it where the source calls jobs by other ids."""
        return self._measured_jobs.get(job_id, NOTHING)

    # --- nodes -----------------------------------------------------------------------------------------------------

    def cpu_usage(self, name: str) -> dict[str, Any] | None:
        """Return what the cores did since the cycle before."""
        node = self.measured.get(name)
        return {"total": node.cpu, "core": node.cores} if node and node.cpu else None

    def mem(self, name: str) -> dict[str, Any] | None:
        """Return memory: total without available is used."""
        node = self.measured.get(name)
        return {"used": node.memory.used_mb, "total": node.memory.total_mb} if node and node.memory else None

    def swap(self, name: str) -> dict[str, Any] | None:
        """Return swap space; 0 of 0 without."""
        node = self.measured.get(name)
        return {"free": node.swap.free_mb, "total": node.swap.total_mb} if node and node.swap else None

    def gpus(self, name: str) -> dict[str, Any] | None:
        """Return the load of each GPU, which is None where it does not tell."""
        node = self.measured.get(name)
        if node is None or node.gpus is None:
            return None
        return {
            name: {"util": gpu.util, "memory": {"used": gpu.memory_used_mb, "total": gpu.memory_total_mb}}
            for name, gpu in node.gpus.items()
        }

    def infiniband(self, name: str) -> dict[str, Any] | None:
        """Return the traffic of InfiniBand, else of the physical network interfaces."""
        node = self.measured.get(name)
        network = node.network if node else None
        if network is None:
            return None
        return {
            "bytes_in": network.bytes_in,
            "bytes_out": network.bytes_out,
            "pkts_in": network.packets_in,
            "pkts_out": network.packets_out,
        }

    def lustre(self, name: str) -> dict[str, Any] | None:
        """Return what the node moves in the shared file systems together."""
        node = self.measured.get(name)
        return asdict(node.filesystem) if node and node.filesystem else None

    def jobfs(self, name: str) -> dict[str, Any] | None:
        """Return what the node's own disks move."""
        node = self.measured.get(name)
        return asdict(node.disk) if node and node.disk else None

    def node_details(self, name: str) -> dict[str, Any] | None:
        """Return load average and pressure."""
        node = self.measured.get(name)
        if node is None:
            return None
        return {"load": node.load, "pressure": asdict(node.pressure) if node.pressure else None}

    # --- jobs ------------------------------------------------------------------------------------------------------

    def job_mem(self, job_id: str) -> dict[str, Any] | None:
        """Return the memory of the job on each host."""
        return dict(self.metrics_of(job_id).memory_mb)

    def job_mem_max(self, job_id: str) -> float | None:
        """Return the most that the job ever held on one host."""
        return self.metrics_of(job_id).memory_max_mb

    def job_cpu(self, job_id: str) -> dict[str, Any] | None:
        """Return the cores that the job itself kept busy on each host."""
        return dict(self.metrics_of(job_id).cpu_cores)

    def job_lustre(self, job_id: str) -> dict[str, Any] | None:
        """Return what the job moves in each shared file system."""
        return {
            name: {
                "mds": {} if moved.metadata is None else {"operations": moved.metadata},
                "oss": {"read_bytes": moved.read, "write_bytes": moved.write, "iops": moved.operations},
            }
            for name, moved in self.metrics_of(job_id).filesystem.items()
        }

    def jobfs_usage(self, job_id: str) -> dict[str, Any] | None:
        """Return the local scratch space that the job holds on each host."""
        return dict(self.metrics_of(job_id).disk_used_mb)
