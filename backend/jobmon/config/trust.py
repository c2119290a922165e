"""See that nobody but root and the daemon's own account can change what counts with the daemon's rights.

That is what it imports, runs or believes: back ends, workflows, programs, settings, tokens, the store. A file can be
changed by whoever may write it, and replaced by whoever may write any of the folders above it.
"""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from jobmon.config.tables import Settings
from jobmon.errors import SettingsError

log = logging.getLogger("jobmon")

MOST_FILES = 1000
"""So many files of one folder are looked at."""
MOST_LINKS = 40


def check(settings: Settings, file: Path | None) -> None:
    """Refuse settings with which others could act as root; for another account it is a warning in the log."""
    found = faults(settings, file)
    if found and os.geteuid() == 0:
        raise SettingsError("\n".join([*found, "others could act as root by it, so the daemon does not start"]))
    for fault in found:
        log.warning("%s", fault)


def faults(settings: Settings, file: Path | None) -> list[str]:
    """Return in sentences what of the settings others than root and this account can change."""
    found: dict[str, str] = {}
    for setting, path in _named(settings, file):
        if (fault := fault_of(path)) and fault not in found:
            found[fault] = f"{setting}: {fault}"
    return list(found.values())


def fault_of(path: Path) -> str:
    """Return how others than root and this account could change what lies at a path, "" when they cannot."""
    todo = list(path.absolute().parts[1:])
    place, loose, links = Path("/"), "", 0
    while True:
        try:
            status = place.lstat()
        except FileNotFoundError:
            return loose and f"{loose}, and make {place.name} there"
        except NotADirectoryError:
            return ""  # nothing can lie there, and whoever wants it will say so
        except OSError as error:
            return f"{place} cannot be looked at: {error.strerror}"
        owned = status.st_uid in {0, os.geteuid()}
        if not owned:
            return f"{place} belongs to the account {status.st_uid}"
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > MOST_LINKS:
                return f"{path} leads through too many links"
            target = place.readlink()
            todo[:0] = target.parts[1:] if target.is_absolute() else target.parts
            place = Path("/") if target.is_absolute() else place.parent
        else:
            fault = _writers(place, status)
            # in a folder such as /tmp each may do as he likes with what is his own
            sticky = bool(status.st_mode & stat.S_ISVTX) and stat.S_ISDIR(status.st_mode) and bool(todo)
            if fault and not sticky:
                return fault
            loose = fault
        if not todo:
            return ""
        name = todo.pop(0)
        place = place.parent if name == ".." else place / name


def _writers(place: Path, status: os.stat_result) -> str:
    if not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return ""
    return f"{'everybody' if status.st_mode & stat.S_IWOTH else 'its group'} may write {place}"


def _named(settings: Settings, file: Path | None) -> Iterator[tuple[str, Path]]:
    """Yield the paths that count, each with the setting that names it."""
    if file is not None:
        yield "the settings", file
    for folder in filter(None, settings.live.backend_path.split(os.pathsep)):
        yield from _folder("[live] backend_path", folder, ".py")
    yield from _folder("[batch] workflows", settings.batch.workflows, ".toml")
    yield from _folder("[batch] programs", settings.batch.programs, "")
    for folder in filter(None, settings.scheduler.bin_path.split(os.pathsep)):
        yield from _folder("[scheduler] bin_path", folder, "")
    data_path = Path(settings.live.data_path)
    yield "[live] data_path", data_path
    for own in ("state", "batch", "batch/attempts", "batch/local", "jobmon.sqlite"):
        yield "[live] data_path", data_path / own
    yield "[batch] shared_path", Path(settings.batch.shared_path or data_path / "batch" / "attempts")
    if settings.batch.python.startswith("/"):
        yield "[batch] python", Path(settings.batch.python)
    if settings.web.site:
        yield "[web] site", Path(settings.web.site)
    if settings.store.url.startswith("sqlite:///"):
        yield "[store] url", Path(settings.store.url.removeprefix("sqlite:///").removeprefix("file:").partition("?")[0])
    for name in ("scheduler", "store", "web", "mail", "prometheus", "influxdb"):
        table = getattr(settings, name)
        for key, value in table.model_dump().items():
            if value and (key.endswith("_file") or (name, key) == ("scheduler", "conf")):
                yield f"[{name}] {key}", Path(value)


def _folder(setting: str, folder: str, suffix: str) -> Iterator[tuple[str, Path]]:
    if not folder:
        return
    yield setting, Path(folder)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(suffix))  # noqa: PTH208 - plain names
    except OSError:
        return  # what is not there, or cannot be read, is not loaded
    for name in names[:MOST_FILES]:
        yield setting, Path(folder, name)
