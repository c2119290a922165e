"""Invent a cluster whose state at any moment follows from a seed, a size and the time, and from nothing else.

`Simulation(settings).at(t)` may be asked about any moment in any order: nothing is carried from one to the next but
records that have not changed.
"""

from dataclasses import dataclass, field

import numpy as np

from jobmon.backends.simulation import lanes, machines, people
from jobmon.backends.simulation.jobs import Moment, Schedule
from jobmon.backends.simulation.machines import DAY_S, HOUR_S, Machine
from jobmon.backends.simulation.metrics import Meter, Readings
from jobmon.config import SimulatedSettings
from jobmon.model import ClusterState, Job, Node, Reservation

__all__ = ["Simulation", "State"]

MAINTENANCE_EVERY_S = 2 * DAY_S  # it is postponed when it comes too near


@dataclass(frozen=True, slots=True)
class State:
    """Hold all that can be known of the cluster at one moment."""

    at: int = 0
    cluster: ClusterState = field(default_factory=lambda: ClusterState(0))
    nodes: dict[str, Node] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    readings: Readings = field(default_factory=Readings)


class Simulation:
    """Invent one cluster."""

    def __init__(self, settings: SimulatedSettings) -> None:
        self.machines = machines.build(settings.nodes, settings.cores, settings.seed)
        self.by_name: dict[str, Machine] = {machine.name: machine for machine in self.machines}
        self.partitions = machines.partitions(self.machines)
        self.plan = lanes.build(self.machines, settings.running, settings.pending, settings.seed)
        self.people = people.build(round(45 * (settings.nodes / 323) ** 0.5), settings.seed)
        self.schedule = Schedule(self.plan, self.people, self.machines, settings.seed)
        self.meter = Meter(self.machines, self.plan.lanes, settings.seed)
        places = [(index, *place) for index, lane in enumerate(self.plan.lanes) for place in lane.places]
        self._places = np.asarray(places, dtype=np.int64).reshape(-1, 6)
        self._memory = np.asarray([float(lane.memory_mb) for lane in self.plan.lanes])

    def at(self, t: float) -> State:
        """Return the state at a moment (epoch seconds; fractions are cut off)."""
        return self.state(t, self.moment(t))

    def moment(self, t: float) -> Moment:
        """Return the jobs of a moment: the first half of `at`."""
        return self.schedule.at(int(t))

    def state(self, t: float, moment: Moment) -> State:
        """Return the state that belongs to the jobs of that moment: the second half of `at`."""
        nodes = self._nodes(moment)
        cluster = ClusterState(
            loaded_at=float(int(t)),
            nodes=tuple(nodes.values()),
            jobs=tuple(moment.jobs.values()),
            partitions=self.partitions,
            reservations=self._reservations(int(t)),
            cluster="demo",
        )
        return State(int(t), cluster, nodes, moment.jobs, self.meter.at(int(t), moment))

    def _nodes(self, moment: Moment) -> dict[str, Node]:
        lane, machine, _, cores, _, gpus = self._places.T
        held = moment.held[lane]
        count = len(self.machines)
        allocated, memory, devices = (
            np.bincount(machine, weights=held * weights, minlength=count).astype(np.int64).tolist()
            for weights in (cores, self._memory[lane], gpus)
        )
        return {
            m.name: Node(
                name=m.name, cpus=m.cores, states=_states(m, allocated[i]), cpus_allocated=allocated[i],
                memory_mb=m.memory_mb, memory_allocated_mb=memory[i], disk_mb=900_000, gpus=m.model.gpus,
                gpu_type=m.model.gpu_type, gpus_allocated=devices[i], sockets=m.model.sockets,
                cores_per_socket=m.cores // m.model.sockets, partitions=m.model.partitions, features=m.model.features,
                load=None if m.fate == "dead" else float(allocated[i]), reason=m.reason,
            )
            for i, m in enumerate(self.machines)
        }  # fmt: skip

    def _reservations(self, t: int) -> tuple[Reservation, ...]:
        """Return the maintenance of a third of the plain nodes, one to three days ahead."""
        plain = [machine.name for machine in self.machines if "batch" in machine.model.partitions]
        turn = t // MAINTENANCE_EVERY_S
        start = (turn + 1) * MAINTENANCE_EVERY_S + DAY_S + 8 * HOUR_S
        return (
            Reservation(
                f"maint-{turn % 1000}", tuple(plain[: max(1, len(plain) // 3)]), start, start + 10 * HOUR_S,
                frozenset({"MAINT", "IGNORE_JOBS", "SPEC_NODES"}), users=("root",),
            ),
        )  # fmt: skip


def _states(machine: Machine, allocated: int) -> frozenset[str]:
    if machine.fate == "dead":
        return frozenset({"DOWN", "NOT_RESPONDING"} if machine.reason == "Not responding" else {"DOWN", "DRAIN"})
    base = "IDLE" if not allocated else "ALLOCATED" if allocated >= machine.cores else "MIXED"
    return frozenset({base, "DRAIN"} if machine.fate.startswith("drain") else {base})
