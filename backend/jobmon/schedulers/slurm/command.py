"""Run Slurm's commands with a deadline and in an environment that nothing outside can bend."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from jobmon.errors import SourceError
from jobmon.schedulers.base import SchedulerSettings

_FOREIGN = re.compile(r"(SLURM|SQUEUE|SCONTROL|SINFO|SACCT)_")


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what a command printed."""

    out: str
    err: str
    code: int


def find(program: str, settings: SchedulerSettings) -> str | None:
    """Return the path of a command of Slurm, None when it is not installed."""
    return shutil.which(program, path=settings.bin_path or None)


def environment(settings: SchedulerSettings) -> dict[str, str]:
    """Return the environment of every command: epoch times, one language, no option from outside but SLURM_CONF."""
    env = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name) or name == "SLURM_CONF"}
    # SLURM_BITSTR_LEN: the tasks of an array are cut at 64 characters otherwise.
    env |= {"LC_ALL": "C", "TZ": "UTC", "SLURM_TIME_FORMAT": "%s", "SLURM_BITSTR_LEN": "4096"}
    if settings.conf:
        env["SLURM_CONF"] = settings.conf
    return env


def run(program: str, arguments: list[str], settings: SchedulerSettings, timeout_s: float, stdin: str = "") -> Answer:
    """Run a command and return its answer whatever its exit code; SourceError when it is missing or takes too long."""
    path = find(program, settings)
    if path is None:
        where = settings.bin_path or "the search path"
        raise SourceError(f"{program} was not found in {where}; set [scheduler] bin_path to the directory that has it")
    try:
        done = subprocess.run(
            [path, *arguments],
            env=environment(settings),
            input=stdin.encode(),
            capture_output=True,
            timeout=max(timeout_s, 0.1),
            check=False,
            cwd=Path("/"),
        )
    except subprocess.TimeoutExpired:
        raise SourceError(f"{program} did not answer within {settings.timeout} s") from None
    except OSError as error:
        raise SourceError(f"{program} could not be started: {error}") from error
    out, err = (raw.decode("utf-8", "replace") for raw in (done.stdout, done.stderr))
    return Answer(out, err, done.returncode)


def ask(program: str, arguments: list[str], settings: SchedulerSettings, timeout_s: float) -> str:
    """Run a command and return what it printed; SourceError unless it ended well."""
    answer = run(program, arguments, settings, timeout_s)
    if answer.code:
        words = " ".join(answer.err.split())[:300] or "no message"
        raise SourceError(f"{program} {' '.join(arguments[:3])[:60]} ended with {answer.code}: {words}")
    return answer.out


def version(settings: SchedulerSettings) -> str:
    """Return the version of the installed commands: "22.05.8"."""
    found = re.search(r"\d+\.\d+[.\w-]*", ask("squeue", ["--version"], settings, settings.timeout))
    return found[0] if found else "of unknown version"
