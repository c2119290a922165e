"""Say what the metrics of nodes and jobs read at a moment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jobmon.backends.simulation.chance import Floats, Ints, draw, smooth
from jobmon.backends.simulation.jobs import Moment
from jobmon.backends.simulation.lanes import Lane
from jobmon.backends.simulation.machines import Machine
from jobmon.backends.simulation.people import HABITS, SWAP

MB = 1_000_000
SYSTEM_MB = 3_000  # what the operating system takes
SWAP_MB = 16_384
SILENT_S = 1_800  # how long a node without metrics stays so
# Streams of chance, apart from those of the jobs.
_LEVEL, _PHASE, _CORE, _IDLE, _PEAK, _WOBBLE, _PLACE, _GPU, _GPU_NOISE, _RATE, _SILENT, _LOST = range(100, 112)

Reading = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Readings:
    """Hold the answers for each node (None: not known) and for each job that holds cores."""

    cpu: dict[str, Reading | None] = field(default_factory=dict)
    mem: dict[str, Reading | None] = field(default_factory=dict)
    swap: dict[str, Reading | None] = field(default_factory=dict)
    gpus: dict[str, Reading | None] = field(default_factory=dict)
    infiniband: dict[str, Reading | None] = field(default_factory=dict)
    lustre: dict[str, Reading | None] = field(default_factory=dict)
    jobfs: dict[str, Reading | None] = field(default_factory=dict)
    job_mem: dict[str, dict[str, int]] = field(default_factory=dict)
    job_mem_max: dict[str, int] = field(default_factory=dict)
    job_lustre: dict[str, Reading] = field(default_factory=dict)
    job_jobfs: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Levels:
    """Hold for each lane what its job shows on each of its nodes."""

    user: Floats
    system: Floats
    wait: Floats
    peak_mb: Floats
    memory_mb: Floats
    gpu: Floats
    gpu_memory: Floats
    network: Floats
    disk: Floats
    scratch: Floats
    scratch_mb: Floats
    swap: Floats


class Meter:
    """Read the metrics of a cluster; keeps what never changes."""

    def __init__(self, machines: Sequence[Machine], lanes: Sequence[Lane], seed: int) -> None:
        self.machines, self.lanes, self.seed = machines, lanes, seed
        habits = [HABITS[lane.habit] for lane in lanes]
        self.habit = {
            name: np.asarray([float(getattr(habit, name)) for habit in habits])
            for name in ("user", "system", "wait", "wait_phase", "network", "disk", "scratch")
        }
        for name in ("memory", "gpu"):
            self.habit[name] = np.asarray([getattr(habit, name) for habit in habits], dtype=np.float64).reshape(-1, 2)
        self.swaps = np.asarray([habit is SWAP for habit in habits], dtype=np.bool_)
        self.request = np.asarray([float(lane.memory_mb) for lane in lanes])
        places = [(index, *place) for index, lane in enumerate(lanes) for place in lane.places]
        self.place_lane, self.place_machine, *_ = (
            np.asarray(column, dtype=np.int64) for column in (zip(*places, strict=True) if places else ((), ()))
        )
        self.places_of: list[list[tuple[str, int]]] = [[] for _ in lanes]
        self.core_lane = np.full(sum(machine.cores for machine in machines), -1, dtype=np.int64)
        self.gpu_lane = np.full(sum(machine.model.gpus for machine in machines), -1, dtype=np.int64)
        self.works = np.zeros(len(self.core_lane), dtype=np.bool_)
        for number, (index, place, first, cores, first_gpu, gpus) in enumerate(places):
            machine = machines[place]
            self.places_of[index].append((machine.name, number))
            start = machine.first_core + first
            self.core_lane[start : start + cores] = index
            self.works[start : start + max(1, round(cores * habits[index].working))] = True
            self.gpu_lane[machine.first_gpu + first_gpu : machine.first_gpu + first_gpu + gpus] = index
        self.first_core = np.asarray([machine.first_core for machine in machines], dtype=np.int64)
        self.cores = np.asarray([machine.cores for machine in machines], dtype=np.int64)
        self.total_mb = np.asarray([machine.memory_mb for machine in machines], dtype=np.int64)
        self.fast = np.asarray([1.0 if "ib" in machine.model.features else 0.1 for machine in machines])

    def at(self, t: int, moment: Moment) -> Readings:
        """Return the readings of a moment whose jobs are known."""
        levels = self._levels(t, moment)
        readings = Readings()
        self._read_nodes(t, levels, readings)
        self._read_jobs(t, moment, levels, readings)
        return readings

    def _levels(self, t: int, moment: Moment) -> _Levels:
        lane = np.arange(len(self.lanes))
        chance = [draw(self.seed, stream, lane, moment.job_number) for stream in (_LEVEL, _PEAK, _GPU, _RATE)]
        level, peak, gpu, rate = chance
        held, age, habit = moment.held.astype(np.float64), moment.age_s, self.habit
        # Input and output come in phases of some minutes; the slow sine keeps one job's phases alike.
        phase = np.clip(smooth(self.seed, _PHASE, lane, t, 900 + 1200 * level) * 5 - 2.4, 0, 1)
        warm = np.clip(age / 90, 0.05, 1)
        wait = habit["wait"] * (0.6 + 0.8 * level) + habit["wait_phase"] * phase
        system = habit["system"]
        user = np.minimum(habit["user"] * warm, 100 - system - wait)
        peaks = self.request * (habit["memory"][:, 0] + np.diff(habit["memory"])[:, 0] * peak)
        most = peaks * (1 - 0.85 * np.exp(-age / 900))
        wobble = np.round(smooth(self.seed, _WOBBLE, lane, t, 7200) * 12) / 400
        flow = rate * (0.5 + smooth(self.seed, _RATE, lane, t, 1800))
        return _Levels(
            user=user * held, system=system * held, wait=wait * held, peak_mb=most * held,
            memory_mb=most * (1 - wobble) * held,
            gpu=(habit["gpu"][:, 0] + np.diff(habit["gpu"])[:, 0] * gpu) * warm * held,
            gpu_memory=np.where(habit["gpu"][:, 1] > 20, 0.3 + 0.6 * gpu, 0.01 + 0.04 * gpu) * warm * held,
            network=habit["network"] * (0.4 + flow) * held, disk=habit["disk"] * (0.1 + flow + 2 * phase) * held,
            scratch=habit["scratch"] * (0.1 + phase) * held,
            scratch_mb=np.minimum(45_000, 2_000 + habit["scratch"] * age * 0.05) * held * (habit["scratch"] > 0),
            swap=self.swaps * held * (0.35 + 0.5 * peak) * (1 - np.exp(-age / 1800)),
        )  # fmt: skip

    # --- nodes -----------------------------------------------------------------------------------------------------

    def _read_nodes(self, t: int, levels: _Levels, readings: Readings) -> None:
        table, totals = self._cores(t, levels)
        rows, total_rows = _shared_rows(table), totals.tolist()
        used, swap_free = self._memory(levels)
        gpus = self._gpus(t, levels)
        network = _rounded(MB * self.fast * (0.02 + self._per_machine(levels.network)))
        disk = _rounded(MB * (0.01 + self._per_machine(levels.disk)))
        scratch = _rounded(MB * self._per_machine(levels.scratch))
        silent = draw(self.seed, _SILENT, np.arange(len(self.machines)), t // SILENT_S) < 0.0006
        columns = (used.tolist(), swap_free.tolist(), network, disk, scratch, silent.tolist())
        for index, (machine, memory, swap, flow, files, local, mute) in enumerate(
            zip(self.machines, *columns, strict=True)
        ):
            name, first = machine.name, machine.first_core
            if mute or machine.fate in {"dead", "silent"}:
                continue
            cores = rows[first : first + machine.cores]
            if machine.fate == "gap":
                cores[min(3, machine.cores - 1)] = None
            readings.cpu[name] = {"total": total_rows[index], "core": cores}
            readings.mem[name] = {"used": memory, "total": machine.memory_mb}
            readings.swap[name] = {"free": swap, "total": SWAP_MB}
            readings.infiniband[name] = {
                "bytes_in": flow, "bytes_out": flow * 31 // 32, "pkts_in": flow // 1900, "pkts_out": flow // 1950,
            }  # fmt: skip
            readings.lustre[name] = {"read": files * 3 // 4, "write": files // 4}
            readings.jobfs[name] = {"read": local // 3, "write": local}
            if machine.model.gpus:
                readings.gpus[name] = gpus[index]

    def _cores(self, t: int, levels: _Levels) -> tuple[Ints, Ints]:
        """Return user, nice, system, wait and idle in whole percent for each core, and for each machine."""
        lane = self.core_lane
        core = np.arange(len(lane))
        noise = smooth(self.seed, _CORE, core, t, 2400)
        works = self.works & (lane >= 0)
        user, system, wait = (
            np.where(works, column[lane], 0.0) for column in (levels.user, levels.system, levels.wait)
        )
        unsteady = np.where((user > 0) & (user < 90), 4.0, 2.2)  # a core that computes reads 98 to 100
        table = np.zeros((len(lane), 5), dtype=np.int64)
        table[:, 0] = np.maximum(0, user - noise * unsteady + (user > 0) * 0.3)
        table[:, 2] = np.rint(system + (noise > 0.86) * (system < 1))
        table[:, 3] = np.rint(wait * (0.8 + 0.4 * noise))
        table[:, 2] = np.minimum(table[:, 2], 100 - table[:, 0])
        table[:, 3] = np.minimum(table[:, 3], 100 - table[:, 0] - table[:, 2])
        table[:, 4] = 100 - table.sum(axis=1)
        totals = np.rint(np.add.reduceat(table, self.first_core, axis=0) / self.cores[:, None]).astype(np.int64)
        totals[:, 4] = np.maximum(0, 100 - totals[:, :4].sum(axis=1))
        return table, totals

    def _memory(self, levels: _Levels) -> tuple[Ints, Ints]:
        """Return used memory and free swap of each machine in MiB."""
        swapped = self._per_machine(levels.swap)
        used = SYSTEM_MB + self._per_machine(levels.memory_mb)
        used = np.where(swapped > 0, np.maximum(used, 0.985 * self.total_mb), np.minimum(used, 0.99 * self.total_mb))
        free = SWAP_MB * (1 - np.minimum(0.98, swapped))
        return used.astype(np.int64), np.asarray(free // 64 * 64, dtype=np.int64)

    def _gpus(self, t: int, levels: _Levels) -> dict[int, Reading]:
        lane = self.gpu_lane
        noise = smooth(self.seed, _GPU_NOISE, np.arange(len(lane)), t, 600)
        base = np.where(lane >= 0, levels.gpu[lane], 0.0)
        util = np.clip(np.rint(base + np.where(base > 10, noise * 7 - 3.5, 0)), 0, 100).astype(np.int64).tolist()
        share = np.where(lane >= 0, levels.gpu_memory[lane], 0.0).tolist()
        found = {}
        for index, machine in enumerate(self.machines):
            if machine.model.gpus:
                total = machine.model.gpu_memory_mb
                found[index] = {
                    f"gpu{g}": {
                        "util": util[machine.first_gpu + g],
                        "memory": {"used": 4 + int(share[machine.first_gpu + g] * total), "total": total},
                    }
                    for g in range(machine.model.gpus)
                }
        return found

    def _per_machine(self, per_lane: Floats) -> Floats:
        sums = np.bincount(self.place_machine, weights=per_lane[self.place_lane], minlength=len(self.machines))
        return np.asarray(sums, dtype=np.float64)

    # --- jobs ------------------------------------------------------------------------------------------------------

    def _read_jobs(self, t: int, moment: Moment, levels: _Levels, readings: Readings) -> None:
        place = np.arange(len(self.place_lane))
        part = 1 - 0.05 * draw(self.seed, _PLACE, place)
        memory = np.rint(levels.memory_mb[self.place_lane] * part).astype(np.int64).tolist()
        local = levels.scratch_mb[self.place_lane].astype(np.int64).tolist()
        peak = np.rint(levels.peak_mb).astype(np.int64).tolist()
        lost = (draw(self.seed, _LOST, np.arange(len(self.lanes)), moment.job_number) < 0.008).tolist()
        nodes = np.asarray([lane.n_nodes for lane in self.lanes])
        disk = _rounded(MB * levels.disk * nodes)
        for job_id, lane in moment.lane_of.items():
            places = self.places_of[lane]
            if not lost[lane]:  # its memory is not known otherwise
                readings.job_mem[job_id] = {name: memory[number] for name, number in places}
                readings.job_mem_max[job_id] = peak[lane]
            flow = disk[lane]
            readings.job_lustre[job_id] = {
                "scratch": {
                    "mds": {"ops": flow // 500_000},
                    "oss": {"read_bytes": flow * 3 // 4, "write_bytes": flow // 4, "iops": flow // 262_144},
                },
                "home": {"mds": {"ops": 0}, "oss": {"read_bytes": flow // 1000, "write_bytes": 0, "iops": 0}},
            }
            if local[places[0][1]]:
                readings.job_jobfs[job_id] = {name: local[number] for name, number in places}


def _rounded(values: Floats) -> list[int]:
    """Return rates with two significant figures: more would be noise."""
    scale = 10.0 ** (np.floor(np.log10(np.maximum(values, 1))) - 1)
    return list(np.rint(np.rint(values / scale) * scale).astype(np.int64).tolist())


def _shared_rows(table: Ints) -> list[Any]:
    """Return the rows as lists, equal rows as one list: a big cluster has 200,000 cores and a few hundred readings."""
    codes = table @ np.asarray([1, 101, 101**2, 101**3, 101**4])
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    distinct = np.empty(len(first), dtype=object)
    distinct[:] = table[first].tolist()
    return list(distinct[inverse].tolist())
