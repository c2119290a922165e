"""Answer what a scheduler tells; back ends that have a scheduler build on this and add metrics."""

from collections.abc import Iterable, Mapping
from typing import Any

from jobmon.backends.base import BackendBase
from jobmon.model import ClusterState, Job, Node


class SchedulerBackend(BackendBase):
    """Answer for nodes and jobs from a ClusterState; a subclass calls `take(state)` in its `pre_update()`."""

    def __init__(self, no_history: bool = False) -> None:
        super().__init__(no_history)
        self._state: ClusterState | None = None
        self._nodes: dict[str, Node] = {}
        self._jobs: dict[str, Job] = {}

    def take(self, state: ClusterState) -> None:
        """Answer from this state from now on."""
        self._state = state
        self._nodes = {node.name: node for node in state.nodes}
        self._jobs = {job.id: job for job in state.jobs}

    def cluster_name(self) -> str | None:
        """Return the scheduler's name of the cluster."""
        return (self._state.cluster or None) if self._state else None

    def cluster_state(self) -> ClusterState | None:
        """Return the last answer of the scheduler."""
        return self._state

    def hostnames(self) -> list[str]:
        """Return all nodes."""
        return list(self._nodes)

    def job_ids(self) -> list[str]:
        """Return all jobs that the scheduler knows, those included that ended a short while ago."""
        return list(self._jobs)

    # --- nodes -----------------------------------------------------------------------------------------------------

    def node_up(self, name: str) -> bool:
        """Say whether the node is up."""
        return self._nodes[name].up

    def n_cpus(self, name: str) -> int:
        """Return the CPUs that jobs can have."""
        return self._nodes[name].cpus

    def n_gpus(self, name: str) -> int:
        """Return the number of GPUs."""
        return self._nodes[name].gpus

    def node_details(self, name: str) -> dict[str, Any] | None:
        """Return the scheduler's own words about the node."""
        node = self._nodes[name]
        return {
            "state": node.state,
            "reason": node.reason,
            "partitions": list(node.partitions),
            "features": list(node.features),
            "load": node.load,
        }

    # --- jobs ------------------------------------------------------------------------------------------------------

    def job_name(self, job_id: str) -> str | None:
        """Return the job's name."""
        return self._jobs[job_id].name

    def job_username(self, job_id: str) -> str | None:
        """Return the job's owner."""
        return self._jobs[job_id].user

    def job_state(self, job_id: str) -> str | None:
        """Return the scheduler's word for the state."""
        return self._jobs[job_id].state

    def job_ncpus(self, job_id: str) -> int | None:
        """Return the CPUs over all nodes."""
        return self._jobs[job_id].cpus

    def job_ngpus(self, job_id: str) -> int | None:
        """Return the GPUs over all nodes, those asked for while the job waits."""
        return self._jobs[job_id].gpus

    def job_layout(self, job_id: str) -> Mapping[str, Iterable[int]] | None:
        """Return the CPU ids per node, as the scheduler counts them."""
        return self._jobs[job_id].layout

    def job_gpu_layout(self, job_id: str) -> Mapping[str, Iterable[int]] | None:
        """Return the GPU indices per node."""
        return self._jobs[job_id].gpu_layout

    def job_time_limit(self, job_id: str) -> float | None:
        """Return the limit in minutes."""
        limit = self._jobs[job_id].time_limit_s
        return None if limit is None else limit / 60

    def job_run_time(self, job_id: str) -> float | None:
        """Return the minutes that the job had run when the scheduler was asked."""
        assert self._state is not None
        return self._jobs[job_id].run_time_s(self._state.loaded_at) / 60

    def job_start_time(self, job_id: str) -> float | None:
        """Return the start, or the estimate while the job waits."""
        return self._jobs[job_id].start_at

    def job_mem_request(self, job_id: str) -> float | None:
        """Return the requested MiB per node."""
        return self._jobs[job_id].memory_request_mb

    def jobfs_request(self, job_id: str) -> float | None:
        """Return the requested local scratch per node in MB."""
        return self._jobs[job_id].disk_request_mb

    def job_details(self, job_id: str) -> dict[str, Any] | None:
        """Return the rest of what the scheduler knows."""
        job = self._jobs[job_id]
        return {
            "partition": job.partition,
            "account": job.account,
            "reason": job.reason,
            "priority": job.priority,
            "submitTime": job.submit_at,
            "endTime": job.end_at,
            "nNodes": job.n_nodes,
            "arrayTasks": job.array_tasks,
            "dependency": job.dependency,
            "exitCode": job.exit_code,
            "signal": job.signal,
            **({"plannedNodes": list(job.planned_nodes)} if job.planned_nodes else {}),
        }
