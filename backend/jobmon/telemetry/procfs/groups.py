"""Gather the processes of this host into what people would call jobs: a login session, a service, a container.

Where a process is in a cgroup of such a kind, that is its group. Where cgroups are bare (no systemd, no containers) the
kernel's process session is: a shell with all that it started, or a daemon with its children.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jobmon.telemetry.procfs.cgroups import Unit, Usage, unit_of, usage
from jobmon.telemetry.procfs.processes import Process

AVERAGE_OVER_S = 60
NOTICED_FOR_S = 600
"""A group that once did something stays on the page this long, so that it does not come and go."""
NOTICEABLE_CORES = 0.01
NOTICEABLE_MB = 50
START_TOLERANCE_S = 5
KIB_PER_MIB = 1024
MIB = 1 << 20
_USER_SLICE = re.compile(r"/user-(\d+)\.slice/")


@dataclass(frozen=True, slots=True)
class Group:
    """Describe a group of processes and what it has done so far."""

    id: str
    """Pid of its leader, and a mark that no other group since the machine was installed is likely to share with it."""
    name: str
    uid: int
    start_ticks: int
    """When its leader started, in clock ticks since boot."""
    start_at: int
    members: frozenset[tuple[int, int]]
    """Identities of its processes."""
    allowed: frozenset[int]
    """CPUs on which at least one of its processes may run."""
    cores: float
    """Cores that it kept busy on average since the load before."""
    cores_minute: float
    """The same over the last minute."""
    memory_mb: float
    memory_max_mb: float
    noticed_at: float | None
    """Monotonic time when it last did or held something worth showing; None if never."""
    counted_cpu_s: float | None
    """What its cgroup had counted at the last load."""
    history: tuple[tuple[float, float], ...]
    """Intervals of the last minute, oldest first: length and processor time, both in seconds."""

    @property
    def pids(self) -> list[int]:
        """Return the pids of its processes."""
        return sorted(pid for pid, _ in self.members)


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold what one load saw of the processes; `at` is monotonic seconds, processor times are seconds."""

    at: float
    elapsed_s: float
    """Since the load before; 0 for the first one, which can tell nothing about processor time."""
    processes: Mapping[int, Process]
    used_s: Mapping[int, float]
    """Pid → processor time since the load before."""
    boot_at: int
    boot_id: str
    cpus: int
    memory_mb: float
    ticks_per_s: int = 100


def follow(earlier: Mapping[str, Group], reading: Reading, cgroup_root: Path) -> dict[str, Group]:
    """Return the groups there are now, by a key that stays the same while a group lives."""
    members: dict[str, list[Process]] = {}
    units: dict[str, Unit] = {}
    for process in reading.processes.values():
        unit = unit_of(process.cgroups)
        key = unit.path if unit else f"session {process.session}"
        members.setdefault(key, []).append(process)
        if unit:
            units[key] = unit
    groups = {}
    for key, processes in members.items():
        processes.sort(key=lambda process: (process.start_ticks, process.pid))
        unit = units.get(key)
        counted = usage(unit, processes[0].cgroups, cgroup_root) if unit else Usage()
        known = earlier.get(key)
        if known is not None and known.members.isdisjoint(process.identity for process in processes):
            known = None  # the service was started anew, or the session's number was given again
        groups[key] = _update(known or _found(processes, unit, reading), processes, counted, reading)
    return groups


def _found(processes: Sequence[Process], unit: Unit | None, reading: Reading) -> Group:
    """Return a group seen for the first time; `processes` are sorted by age."""
    leader = processes[0]
    if unit is None:
        leader = next((process for process in processes if process.pid == process.session), leader)
    pid = leader.session if unit is None and leader.session else leader.pid  # the leader itself may have ended
    mark = hashlib.sha256(f"{reading.boot_id} {leader.start_ticks}".encode()).hexdigest()[:4]
    of_user = _USER_SLICE.search(unit.path) if unit else None
    return Group(
        id=f"{pid}-{mark}",
        name=unit.name if unit else leader.command,
        uid=int(of_user[1]) if of_user else leader.uid,
        start_ticks=leader.start_ticks,
        start_at=_started_at(leader.start_ticks, reading),
        members=frozenset(),
        allowed=frozenset(),
        cores=0,
        cores_minute=0,
        memory_mb=0,
        memory_max_mb=0,
        noticed_at=None,
        counted_cpu_s=None,
        history=(),
    )


