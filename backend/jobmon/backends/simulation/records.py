"""Write the records of single jobs."""

import bisect
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jobmon.backends.simulation.lanes import Lane, Plan
from jobmon.backends.simulation.machines import DAY_S, HOUR_S
from jobmon.backends.simulation.people import HABITS, People
from jobmon.model import Job, compress_indices

PENDING, RUNNING, COMPLETING, ENDED = range(4)
TIMED_OUT = 0.96
"""A job whose chance of an end is above this reaches its time limit."""
_ENDS = ((0.86, "COMPLETED", "", 0, None), (0.92, "FAILED", "NonZeroExitCode", 1, None),
         (0.94, "OUT_OF_MEMORY", "OutOfMemory", 0, 9), (TIMED_OUT, "CANCELLED", "", 0, 15))  # fmt: skip
_TIMEOUT = (1.0, "TIMEOUT", "TimeLimit", 0, 15)
LIMITS_S = tuple(60 * minutes for minutes in (15, 30, 60, 120, 240, 480, 720, 1440, 2160, 2880, 4320, 7200, 10080))
MOST_S = {"short": 4 * HOUR_S, "gpu": 2 * DAY_S, "interactive": 8 * HOUR_S}
WEEK_S = 7 * DAY_S
# Why a job waits, up to which chance: those that will run, and those that do not move.
_MOVING = ((0.50, "Priority"), (0.80, "Resources"), (0.88, "Dependency"), (0.95, "QOSMaxCpuPerUserLimit"),
           (1.0, "BeginTime"))  # fmt: skip
_STUCK = ((0.18, "JobHeldUser"), (0.36, "ReqNodeNotAvail, Reserved for maintenance"), (0.50, "Dependency"),
          (0.68, "QOSMaxCpuPerUserLimit"), (0.72, "DependencyNeverSatisfied"), (0.86, "AssocGrpCpuLimit"),
          (1.0, "Priority"))  # fmt: skip


class Dice(NamedTuple):
    """Hold the chances of one job, each from 0 to 1; those of a task are its array's but for the first two."""

    end: float
    reason: float
    user: float
    name: float
    limit: float
    priority: float


def job_record(
    plan: Plan,
    people: People,
    index: int,
    number: int,
    phase: int,
    dice: Dice,
    *,
    ids: tuple[int, int, int],
    times: tuple[int, int, int],
    layout: Mapping[str, tuple[int, ...]],
    gpu_layout: Mapping[str, tuple[int, ...]],
) -> Job:
    """Return the record of the lane's job; `ids` are its own, its array's and its predecessor's, `times` submission,
    start and end.
    """  # noqa: D205 - one sentence of two lines
    lane = plan.lanes[index]
    own_id, owner_id, earlier = ids
    submitted, begins, ends = times
    values = _common(lane, people, dice)
    if lane.array >= 0:
        group = plan.groups[lane.array]
        task = 1 + (number & ((1 << group.doublings) - 1)) * len(group.lanes) + lane.member
        values |= {"id": f"{owner_id}_{task}", "array_id": str(owner_id)}
    else:
        values["id"] = str(own_id)
        values["partition"], values["time_limit_s"] = _limit(lane, ends - begins, dice)
    values |= {"scheduler_id": str(own_id), "submit_at": submitted}
    if phase == PENDING:
        reason, estimate, hosts = _waiting(lane, dice, begins, layout)
        dependency = f"afterok:{earlier}" if reason == "Dependency" else ""
        return Job(state="PENDING", reason=reason, start_at=estimate, planned_nodes=hosts, dependency=dependency,
                   eligible_at=begins if reason == "BeginTime" else submitted, **values)  # fmt: skip
    values |= {"layout": layout, "gpu_layout": gpu_layout, "start_at": begins, "eligible_at": submitted}
    if phase == RUNNING:
        return Job(state="RUNNING", end_at=begins + values["time_limit_s"], **values)
    if phase == COMPLETING:
        return Job(state="COMPLETING", end_at=ends, **values)
    _, state, reason, code, signal = next((row for row in _ENDS if dice.end < row[0]), _TIMEOUT)
    if lane.array >= 0 and state == "TIMEOUT":  # the tasks of an array have one limit, which none of them reaches
        _, state, reason, code, signal = _ENDS[0]
    return Job(state=state, reason=reason, exit_code=code, signal=signal, end_at=ends, **values)


def waiting_array(
    plan: Plan,
    people: People,
    index: int,
    dice: Dice,
    tasks: Sequence[int],
    *,
    array_id: int,
    submitted: int,
    begun: bool,
) -> Job:
    """Return the record that stands for the tasks of an array that have not started."""
    group = plan.groups[index]
    lane = plan.lanes[group.lanes[0]]
    return Job(
        id=str(array_id), scheduler_id=str(array_id), array_id=str(array_id), state="PENDING",
        array_tasks=f"{compress_indices(tasks)}%{len(group.lanes)}",
        reason="JobArrayTaskLimit" if begun else "Priority",
        submit_at=submitted, eligible_at=submitted, **_common(lane, people, dice),
    )  # fmt: skip


def _common(lane: Lane, people: People, dice: Dice) -> dict[str, Any]:
    """Return what does not depend on the moment."""
    habit, pool = HABITS[lane.habit], people.pools[lane.habit]
    who = pool[int(len(pool) * dice.user * dice.user)]  # the first of a pool submit the most
    longest = 600 * (1 << lane.period) * 1.7  # no task of an array takes longer
    return {
        "name": habit.names[int(len(habit.names) * dice.name)],
        "user": people.names[who],
        "account": people.accounts[who],
        "qos": "normal",
        "partition": lane.partition,
        "cpus": lane.cores,
        "gpus": lane.gpus,
        "n_nodes": lane.n_nodes,
        "memory_request_mb": float(lane.memory_mb),
        "disk_request_mb": 50_000.0 if habit.scratch else None,
        "time_limit_s": _nice(longest, WEEK_S),
        "priority": 1000 + int(dice.priority * 90_000),
    }


def _limit(lane: Lane, length_s: int, dice: Dice) -> tuple[str, int]:
    """Return the partition and the time limit of a job that will run so long."""
    most = MOST_S.get(lane.partition, WEEK_S)
    if lane.places and dice.end >= TIMED_OUT:
        return lane.partition, length_s
    limit = _nice(length_s * (1.1 + 2.5 * dice.limit**2), most)
    quick = lane.partition in {"batch", "bigmem"} and limit <= MOST_S["short"] and lane.n_nodes == 1
    return "short" if quick and dice.limit * 10 % 1 < 0.5 else lane.partition, limit


def _nice(least: float, most: int) -> int:
    """Return the first limit of those that people write that is long enough."""
    index = bisect.bisect_left(LIMITS_S, least)
    return min(most, LIMITS_S[index]) if index < len(LIMITS_S) else most


def _waiting(
    lane: Lane, dice: Dice, begins: int, layout: Mapping[str, tuple[int, ...]]
) -> tuple[str, int | None, tuple[str, ...]]:
    """Return why the job waits, when the scheduler thinks that it starts, and where it is planned."""
    reason = next(text for below, text in (_MOVING if lane.places else _STUCK) if dice.reason < below)
    if not lane.places:
        return reason, None, ()
    if reason == "Resources" or (reason == "Priority" and dice.reason < 0.1):
        return reason, begins, tuple(layout)
    return reason, begins if reason == "BeginTime" else None, ()
