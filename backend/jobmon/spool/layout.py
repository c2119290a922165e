"""Say where the published files lie below the data path, and see that only we write there."""

import os
import stat
from pathlib import Path

from jobmon.errors import SettingsError

STAFF = "staff"
"""The folder of what only the staff may see, where something is hidden from others; no capability has this name."""
PAGES = "pages"
"""The folder of the pages, and of nothing else: what a name below it says is served."""
PAGES_MODE = 0o755


def everything(data_path: Path, hides: bool) -> Path:
    """Return the folder of the files that hide nothing."""
    return data_path / STAFF if hides else data_path


def pages(folder: Path) -> Path:
    """Return the folder of the pages beside the files of `folder`."""
    return folder / PAGES


def page(folder: Path, name: str) -> Path:
    """Return the file of a page, such as live/summary."""
    return pages(folder) / f"{name}.json.gz"


def published(data_path: Path, name: str) -> Path:
    """Return the file of what a capability publishes: a page for everybody, or staff/PAGE for the staff alone."""
    part, _, rest = name.partition("/")
    return page(data_path / STAFF, rest) if part == STAFF else page(data_path, name)


def make_pages(folder: Path) -> Path:
    """Make the folder of the pages and return it; SettingsError when somebody else could write into it."""
    path = pages(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=PAGES_MODE, exist_ok=True)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            what = "belongs to another account" if stat.S_ISDIR(status.st_mode) else "is a link"
            raise SettingsError(
                f"{path}: {what}, so others could publish there; remove it, or choose another [live] data_path"
            )
        if stat.S_IMODE(status.st_mode) != PAGES_MODE:
            path.chmod(PAGES_MODE)
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be made: {error.strerror}; remove what is there, or choose another [live] data_path"
        ) from error
    return path
