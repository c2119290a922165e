"""Act on Slurm through its command line, which exists wherever Slurm does."""

import contextlib
import math
import os
import re
from collections.abc import Collection, Sequence

from jobmon import clock
from jobmon.errors import SettingsError, SourceError
from jobmon.schedulers.acting import PREFIX, JobSpec, Refused, Result, Seen, Silent
from jobmon.schedulers.base import SchedulerSettings
from jobmon.schedulers.command import chunks, own_name, submit
from jobmon.schedulers.slurm import command, completions, options
from jobmon.schedulers.slurm.answers import read_accounting, read_listing, read_submission
from jobmon.schedulers.slurm.options import Chosen

SUBMIT_S = 30.0
"""Longer than the 10 s after which sbatch itself gives up on a silent controller."""
LEAST_MIN_JOB_AGE_S = 60
MOST_DEADLINE_S = 2**31
"""sbatch reads no larger numbers."""


class SlurmScheduler:
    """Act on the Slurm of the settings."""

    name = "slurm"

    def __init__(self, settings: SchedulerSettings) -> None:
        self._settings = settings
        self._version: tuple[int, int] | None = None

    def submit_held(self, spec: JobSpec) -> Result:
        """Run sbatch; an unclear end is Unknown, and never tried again before the listing was asked."""
        try:
            chosen = options.read(spec.options)
        except SettingsError as error:
            return Refused(str(error), for_good=True)
        wrong = self._unknown_here(chosen)
        if wrong:
            return Refused(wrong, for_good=True)
        return submit(
            lambda: command.run(
                "sbatch", [*(one.word for one in chosen), *_own(spec, chosen), "--", str(spec.script)],
                self._settings, SUBMIT_S,
                env=command.job_environment(self._settings, spec.user), user=spec.user,
            ),
            read_submission, spec.user,
        )  # fmt: skip

    def seen(self) -> tuple[Seen, ...] | Silent:
        """Ask squeue for all our jobs."""
        whose = [] if os.geteuid() == 0 else [f"--user={own_name()}"]
        form = "JobID:|,State:|,exit_code:|,Reason:|,UserName:|,Name:"
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
        """Release with one command for all, and one by one where that fails; who is silent is not asked again now."""
        released: list[str] = []
        with contextlib.suppress(SourceError):
            for chunk in chunks(ids):
                if self._release(",".join(chunk)):
                    released += chunk
                    continue
                released += [number for number in chunk if self._release(number)]
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

    def _unknown_here(self, chosen: Sequence[Chosen]) -> str:
        """Return what the installed version does not know; "" also when it does not say which one it is."""
        if not options.is_dated(chosen):
            return ""
        if self._version is None:
            try:
                found = re.match(r"(\d+)\.(\d+)", command.version(self._settings))
            except SourceError:
                return ""
            self._version = (int(found[1]), int(found[2])) if found else None
        return options.too_new_or_old(chosen, self._version) if self._version else ""

    def _config(self) -> str:
        return command.ask("scontrol", ["show", "config"], self._settings, self._settings.timeout)

    def _release(self, ids: str) -> bool:
        """Say whether jobs were released, or had been already; SourceError when nobody answered."""
        return command.run("scontrol", ["release", ids], self._settings, self._settings.timeout).code == 0


def _own(spec: JobSpec, chosen: Sequence[Chosen]) -> list[str]:
    """Return what jobmon says itself; it comes last, and so counts."""
    given = {one.option.name for one in chosen}
    own = [f"--partition={spec.queue}"] if spec.queue else []
    deadline = []
    if spec.limit_s and "time" not in given:
        minutes = int(spec.limit_s // 60) + 2  # the script is more exact, and ends it first
        own.append(f"--time={minutes}")
        if spec.latest_start and "deadline" not in given:
            deadline = _deadline(spec.latest_start + 60 * minutes)
    return [
        *own, "--parsable", "--hold", "--no-requeue", f"--job-name={PREFIX}{spec.key}", f"--comment=jobmon:{spec.key}",
        "--chdir=/", f"--output={_literal(str(spec.log))}", "--open-mode=append", *deadline,
    ]  # fmt: skip


def _deadline(at: float) -> list[str]:
    """Return the option with which Slurm removes a job that cannot have ended by then; none for what is far away.

    It counts from now, which is the same whatever time zone sbatch is in, and when clocks change.
    """
    seconds = math.ceil(at - clock.now())
    return [f"--deadline=now+{seconds}seconds"] if seconds < MOST_DEADLINE_S else []


def _literal(path: str) -> str:
    """Keep sbatch from replacing %j and the like in a path."""
    return path.replace("%", "%%")
