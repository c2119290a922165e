"""Divide the machines into lanes: fixed sets of cores and GPUs in which one job follows the other.

That is what makes any moment computable by itself: the n-th job of a lane is submitted in the n-th period of the lane,
whatever else happens on the cluster. Lanes without cores are places in the queue whose jobs wait and never run.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from jobmon.backends.simulation.chance import Ints
from jobmon.backends.simulation.machines import Machine
from jobmon.backends.simulation.people import (
    ARRAY,
    CALLS,
    GOOD,
    GPU,
    HABITS,
    IDLE_GPU,
    INTERACTIVE,
    IO,
    MEMORY,
    MPI,
    SWAP,
    WASTEFUL,
    Habit,
)  # fmt: skip

CORES_PER_JOB = 7.33
"""The mean when no number of running jobs is asked for: 2,025 jobs on 90 % of 16,500 cores."""
BUSY = 0.93
"""The part of the time in which a lane runs a job; the rest are gaps."""
PENDING_PART = 0.2
"""Pending jobs per running job when no number is asked for."""
SIZES = (1, 2, 4, 6, 8, 12, 16, 18, 20, 24, 26, 32, 36, 48, 52, 64, 96, 128)


@dataclass(slots=True)
class Lane:
    """Describe one lane."""

    habit: int
    """Index in people.HABITS."""
    partition: str
    period: int
    """Its jobs are submitted every 600 s · 2^period."""
    places: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    """(machine, first core there, cores, first GPU there, GPUs); empty for a place in the queue."""
    cores: int = 1
    n_nodes: int = 1
    gpus: int = 0
    memory_mb: int = 1000
    array: int = -1
    """Index of its array group, -1 without one."""
    member: int = 0
    """Its number within the array group."""


@dataclass(frozen=True, slots=True)
class ArrayGroup:
    """Describe lanes that work through job arrays together."""

    lanes: tuple[int, ...]
    doublings: int
    """Each lane runs 2^doublings tasks of one array."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold the lanes of a cluster, those with cores first."""

    lanes: tuple[Lane, ...]
    groups: tuple[ArrayGroup, ...]
    wait_part: float
    """The part of jobs that wait noticeably before they start."""


def build(machines: Sequence[Machine], running: int, pending: int, seed: int) -> Plan:
    """Return lanes for about so many running and pending jobs; 0 stands for what suits the machines."""
    rng = random.Random(f"lanes {seed}")
    usable = [index for index, machine in enumerate(machines) if machine.takes_jobs]
    cores = sum(machines[index].cores for index in usable)
    wanted = max(1, round((running or 0.9 * cores / CORES_PER_JOB) / BUSY))
    lanes = [*_special_lanes(machines, usable, rng), *_groups_of_nodes(machines, usable, wanted, rng)]
    taken = {place[0] for lane in lanes for place in lane.places}
    lanes += _small_lanes(machines, [index for index in usable if index not in taken], wanted - len(lanes), rng)
    if len(lanes) > wanted:
        lanes = rng.sample(lanes, wanted)
    _spread_habits(lanes, machines, rng)
    groups = _array_groups(lanes, rng)
    ordinary = sum(lane.array < 0 for lane in lanes)
    target = pending or round(PENDING_PART * len(lanes) * BUSY)
    # A job that waits does so for 30 % of its period on average; some of the queue never moves at all.
    wait_part = min(0.6, 0.85 * target / max(1.0, 0.3 * ordinary))
    queue = max(min(6, target), target - len(groups) - round(0.3 * wait_part * ordinary))
    lanes += _queue(machines, usable, queue, rng)
    return Plan(tuple(lanes), tuple(groups), wait_part)


def _lane(habit: Habit, machine: Machine, places: list[tuple[int, int, int, int, int]], rng: random.Random) -> Lane:
    return Lane(
        HABITS.index(habit), machine.model.partitions[0], rng.randint(*habit.period), places,
        cores=sum(place[2] for place in places), n_nodes=len(places), gpus=sum(place[4] for place in places),
    )  # fmt: skip


