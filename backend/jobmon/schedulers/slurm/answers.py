"""Read what Slurm's commands say of our jobs.

What `sbatch` says counts only where it cannot be misread: an id is an id, and a refusal is one of a closed list of
messages. Everything else may have left a job behind, and is looked up by name.
"""

import re
from collections.abc import Iterable

from jobmon.schedulers.acting import PREFIX, Accepted, Ending, Phase, Result, Seen
from jobmon.schedulers.command import Answer, Complaints

_ID = re.compile(r"(\d+)(;.*)?")
_PERMANENT = re.compile(
    r"invalid partition name|invalid account|invalid qos|invalid feature|invalid gres|invalid generic resource"
    r"|requested node configuration is not available|unrecognized option|invalid option|option requires an argument"
    r"|invalid (?:numeric value|time limit|(?:memory|license) specification|node name|number of \w+)"
    r"|invalid --\S+ (?:specification|argument|option)|unrecognized --\S+ argument|are mutually exclusive"
    r"|requested time limit is invalid|requested partition configuration not available|access/permission denied"
    r"|user not permitted|unable to open file|invalid wckey|reservation .*invalid|requested reservation is invalid"
    r"|invalid dependency|job dependency problem|duplicate option",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"job violates accounting/qos policy|submit limit"
    r"|maximum number of jobs|job submit limit|too many jobs|partition(?: is)? (?:in state )?(?:down|inactive|drain)",
    re.IGNORECASE,
)
_UNREACHED = re.compile(r"unable to contact slurm controller \(connect failure\)", re.IGNORECASE)
_COMPLAINTS = Complaints(_PERMANENT, _PASSING, _UNREACHED, unclear=re.compile("timed out", re.IGNORECASE))
_ENDINGS: dict[str, Ending] = {
    "COMPLETED": "exit",
    "FAILED": "exit",
    "TIMEOUT": "timeout",
    "DEADLINE": "late",
    "OUT_OF_MEMORY": "oom",
    "NODE_FAIL": "node_fail",
    "BOOT_FAIL": "node_fail",
    "PREEMPTED": "node_fail",
    "CANCELLED": "cancelled",
    "REVOKED": "cancelled",
}


def read_submission(answer: Answer) -> Result:
    """Read what sbatch said."""
    lines = answer.out.split()
    found = _ID.fullmatch(lines[-1]) if lines else None
    if answer.code == 0 and found:
        return Accepted(found[1])
    return _COMPLAINTS.read("sbatch", answer, taken=bool(lines))


def read_listing(lines: Iterable[str]) -> Iterable[Seen]:
    """Read lines of squeue: id, state, code and signal of the exit, reason, user, name."""
    for line in lines:
        fields = line.split("|", 5)
        if len(fields) != 6 or not fields[5].strip().startswith(PREFIX):
            continue
        number, state, ended, reason, user, name = (field.strip() for field in fields)
        key = name.removeprefix(PREFIX)
        if state == "PENDING":
            yield Seen(number, key, "held" if reason == "JobHeldUser" else "pending", reason=reason, user=user)
            continue
        ending = _ENDINGS.get(state)
        if ending is None:  # RUNNING, COMPLETING, SUSPENDED, CONFIGURING, STAGE_OUT …
            yield Seen(number, key, "running", reason=reason, user=user)
            continue
        code, caught = _exit(ended)
        if ending == "exit" and caught:
            ending = "signal"
        yield Seen(number, key, "ended", ending, code, caught, reason, user)


def read_accounting(lines: Iterable[str]) -> Iterable[Seen]:
    """Read lines of sacct: id, state ("CANCELLED by 0"), code:signal, reason, name."""
    for line in lines:
        fields = line.split("|", 4)
        if len(fields) != 5 or not fields[4].startswith(PREFIX):
            continue
        number, state, ended, reason, name = fields
        ending = _ENDINGS.get(state.split()[0] if state else "")
        key = name.removeprefix(PREFIX)
        if ending is None:
            phase: Phase = "pending" if state == "PENDING" else "running"
            yield Seen(number, key, phase, reason=reason)
            continue
        code, _, caught = ended.partition(":")
        signal = int(caught) if caught.isdigit() else 0
        kind: Ending = "signal" if ending == "exit" and signal else ending
        yield Seen(number, key, "ended", kind, int(code) if code.isdigit() else None, signal or None, reason)


def _exit(text: str) -> tuple[int | None, int | None]:
    """Split squeue's exit_code, which is the number that wait() gives."""
    if not text.isdigit():
        return None, None
    status = int(text)
    return (status >> 8) & 255, (status & 127) or None
