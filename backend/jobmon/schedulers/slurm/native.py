"""Read Slurm through pyslurm, which calls libslurm within this process.

pyslurm holds the interpreter's lock for the whole of a call, ten seconds and more when the controller is gone, so this
reader belongs into a process that may stand still: the back end's child. No deadline can be kept in here.

pyslurm has had two interfaces: functions that return dictionaries (all versions up to 24.11), and collections of
objects (from 22.05 on). The objects are taken where both are there.
"""

import importlib
import os
from types import ModuleType

from jobmon import clock
from jobmon.errors import MissingExtraError, SourceError
from jobmon.model import ClusterState
from jobmon.schedulers.base import SchedulerSettings
from jobmon.schedulers.slurm import native_dicts, native_objects


def load_module() -> ModuleType:
    """Import pyslurm; MissingExtraError says how to install it."""
    try:
        module = importlib.import_module("pyslurm")
        if getattr(module, "__file__", None) is None:
            raise ImportError("a mere folder has this name")
    except ImportError as error:
        raise MissingExtraError(
            f"pyslurm cannot be used ({error}); install the version of your Slurm: pip install 'jobmon[slurm]', "
            'or set [scheduler] reader = "cli"'
        ) from error
    return module


def read(pyslurm: ModuleType) -> tuple[ClusterState, str]:
    """Return what Slurm knows and its version; SourceError when it does not answer or not completely."""
    loaded_at = clock.now()
    kinds = [getattr(pyslurm, name, None) for name in ("RPCError", "PyslurmError", "SlurmError")]
    own = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception)]
    expected: tuple[type[Exception], ...] = (*own, ValueError, OSError)
    try:
        if hasattr(pyslurm, "Nodes") and hasattr(pyslurm, "Jobs"):
            state, release = native_objects.read(pyslurm, loaded_at)
        else:
            state, release = native_dicts.read(pyslurm, loaded_at)
    except expected as error:
        raise SourceError(f"pyslurm: {type(error).__name__}: {error}") from error
    if not state.nodes:
        raise SourceError("pyslurm answered with a cluster without nodes")
    return state, release


class NativeReader:
    """Ask libslurm."""

    def __init__(self, settings: SchedulerSettings) -> None:
        if settings.conf:
            os.environ["SLURM_CONF"] = settings.conf
        self._pyslurm = load_module()
        self._own_version = str(getattr(self._pyslurm, "__version__", ""))
        self._release = ""

    @property
    def name(self) -> str:
        """Return what the health display shows."""
        slurm = f"slurm {self._release}".strip()
        return f"{slurm} (pyslurm {self._own_version})".replace(" )", ")")

    def load(self) -> ClusterState:
        """Return everything Slurm knows now; see SchedulerReader, but for the time, which only libslurm decides."""
        state, self._release = read(self._pyslurm)
        return state


def trial() -> None:
    """Load everything once; a pyslurm that does not fit its Slurm may crash in here."""
    read(load_module())
