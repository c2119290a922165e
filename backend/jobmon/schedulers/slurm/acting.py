"""Act on Slurm through its command line, which exists wherever Slurm does.

What `sbatch` says counts only where it cannot be misread: an id is an id, and a refusal is one of a closed list of
messages. Everything else may have left a job behind, and is looked up by name.
"""

import contextlib
import os
import re
from collections.abc import Collection, Iterable, Sequence

from jobmon.errors import SourceError
from jobmon.schedulers.acting import PREFIX, Accepted, Ending, JobSpec, Phase, Refused, Seen, Silent, Unknown
from jobmon.schedulers.base import SchedulerSettings
from jobmon.schedulers.command import chunks, own_name, submit
from jobmon.schedulers.slurm import command

SUBMIT_S = 30.0
"""Longer than the 10 s after which sbatch itself gives up on a silent controller."""
LEAST_MIN_JOB_AGE_S = 60

_ID = re.compile(r"(\d+)(;.*)?")
_PERMANENT = re.compile(
    r"invalid partition name|invalid account|invalid qos|invalid feature|invalid gres|invalid generic resource"
    r"|requested node configuration is not available|unrecognized option|invalid option|option requires an argument"
    r"|invalid (?:numeric value|time limit|memory specification|--\S+ specification|number of \w+)"
    r"|requested time limit is invalid|requested partition configuration not available|access/permission denied"
    r"|user not permitted|unable to open file|invalid wckey|reservation .*invalid|requested reservation is invalid"
    r"|invalid dependency|job dependency problem|duplicate option",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"connect failure|unable to contact slurm controller|job violates accounting/qos policy|submit limit"
    r"|maximum number of jobs|job submit limit|too many jobs|partition(?: is)? (?:in state )?(?:down|inactive|drain)",
    re.IGNORECASE,
)
_ENDINGS: dict[str, Ending] = {
    "COMPLETED": "exit",
    "FAILED": "exit",
    "TIMEOUT": "timeout",
    "DEADLINE": "timeout",
    "OUT_OF_MEMORY": "oom",
    "NODE_FAIL": "node_fail",
    "BOOT_FAIL": "node_fail",
    "PREEMPTED": "node_fail",
    "CANCELLED": "cancelled",
    "REVOKED": "cancelled",
}
_LONG = (
    "job-name", "hold", "parsable", "requeue", "no-requeue", "array", "wrap", "wait", "test-only", "comment", "chdir",
    "uid", "gid", "output", "error", "input", "export",
)  # fmt: skip
_SHORT = "JHaWDoei"


def refused_option(options: Sequence[str]) -> str:
    """Return what is wrong with a job's options for sbatch, "" if nothing is.

    A word that is no option would be taken for the script, and some options are jobmon's own.
    """
    after_option = False
    for word in options:
        if not word.startswith("-"):
            if not after_option:
                return f"{word!r} is not an option of sbatch"
            after_option = False
            continue
        name = word[2:].partition("=")[0]
        # sbatch takes the beginning of a name for the name
        if any(ours.startswith(name) for ours in _LONG) if word.startswith("--") and name else word[1:2] in _SHORT:
            return f"{word!r} cannot be set: jobmon submits each job under its own name, held, with its own output"
        if word == "--" or "\0" in word:
            return f"{word!r} is not an option of sbatch"
        after_option = "=" not in word and (word.startswith("--") or len(word) == 2)
    return ""


