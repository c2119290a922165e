"""Look at the folders of builds: which packages there are, how large a build is, and the end of a log.

What lies there was made by the software that was built, so no link is followed on the way.
"""

import configparser
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from jobmon import clock, reading
from jobmon.batch.release_results import is_name

FOLDERS = {"build": "src", "logs": "log", "documentation": "doc", "archive": "dist"}
"""The folder of each part, as the programs make them."""
MOST_SETTINGS = 1_000_000


@dataclass(frozen=True, slots=True)
class Known:
    """Hold what the settings of the programs say of a package."""

    variants: tuple[str, ...]
    owner: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Hold what releases.ini says."""

    root: str = ""
    packages: dict[str, Known] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Size:
    """Say how much a part of a build takes; not `complete` when there was no time to look at all of it."""

    bytes: int = 0
    files: int = 0
    complete: bool = True


def catalogue(programs: str) -> Catalogue:
    """Read releases.ini in the folder of the programs; what is wrong stands in `error`."""
    path = Path(programs) / "releases.ini"
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names of packages and variants keep their case
    try:
        parser.read_string(reading.whole(path, MOST_SETTINGS, follow=True).decode())
        root = parser.get("releases", "root").rstrip("/")
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        return Catalogue(error=f"{path}: {getattr(error, 'strerror', None) or error}")
    if not root.startswith("/"):
        return Catalogue(error=f"{path}: root must be an absolute path")
    packages = {}
    for section in parser.sections():
        word, _, name = section.partition(" ")
        variants = [one for one in parser.get(section, "variants", fallback="default").split() if is_name(one)]
        if word == "package" and is_name(name.strip()) and variants:
            packages[name.strip()] = Known(tuple(variants), parser.get(section, "owner", fallback=""))
    return Catalogue(root, packages)


def place(programs: str, package: str, version: str, variant: str) -> str:
    """Return the folder of a build; "" when nobody says where builds are."""
    root = catalogue(programs).root
    return f"{root}/{package}/{version}/{variant}" if root else ""


@contextmanager
def opened(path: str) -> Iterator[int | None]:
    """Open the folder of a build, entering the folders below the root one by one; None when it is not there."""
    names = path.split("/")[-3:]
    with ExitStack() as stack:
        build = None
        if path.startswith("/") and len(names) == 3 and all(map(is_name, names)):
            with suppress(OSError):
                build = stack.enter_context(
                    reading.folder(path[: -len("/".join(names))] or "/", *names, follow=True)
                )  # fmt: skip
        yield build


def log_end(path: str, name: str, most: int) -> bytes | None:
    """Return the end of a log of a build; None when it is missing, or is something else than a file of its folder."""
    with opened(path) as build:
        if build is None or "/" in name or name.startswith("."):
            return None
        try:
            with reading.folder(FOLDERS["logs"], within=build) as folder:
                return reading.end(name, most, within=folder)
        except OSError:
            return None


def sizes(path: str, parts: Sequence[str], until: float) -> dict[str, Size]:
    """Return how much parts of a build take; from the moment `until` (monotonic) on it is not looked further."""
    with opened(path) as build:
        return {part: Size() if build is None else _size(build, FOLDERS[part], until) for part in parts}


def _size(build: int, name: str, until: float) -> Size:
    total = files = 0
    try:
        with reading.folder(name, within=build) as top:
            for _, _, names, handle in os.fwalk(".", dir_fd=top):
                for one in names:
                    with suppress(OSError):  # it went away just now
                        total += os.stat(one, dir_fd=handle, follow_symlinks=False).st_size
                        files += 1
                if clock.monotonic() > until:
                    return Size(total, files, complete=False)
    except OSError:
        return Size(total, files, complete=not files)
    except RecursionError:  # folders lie too deep in each other
        return Size(total, files, complete=False)
    return Size(total, files)