def _special_lanes(machines: Sequence[Machine], usable: Sequence[int], rng: random.Random) -> Iterator[Lane]:
    """Yield the lanes of nodes with GPUs and of those for interactive work."""
    for index in usable:
        machine = machines[index]
        if machine.model.gpus:
            gpus, parts = machine.model.gpus, []
            while gpus:
                parts.append(min(gpus, rng.choice((1, 1, 2, 4))))
                gpus -= parts[-1]
            first_core = first_gpu = 0
            for part in parts:
                size = max(1, int(machine.cores * part / machine.model.gpus * rng.choice((0.5, 0.75, 1, 1))))
                if first_core + size <= machine.cores:
                    yield _lane(GPU, machine, [(index, first_core, size, first_gpu, part)], rng)
                first_core, first_gpu = first_core + size, first_gpu + part
        elif "interactive" in machine.model.partitions:
            first_core = 0
            for size in (2, 4, 1, 8, 4):
                if first_core + size <= machine.cores:
                    yield _lane(INTERACTIVE, machine, [(index, first_core, size, 0, 0)], rng)
                first_core += size


def _groups_of_nodes(
    machines: Sequence[Machine], usable: Sequence[int], wanted: int, rng: random.Random
) -> Iterator[Lane]:
    """Yield lanes of several whole nodes for parallel programs: a quarter of the plain nodes."""
    plain = [index for index in usable if "batch" in machines[index].model.partitions]
    left = len(plain) // 4 if len(plain) >= 6 and wanted >= 10 else 0
    position = 0
    while left >= 2:
        size = min(left, rng.choice((2, 2, 3, 4, 4, 6, 8, 16)))
        members = plain[position : position + size]
        if len({machines[index].cores for index in members}) == 1:
            yield _lane(MPI, machines[members[0]], [(i, 0, machines[i].cores, 0, 0) for i in members], rng)
        position, left = position + size, left - size


def _small_lanes(machines: Sequence[Machine], free: Sequence[int], wanted: int, rng: random.Random) -> Iterator[Lane]:
    """Yield about `wanted` lanes within single nodes."""
    if wanted <= 0 or not free:
        return
    weights = {index: machines[index].cores * rng.lognormvariate(0, 0.7) for index in free}
    scale = wanted / sum(weights.values())
    debt = 0.0
    for index in rng.sample(list(free), len(free)):
        debt += weights[index] * scale
        parts = min(machines[index].cores, int(debt + 0.5))
        debt -= parts
        first = 0
        for size in _split(machines[index].cores, parts, rng):
            yield _lane(GOOD, machines[index], [(index, first, size, 0, 0)], rng)
            first += size


