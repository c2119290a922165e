"""Define what a site's back end answers.

A site writes one file `backend_NAME.py`:

    from backend_base import BackendBase

    class Backend(BackendBase):
        def cpu_usage(self, name): ...

and sets `backend = "NAME"` in the table `[live]` of jobmon.toml. It overrides what its cluster has; the page leaves out
what it has not. `jobmon backend test NAME` says what is wrong with it.

Rules that hold for every method: it has no side effects; it is called once per host or job and cycle, after
`pre_update()`; `None` means "not known now" and is drawn as unknown, never as zero; an exception costs that one value
of that one host or job in this cycle and is logged with its name; so does a value of a wrong type or an absurd size.
The object lives in a child process of the daemon, so that it may hang or crash without taking the daemon along.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from jobmon import config
from jobmon.backends.backfill import slots_now
from jobmon.model import ClusterState, SourceHealth

Snapshot = dict[str, Any]
"""The whole snapshot as the file data.json.gz holds it (schema: live/schema/snapshot.schema.json)."""


class BackendBase:
    """Answer the daemon's questions about nodes and jobs; override what your cluster has."""

    def __init__(self, no_history: bool = False) -> None:
        """Keep `no_history` (True: do not rely on earlier cycles) and make a logger, `self.log`."""
        self.no_history = no_history
        self.log = logging.getLogger("jobmon.backend")

    # --- the cycle -------------------------------------------------------------------------------------------------

    def init(self) -> None:
        """Prepare what needs logging or the network; called once, before the first cycle."""

    def pre_update(self) -> None:
        """Load everything once per cycle: one question to the scheduler, one to each telemetry source."""

    def write_influx(self) -> None:
        """Do what the site wants after each cycle, such as writing its own metrics somewhere."""

    def sources(self) -> Iterable[SourceHealth]:
        """Return how each source did in the last `pre_update()`, for the health display."""
        return ()

    def cluster_name(self) -> str | None:
        """Return the name of the cluster, for the page's title."""
        return None

    def cluster_state(self) -> ClusterState | None:
        """Return the scheduler's nodes, jobs, partitions and reservations, from which backfill is calculated."""
        return None

    # --- which nodes and jobs there are ----------------------------------------------------------------------------

    def hostnames(self) -> list[str]:
        """Return the names of all nodes, those that are down included."""
        return []

    def job_ids(self) -> list[str]:
        """Return the ids of all jobs as people type them: "123", or "123_4" for a task of a job array."""
        return []

    # --- nodes -----------------------------------------------------------------------------------------------------

    def node_up(self, name: str) -> bool:
        """Say whether the node is up."""
        return True

    def is_counted(self, name: str) -> bool:
        """Say whether the node's cores count towards the cluster's total."""
        return True

    def n_cpus(self, name: str) -> int:
        """Return the number of cores that jobs can have on this node."""
        return 0

    def n_gpus(self, name: str) -> int:
        """Return the number of GPUs of this node."""
        return 0

    def cpu_usage(self, name: str) -> dict[str, Any] | None:
        """Return {"total": [user, nice, system, wait, idle], "core": [[user, nice, system, wait, idle], …]} in percent.

        The order of "core" is that of the indices in `job_layout`; a core that cannot be read is None. Return None
        when the node is down or not known.
        """
        return None

    def mem(self, name: str) -> dict[str, Any] | None:
        """Return {"used", "total"} in MiB, without what the kernel would give back (caches)."""
        return None

    def swap(self, name: str) -> dict[str, Any] | None:
        """Return {"free", "total"} in MiB."""
        return None

    def gpus(self, name: str) -> dict[str, Any] | None:
        """Return {"gpu0": {"util": percent, "memory": {"used", "total"} in MiB}}; a plain number is taken as util."""
        return None

    def infiniband(self, name: str) -> dict[str, Any] | None:
        """Return {"bytes_in", "bytes_out", "pkts_in", "pkts_out"} per second; Ethernet where there is no InfiniBand."""
        return None

    def lustre(self, name: str) -> dict[str, Any] | None:
        """Return {"read", "write"} in bytes per second of the shared file systems together."""
        return None

    def jobfs(self, name: str) -> dict[str, Any] | None:
        """Return {"read", "write"} in bytes per second of the node's local scratch disk."""
        return None

    def node_details(self, name: str) -> dict[str, Any] | None:
        """Return what the scheduler adds: any of the keys below.

        "state" in Slurm's words ("IDLE+DRAIN"), "reason" (why it is out of service), "partitions" and "features"
        (lists), "load" (processes), "pressure" ({"cpu", "memory", "io"}: percent of the time that some task waited).
        """
        return None

    # --- jobs ------------------------------------------------------------------------------------------------------

    def job_name(self, job_id: str) -> str | None:
        """Return the job's name."""
        return None

    def job_username(self, job_id: str) -> str | None:
        """Return the name of the job's owner."""
        return None

    def job_state(self, job_id: str) -> str | None:
        """Return the state in Slurm's words: RUNNING, PENDING, COMPLETED, FAILED and so on."""
        return None

    def job_ncpus(self, job_id: str) -> int | None:
        """Return the number of cores over all nodes."""
        return None

    def job_ngpus(self, job_id: str) -> int | None:
        """Return the number of GPUs over all nodes."""
        return 0

    def job_layout(self, job_id: str) -> Mapping[str, Iterable[int]] | None:
        """Return {host: [core index, …]}, the indices of `cpu_usage(host)["core"]`; {} while pending."""
        return None

    def job_gpu_layout(self, job_id: str) -> Mapping[str, Iterable[int]] | None:
        """Return {host: [gpu index, …]}; {} when there are none or they are not known."""
        return None

    def job_time_limit(self, job_id: str) -> float | None:
        """Return the time limit in minutes; None without one."""
        return None

    def job_run_time(self, job_id: str) -> float | None:
        """Return how long the job has run, in minutes."""
        return None

    def job_start_time(self, job_id: str) -> float | None:
        """Return when the job started, in epoch seconds; while it is pending, the estimate if there is one."""
        return None

    def job_mem(self, job_id: str) -> dict[str, Any] | None:
        """Return {host: MiB used by the job now}."""
        return None

    def job_mem_max(self, job_id: str) -> float | None:
        """Return the largest memory in MiB that the job ever used on one node; None when not known."""
        return None

    def job_cpu(self, job_id: str) -> dict[str, Any] | None:
        """Return {host: cores that the job itself keeps busy}: 1.5 is one core and a half.

        For sites that account each job's CPU time (cgroups, Slurm's own accounting). The page then shows this instead
        of what the job's cores do, which others may use too.
        """
        return None

    def job_mem_request(self, job_id: str) -> float | None:
        """Return the requested memory in MiB per node; None when nothing was requested."""
        return None

    def job_lustre(self, job_id: str) -> dict[str, Any] | None:
        """Return {file system: {"mds": {…}, "oss": {"read_bytes", "write_bytes", "iops"}}} per second."""
        return None

    def jobfs_usage(self, job_id: str) -> dict[str, Any] | None:
        """Return {host: MB of local scratch used by the job}."""
        return None

    def jobfs_request(self, job_id: str) -> float | None:
        """Return the requested local scratch in MB per node."""
        return None

    def job_details(self, job_id: str) -> dict[str, Any] | None:
        """Return what the scheduler adds: any of the keys below.

        "partition", "account", "reason" (why it waits, Slurm's words), "priority", "submitTime" and "endTime" (epoch
        seconds), "nNodes", "arrayTasks" (the waiting tasks: "9-20%3"), "dependency", "exitCode", "signal",
        "plannedNodes" (hosts that the scheduler has planned for a pending job).
        """
        return None

    # --- the whole -------------------------------------------------------------------------------------------------

    def core_usage(self, data: Snapshot, silent: bool = False) -> dict[str, Any]:
        """Return {"avail", "running", "users": {name: cores}} in cores, counted from the snapshot.

        A node that is not counted, but hosts a running job, adds its cores to "avail" while it does.
        """
        running = [job for job in data["jobs"].values() if job["state"] == "RUNNING"]
        busy_hosts = {host for job in running for host in job["layout"]}
        users: dict[str, int] = {}
        for job in running:
            users[job["username"]] = users.get(job["username"], 0) + (job["nCpus"] or 0)
        usage = {
            "avail": sum(
                node["nCpus"] or 0 for name, node in data["nodes"].items() if node["isCounted"] or name in busy_hosts
            ),
            "running": sum(users.values()),
            "users": users,
        }
        if not silent:
            self.log.debug("%d of %d cores are in use", usage["running"], usage["avail"])
        return usage

    def calculate_backfill(self) -> dict[str, Any]:
        """Return {partition: {cores: {"count", "tMin", "tMax"}}}: how many slots of that size could start now.

        "tMin" and "tMax" are the shortest and the longest time in seconds that such a slot stays free; None for "tMax"
        means that one of them is not bounded, None for "tMin" that none is. Calculated from `cluster_state()` unless
        overridden; {} without it.
        """
        state = self.cluster_state()
        if state is None:
            return {}

        return slots_now(state, only=config.current().live.bf_nodes)
