"""Run Slurm's commands in an environment that nothing outside can bend."""

import os
import re

from jobmon.errors import SourceError
from jobmon.schedulers import command
from jobmon.schedulers.base import SchedulerSettings
from jobmon.schedulers.command import Answer, Missing

__all__ = ["Answer", "Missing", "ask", "environment", "find", "job_environment", "run", "version"]

_FOREIGN = re.compile(r"(SLURM|SBATCH|SCANCEL|SQUEUE|SCONTROL|SINFO|SACCT)_")


def find(program: str, settings: SchedulerSettings) -> str | None:
    """Return the path of a command of Slurm, None when it is not installed."""
    return command.find(program, settings.bin_path)


def environment(settings: SchedulerSettings) -> dict[str, str]:
    """Return the environment of every command: epoch times, one language, no option from outside but SLURM_CONF."""
    # SLURM_BITSTR_LEN: the tasks of an array are cut at 64 characters otherwise.
    formats = {"SLURM_TIME_FORMAT": "%s", "SLURM_BITSTR_LEN": "4096"}
    return command.own_environment(_FOREIGN, ("SLURM_CONF",)) | formats | _conf(settings)


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
    return command.run(
        program, arguments, bin_path=settings.bin_path, env=environment(settings) if env is None else env,
        timeout_s=timeout_s, stdin=stdin, user=user,
    )  # fmt: skip


def job_environment(settings: SchedulerSettings, user: str) -> dict[str, str]:
    """Return the environment in which a job is submitted, and which sbatch hands on to it: nothing of the daemon's."""
    return command.job_environment(user) | _conf(settings)


def _conf(settings: SchedulerSettings) -> dict[str, str]:
    conf = settings.conf or os.environ.get("SLURM_CONF", "")
    return {"SLURM_CONF": conf} if conf else {}


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
