"""Publish files so that a crash at any moment leaves the old file or the new one."""

import contextlib
import os
import tempfile
import zlib
from pathlib import Path
from typing import Any

from isal import isal_zlib

from jobmon.errors import SpoolError

TEMPORARY_SUFFIX = ".part"
GZIP_WINDOW = 31
"""Says "gzip, window of 32 kB" to zlib and igzip alike."""
SMALL_LEVEL = 5
LARGE_BYTES = 4 << 20
LARGE_LEVEL = 2
"""Up to LARGE_BYTES zlib makes files a quarter smaller than igzip; beyond that igzip's sixfold speed counts."""


def compress(data: bytes) -> bytes:
    """Return a gzip member with no time and no name in it, so that equal content gives equal bytes.

    Its data end on a byte before the end mark: such members can be joined into one without unpacking (`web.joined`),
    which is needed because browsers stop reading at the end of a first member.
    """
    stream: Any
    if len(data) > LARGE_BYTES:
        stream = isal_zlib.compressobj(LARGE_LEVEL, isal_zlib.DEFLATED, GZIP_WINDOW)
    else:
        stream = zlib.compressobj(SMALL_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return bytes(stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH) + stream.flush())


def write(path: Path, content: bytes) -> None:
    """Put `content` under `path`: a temporary file in the same folder, fsync, rename.

    Missing folders are made. Errors are SpoolError; the temporary file is removed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=TEMPORARY_SUFFIX, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)  # noqa: PTH101 - no Path at hand, and readers are other users
            os.replace(name, path)  # noqa: PTH105 - as above
        except BaseException:
            with contextlib.suppress(OSError):  # the first error is the one to tell
                os.unlink(name)  # noqa: PTH108 - as above
            raise
    except OSError as error:
        raise SpoolError(f"{path}: cannot be written: {error.strerror or error}") from error


def link(source: Path, target: Path) -> None:
    """Make `target` a second name of the file `source`, replacing what has that name; errors are SpoolError."""
    temporary = target.with_name(f".{target.name}.link{TEMPORARY_SUFFIX}")
    try:
        temporary.unlink(missing_ok=True)
        os.link(source, temporary)
        temporary.replace(target)
        temporary.unlink(missing_ok=True)  # rename does nothing when both names are one file already
    except OSError as error:
        raise SpoolError(f"{target}: cannot be linked to {source.name}: {error.strerror or error}") from error