def _started_at(start_ticks: int, reading: Reading) -> int:
    return round(reading.boot_at + start_ticks / reading.ticks_per_s)


def _update(group: Group, processes: Sequence[Process], counted: Usage, reading: Reading) -> Group:
    history, cores, cores_minute = group.history, 0.0, 0.0
    if reading.elapsed_s > 0:
        used_s = _used_s(group, processes, counted, reading)
        history = _recent((*history, (reading.elapsed_s, used_s)))
        cores = used_s / reading.elapsed_s
        cores_minute = sum(used for _, used in history) / sum(length for length, _ in history)
    memory_mb, peak_mb = _memory(processes, counted, reading.memory_mb)
    noticed = cores_minute >= NOTICEABLE_CORES or memory_mb >= NOTICEABLE_MB
    start_at = _started_at(group.start_ticks, reading)
    return replace(
        group,
        # A step of the clock moves the time of the boot, and so of each start; a jitter of a second is no news.
        start_at=start_at if abs(start_at - group.start_at) > START_TOLERANCE_S else group.start_at,
        members=frozenset(process.identity for process in processes),
        allowed=frozenset(cpu for process in processes for cpu in process.allowed),
        cores=cores,
        cores_minute=cores_minute,
        memory_mb=memory_mb,
        memory_max_mb=max(group.memory_max_mb, memory_mb, peak_mb),
        noticed_at=reading.at if noticed else group.noticed_at,
        counted_cpu_s=counted.cpu_s,
        history=history,
    )


def _used_s(group: Group, processes: Sequence[Process], counted: Usage, reading: Reading) -> float:
    """Return the processor time since the load before: what the cgroup counted, else what the processes did."""
    if counted.cpu_s is not None and group.counted_cpu_s is not None and counted.cpu_s >= group.counted_cpu_s:
        used_s = counted.cpu_s - group.counted_cpu_s
    else:
        used_s = sum(reading.used_s.get(process.pid, 0.0) for process in processes)
    return min(used_s, reading.cpus * reading.elapsed_s)


def _recent(history: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Return the newest intervals that together do not exceed the time to average over, at least one."""
    kept, length_s = len(history) - 1, history[-1][0]
    while kept > 0 and length_s + history[kept - 1][0] <= AVERAGE_OVER_S * 1.1:
        kept -= 1
        length_s += history[kept][0]
    return history[kept:]


def _memory(processes: Iterable[Process], counted: Usage, total_mb: float) -> tuple[float, float]:
    """Return memory now and the largest that is known of any one process, in MiB, never more than the machine has.

    Without a cgroup's own count it is what the processes hold for themselves, and the largest part that one of them
    may share with others, once: their sum would count the same pages as often as there are processes.
    """
    if counted.memory_bytes is not None:
        return min(counted.memory_bytes / MIB, total_mb), 0.0
    processes = list(processes)
    own = sum(process.memory_kib for process in processes)
    shared = max((process.shared_kib for process in processes), default=0)
    peak = max((process.peak_kib for process in processes), default=0)
    return min((own + shared) / KIB_PER_MIB, total_mb), min(peak / KIB_PER_MIB, total_mb)


def noticeable(groups: Iterable[Group], now: float) -> list[Group]:
    """Return the groups worth showing, the largest by processor time, then memory, first; at least one of them."""
    ordered = sorted(groups, key=lambda group: (-round(group.cores_minute, 2), -group.memory_mb, group.id))
    chosen = [group for group in ordered if group.noticed_at is not None and now - group.noticed_at <= NOTICED_FOR_S]
    return chosen or ordered[:1]
