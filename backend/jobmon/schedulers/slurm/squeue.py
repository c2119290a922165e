"""Read jobs from squeue's text: cheap even with 50,000 jobs, and proof against what users write into names.

A job's name may hold line breaks, tabs and anything that looks like a field. So a record ends with a mark that is drawn
by lot for each call, and so does each field that a user can fill freely; the others end with a control character.
"""

import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import lru_cache

from jobmon.errors import SourceError
from jobmon.model import Job, Skipped, expand_hostlist
from jobmon.schedulers.slurm import facts, text

_UNIT = "\x1f"
_SAFE = (
    "JobID", "JobArrayID", "ArrayJobID", "ArrayTaskID", "State", "UserName", "NumCPUs", "NumNodes", "NumTasks",
    "tres-alloc", "tres-per-job", "tres-per-node", "tres-per-socket", "tres-per-task", "MinMemory", "MinTmpDisk",
    "NodeList", "SchedNodes", "TimeLimit", "TimeUsed", "StartTime", "SubmitTime", "EligibleTime", "EndTime", "Reason",
    "PriorityLong", "Dependency", "exit_code",
)  # fmt: skip
_FREE = ("Partition", "Reservation", "Feature", "QOS", "Account", "Name")


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one job as squeue tells it, and what is needed to complete it with its detail."""

    job: Job
    hosts: tuple[str, ...]
    memory_per_cpu_mb: float | None


def mark() -> str:
    """Draw the text that ends a free field in one call of squeue; nobody can guess it beforehand."""
    return f"\x1e{secrets.token_hex(4)}"


def arguments(end: str) -> list[str]:
    """Return squeue's arguments: all jobs of all partitions, array tasks that wait as one record."""
    fields = [f"{name}:{_UNIT}" for name in _SAFE] + [f"{name}:{end}" for name in _FREE]
    return ["--local", "--all", "--states=all", f"--Format={','.join(fields)}"]


def parse(
    answer: str, end: str, now: float, known: MutableMapping[str, Row] | None = None
) -> tuple[list[Row], list[Skipped]]:
    """Return the jobs of an answer; SourceError when it has no header, is cut, or holds nothing that we understand.

    `known` holds the records of the last answer that do not change with time, those of jobs that wait or have ended;
    most come again word for word. It is brought up to date.
    """
    header, *records = answer.split(f"{end}\n")
    if header.count(_UNIT) != len(_SAFE):
        raise SourceError("squeue answered without its header; jobmon needs Slurm 21.08 or newer for its command line")
    if records.pop() if records else header:
        raise SourceError("squeue's answer was cut off")
    rows: list[Row] = []
    skipped: list[Skipped] = []
    before = dict(known or {})
    if known is not None:
        known.clear()
    for record in records:
        key = record.replace(end, _UNIT)
        row = before.get(key)
        if row is None:
            row = _read(record, end, now, skipped)
        if row is None:
            continue
        rows.append(row)
        if known is not None and row.job.state not in facts.ACTIVE:
            known[key] = row
    if skipped and not rows:
        raise SourceError(f"squeue answered in a form we do not know: {skipped[0].error} ({skipped[0].record!r})")
    return rows, skipped


def _read(record: str, end: str, now: float, skipped: list[Skipped]) -> Row | None:
    *safe, rest = record.split(_UNIT, len(_SAFE))
    free = rest.split(end)
    try:
        if len(safe) != len(_SAFE) or len(free) != len(_FREE):
            raise ValueError("a record with another number of fields")
        return _row(dict(zip(_SAFE + _FREE, safe + free, strict=True)), now)
    except (ValueError, SourceError) as error:
        skipped.append(Skipped("squeue", record[:40].replace(_UNIT, " "), str(error)))
        return None


@lru_cache(maxsize=4096)
def _total_memory_mb(tres: str) -> float | None:
    return text.memory_mb(text.tres(tres).get("mem"))


def _row(field: dict[str, str], now: float) -> Row:
    state = text.job_state([field["State"]])
    shown, array_id, array_tasks = facts.job_ids(
        field["JobID"], field["ArrayJobID"], text.word(field["ArrayTaskID"]), field["JobArrayID"]
    )
    cpus, n_nodes = int(text.whole(field["NumCPUs"]) or 0), int(text.whole(field["NumNodes"]) or 1)
    total_mb = _total_memory_mb(field["tres-alloc"])
    per_node, per_cpu = _memory(text.memory_mb(field["MinMemory"]), total_mb, cpus, n_nodes)
    start_at, end_at = text.epoch(field["StartTime"]), text.epoch(field["EndTime"])
    until = end_at if state in facts.ENDED and end_at is not None else now
    started = state != "PENDING"
    exit_code, signal = text.exit_status(field["exit_code"]) if state in facts.ENDED else (None, None)
    disk_mb = text.memory_mb(field["MinTmpDisk"])
    job = Job(
        id=shown,
        name=field["Name"],
        user=field["UserName"],
        state=state,
        cpus=cpus,
        scheduler_id=field["JobID"],
        array_id=array_id,
        array_tasks=array_tasks,
        account=text.word(field["Account"]),
        qos=text.word(field["QOS"]),
        partition=field["Partition"],
        gpus=facts.requested_gpus(
            field["tres-alloc"],
            field["tres-per-node"],
            field["tres-per-job"],
            field["tres-per-task"],
            field["tres-per-socket"],
            n_nodes,
            text.whole(field["NumTasks"]) or 1,
        ),
        n_nodes=n_nodes,
        memory_request_mb=facts.memory_per_node_mb(per_node, per_cpu, cpus, n_nodes, {}),
        disk_request_mb=disk_mb or None,
        time_limit_s=text.duration_s(field["TimeLimit"]),
        submit_at=text.epoch(field["SubmitTime"]),
        eligible_at=text.epoch(field["EligibleTime"]),
        start_at=start_at,
        end_at=end_at if started else None,
        suspended_s=facts.suspended_s(start_at, until, text.duration_s(field["TimeUsed"])) if started else 0,
        reason=text.reason(field["Reason"]),
        priority=text.whole(field["PriorityLong"]),
        dependency=text.word(field["Dependency"]),
        reservation=text.word(field["Reservation"]),
        features=text.word(field["Feature"]),
        planned_nodes=() if started else expand_hostlist(field["SchedNodes"]),
        exit_code=exit_code,
        signal=signal,
    )
    return Row(job, expand_hostlist(field["NodeList"]), per_cpu)


def _memory(minimum: float | None, total: float | None, cpus: int, n_nodes: int) -> tuple[float | None, float | None]:
    """Return (per node, per CPU); squeue shows one number and does not say which of the two it is."""
    if not minimum:
        return None, None
    if total is not None and total == minimum * cpus != minimum * n_nodes:
        return None, minimum
    return minimum, None
