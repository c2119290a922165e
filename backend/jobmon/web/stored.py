"""Read published files as they are stored."""

from pathlib import Path

from jobmon import reading
from jobmon.api.problems import ProblemError
from jobmon.spool import layout
from jobmon.web.cache import Cache, Stored

MOST_BYTES = 64 << 20
"""A published file that is larger is not ours."""


MOST_KEPT = 64 << 20
"""So many bytes of files are kept."""
AT_ONCE = 8


class Files:
    """Read the files of the published folders; whoever asks for the same version of one gets the same bytes."""

    def __init__(self, most_bytes: int = MOST_KEPT) -> None:
        self._cache = Cache(most_bytes, AT_ONCE)

    def page(self, folder: Path, name: str) -> Stored | None:
        """Return a page, such as live/summary; None when there is none of that name."""
        return self.load(folder, f"{layout.PAGES}/{name}.json.gz")

    def load(self, folder: Path, name: str) -> Stored | None:
        """Return a plain file below the folder; None when there is none of that name (nor a link on the way)."""
        *above, last = name.split("/")
        try:
            with (
                reading.folder(folder, *above, follow=True) as within,
                reading.opened(last, within=within) as (handle, status),
            ):
                if status.st_size > MOST_BYTES:
                    raise ProblemError(503, f"A published file is larger than {MOST_BYTES >> 20} MiB, and not served.")
                tag = f"{status.st_mtime_ns:x}-{status.st_size:x}"
                version = (str(folder), name, tag, status.st_ino)
                return self._cache.get(version, lambda: Stored(reading.read(handle, MOST_BYTES), tag))
        except (FileNotFoundError, NotADirectoryError, reading.NotPlainError):
            return None
        except OSError as error:
            raise ProblemError(503, "The published files cannot be read.") from error
