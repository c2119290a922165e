"""Run Slurm's commands with a deadline and in an environment that nothing outside can bend."""

import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobmon.errors import SourceError
from jobmon.schedulers.base import SchedulerSettings

_FOREIGN = re.compile(r"(SLURM|SBATCH|SCANCEL|SQUEUE|SCONTROL|SINFO|SACCT)_")


class Missing(SourceError):
    """A command of Slurm is not installed, so nothing happened."""


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


def run(
    program: str,
    arguments: list[str],
    settings: SchedulerSettings,
    timeout_s: float,
    stdin: str = "",
    env: dict[str, str] | None = None,
    user: str = "",
) -> Answer:
    """Run a command, in the name of `user`, and return its answer whatever its exit code.

    Missing when it is not installed, another SourceError when it takes too long, KeyError when there is no such user.
    """
    path = find(program, settings)
    if path is None:
        where = settings.bin_path or "the search path"
        raise Missing(f"{program} was not found in {where}; set [scheduler] bin_path to the directory that has it")
    who = identity(user)
    try:
        done = subprocess.run(
            [path, *arguments],
            env=environment(settings) if env is None else env,
            **who,
            input=stdin.encode(),
            capture_output=True,
            timeout=max(timeout_s, 0.1),
            check=False,
            cwd=Path("/"),
        )
    except subprocess.TimeoutExpired:
        raise SourceError(f"{program} did not answer within {timeout_s:g} s") from None
    except OSError as error:
        raise SourceError(f"{program} could not be started: {error}") from error
    out, err = (raw.decode("utf-8", "replace") for raw in (done.stdout, done.stderr))
    return Answer(out, err, done.returncode)


def job_environment(settings: SchedulerSettings, user: str) -> dict[str, str]:
    """Return the environment in which a job is submitted, and which sbatch hands on to it: nothing of the daemon's."""
    entry = pwd.getpwnam(user) if user else pwd.getpwuid(os.geteuid())
    env = {"PATH": os.environ.get("PATH", os.defpath), "LANG": os.environ.get("LANG", "C.UTF-8")}
    env |= {"USER": entry.pw_name, "LOGNAME": entry.pw_name, "HOME": entry.pw_dir, "SHELL": entry.pw_shell}
    conf = settings.conf or os.environ.get("SLURM_CONF", "")
    return env | ({"SLURM_CONF": conf} if conf else {})


def identity(user: str) -> dict[str, Any]:
    """Return what subprocess needs in order to become a user; nothing for ""."""
    if not user:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(user, entry.pw_gid)}


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
