"""Play recorded snapshots as if they happened now."""

import bisect
import time
from collections.abc import Iterable, Mapping
from typing import Any

from jobmon import clock, config
from jobmon.backends import recording
from jobmon.backends.base import BackendBase, Snapshot
from jobmon.errors import SourceError
from jobmon.model import ClusterState, Job, Node, Partition, Reservation, SourceHealth

_NODE_DETAILS = ("state", "reason", "partitions", "features", "load")
_JOB_DETAILS = (
    "partition",
    "account",
    "reason",
    "priority",
    "nNodes",
    "arrayTasks",
    "dependency",
    "exitCode",
    "signal",
)


class Backend(BackendBase):
    """Answer from recorded snapshots; the settings are in the table [replay].

    The recording begins with the first cycle and runs `speed` times as fast as the clock. All times in a snapshot are
    shifted so that its own time is now. At the end it begins again (`loop`) or stays with the last snapshot.
    """

    def __init__(self, no_history: bool = False) -> None:
        """Find the snapshots; SettingsError when there are none."""
        super().__init__(no_history)
        settings = config.current().replay
        self._speed, self._loop = settings.speed, settings.loop
        self._frames = recording.find(settings.path)
        self._skipped = 0
        self._begun_at: float | None = None
        self._playing: recording.Frame | None = None
        self._snapshot: dict[str, Any] = {}
        self._nodes: dict[str, dict[str, Any]] = {}
        self._jobs: dict[str, dict[str, Any]] = {}
        self._shift = 0
        self._health = SourceHealth("replay", None, None)

    def pre_update(self) -> None:
        """Load the snapshot whose turn it is; those that cannot be read are named in the log and left out."""
        now, begun = clock.now(), time.perf_counter()
        if self._begun_at is None:
            self._begun_at = now
        while True:
            if not self._frames:
                raise SourceError("[replay] path: none of the snapshots can be read")
            frame = self._due(now - self._begun_at)
            try:
                if frame is not self._playing:
                    self._take(recording.load(frame))
                break
            except SourceError as error:
                self.log.warning("left out: %s", error)
                self._skipped += 1
                self._frames.remove(frame)
        self._playing = frame
        self._shift = int(now) - frame.time
        records = len(self._nodes) + len(self._jobs)
        self._health = SourceHealth("replay", now, time.perf_counter() - begun, records=records, skipped=self._skipped)

    def _due(self, passed_s: float) -> recording.Frame:
        """Return the newest frame whose time has come."""
        first, last = self._frames[0].time, self._frames[-1].time
        played = max(0.0, passed_s) * self._speed
        if self._loop:  # the last snapshot is shown for as long as the others are on average
            played %= last - first + max(1.0, (last - first) / max(1, len(self._frames) - 1))
        return self._frames[bisect.bisect_right(self._frames, first + played, key=lambda frame: frame.time) - 1]

    def _take(self, snapshot: dict[str, Any]) -> None:
        self._snapshot = snapshot
        self._nodes = {name: node if isinstance(node, dict) else {} for name, node in snapshot["nodes"].items()}
        self._jobs = {job_id: job for job_id, job in snapshot["jobs"].items() if isinstance(job, dict)}

    def _shifted(self, when: Any) -> int | None:
        """Return a recorded time as one of now; None and 0 stand for unknown."""
        return int(when) + self._shift if when else None

    def sources(self) -> Iterable[SourceHealth]:
        """Return how the reading of the snapshot went."""
        return (self._health,)

    def cluster_name(self) -> str | None:
        """Return the recorded cluster's name."""
        name = self._snapshot.get("cluster")
        return name if isinstance(name, str) else None

    def cluster_state(self) -> ClusterState | None:
        """Return what the snapshot tells of the scheduler's view; None when it tells of no partitions."""
        if not self._snapshot.get("partitions"):
            return None
        jobs = tuple(self._job(job_id, job) for job_id, job in self._jobs.items())
        allocated: dict[str, list[float]] = {name: [0, 0.0, 0] for name in self._nodes}
        for job in jobs:
            for host, cores in job.layout.items():
                if job.state in {"RUNNING", "COMPLETING"} and host in allocated:
                    allocated[host][0] += len(cores)
                    allocated[host][1] += job.memory_request_mb or 0
                    allocated[host][2] += len(job.gpu_layout.get(host, ()))
        return ClusterState(
            loaded_at=float(self._snapshot_time()),
            nodes=tuple(self._node(name, node, allocated[name]) for name, node in self._nodes.items()),
            jobs=jobs,
            partitions=tuple(
                Partition(
                    p["name"], tuple(p.get("nodes") or ()), p.get("up", True), p.get("default", False),
                    None if p.get("maxTime") is None else p["maxTime"] * 60, max_nodes=p.get("maxNodes"),
                )
                for p in self._snapshot["partitions"]
            ),
            reservations=tuple(
                Reservation(
                    r["name"], tuple(r.get("nodes") or ()), self._shifted(r.get("start")) or 0,
                    self._shifted(r.get("end")) or 0, frozenset({"MAINT"} if r.get("maintenance") else ()),
                )
                for r in self._snapshot.get("reservations") or ()
            ),
            cluster=self.cluster_name() or "",
        )  # fmt: skip

    def _snapshot_time(self) -> int:
        return self._shift + (self._playing.time if self._playing else 0)

    def _node(self, name: str, node: Mapping[str, Any], allocated: list[float]) -> Node:
        states = str(node.get("state") or ("IDLE" if node.get("up", True) else "DOWN"))
        cores, memory, gpus = allocated
        return Node(
            name, node.get("nCpus") or 0, frozenset(states.split("+")), int(cores),
            (node.get("mem") or {}).get("total"), int(memory), gpus=node.get("nGpus") or 0, gpus_allocated=int(gpus),
            partitions=tuple(node.get("partitions") or ()), reason=node.get("reason") or "",
        )  # fmt: skip

    def _job(self, job_id: str, job: Mapping[str, Any]) -> Job:
        limit = job.get("timeLimit")
        start = self._shifted(job.get("startTime"))
        return Job(
            id=job_id, name=job.get("name") or "", user=job.get("username") or "", state=job.get("state") or "UNKNOWN",
            cpus=job.get("nCpus") or 0, gpus=job.get("nGpus") or 0, partition=job.get("partition") or "",
            layout={host: tuple(cores) for host, cores in self.job_layout(job_id).items()},
            gpu_layout={host: tuple(gpus) for host, gpus in (job.get("gpuLayout") or {}).items()},
            memory_request_mb=job.get("memReq"), time_limit_s=None if limit is None else limit * 60, start_at=start,
            end_at=self._shifted(job.get("endTime")) or (start + limit * 60 if start and limit is not None else None),
            submit_at=self._shifted(job.get("submitTime")), reason=job.get("reason") or "",
        )  # fmt: skip

    def core_usage(self, data: Snapshot, silent: bool = False) -> dict[str, Any]:
        """Return the recorded usage, or a new count when it was not recorded or nodes are left out now."""
        usage = self._snapshot.get("usage")
        complete = isinstance(usage, dict) and {"avail", "running", "users"} <= set(usage)
        if complete and data["nodes"].keys() == self._nodes.keys():
            return dict(usage or {})
        return super().core_usage(data, silent)

    def hostnames(self) -> list[str]:
        """Return the names of the recorded nodes."""
        return list(self._nodes)

    def job_ids(self) -> list[str]:
        """Return the ids of the recorded jobs."""
        return list(self._jobs)

    def node_details(self, name: str) -> dict[str, Any]:
        """Return what was recorded beyond the ancestor's snapshot."""
        return {key: self._nodes[name][key] for key in _NODE_DETAILS if key in self._nodes[name]}

    def node_up(self, name: str) -> bool:
        """Say whether the node was up; one without a record was not."""
        return bool(self._nodes[name].get("up", False))

    def job_layout(self, job_id: str) -> Mapping[str, Iterable[int]]:
        """Return the recorded layout, with the nodes that were down."""
        job = self._jobs[job_id]
        return {**(job.get("layout") or {}), **(job.get("layoutDown") or {})}

    def job_start_time(self, job_id: str) -> int | None:
        """Return the start, shifted to now."""
        return self._shifted(self._jobs[job_id].get("startTime"))

    def job_details(self, job_id: str) -> dict[str, Any]:
        """Return what was recorded beyond the ancestor's snapshot, times shifted to now."""
        job = self._jobs[job_id]
        found = {key: job[key] for key in _JOB_DETAILS if job.get(key) is not None}
        for key in ("submitTime", "endTime"):
            when = self._shifted(job.get(key))
            if when is not None:
                found[key] = when
        return found

    def is_counted(self, name: str) -> bool:
        """Say whether the node counted."""
        return bool(self._nodes[name].get("isCounted", True))

    def n_cpus(self, name: str) -> int:
        """Return the number of cores."""
        return self._nodes[name].get("nCpus") or 0

    def n_gpus(self, name: str) -> int:
        """Return the number of GPUs."""
        return self._nodes[name].get("nGpus") or 0

    def cpu_usage(self, name: str) -> dict[str, Any] | None:
        """Return the recorded percentages."""
        return self._nodes[name].get("cpu")

    def mem(self, name: str) -> dict[str, Any] | None:
        """Return the recorded memory in MiB."""
        return self._nodes[name].get("mem")

    def swap(self, name: str) -> dict[str, Any] | None:
        """Return the recorded swap in MiB."""
        return self._nodes[name].get("swap")

    def gpus(self, name: str) -> dict[str, Any] | None:
        """Return the recorded GPUs; plain numbers before API 15."""
        return self._nodes[name].get("gpus")

    def infiniband(self, name: str) -> dict[str, Any] | None:
        """Return the recorded network rates."""
        return self._nodes[name].get("infiniband")

    def lustre(self, name: str) -> dict[str, Any] | None:
        """Return the recorded rates of shared file systems."""
        return self._nodes[name].get("lustre")

    def jobfs(self, name: str) -> dict[str, Any] | None:
        """Return the recorded rates of the local disk."""
        return self._nodes[name].get("jobfs")

    def job_name(self, job_id: str) -> str | None:
        """Return the job's name."""
        return self._jobs[job_id].get("name")

    def job_username(self, job_id: str) -> str | None:
        """Return the owner's name."""
        return self._jobs[job_id].get("username")

    def job_state(self, job_id: str) -> str | None:
        """Return the state."""
        return self._jobs[job_id].get("state")

    def job_ncpus(self, job_id: str) -> int | None:
        """Return the number of cores."""
        return self._jobs[job_id].get("nCpus")

    def job_ngpus(self, job_id: str) -> int | None:
        """Return the number of GPUs."""
        return self._jobs[job_id].get("nGpus")

    def job_gpu_layout(self, job_id: str) -> Mapping[str, Iterable[int]] | None:
        """Return the GPU indices per host."""
        return self._jobs[job_id].get("gpuLayout")

    def job_time_limit(self, job_id: str) -> float | None:
        """Return the time limit in minutes."""
        return self._jobs[job_id].get("timeLimit")

    def job_run_time(self, job_id: str) -> float | None:
        """Return the minutes it had run."""
        return self._jobs[job_id].get("runTime")

    def job_mem(self, job_id: str) -> dict[str, Any] | None:
        """Return the memory in MiB per host."""
        return self._jobs[job_id].get("mem")

    def job_cpu(self, job_id: str) -> dict[str, Any] | None:
        """Return the recorded cores that the job kept busy."""
        return self._jobs[job_id].get("cpuUsed")

    def job_mem_max(self, job_id: str) -> float | None:
        """Return the largest memory in MiB on one node."""
        return self._jobs[job_id].get("memMax")

    def job_mem_request(self, job_id: str) -> float | None:
        """Return the requested memory in MiB per node."""
        return self._jobs[job_id].get("memReq")

    def job_lustre(self, job_id: str) -> dict[str, Any] | None:
        """Return rates per file system."""
        return self._jobs[job_id].get("lustre")

    def jobfs_usage(self, job_id: str) -> dict[str, Any] | None:
        """Return the local scratch in MB per host."""
        return self._jobs[job_id].get("jobfs")

    def jobfs_request(self, job_id: str) -> float | None:
        """Return the requested local scratch in MB per node."""
        return self._jobs[job_id].get("jobfsReq")
