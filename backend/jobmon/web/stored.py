"""Read published files as they are stored."""

from dataclasses import dataclass
from pathlib import Path

from jobmon import reading
from jobmon.api.problems import ProblemError
from jobmon.spool import layout

MOST_BYTES = 64 << 20
"""A published file that is larger is not ours."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Be a published file: its gzip member, and a tag that changes with it."""

    content: bytes
    tag: str


def page(folder: Path, name: str) -> Stored | None:
    """Return a page, such as live/summary; None when there is none of that name."""
    return load(folder, f"{layout.PAGES}/{name}.json.gz")


def load(folder: Path, name: str) -> Stored | None:
    """Return a plain file below the folder; None when there is none of that name (a link on the way leads to none)."""
    *above, name = name.split("/")
    try:
        with (
            reading.folder(folder, *above, follow=True) as within,
            reading.opened(name, within=within) as (handle, status),
        ):
            if status.st_size > MOST_BYTES:
                raise ProblemError(503, f"A published file is larger than {MOST_BYTES >> 20} MiB, and is not served.")
            content = reading.read(handle, MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError, reading.NotPlainError):
        return None
    except OSError as error:
        raise ProblemError(503, "The published files cannot be read.") from error
    return Stored(content, f"{status.st_mtime_ns:x}-{status.st_size:x}")
