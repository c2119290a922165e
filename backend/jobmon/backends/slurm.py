"""Answer for any plain Slurm cluster: nodes, jobs, layouts and limits from the scheduler itself.

Metrics of nodes and jobs are unknown here (None): they come from a telemetry source.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jobmon import clock, config
from jobmon.backends.base import BackendBase
from jobmon.errors import SourceError
from jobmon.model import ClusterState, Job, Node, Skipped, SourceHealth
from jobmon.schedulers.base import SchedulerReader
from jobmon.schedulers.slurm.choose import open_reader


class Backend(BackendBase):
    """Show a Slurm cluster without any code of the site's own."""

    def __init__(self, no_history: bool = False) -> None:
        super().__init__(no_history)
        self._reader: SchedulerReader | None = None
        self._state: ClusterState | None = None
        self._nodes: dict[str, Node] = {}
        self._jobs: dict[str, Job] = {}
        self._told: frozenset[Skipped] = frozenset()
        self._health = SourceHealth("slurm", last_success_at=None, duration_s=None)

    # --- the cycle -------------------------------------------------------------------------------------------------

    def init(self) -> None:
        """Find a way to read Slurm; wrong settings are errors at once, a silent Slurm is asked again later."""
        try:
            self._reader = open_reader(config.current().scheduler)
        except SourceError as error:
            self.log.warning("Slurm cannot be read yet: %s", error)

    def pre_update(self) -> None:
        """Load the scheduler once; SourceError when it is silent, and what was loaded before stays."""
        started = clock.monotonic()
        try:
            if self._reader is None:
                self._reader = open_reader(config.current().scheduler)
            state = self._reader.load()
        except SourceError as error:
            self._health = SourceHealth(
                name=self._reader.name if self._reader else "slurm",
                last_success_at=self._health.last_success_at,
                duration_s=clock.monotonic() - started,
                error=str(error),
                errors=self._health.errors + 1,
                records=self._health.records,
                skipped=self._health.skipped,
            )
            raise
        self._take(state)
        for record in state.skipped:
            if record not in self._told:
                self.log.warning("%s: record %s: %s", record.method, record.record, record.error)
        self._told = frozenset(state.skipped)
        self._health = SourceHealth(
            name=self._reader.name,
            last_success_at=state.loaded_at,
            duration_s=clock.monotonic() - started,
            errors=self._health.errors,
            records=len(state.nodes) + len(state.jobs) + len(state.partitions) + len(state.reservations),
            skipped=len(state.skipped),
        )

    def _take(self, state: ClusterState) -> None:
        shown = config.current().live.nodes
        self._state = state
        self._nodes = {node.name: node for node in state.nodes if not shown or config.matches(node.name, shown)}
        members = {p.name: p.nodes for p in state.partitions}
        self._jobs = {job.id: job for job in state.jobs if not shown or self._concerns(job, members)}

    def _concerns(self, job: Job, members: Mapping[str, tuple[str, ...]]) -> bool:
        """Say whether a job has to do with the nodes that are shown: it runs there, or it waits for their partition."""
        if job.layout:
            return any(host in self._nodes for host in job.layout)
        partitions = job.partition.split(",")
        return any(host in self._nodes for name in partitions for host in members.get(name, ()))

    def sources(self) -> Iterable[SourceHealth]:
        """Return how the scheduler did."""
        return (self._health,)

    def cluster_name(self) -> str | None:
        """Return Slurm's ClusterName."""
        return (self._state.cluster or None) if self._state else None

    def cluster_state(self) -> ClusterState | None:
        """Return the last answer of the scheduler."""
        return self._state

    def hostnames(self) -> list[str]:
        """Return all nodes that `[live] nodes` does not hide."""
        return list(self._nodes)

    def job_ids(self) -> list[str]:
        """Return all jobs that Slurm knows, those included that ended a short while ago."""
        return list(self._jobs)

    # --- nodes -----------------------------------------------------------------------------------------------------

    def node_up(self, name: str) -> bool:
        """Say whether the node is up."""
        return self._nodes[name].up

    def is_counted(self, name: str) -> bool:
        """Say whether the node is one of `[live] core_count_nodes`; all are when it is empty."""
        counted = config.current().live.core_count_nodes
        return not counted or config.matches(name, counted)

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
        """Return Slurm's word for the state."""
        return self._jobs[job_id].state

    def job_ncpus(self, job_id: str) -> int | None:
        """Return the CPUs over all nodes."""
        return self._jobs[job_id].cpus

    def job_ngpus(self, job_id: str) -> int | None:
        """Return the GPUs over all nodes, those asked for while the job waits."""
        return self._jobs[job_id].gpus

    def job_layout(self, job_id: str) -> Mapping[str, Iterable[int]] | None:
        """Return the CPU ids per node that is shown, in the order in which `cpu_usage` counts them."""
        job = self._jobs[job_id]
        return {host: self._physical(host, ids) for host, ids in job.layout.items() if host in self._nodes}

    def job_gpu_layout(self, job_id: str) -> Mapping[str, Iterable[int]] | None:
        """Return the GPU indices per node that is shown."""
        job = self._jobs[job_id]
        return {host: indices for host, indices in job.gpu_layout.items() if host in self._nodes}

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
        }

    # --- order of the cores ----------------------------------------------------------------------------------------

    def _physical(self, host: str, ids: tuple[int, ...]) -> tuple[int, ...]:
        """Return the operating system's numbers for Slurm's CPU ids, which count one socket after the other.

        On the nodes of `[live] column_order_cpus` the operating system deals its numbers to the sockets in turn: the
        even ones come first in Slurm's order, then the odd ones.
        """
        columns = config.current().live.column_order_cpus
        if not columns or not config.matches(host, columns):
            return ids
        node = self._nodes[host]
        cores = node.sockets * node.cores_per_socket
        total = max(cores * node.threads_per_core if node.cpus > cores else cores, node.cpus)
        order = [*range(0, total, 2), *range(1, total, 2)]
        return tuple(sorted(order[i] for i in ids if i < total))
