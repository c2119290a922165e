"""Find the class of a back end by its name."""

import importlib.util
import os
import sys
import traceback
from importlib.metadata import entry_points
from pathlib import Path

from jobmon.backends.base import BackendBase
from jobmon.errors import SettingsError

GROUP = "jobmon.backends"


def load_class(name: str, backend_path: str) -> type[BackendBase]:
    """Return `class Backend` of backend_NAME.py in one of the folders of `backend_path`, else of an installed package.

    Folders are separated by colons. Errors are SettingsError and name the file and what to change.
    """
    folders = [Path(part) for part in backend_path.split(os.pathsep) if part]
    for folder in folders:
        file = folder / f"backend_{name}.py"
        if file.is_file():
            return _check(_import_file(file), str(file))
    for point in entry_points(group=GROUP, name=name):
        return _check(point.load(), point.value)
    installed = sorted(point.name for point in entry_points(group=GROUP))
    raise SettingsError(
        f"[live] backend = {name!r}: there is no backend_{name}.py in {backend_path or '(no backend_path)'} "
        f"and no installed back end of that name; installed: {', '.join(installed)}"
    )


def _import_file(file: Path) -> object:
    """Return what the site's file calls Backend; its folder can hold further modules that it imports."""
    folder = str(file.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise SettingsError(f"{file}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        where = f"{file}:{lines[-1]}" if lines else str(file)
        if isinstance(error, SyntaxError):
            where = f"{file}:{error.lineno}"
        raise SettingsError(f"{where}: {type(error).__name__}: {error}") from error
    if not hasattr(module, "Backend"):
        raise SettingsError(f"{file}: defines no class Backend; write `class Backend(BackendBase):`")
    found: object = module.Backend
    return found


def _check(found: object, origin: str) -> type[BackendBase]:
    if not (isinstance(found, type) and issubclass(found, BackendBase)):
        raise SettingsError(f"{origin}: Backend is not a subclass of BackendBase; write `class Backend(BackendBase):`")
    return found
