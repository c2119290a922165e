"""Read published files as they are stored."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from jobmon.api.problems import ProblemError


@dataclass(frozen=True, slots=True)
class Stored:
    """Be a published file: its gzip member, and a tag that changes with it."""

    content: bytes
    tag: str


def load(folder: Path, name: str) -> Stored | None:
    """Return a plain file of the folder; None when there is none of that name (a link is not one)."""
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if (folder / name).is_symlink():
            return None
        raise ProblemError(503, "The published files cannot be read.") from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return None
        with os.fdopen(handle, "rb", closefd=False) as file:
            return Stored(file.read(), f"{status.st_mtime_ns:x}-{status.st_size:x}")
    finally:
        os.close(handle)
