"""Answer for any plain Slurm cluster: nodes, jobs, layouts and limits from the scheduler itself.

Metrics of nodes and jobs are unknown here (None): they come from a telemetry source.
"""

from collections.abc import Iterable, Mapping

from jobmon import clock, config
from jobmon.backends.scheduled import SchedulerBackend
from jobmon.errors import SourceError
from jobmon.model import ClusterState, Job, Skipped, SourceHealth
from jobmon.schedulers.base import SchedulerReader
from jobmon.schedulers.slurm.choose import open_reader


class Backend(SchedulerBackend):
    """Show a Slurm cluster without any code of the site's own."""

    def __init__(self, no_history: bool = False) -> None:
        super().__init__(no_history)
        self._reader: SchedulerReader | None = None
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
        self.take(state)
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

    def take(self, state: ClusterState) -> None:
        """Answer from this state from now on; nodes that `[live] nodes` hides are left out with their jobs."""
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

    # --- nodes -----------------------------------------------------------------------------------------------------

    # --- jobs ------------------------------------------------------------------------------------------------------

    def job_layout(self, job_id: str) -> Mapping[str, Iterable[int]] | None:
        """Return the CPU ids per node that is shown, in the order in which `cpu_usage` counts them."""
        job = self._jobs[job_id]
        return {host: self._physical(host, ids) for host, ids in job.layout.items() if host in self._nodes}

    def job_gpu_layout(self, job_id: str) -> Mapping[str, Iterable[int]] | None:
        """Return the GPU indices per node that is shown."""
        job = self._jobs[job_id]
        return {host: indices for host, indices in job.gpu_layout.items() if host in self._nodes}

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