class SlurmScheduler:
    """Act on the Slurm of the settings."""

    name = "slurm"

    def __init__(self, settings: SchedulerSettings) -> None:
        self._settings = settings

    def submit_held(self, spec: JobSpec) -> Accepted | Refused | Unknown:
        """Run sbatch; an unclear end is Unknown, and never tried again before the listing was asked."""
        wrong = refused_option(spec.options)
        if wrong:
            return Refused(wrong, for_good=True)
        own = [
            "--parsable", "--hold", "--no-requeue", f"--job-name={PREFIX}{spec.key}", f"--comment=jobmon:{spec.key}",
            "--chdir=/", f"--output={_literal(str(spec.log))}", "--open-mode=append",
        ]  # fmt: skip
        if spec.queue:
            own.insert(0, f"--partition={spec.queue}")
        if spec.limit_s and not any(re.match(r"-t|--time(=|$)", word) for word in spec.options):
            own.insert(0, f"--time={int(spec.limit_s // 60) + 2}")  # the script is more exact, and ends it first
        answer = submit(
            lambda: command.run(
                "sbatch", [*spec.options, *own, str(spec.script)], self._settings, SUBMIT_S,
                env=command.job_environment(self._settings, spec.user), user=spec.user,
            ),
            spec.user,
        )  # fmt: skip
        return read_submission(answer) if isinstance(answer, command.Answer) else answer

    def seen(self) -> tuple[Seen, ...] | Silent:
        """Ask squeue for all our jobs."""
        whose = [] if os.geteuid() == 0 else [f"--user={own_name()}"]
        form = "JobID:|,State:|,exit_code:|,Reason:|,Name:"
        try:
            text = command.ask(
                "squeue", ["--noheader", "--states=all", *whose, f"--Format={form}"], self._settings,
                self._settings.timeout,
            )  # fmt: skip
        except SourceError as error:
            return Silent(str(error))
        return tuple(read_listing(text.splitlines()))

    def past(self, keys: Collection[str]) -> tuple[Seen, ...] | Silent:
        """Ask sacct by name, where there is accounting."""
        found: list[Seen] = []
        names = [f"{PREFIX}{key}" for key in keys]
        for chunk in chunks(names):
            arguments = [
                "--noheader", "--parsable2", "--allocations", "--duplicates", "--starttime=now-30days",
                f"--name={','.join(chunk)}", "--format=JobIDRaw,State,ExitCode,Reason,JobName",
            ]  # fmt: skip
            try:
                answer = command.run("sacct", arguments, self._settings, self._settings.timeout)
            except command.Missing:
                return ()
            except SourceError as error:
                return Silent(str(error))
            if answer.code:
                if "accounting storage is disabled" in answer.err.lower():
                    return ()
                return Silent(" ".join(answer.err.split())[:300])
            found += read_accounting(answer.out.splitlines())
        return tuple(found)

    def release(self, ids: Collection[str]) -> tuple[str, ...]:
        """Release with one command for all, and one by one where that fails."""
        released: list[str] = []
        for chunk in chunks(ids):
            if self._tell("scontrol", ["release", ",".join(chunk)]):
                released += chunk
                continue
            released += [number for number in chunk if self._tell("scontrol", ["release", number])]
        return tuple(released)

    def cancel(self, ids: Collection[str], only_held: bool = False) -> None:
        """Run scancel; with `only_held` it leaves alone what has started."""
        for chunk in chunks(ids):
            with contextlib.suppress(SourceError):  # who wants them to end will see that they have not
                command.run(
                    "scancel", [*(["--state=PENDING"] if only_held else []), *chunk], self._settings,
                    self._settings.timeout,
                )  # fmt: skip

    def warnings(self) -> list[str]:
        """Look at how long Slurm remembers jobs, and at what it does with jobs of nodes that went down."""
        try:
            text = command.ask("scontrol", ["show", "config"], self._settings, self._settings.timeout)
        except SourceError as error:
            return [str(error)]
        found = dict(re.findall(r"^(\w+)\s*=\s*(.*?)\s*$", text, re.MULTILINE))
        age = re.match(r"\d+", found.get("MinJobAge", ""))
        accounting = not found.get("AccountingStorageType", "").endswith("/none")
        if age and int(age[0]) < LEAST_MIN_JOB_AGE_S and not accounting:
            return [
                f"Slurm forgets jobs {age[0]} s after their end (MinJobAge) and has no accounting: the end of a job "
                "whose node dies may stay unknown; set MinJobAge to 300 or more"
            ]
        return []

    def _tell(self, program: str, arguments: list[str]) -> bool:
        """Say whether a command did what it was told; a job that is released already is no fault."""
        try:
            answer = command.run(program, arguments, self._settings, self._settings.timeout)
        except SourceError:
            return False
        return answer.code == 0


def read_submission(answer: command.Answer) -> Accepted | Refused | Unknown:
    """Read what sbatch said."""
    lines = answer.out.split()
    found = _ID.fullmatch(lines[-1]) if lines else None
    if answer.code == 0 and found:
        return Accepted(found[1])
    words = " ".join(answer.err.split())[:300] or f"sbatch ended with {answer.code} and no message"
    if answer.code > 0 and not lines:
        if _PASSING.search(answer.err) and "timed out" not in answer.err.lower():
            return Refused(words, for_good=False)
        if _PERMANENT.search(answer.err):
            return Refused(words, for_good=True)
    return Unknown(words)


def read_listing(lines: Iterable[str]) -> Iterable[Seen]:
    """Read lines of squeue: id, state, code and signal of the exit, reason, name."""
    for line in lines:
        fields = line.split("|", 4)
        if len(fields) != 5 or not fields[4].strip().startswith(PREFIX):
            continue
        number, state, ended, reason, name = (field.strip() for field in fields)
        key = name.removeprefix(PREFIX)
        if state == "PENDING":
            yield Seen(number, key, "held" if reason == "JobHeldUser" else "pending", reason=reason)
            continue
        ending = _ENDINGS.get(state)
        if ending is None:  # RUNNING, COMPLETING, SUSPENDED, CONFIGURING, STAGE_OUT …
            yield Seen(number, key, "running", reason=reason)
            continue
        code, caught = _exit(ended)
        if ending == "exit" and caught:
            ending = "signal"
        yield Seen(number, key, "ended", ending, code, caught, reason)


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


def _literal(path: str) -> str:
    """Keep sbatch from replacing %j and the like in a path."""
    return path.replace("%", "%%")
