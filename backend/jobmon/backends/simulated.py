"""Answer for a cluster that does not exist: for demonstrations, tests and load measurements."""

import time
from collections.abc import Iterable
from typing import Any

from jobmon import clock, config
from jobmon.backends.scheduled import SchedulerBackend
from jobmon.backends.simulation import Simulation
from jobmon.backends.simulation.metrics import Readings
from jobmon.model import SourceHealth


class Backend(SchedulerBackend):
    """Answer from a simulation; the settings are in the table [simulated]."""

    def __init__(self, no_history: bool = False) -> None:
        """Build the cluster; the first moment is that of the first `pre_update()`."""
        super().__init__(no_history)
        self.simulation = Simulation(config.current().simulated)
        self._readings = Readings()
        self._sources: tuple[SourceHealth, ...] = ()

    def pre_update(self) -> None:
        """Load the present moment."""
        self.at(clock.now())

    def at(self, t: float) -> None:
        """Load the moment `t` (epoch seconds), in any order."""
        begun = time.perf_counter()
        moment = self.simulation.moment(t)
        halfway = time.perf_counter()
        state = self.simulation.state(t, moment)
        self.take(state.cluster)
        self._readings = state.readings
        done = time.perf_counter()
        records = len(self._jobs) + len(self._nodes)
        self._sources = (
            SourceHealth("simulated scheduler", t, halfway - begun, records=records),
            SourceHealth("simulated metrics", t, done - halfway, records=len(self._readings.cpu)),
        )

    def sources(self) -> Iterable[SourceHealth]:
        """Return how long the two halves of the simulation took."""
        return self._sources

    # --- nodes -----------------------------------------------------------------------------------------------------

    def is_counted(self, name: str) -> bool:
        """Say whether the node counts; those for interactive work do not."""
        return "interactive" not in self._nodes[name].partitions

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

    # --- jobs ------------------------------------------------------------------------------------------------------

    def job_mem(self, job_id: str) -> dict[str, int]:
        """Return the memory in MiB per host; of some jobs it is not known."""
        return self._readings.job_mem.get(job_id, {})

    def job_mem_max(self, job_id: str) -> int | None:
        """Return the largest memory in MiB on one node."""
        return self._readings.job_mem_max.get(job_id)

    def job_lustre(self, job_id: str) -> dict[str, Any]:
        """Return rates per file system."""
        return self._readings.job_lustre.get(job_id, {})

    def jobfs_usage(self, job_id: str) -> dict[str, int]:
        """Return the local scratch in MB per host."""
        return self._readings.job_jobfs.get(job_id, {})
