"""Choose how to read Slurm: pyslurm where it works, else the command line, else slurmrestd."""

import importlib.util
import logging
import os
import subprocess
import sys
from pathlib import Path

from jobmon.errors import SettingsError
from jobmon.schedulers.base import SchedulerReader, SchedulerSettings
from jobmon.schedulers.slurm import command, native
from jobmon.schedulers.slurm.cli import CommandLineReader
from jobmon.schedulers.slurm.restd import RestReader

log = logging.getLogger("jobmon.schedulers.slurm")


def open_reader(settings: SchedulerSettings) -> SchedulerReader:
    """Return the reader that the settings ask for, `auto` being the cheapest that works; log why it was chosen.

    Raise SettingsError when there is none, MissingExtraError when pyslurm is asked for and not installed, and
    SourceError when it could not be found out because Slurm's commands do not answer.
    """
    if settings.reader == "pyslurm":
        return _chosen(native.NativeReader(settings), "the settings ask for pyslurm")
    if settings.reader == "cli":
        return _chosen(CommandLineReader(settings), "the settings ask for the command line")
    if settings.reader == "slurmrestd":
        if not settings.slurmrestd_url:
            raise SettingsError(
                '[scheduler] reader = "slurmrestd" needs slurmrestd_url, such as "http://127.0.0.1:6820"'
            )
        return _chosen(RestReader(settings), "the settings ask for slurmrestd")
    return _automatic(settings)


def _automatic(settings: SchedulerSettings) -> SchedulerReader:
    why_not = _why_no_pyslurm(settings)
    if not why_not:
        return _chosen(native.NativeReader(settings), "pyslurm is installed and a trial load worked")
    if command.find("squeue", settings) and command.find("scontrol", settings):
        return _chosen(CommandLineReader(settings), f"{why_not}; squeue and scontrol are installed")
    if settings.slurmrestd_url:
        return _chosen(RestReader(settings), f"{why_not}; Slurm's commands were not found; slurmrestd is configured")
    raise SettingsError(
        f"no way to read Slurm: {why_not}; squeue and scontrol were not found in "
        f"{settings.bin_path or 'the search path'} ([scheduler] bin_path names their directory); "
        "[scheduler] slurmrestd_url is not set"
    )


def _why_no_pyslurm(settings: SchedulerSettings) -> str:
    """Return why pyslurm cannot be used, "" when it can.

    The trial runs in a process of its own: a pyslurm that was built for another Slurm may crash, or hang with the
    interpreter's lock held.
    """
    found = importlib.util.find_spec("pyslurm")
    if found is None or found.origin is None:  # a mere folder of that name has no origin
        return "pyslurm is not installed"
    trial = "from jobmon.schedulers.slurm import native; native.trial()"
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([str(Path(__file__).parents[3]), *sys.path]))
    if settings.conf:
        env["SLURM_CONF"] = settings.conf
    try:
        done = subprocess.run(
            [sys.executable, "-c", trial],
            env=env,
            capture_output=True,
            text=True,
            timeout=settings.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"a trial load with pyslurm took more than {settings.timeout} s"
    if done.returncode == 0:
        return ""
    last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    return f"a trial load with pyslurm failed ({last[:200]})"


def _chosen(reader: SchedulerReader, why: str) -> SchedulerReader:
    log.info("%s is used: %s", reader.name, why)
    return reader
