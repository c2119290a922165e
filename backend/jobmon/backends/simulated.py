"""Answer for a cluster that does not exist: for demonstrations, tests and load measurements."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from jobmon import clock, config
from jobmon.backends.base import BackendBase
from jobmon.backends.simulation import Simulation, State
from jobmon.model import ClusterState, SourceHealth


class Backend(BackendBase):
    """Answer from a simulation; the settings are in the table [simulated]."""

    def __init__(self, no_history: bool = False) -> None:
        """Build the cluster; the first moment is that of the first `pre_update()`."""
        super().__init__(no_history)
        self.simulation = Simulation(config.current().simulated)
        self._take(State())
        self._sources: tuple[SourceHealth, ...] = ()

    def pre_update(self) -> None:
        """Load the present moment."""
        self.at(clock.now())

    def at(self, t: float) -> None:
        """Load the moment `t` (epoch seconds), in any order."""
        begun = time.perf_counter()
        moment = self.simulation.moment(t)
        halfway = time.perf_counter()
        self._take(self.simulation.state(t, moment))
        done = time.perf_counter()
        records = len(self._jobs) + len(self._nodes)
        self._sources = (
            SourceHealth("simulated scheduler", t, halfway - begun, records=records),
            SourceHealth("simulated metrics", t, done - halfway, records=len(self._readings.cpu)),
        )

    def _take(self, state: State) -> None:
        self._state, self._nodes, self._jobs, self._readings = state, state.nodes, state.jobs, state.readings

    def sources(self) -> Iterable[SourceHealth]:
        """Return how long the two halves of the simulation took."""
        return self._sources

    def cluster_name(self) -> str:
        """Return the name of the invented cluster."""
        return "demo"

    def cluster_state(self) -> ClusterState:
        """Return the scheduler's view of the moment."""
        return self._state.cluster

    def hostnames(self) -> list[str]:
        """Return the names of all nodes."""
        return list(self._nodes)

    def job_ids(self) -> list[str]:
        """Return the ids of all jobs, in the order of submission."""
        return list(self._jobs)

    # --- nodes -----------------------------------------------------------------------------------------------------

    def node_up(self, name: str) -> bool:
        """Say whether the node is up."""
        return self._nodes[name].up

    def is_counted(self, name: str) -> bool:
        """Say whether the node counts; those for interactive work do not."""
        return "interactive" not in self._nodes[name].partitions

    def n_cpus(self, name: str) -> int:
        """Return the number of cores."""
        return self._nodes[name].cpus

    def n_gpus(self, name: str) -> int:
        """Return the number of GPUs."""
        return self._nodes[name].gpus

    def cpu_usage(self, name: str) -> dict[str, Any] | None:
        """Return percentages of the node and of each core; one node has a core that cannot be read."""
        return self._readings.cpu.get(name)

    def mem(self, name: str) -> dict[str, Any] | None:
        """Return used and total memory in MiB."""
        return self._readings.mem.get(name)

    def swap(self, name: str) -> dict[str, Any] | None:
        """Return free and total swap in MiB."""
        return self._readings.swap.get(name)

    def gpus(self, name: str) -> dict[str, Any] | None:
        """Return utilisation and memory of each GPU."""
        return self._readings.gpus.get(name)

    def infiniband(self, name: str) -> dict[str, Any] | None:
        """Return network rates per second."""
        return self._readings.infiniband.get(name)

    def lustre(self, name: str) -> dict[str, Any] | None:
        """Return rates of the shared file systems in bytes per second."""
        return self._readings.lustre.get(name)

    def jobfs(self, name: str) -> dict[str, Any] | None:
        """Return rates of the local disk in bytes per second."""
        return self._readings.jobfs.get(name)

    def node_details(self, name: str) -> dict[str, Any]:
        """Return the scheduler's state of the node, and why it is out of service."""
        node = self._nodes[name]
        return {
            "state": node.state,
            "reason": node.reason,
            "partitions": list(node.partitions),
            "features": list(node.features),
            "load": node.load,
        }

    # --- jobs ------------------------------------------------------------------------------------------------------

    def job_name(self, job_id: str) -> str:
        """Return the job's name."""
        return self._jobs[job_id].name

    def job_username(self, job_id: str) -> str:
        """Return the owner's name."""
        return self._jobs[job_id].user

    def job_state(self, job_id: str) -> str:
        """Return the state in Slurm's words."""
        return self._jobs[job_id].state

    def job_ncpus(self, job_id: str) -> int:
        """Return the number of cores over all nodes."""
        return self._jobs[job_id].cpus

    def job_ngpus(self, job_id: str) -> int:
        """Return the number of GPUs over all nodes."""
        return self._jobs[job_id].gpus

    def job_layout(self, job_id: str) -> Mapping[str, Iterable[int]]:
        """Return the core indices per host."""
        return self._jobs[job_id].layout

    def job_gpu_layout(self, job_id: str) -> Mapping[str, Iterable[int]]:
        """Return the GPU indices per host."""
        return self._jobs[job_id].gpu_layout

    def job_time_limit(self, job_id: str) -> int | None:
        """Return the time limit in minutes."""
        limit = self._jobs[job_id].time_limit_s
        return None if limit is None else limit // 60

    def job_run_time(self, job_id: str) -> int:
        """Return the minutes that the job has run."""
        return self._jobs[job_id].run_time_s(self._state.at) // 60

    def job_start_time(self, job_id: str) -> int | None:
        """Return the start, or its estimate while pending."""
        return self._jobs[job_id].start_at

    def job_mem(self, job_id: str) -> dict[str, int]:
        """Return the memory in MiB per host; of some jobs it is not known."""
        return self._readings.job_mem.get(job_id, {})

    def job_mem_max(self, job_id: str) -> int | None:
        """Return the largest memory in MiB on one node."""
        return self._readings.job_mem_max.get(job_id)

    def job_mem_request(self, job_id: str) -> float | None:
        """Return the requested memory in MiB per node."""
        return self._jobs[job_id].memory_request_mb

    def job_lustre(self, job_id: str) -> dict[str, Any]:
        """Return rates per file system."""
        return self._readings.job_lustre.get(job_id, {})

    def jobfs_usage(self, job_id: str) -> dict[str, int]:
        """Return the local scratch in MB per host."""
        return self._readings.job_jobfs.get(job_id, {})

    def jobfs_request(self, job_id: str) -> float | None:
        """Return the requested local scratch in MB per node."""
        return self._jobs[job_id].disk_request_mb

    def job_details(self, job_id: str) -> dict[str, Any]:
        """Return what the scheduler adds."""
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
