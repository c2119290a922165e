"""Say how jobmon acts on a batch system, so that nothing it submits can run before its number is on record.

A job is submitted held under a name of its own, its number is recorded, and only then it is released. Whatever happens
in between leaves a held job that can be found by its name.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

PREFIX = "jm-"
"""What the names of all jobs begin with that jobmon submits."""
SAFE_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
"""Keys that mean nothing but themselves to any batch system: some read lists, patterns or expressions in names."""

Phase = Literal["held", "pending", "running", "ended"]
Ending = Literal["exit", "signal", "timeout", "oom", "node_fail", "cancelled", "late", "unknown"]
"""`late` is a job that the scheduler ended because of a deadline it had been given."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """Hold what is submitted: a script that runs the command and keeps its own records in a folder."""

    key: str
    """Unique for ever; with PREFIX before it, it is the job's name."""
    script: Path
    """A program with its interpreter in its first line, readable by that user."""
    log: Path
    """Where the script itself may complain; the command's output goes elsewhere."""
    queue: str = ""
    options: tuple[str, ...] = ()
    limit_s: float = 0
    """Walltime in seconds, which the script enforces by itself; 0 for the queue's own."""
    user: str = ""
    """In whose name; "" for the daemon's own account."""
    latest_start: float = 0
    """Epoch seconds after which the script does not run the command; 0 for none.

    A scheduler that can is told to remove the job then; one that cannot may start the script in vain.
    """


@dataclass(frozen=True, slots=True)
class Accepted:
    """Say that the scheduler has the job, and under which id."""

    id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Say that the scheduler does not have the job, and will not have it."""

    reason: str
    for_good: bool
    """Trying again cannot help: the partition does not exist, not: a limit is reached."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Say that the scheduler may or may not have the job: only its listing can tell."""

    reason: str


@dataclass(frozen=True, slots=True)
class Silent:
    """Say that the scheduler gave no answer, which says nothing about any job."""

    reason: str


Result = Accepted | Refused | Unknown | Silent
"""What a submission came to."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold what a scheduler knows of one of our jobs."""

    id: str
    key: str
    phase: Phase
    ending: Ending | None = None
    return_code: int | None = None
    signal: int | None = None
    reason: str = ""
    user: str = ""
    """Whose it is, "" where that is not told: anybody can give a job any name."""


def age_order(id_: str) -> tuple[list[int], str]:
    """Return what sorts ids by age whatever a scheduler calls them: 9 before 10, and 9.2 before 9.10."""
    return [int(digits) for digits in re.findall(r"[0-9]+", id_)], id_


class Scheduler(Protocol):
    """Act on a batch system; no method raises for what the batch system does."""

    @property
    def name(self) -> str:
        """Return what people call it: "slurm", "lsf", "htcondor", "local"."""

    def submit_held(self, spec: JobSpec) -> Result:
        """Submit a job that does not start before it is released.

        Silent says that nobody was there to take it: it was not submitted, and nothing is wrong with it.
        """

    def seen(self) -> tuple[Seen, ...] | Silent:
        """Return all jobs that carry our names, those that ended within the scheduler's memory included.

        One question, however many jobs there are. A job that is not in the answer is not there.
        """

    def past(self, keys: Collection[str]) -> tuple[Seen, ...] | Silent:
        """Return what accounting remembers of jobs that `seen` has forgotten; nothing where there is no accounting."""

    def release(self, ids: Collection[str]) -> tuple[str, ...]:
        """Let jobs start; return those that are certainly not held any more. Repeating it does no harm."""

    def cancel(self, ids: Collection[str], only_held: bool = False) -> None:
        """End jobs, or with `only_held` those of them that nobody has released."""

    def withdraw(self, ids: Collection[str]) -> None:
        """End those jobs that have not started, released or not; what has started goes on."""

    def warnings(self) -> list[str]:
        """Return what in its configuration endangers what we promise, in sentences; asked once, at the start."""
