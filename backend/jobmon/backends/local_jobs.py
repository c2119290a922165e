"""Choose which sessions, services and containers of this machine are shown as jobs, and which cores are theirs."""

import math
import pwd
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from jobmon.telemetry.base import CpuShares, NodeMetrics
from jobmon.telemetry.procfs import Source
from jobmon.telemetry.procfs.groups import Group, noticeable

MAX_JOBS = 50
"""More than this are shown as one job named "other"."""
OTHER = "other"
BUSY_PERCENT = 85
"""A core that works less is not one that a job keeps busy; above the threshold of the rule for idle cores."""


@dataclass(frozen=True, slots=True)
class LocalJob:
    """Describe one shown group of processes, or the sum of those that are not shown each."""

    id: str
    name: str
    user: str
    start_at: int
    cores_minute: float
    """Cores that it kept busy on average over the last minute."""
    cores: tuple[int, ...]
    """Numbers of the cores that it keeps busy now."""
    memory_mb: float
    memory_max_mb: float
    n_cpus: int = 0
    """Whole cores that it took from the machine over the last minute: 0 for what mostly sleeps."""


def choose(source: Source, node: NodeMetrics, now: float) -> dict[str, LocalJob]:
    """Return the groups of processes worth showing, by id; the largest, and the sum of the rest beyond MAX_JOBS."""
    found = noticeable(source.groups.values(), now)
    shown, rest = (found, []) if len(found) <= MAX_JOBS else (found[: MAX_JOBS - 1], found[MAX_JOBS - 1 :])
    cores = _busy_cores_of(source, shown, node)
    jobs = {
        group.id: LocalJob(
            id=group.id,
            name=group.name,
            user=_user_name(group.uid),
            start_at=group.start_at,
            cores_minute=group.cores_minute,
            cores=cores[group.id],
            memory_mb=group.memory_mb,
            memory_max_mb=group.memory_max_mb,
        )
        for group in shown
    }
    if rest:
        jobs[OTHER] = _sum_of(rest, node)
    taken = apportion(len(node.cores), {job_id: job.cores_minute for job_id, job in jobs.items()})
    return {job_id: replace(job, n_cpus=taken[job_id]) for job_id, job in jobs.items()}


def _busy_cores_of(source: Source, groups: Sequence[Group], node: NodeMetrics) -> dict[str, tuple[int, ...]]:
    """Return the cores that each group keeps busy; the busiest group chooses first, and no core is chosen twice."""
    free = {number: core for number, core in enumerate(node.cores) if core and core.busy >= BUSY_PERCENT}
    result = {}
    for group in sorted(groups, key=lambda group: -group.cores):
        wanted = math.floor(group.cores + (100 - BUSY_PERCENT) / 100)
        seen_on = source.running_on(group) if wanted and free else ()
        result[group.id] = choose_cores(wanted, free, group.allowed, seen_on)
        for number in result[group.id]:
            del free[number]
    return result


@cache
def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a deleted account, or the user of a container
        return str(uid)


def choose_cores(
    wanted: int, free: Mapping[int, CpuShares], allowed: Iterable[int], seen_on: Sequence[int]
) -> tuple[int, ...]:
    """Return up to `wanted` of the free cores, those first on which the job was seen to run, then the busiest."""
    may = set(allowed) or set(free)
    candidates = sorted(
        (number for number in free if number in may), key=lambda number: (number not in seen_on, -free[number].busy)
    )
    return tuple(sorted(candidates[:wanted]))


def apportion(avail: int, demand: Mapping[str, float]) -> dict[str, int]:
    """Return whole cores for each demand, together what is really busy and never more than `avail`.

    Everybody gets the whole part of the demand; the largest remainders are rounded up until the sum is right.
    """
    total = sum(demand.values())
    scale = min(1.0, avail / total) if total else 1.0
    exact = {name: cores * scale for name, cores in demand.items()}
    whole = {name: math.floor(cores) for name, cores in exact.items()}
    left = min(avail, math.floor(total + 0.5)) - sum(whole.values())
    for name in sorted(exact, key=lambda name: (whole[name] - exact[name], name))[: max(0, left)]:
        whole[name] += 1
    return whole


def _sum_of(groups: Sequence[Group], node: NodeMetrics) -> LocalJob:
    total_mb = node.memory.total_mb if node.memory else math.inf
    memory_mb = min(total_mb, sum(group.memory_mb for group in groups))
    return LocalJob(
        id=OTHER,
        name=f"{len(groups)} smaller sessions and services",
        user=OTHER,
        start_at=min(group.start_at for group in groups),
        cores_minute=sum(group.cores_minute for group in groups),
        cores=(),
        memory_mb=memory_mb,
        memory_max_mb=memory_mb,
    )