def _split(cores: int, parts: int, rng: random.Random) -> list[int]:
    """Return sizes that make up the cores, most of them such as people ask for."""
    pieces = [cores] if parts else []
    while len(pieces) < parts:
        largest = max(pieces)
        piece = rng.choice([p for p in pieces if p > 1 and p >= largest / 3] or [largest])
        pieces.remove(piece)
        cut = rng.choice([size for size in SIZES if size < piece and size >= piece / 5] or [piece // 2])
        pieces += [cut, piece - cut]
    return sorted(pieces, reverse=True)


def _spread_habits(lanes: Sequence[Lane], machines: Sequence[Machine], rng: random.Random) -> None:
    """Give the lanes their habits, each habit at least once where there is room, and their memory."""
    order = rng.sample(range(len(lanes)), len(lanes))
    ordinary = [i for i in order if lanes[i].habit == HABITS.index(GOOD)]
    untouched = dict.fromkeys(ordinary)
    for habit in (WASTEFUL, MEMORY, SWAP, IO, CALLS):
        fitting = [i for i in untouched if _suits(habit, lanes[i], machines)]
        for i in fitting[: max(1, round(habit.share * len(ordinary)))] if len(ordinary) >= 12 else ():
            del untouched[i]
            _adopt(lanes[i], habit, rng)
    for i in untouched:
        if lanes[i].cores <= 4 and rng.random() < 0.6:
            _adopt(lanes[i], ARRAY, rng)
    with_gpus = [i for i in order if lanes[i].gpus]
    for i in with_gpus[: max(1, round(0.15 * len(with_gpus)))] if len(with_gpus) > 2 else ():
        _adopt(lanes[i], IDLE_GPU, rng)
    for lane in lanes:
        lane.memory_mb = _memory(lane, machines, rng)


def _suits(habit: Habit, lane: Lane, machines: Sequence[Machine]) -> bool:
    machine = machines[lane.places[0][0]]
    if habit is SWAP:  # whoever makes a node swap has a good part of it
        return lane.cores >= machine.cores / 3 and machine.fate == ""
    return habit.min_cores <= lane.cores < machine.cores


def _adopt(lane: Lane, habit: Habit, rng: random.Random) -> None:
    lane.habit, lane.period = HABITS.index(habit), rng.randint(*habit.period)


def _memory(lane: Lane, machines: Sequence[Machine], rng: random.Random) -> int:
    """Return the request in MiB per node: the greedy ask for all their cores' part, the others for what they need."""
    index, _, cores, _, gpus = lane.places[0]
    machine = machines[index]
    part = 0.95 * machine.memory_mb * cores / machine.cores
    if HABITS[lane.habit] in {MEMORY, SWAP} or gpus:
        return int(part)
    return int(min(part, cores * rng.choice((1000, 2000, 3000, 4000, 4000))) if rng.random() < 0.9 else part)


def _array_groups(lanes: Sequence[Lane], rng: random.Random) -> list[ArrayGroup]:
    """Put lanes of one size together to work on arrays."""
    by_size: dict[tuple[int, str], list[int]] = {}
    for index, lane in enumerate(lanes):
        if lane.habit == HABITS.index(ARRAY):
            by_size.setdefault((lane.cores, lane.partition), []).append(index)
    groups: list[ArrayGroup] = []
    for key in sorted(by_size):
        members = by_size[key]
        while members:
            size = rng.randint(6, 40)
            group, members = members[:size], members[size:]
            first, doublings = lanes[group[0]], rng.randint(2, 4)
            memory = min(lanes[index].memory_mb for index in group)
            for number, index in enumerate(group):
                lane = lanes[index]
                lane.array, lane.member = len(groups), number
                lane.period, lane.memory_mb = first.period, memory
            groups.append(ArrayGroup(tuple(group), doublings))
    return groups


def _queue(machines: Sequence[Machine], usable: Sequence[int], count: int, rng: random.Random) -> Iterator[Lane]:
    """Yield places in the queue whose jobs do not start."""
    alike = Counter(machine.model.prefix for machine in machines)
    for _ in range(count if usable else 0):
        machine = machines[rng.choice(usable)]
        habit = (
            GPU
            if machine.model.gpus
            else INTERACTIVE
            if machine.model.prefix == "vis"
            else rng.choice((GOOD, GOOD, MPI))
        )
        nodes = rng.choice((2, 4, 8, 16)) if habit is MPI else 1
        nodes = min(nodes, alike[machine.model.prefix])
        cores = machine.cores if habit is MPI else rng.choice([s for s in SIZES if s <= machine.cores])
        yield Lane(
            HABITS.index(habit), machine.model.partitions[0], rng.randint(6, 9), [], cores * nodes, nodes,
            min(machine.model.gpus, rng.choice((1, 1, 2, 4))),
            int(min(0.95 * machine.memory_mb, cores * rng.choice((2000, 4000)))),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tickets:
    """Number the jobs of lanes and arrays so that ids grow with the time of submission and never meet.

    Time is cut into windows. In each window those lanes may submit whose turn it is: a lane of period p has its turn
    in every 2^p-th window. A window has one number for each lane whose turn can fall there.
    """

    period: Ints
    offset: Ints
    """The window within the period in which it is the lane's turn."""
    rank: Ints
    """The lane's place among the numbers of a window."""
    per_window: int


def number(periods: Sequence[int], seed: int) -> Tickets:
    """Return the turns of lanes with these periods."""
    period = np.asarray(periods, dtype=np.int64)
    offset, rank = np.zeros_like(period), np.zeros_like(period)
    base = 0
    rng = random.Random(f"tickets {seed}")
    for value in sorted(set(periods)):
        members = np.flatnonzero(period == value)
        turns = np.asarray(rng.sample(range(len(members)), len(members)), dtype=np.int64)
        offset[members] = turns % (1 << value)
        rank[members] = base + turns // (1 << value)
        base += math.ceil(len(members) / (1 << value))
    return Tickets(period, offset, rank, base)
