"""Choose the batch system that jobs go to, and say what jobs may ask of it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from jobmon.config import Settings
from jobmon.errors import SettingsError
from jobmon.schedulers import local
from jobmon.schedulers.acting import Scheduler
from jobmon.schedulers.htcondor import acting as htcondor
from jobmon.schedulers.htcondor import options as htcondor_options
from jobmon.schedulers.lsf import acting as lsf
from jobmon.schedulers.lsf import options as lsf_options
from jobmon.schedulers.slurm import command
from jobmon.schedulers.slurm import options as slurm_options
from jobmon.schedulers.slurm.acting import SlurmScheduler

Kind = Literal["slurm", "lsf", "htcondor", "local"]
CANONICAL = {
    "slurm": slurm_options.canonical,
    "lsf": lsf_options.canonical,
    "htcondor": htcondor_options.canonical,
    "local": local.canonical,
}


def scheduler_of(settings: Settings) -> Scheduler:
    """Return what jobs are submitted to: what the settings say, else the batch system that is here."""
    choice = kind_of(settings)
    if choice == "slurm":
        return SlurmScheduler(settings.scheduler)
    if choice == "lsf":
        return lsf.LsfScheduler(settings.scheduler)
    if choice == "htcondor":
        return htcondor.HTCondorScheduler(settings.scheduler)
    return local.LocalScheduler(Path(settings.live.data_path) / "batch" / "local", settings.batch.local_slots)


def kind_of(settings: Settings) -> Kind:
    """Return which batch system that is; for "auto" the first whose commands and settings are here, else this host."""
    choice = settings.batch.scheduler
    if choice != "auto":
        return choice
    if _has_slurm(settings):
        return "slurm"
    if lsf.is_here(settings.scheduler):
        return "lsf"
    return "htcondor" if htcondor.is_here(settings.scheduler) else "local"


def check_options(settings: Settings, options: Sequence[str]) -> None:
    """Raise SettingsError when a job may not have these options; it says which one, and why.

    They are looked at again when the job is submitted, by a host that may see another scheduler.
    """
    try:
        CANONICAL[kind_of(settings)](options)
    except SettingsError as error:
        raise SettingsError(f"options: {error}") from None


def _has_slurm(settings: Settings) -> bool:
    conf = settings.scheduler.conf or os.environ.get("SLURM_CONF") or "/etc/slurm/slurm.conf"
    return command.find("sbatch", settings.scheduler) is not None and Path(conf).exists()
