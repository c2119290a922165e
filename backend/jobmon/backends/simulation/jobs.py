"""Say which jobs there are at a moment: who runs in which lane, who waits, who has just ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from jobmon.backends.simulation.chance import Flags, Floats, Ints, draw
from jobmon.backends.simulation.lanes import Plan, Tickets, number
from jobmon.backends.simulation.machines import Machine
from jobmon.backends.simulation.people import People
from jobmon.backends.simulation.records import (
    COMPLETING,
    ENDED,
    PENDING,
    RUNNING,
    TIMED_OUT,
    Dice,
    job_record,
    waiting_array,
)
from jobmon.model import Job

WINDOW_S = 600
BEGINNING = 1_735_689_600  # 2025-01-01: the first job id
FIRST_ID = 1000
LAST_ID = 67_000_000  # Slurm starts again near 2^26
LONGEST_WAIT = 0.6  # of a lane's period
ENDED_S = 300  # how long a job that has ended is still listed
COMPLETING_S = 20
GAP_S = 60  # the least time between two jobs of a lane

# Streams of chance: one for each independent decision.
_WAIT, _WAITS, _GAP, _EMPTY, _COMPLETES, _END, _USER, _NAME, _LIMIT, _REASON, _PRIORITY = range(11)


@dataclass(frozen=True, slots=True)
class Moment:
    """Hold the jobs of one moment, and for each lane what is in it."""

    jobs: dict[str, Job]
    """By id, in the order of submission."""
    lane_of: dict[str, int]
    """Job id → lane, for jobs that hold cores."""
    held: Ints
    """For each lane 1 while a job holds its cores, else 0."""
    job_number: Ints
    """For each lane the number of the job in it; meaningless where nothing is held."""
    age_s: Floats
    """For each lane how long its job has run."""


@dataclass(slots=True)
class Schedule:
    """Know all jobs that ever were and will be."""

    plan: Plan
    people: People
    machines: Sequence[Machine]
    seed: int
    tickets: Tickets = field(init=False)
    phase: Floats = field(init=False)
    runs: Flags = field(init=False)
    array: Ints = field(init=False)
    doublings: Ints = field(init=False)
    owner: Ints = field(init=False)
    """The ticket that a lane's jobs belong to: that of its array, else its own."""
    layouts: list[dict[str, tuple[int, ...]]] = field(init=False)
    gpu_layouts: list[dict[str, tuple[int, ...]]] = field(init=False)
    _remembered: dict[tuple[int, int, int], Job] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give the lanes and the arrays their numbers, and note the layout of each lane."""
        lanes, groups = self.plan.lanes, self.plan.groups
        periods = [lane.period for lane in lanes]
        arrays = [lanes[group.lanes[0]].period + group.doublings for group in groups]
        self.tickets = number(periods + arrays, self.seed)
        self.phase = self.tickets.offset + self.tickets.rank / self.tickets.per_window
        self.runs = np.asarray([bool(lane.places) for lane in lanes], dtype=np.bool_)
        self.array = np.asarray([lane.array for lane in lanes], dtype=np.int64)
        self.doublings = np.asarray([groups[a].doublings if a >= 0 else 0 for a in self.array], dtype=np.int64)
        self.owner = np.where(self.array >= 0, len(lanes) + self.array, np.arange(len(lanes)))
        self.phase[: len(lanes)] = self.phase[self.owner]  # the lanes of an array begin together
        names = [machine.name for machine in self.machines]
        self.layouts = [{names[m]: tuple(range(c, c + n)) for m, c, n, _, _ in lane.places} for lane in lanes]
        self.gpu_layouts = [{names[m]: tuple(range(g, g + n)) for m, _, _, g, n in lane.places if n} for lane in lanes]

    def at(self, t: int) -> Moment:
        """Return the jobs of that moment."""
        count = len(self.plan.lanes)
        lanes = np.arange(count)
        step = np.left_shift(np.int64(1), self.tickets.period[:count])
        current = np.floor((t / WINDOW_S - self.phase[:count]) / step).astype(np.int64)
        starts = [self._start(lanes, current + shift) for shift in (-1, 0, 1)]
        chosen: list[tuple[Ints, Ints, Ints, Ints, Ints]] = []  # lane, number, phase, start, end
        held, job_number, age = np.zeros(count, np.int64), current.copy(), np.zeros(count)
        waits = ((t < starts[1]) | ~self.runs) & ~self._is_empty(lanes, current)
        index = np.flatnonzero(waits)
        chosen.append((index, current[index], np.full(len(index), PENDING), starts[1][index], starts[1][index]))
        for shift in (-1, 0):
            k, start = current + shift, starts[shift + 1]
            end = self._end(lanes, k, start, starts[shift + 2])
            there = self.runs & ~self._is_empty(lanes, k) & (start <= t) & (t < end + ENDED_S)
            completing = (t >= end) & (t < end + COMPLETING_S) & (draw(self.seed, _COMPLETES, lanes, k) < 0.6)
            phase = np.where(t < end, RUNNING, np.where(completing, COMPLETING, ENDED))
            index = np.flatnonzero(there)
            chosen.append((index, k[index], phase[index], start[index], end[index]))
            holds = there & (phase != ENDED)
            held[holds], job_number[holds], age[holds] = 1, k[holds], (t - start)[holds]
        columns = [np.concatenate(parts) for parts in zip(*chosen, strict=True)]
        jobs, lane_of = self._describe(columns)
        for job in self._waiting_arrays(current, starts[1] <= t):
            jobs[job.id] = job
        return Moment(jobs, lane_of, held, job_number, age)

    def _submit(self, lanes: Ints, k: Ints) -> Ints:
        step = np.left_shift(np.int64(1), self.tickets.period[lanes])
        return np.asarray(np.ceil(WINDOW_S * (k * step + self.phase[lanes])), dtype=np.int64)

    def _start(self, lanes: Ints, k: Ints) -> Ints:
        period = WINDOW_S * np.left_shift(np.int64(1), self.tickets.period[lanes])
        wait = draw(self.seed, _WAIT, lanes, k)
        part = np.where(draw(self.seed, _WAITS, lanes, k) < self.plan.wait_part, LONGEST_WAIT * wait, 0.004 * wait)
        return self._submit(lanes, k) + np.asarray(part * period, dtype=np.int64)

    def _end(self, lanes: Ints, k: Ints, start: Ints, following: Ints) -> Ints:
        gap = np.maximum(GAP_S, 0.08 * draw(self.seed, _GAP, lanes, k) * (following - start))
        length = np.asarray(following - start - gap, dtype=np.int64)
        timed_out = draw(self.seed, _END, lanes, k) >= TIMED_OUT
        return start + np.where(timed_out, length // 60 * 60, length)

    def _is_empty(self, lanes: Ints, k: Ints) -> Flags:
        """Say where the turn of a lane is left out; never in arrays, whose tasks are all there."""
        return np.asarray((draw(self.seed, _EMPTY, lanes, k) < 0.03) & (self.array[lanes] < 0))

    def _id(self, ticket: Ints, k: Ints) -> Ints:
        window = np.left_shift(np.int64(1), self.tickets.period[ticket]) * k + self.tickets.offset[ticket]
        since = (window - BEGINNING // WINDOW_S) * self.tickets.per_window + self.tickets.rank[ticket]
        return np.asarray(FIRST_ID + since % LAST_ID, dtype=np.int64)

    # --- records ---------------------------------------------------------------------------------------------------

    def _describe(self, columns: Sequence[Ints]) -> tuple[dict[str, Job], dict[str, int]]:
        """Return the records in the order of their ids; what has not changed since the last call is not made again."""
        lanes, k, phase, start, end = columns
        ids = self._id(lanes, k)
        order = np.flatnonzero(
            (self.array[lanes] < 0) | (phase != PENDING)
        )  # waiting tasks are in their array's record
        order = order[np.argsort(ids[order], kind="stable")]
        keys = list(zip(lanes[order].tolist(), k[order].tolist(), phase[order].tolist(), strict=True))
        known = self._remembered
        missing = order[[key not in known for key in keys]] if keys else order
        made = dict(self._records(lanes[missing], k[missing], phase[missing], start[missing], end[missing]))
        self._remembered = {key: known[key] if key in known else made[key] for key in keys}
        jobs = {job.id: job for job in self._remembered.values()}
        lane_of = {job.id: key[0] for key, job in self._remembered.items() if key[2] in {RUNNING, COMPLETING}}
        return jobs, lane_of

    def _records(
        self, lanes: Ints, k: Ints, phase: Ints, start: Ints, end: Ints
    ) -> Iterator[tuple[tuple[int, int, int], Job]]:
        owner, owner_k = self.owner[lanes], np.right_shift(k, self.doublings[lanes])
        own = [draw(self.seed, stream, lanes, k).tolist() for stream in (_END, _REASON)]
        shared = [draw(self.seed, stream, owner, owner_k).tolist() for stream in (_USER, _NAME, _LIMIT, _PRIORITY)]
        end = np.where(phase == PENDING, self._end(lanes, k, start, self._start(lanes, k + 1)), end)
        whole = [self._id(lanes, k), self._id(owner, owner_k), self._id(lanes, k - 1), self._submit(owner, owner_k)]
        rows = zip(*(c.tolist() for c in (lanes, k, phase, start, end, *whole)), *own, *shared, strict=True)
        for lane, number_, state, begins, ends, own_id, owner_id, earlier, submitted, *chances in rows:
            dice = Dice(*chances)
            yield (
                (lane, number_, state),
                job_record(
                    self.plan, self.people, lane, number_, state, dice,
                    ids=(own_id, owner_id, earlier), times=(submitted, begins, ends),
                    layout=self.layouts[lane], gpu_layout=self.gpu_layouts[lane],
                ),
            )  # fmt: skip

    def _waiting_arrays(self, current: Ints, started: Flags) -> Iterator[Job]:
        """Yield one record for each array that still has waiting tasks."""
        for index, group in enumerate(self.plan.groups):
            members = np.asarray(group.lanes, dtype=np.int64)
            k = int(current[members[0]])  # the same for all lanes of the group
            block = k & ((1 << group.doublings) - 1)
            here = np.flatnonzero(~started[members])
            tasks = (1 + block * len(members) + here).tolist()
            tasks += range(1 + (block + 1) * len(members), 1 + (1 << group.doublings) * len(members))
            if not tasks:
                continue
            owner = np.asarray([len(self.plan.lanes) + index])
            owner_k = np.asarray([k >> group.doublings])
            chances = [
                float(draw(self.seed, stream, owner, owner_k)[0])
                for stream in (_END, _REASON, _USER, _NAME, _LIMIT, _PRIORITY)
            ]
            yield waiting_array(
                self.plan, self.people, index, Dice(*chances), tasks,
                array_id=int(self._id(owner, owner_k)[0]), submitted=int(self._submit(owner, owner_k)[0]),
                begun=bool(block or started[members].any()),
            )  # fmt: skip
