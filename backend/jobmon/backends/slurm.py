"""Answer for any plain Slurm cluster: nodes, jobs, layouts and limits from the scheduler itself.

What nodes and jobs really do comes from the sources of metrics named in `[telemetry] sources`; without any it is
unknown (None).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from jobmon import clock, config
from jobmon.backends.gathering import Gathering, listed, reasons
from jobmon.backends.measured import NOTHING, MeasuredBackend
from jobmon.backends.scheduled import SchedulerBackend
from jobmon.backends.written import Written
from jobmon.errors import SourceError
from jobmon.model import ClusterState, Job, Skipped, SourceHealth
from jobmon.schedulers.base import SchedulerReader
from jobmon.schedulers.slurm.choose import open_reader
from jobmon.telemetry.base import JobMetrics, NodeMetrics
from jobmon.telemetry.choose import open_sources

TELEMETRY_SHARE = 0.7
"""Sources of metrics get no more than this share of the time that the back end has for a cycle."""
LEAST_MEMORY_MB = 64
"""No node has less: a site that does not configure RealMemory gets 1."""
OTHER_UNITS = 8
"""A node's memory that differs by this factor from what the scheduler says is given in other units."""


class Backend(SchedulerBackend, MeasuredBackend):
    """Show a Slurm cluster without any code of the site's own."""

    def __init__(self, no_history: bool = False) -> None:
        super().__init__(no_history)
        self._reader: SchedulerReader | None = None
        self._told: frozenset[Skipped] = frozenset()
        self._health = SourceHealth("slurm", last_success_at=None, duration_s=None)
        self._gathering = Gathering((), 0, 0)
        self._written: Written | None = None

    # --- the cycle -------------------------------------------------------------------------------------------------

    def init(self) -> None:
        """Find a way to read Slurm; wrong settings are errors at once, a silent Slurm is asked again later."""
        settings = config.current()
        timeout_s = min(settings.telemetry.timeout, TELEMETRY_SHARE * settings.live.cycle_timeout_s)
        telemetry = settings.telemetry.model_copy(update={"timeout": timeout_s})
        settings = settings.model_copy(update={"telemetry": telemetry})
        self._gathering = Gathering(open_sources(settings), timeout_s, settings.live.node_dead_timeout)
        if settings.influxdb.write_bucket:
            self._written = Written(settings)
        try:
            self._reader = open_reader(settings.scheduler)
        except SourceError as error:
            self.log.warning("Slurm cannot be read yet: %s", error)

    def pre_update(self) -> None:
        """Load the scheduler and all sources of metrics once, side by side.

        SourceError when the scheduler is silent, and what was loaded before stays; a silent source of metrics makes
        what it told unknown once that is too old.
        """
        self._gathering.start()
        try:
            self._load_scheduler()
        finally:
            nodes, jobs = self._gathering.finish()
            self.take_metrics(self._credible(nodes), jobs)
            self._report_missing()

    def _load_scheduler(self) -> None:
        started = clock.monotonic()
        try:
            if self._reader is None:
                self._reader = open_reader(config.current().scheduler)
            state = self._reader.load()
        except SourceError as error:
            self._health = replace(
                self._health,
                name=self._reader.name if self._reader else "slurm",
                duration_s=clock.monotonic() - started,
                error=str(error),
                errors=self._health.errors + 1,
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
            reasons=reasons(state.skipped),
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
        """Return how the scheduler and the sources of metrics did."""
        written = (self._written.health,) if self._written else ()
        return (self._health, *self._gathering.health, *written)

    def write_influx(self) -> None:
        """Write the memory maxima of jobs and the numbers of this cycle, when `[influxdb] write_bucket` asks for it."""
        if self._written and self._state:
            running = {job.id: self.metrics_of(job.id) for job in self._jobs.values() if job.state == "RUNNING"}
            self._written.write(self._state, running, self.sources())

    # --- metrics ---------------------------------------------------------------------------------------------------

    def metrics_of(self, job_id: str) -> JobMetrics:
        """Return what was measured of a job; sources know the tasks of an array by the scheduler's own number."""
        return self._measured_jobs.get(self._jobs[job_id].scheduler_id or job_id, NOTHING)

    def node_details(self, name: str) -> dict[str, Any] | None:
        """Return the scheduler's words about the node, and its load and pressure as they were measured."""
        details = SchedulerBackend.node_details(self, name) or {}
        measured = MeasuredBackend.node_details(self, name) or {}
        return details | {key: value for key, value in measured.items() if value is not None}

    def _credible(self, measured: dict[str, NodeMetrics]) -> dict[str, NodeMetrics]:
        """Return the metrics without memory in other units than MiB, which is seen by comparing with the scheduler."""
        odd = []
        for host, node in measured.items():
            known = self._nodes.get(host)
            configured_mb = (known.memory_mb or 0) if known else 0
            if configured_mb < LEAST_MEMORY_MB or node.memory is None:
                continue
            if not 1 / OTHER_UNITS < node.memory.total_mb / configured_mb < OTHER_UNITS:
                odd.append(host)
        for host in odd:
            measured[host] = replace(measured[host], memory=None)
        name = self._teller()
        if odd and name:
            self._gathering.warn(
                name, f"the memory of {listed(odd)} is far from what Slurm says: other units? It is left out"
            )
        return measured

    def _report_missing(self) -> None:
        """Say which nodes are up and yet measured by nobody, and which names the scheduler does not know."""
        name = self._teller()
        if name is None:
            return
        up = [host for host, node in self._nodes.items() if node.up]
        missing = [host for host in up if host not in self.measured]
        if not missing:
            return
        strangers = [host for host in self.measured if host not in self._nodes]
        hint = f" It tells of {listed(strangers)} instead: see [telemetry] aliases." if strangers else ""
        self._gathering.warn(
            name, f"nothing is known of {len(missing)} of the {len(up)} nodes that are up: {listed(missing)}.{hint}"
        )

    def _teller(self) -> str | None:
        """Return the source that tells of the most nodes."""
        tellers = [health for health in self._gathering.health if health.nodes is not None]
        return max(tellers, key=lambda health: health.nodes or 0).name if tellers else None

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
        """Return the operating system's numbers for Slurm's CPU ids.

        Slurm counts one socket after the other, and the threads of a core one after the other. The operating system
        counts the first thread of every core before the second ones, but on the nodes of `[live] adjacent_threads`, and
        on those of `[live] column_order_cpus` it deals its numbers to two sockets in turn: the even ones come first in
        Slurm's order, then the odd ones.
        """
        live, node = config.current().live, self._nodes[host]
        cores = node.sockets * node.cores_per_socket or node.cpus
        threads = node.threads_per_core if node.cpus > cores else 1
        columns = bool(live.column_order_cpus) and config.matches(host, live.column_order_cpus)
        adjacent = threads == 1 or (bool(live.adjacent_threads) and config.matches(host, live.adjacent_threads))
        if adjacent and not columns:
            return ids
        order = [*range(0, cores, 2), *range(1, cores, 2)] if columns else range(cores)
        numbers = []
        for number in ids:
            core, thread = divmod(number, threads)
            if core < cores:
                numbers.append(order[core] * threads + thread if adjacent else order[core] + thread * cores)
        return tuple(sorted(numbers))
