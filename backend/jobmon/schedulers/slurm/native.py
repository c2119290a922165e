"""Read Slurm through pyslurm, which calls libslurm within this process.

pyslurm holds the interpreter's lock for the whole of a call, ten seconds and more when the controller is gone, so this
reader belongs into a process that may stand still: the back end's child.
"""

import importlib
from types import ModuleType

from jobmon.errors import MissingExtraError
from jobmon.model import ClusterState
from jobmon.schedulers.base import SchedulerSettings


def load_module() -> ModuleType:
    """Import pyslurm; MissingExtraError says how to install it."""
    try:
        return importlib.import_module("pyslurm")
    except ImportError as error:
        raise MissingExtraError(
            f"pyslurm is not usable ({error}); install the version of your Slurm: pip install 'jobmon[slurm]', "
            'or set [scheduler] reader = "cli"'
        ) from error


class NativeReader:
    """Ask libslurm."""

    def __init__(self, settings: SchedulerSettings) -> None:
        self._settings = settings
        self._pyslurm = load_module()

    @property
    def name(self) -> str:
        """Return what the health display shows."""
        return "slurm (pyslurm)"

    def load(self) -> ClusterState:
        """Return everything Slurm knows now; see SchedulerReader."""
        raise NotImplementedError


def trial() -> None:
    """Load once and say nothing."""
    load_module()
