"""Show this machine as a cluster of one node, whose jobs are its login sessions, services and containers.

Nothing here has asked a scheduler for anything, so a job has no request and no limit, and its cores are those that it
keeps busy. Where no systemd and no container runtime sorts processes into cgroups, a job is a process session: a shell
with all that it started.
"""

import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

from jobmon import clock
from jobmon.backends.base import Snapshot
from jobmon.backends.local_jobs import LocalJob, choose
from jobmon.backends.measured import MeasuredBackend
from jobmon.errors import SourceError
from jobmon.model import ClusterState, Job, Node, Partition, Skipped, SourceHealth
from jobmon.telemetry.base import Metrics, NodeMetrics
from jobmon.telemetry.procfs import Source

PARTITION = "local"
MAX_LOGGED = 1000
"""After this many different unreadable records no further one is logged."""


class Backend(MeasuredBackend):
    """Answer for this machine from /proc and /sys."""

    def __init__(self, no_history: bool = False, source: Source | None = None) -> None:
        """Take another source for recorded machines."""
        super().__init__(no_history)
        self._source = source or Source()
        self._host = self._source.host
        self._node: NodeMetrics | None = None
        self._jobs: dict[str, LocalJob] = {}
        self._health = SourceHealth(self._source.name, None, None)
        self._logged: set[tuple[str, str]] = set()

    def init(self) -> None:
        """Take the first reading, so that the first cycle need not wait for a second one."""
        try:
            self._source.prepare()
        except SourceError as error:
            self.log.warning("%s: %s", self._source.name, error)

    def pre_update(self) -> None:
        """Read the machine; everything comes from there, so that without it there is nothing to show."""
        start = clock.monotonic()
        try:
            metrics = self._source.load()
        except SourceError as error:
            self._node, self._jobs = None, {}
            self.take_metrics({}, {})
            errors, last_success_at = self._health.errors + 1, self._health.last_success_at
            self._health = SourceHealth(
                self._source.name, last_success_at, clock.monotonic() - start, error=str(error), errors=errors
            )
            raise
        self._node = metrics.nodes[self._host]
        self.take_metrics(metrics.nodes, {})
        self._jobs = choose(self._source, self._node, clock.monotonic())
        self._log_skipped(metrics.skipped)
        self._health = self._measured(metrics, clock.monotonic() - start)

    def sources(self) -> Iterable[SourceHealth]:
        """Return how the last reading went."""
        return (self._health,)

    def cluster_name(self) -> str | None:
        """Return the name of this machine."""
        return self._host

    def cluster_state(self) -> ClusterState | None:
        """Return one node of which the busy cores are taken, so that backfill shows the idle ones."""
        node = self._node
        if node is None:
            return None
        n_cpus = self.n_cpus(self._host)
        jobs = tuple(
            Job(
                id=job.id,
                name=job.name,
                user=job.user,
                state="RUNNING",
                cpus=len(job.cores),
                partition=PARTITION,
                layout={self._host: job.cores},
                start_at=job.start_at,
            )
            for job in self._jobs.values()
        )
        worked = round(sum(core.busy for core in node.cores if core) / 100)
        busy = min(n_cpus, max(sum(job.cpus for job in jobs), worked))
        memory = node.memory
        return ClusterState(
            loaded_at=node.read_at,
            nodes=(
                Node(
                    name=self._host,
                    cpus=n_cpus,
                    states=frozenset({"IDLE" if busy == 0 else "MIXED" if busy < n_cpus else "ALLOCATED"}),
                    cpus_allocated=busy,
                    memory_mb=int(memory.total_mb) if memory else None,
                    memory_allocated_mb=math.ceil(memory.used_mb) if memory else 0,
                    memory_free_mb=int(memory.total_mb - memory.used_mb) if memory else None,
                    partitions=(PARTITION,),
                    load=node.load,
                    boot_at=node.boot_at,
                ),
            ),
            jobs=jobs,
            partitions=(Partition(PARTITION, nodes=(self._host,), default=True),),
            cluster=self._host,
        )

    def hostnames(self) -> list[str]:
        """Return this machine."""
        return [self._host]

    def job_ids(self) -> list[str]:
        """Return the sessions, services and containers worth showing."""
        return list(self._jobs)

    # --- the node --------------------------------------------------------------------------------------------------

    def n_cpus(self, name: str) -> int:
        """Return the number of cores that are online."""
        return (self._node.n_cores if self._node else None) or os.cpu_count() or 1

    def n_gpus(self, name: str) -> int:
        """Return the number of GPUs."""
        return len(self._node.gpus or ()) if self._node else 0

    def node_details(self, name: str) -> dict[str, Any] | None:
        """Return load average and pressure, and the one partition that this machine is in."""
        return {"partitions": [PARTITION]} | (super().node_details(name) or {})

    # --- jobs ------------------------------------------------------------------------------------------------------

    def job_name(self, job_id: str) -> str | None:
        """Return the name of the service, of the container, or of the program that began the session."""
        return self._jobs[job_id].name

    def job_username(self, job_id: str) -> str | None:
        """Return the owner of the session or of the service."""
        return self._jobs[job_id].user

    def job_state(self, job_id: str) -> str | None:
        """Return RUNNING: what has ended is no longer there."""
        return "RUNNING"

    def job_ncpus(self, job_id: str) -> int | None:
        """Return the cores that it kept busy over the last minute, rounded up, at least 1."""
        return self._jobs[job_id].n_cpus

    def job_layout(self, job_id: str) -> Mapping[str, Iterable[int]] | None:
        """Return the cores that it keeps busy now: none when it idles.

        All sessions share all cores, so that nobody holds an idle core and the rule for idle cores must have nothing
        to accuse. A job therefore has only cores that work, and no core has two jobs.
        """
        return {self._host: self._jobs[job_id].cores}

    def job_run_time(self, job_id: str) -> float | None:
        """Return the age in minutes."""
        age_s = self._node.read_at - self._jobs[job_id].start_at if self._node else None
        return max(0.0, age_s / 60) if age_s is not None else None

    def job_start_time(self, job_id: str) -> float | None:
        """Return when its oldest process started."""
        return self._jobs[job_id].start_at

    def job_mem(self, job_id: str) -> dict[str, Any] | None:
        """Return the memory that it holds, without what the kernel would give back."""
        return {self._host: self._jobs[job_id].memory_mb}

    def job_mem_max(self, job_id: str) -> float | None:
        """Return the most that it was seen to hold."""
        return self._jobs[job_id].memory_max_mb

    def job_details(self, job_id: str) -> dict[str, Any] | None:
        """Return the one partition."""
        return {"partition": PARTITION}

    def core_usage(self, data: Snapshot, silent: bool = False) -> dict[str, Any]:
        """Return the cores of this machine and how many of them each user keeps busy, never more than there are."""
        users: dict[str, int] = {}
        for job in self._jobs.values():
            if job.n_cpus:
                users[job.user] = users.get(job.user, 0) + job.n_cpus
        usage = {"avail": self.n_cpus(self._host), "running": sum(users.values()), "users": users}
        if not silent:
            self.log.debug("%d of %d cores are busy", usage["running"], usage["avail"])
        return usage

    # --- keeping account -------------------------------------------------------------------------------------------

    def _measured(self, metrics: Metrics, duration_s: float) -> SourceHealth:
        return SourceHealth(
            self._source.name,
            last_success_at=metrics.loaded_at,
            duration_s=duration_s,
            errors=self._health.errors,
            records=self._source.records,
            skipped=len(metrics.skipped),
        )

    def _log_skipped(self, skipped: Iterable[Skipped]) -> None:
        for record in skipped:
            key = (record.method, record.record)
            if key not in self._logged and len(self._logged) < MAX_LOGGED:
                self._logged.add(key)
                self.log.warning("%s: %s left out: %s", *key, record.error)
