"""Act on Slurm through its command line, which exists wherever Slurm does."""

import contextlib
import math
import os
import re
from collections.abc import Collection, Sequence

from jobmon import clock
from jobmon.errors import SourceError
from jobmon.schedulers.acting import PREFIX, Accepted, JobSpec, Refused, Seen, Silent, Unknown
from jobmon.schedulers.base import SchedulerSettings
from jobmon.schedulers.command import chunks, own_name, submit
from jobmon.schedulers.slurm import command, completions
from jobmon.schedulers.slurm.answers import read_accounting, read_listing, read_submission

SUBMIT_S = 30.0
"""Longer than the 10 s after which sbatch itself gives up on a silent controller."""
LEAST_MIN_JOB_AGE_S = 60
MOST_DEADLINE_S = 2**31
"""sbatch reads no larger numbers."""

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
            minutes = int(spec.limit_s // 60) + 2  # the script is more exact, and ends it first
            own.insert(0, f"--time={minutes}")
            if spec.latest_start and not any(word.startswith("--dea") for word in spec.options):
                own += _deadline(spec.latest_start + 60 * minutes)
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
        """Ask sacct by name; where there is no accounting, read the job completion file, if this host has it."""
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
                return self._completed(keys)
            except SourceError as error:
                return Silent(str(error))
            if answer.code:
                if "accounting storage is disabled" in answer.err.lower():
                    return self._completed(keys)
                return Silent(answer.words)
            found += read_accounting(answer.out.splitlines())
        return tuple(found)

    def _completed(self, keys: Collection[str]) -> tuple[Seen, ...] | Silent:
        try:
            file = completions.file_of(self._config())
            return completions.read(file, keys) if file else ()
        except (FileNotFoundError, PermissionError):
            return ()  # it lies on the controller's host, and `warnings` has said what that means
        except (SourceError, OSError) as error:
            return Silent(str(error))

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

    def withdraw(self, ids: Collection[str]) -> None:
        """Run scancel for those that are pending."""
        self.cancel(ids, only_held=True)

    def warnings(self) -> list[str]:
        """Look at how long Slurm remembers jobs, and where."""
        try:
            text = self._config()
        except SourceError as error:
            return [str(error)]
        found = completions.values_of(text)
        age = re.match(r"\d+", found.get("MinJobAge", ""))
        file = completions.file_of(text)
        remembers = not found.get("AccountingStorageType", "").endswith("/none") or os.access(file, os.R_OK)
        if age and int(age[0]) < LEAST_MIN_JOB_AGE_S and not remembers:
            here = f", and its job completion file {file} cannot be read here" if file else ""
            return [
                f"Slurm forgets jobs {age[0]} s after their end (MinJobAge) and has no accounting{here}: the end of a "
                "job whose node dies may stay unknown; set MinJobAge to 300 or more"
            ]
        return []

    def _config(self) -> str:
        return command.ask("scontrol", ["show", "config"], self._settings, self._settings.timeout)

    def _tell(self, program: str, arguments: list[str]) -> bool:
        """Say whether a command did what it was told; a job that is released already is no fault."""
        try:
            answer = command.run(program, arguments, self._settings, self._settings.timeout)
        except SourceError:
            return False
        return answer.code == 0


def _deadline(at: float) -> list[str]:
    """Return the option with which Slurm removes a job that cannot have ended by then; none for what is far away.

    It counts from now, which is the same whatever time zone sbatch is in, and when clocks change.
    """
    seconds = math.ceil(at - clock.now())
    return [f"--deadline=now+{seconds}seconds"] if seconds < MOST_DEADLINE_S else []


def _literal(path: str) -> str:
    """Keep sbatch from replacing %j and the like in a path."""
    return path.replace("%", "%%")
