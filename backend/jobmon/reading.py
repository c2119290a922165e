"""Read files and folders of which somebody else may be the owner; what lies there costs nothing but itself.

Nothing is waited for, no link is followed unless the caller says so, no more is read than was asked for, and whatever
happens, no descriptor stays open. All that can go wrong is an OSError whose `strerror` says what.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
PIECE = 1 << 18
KINDS = {
    stat.S_IFDIR: "is a folder",
    stat.S_IFLNK: "is a link",
    stat.S_IFIFO: "is a pipe",
    stat.S_IFSOCK: "is a socket",
    stat.S_IFCHR: "is a device",
    stat.S_IFBLK: "is a device",
}


class NotPlainError(OSError):
    """Be something else than a plain file, or larger than any that is read here: nothing that goes away by itself."""


@contextmanager
def folder(path: Path | str, *names: str, within: int | None = None, follow: bool = False) -> Iterator[int]:
    """Open a folder and yield its descriptor.

    `path`, in the folder `within` if it is relative, may be a link where `follow` says so; from it `names` are entered
    one by one, and none may be a link.
    """
    handle = os.open(path, FOLDER if follow else FOLDER | os.O_NOFOLLOW, dir_fd=within)
    try:
        for name in names:
            inner = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


@contextmanager
def opened(
    path: Path | str, *, within: int | None = None, follow: bool = False
) -> Iterator[tuple[int, os.stat_result]]:
    """Open a plain file and yield its descriptor and its status; NotPlainError says what it is instead.

    `within` is the descriptor of the folder that a relative path begins in.
    """
    try:
        handle = os.open(path, FILE if follow else FILE | os.O_NOFOLLOW, dir_fd=within)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:  # a link, a socket
            raise _not_plain(path, os.stat(path, dir_fd=within, follow_symlinks=False).st_mode) from None
        raise
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise _not_plain(path, status.st_mode)
        yield handle, status
    finally:
        os.close(handle)


def whole(path: Path | str, most: int, *, within: int | None = None, follow: bool = False) -> bytes:
    """Return what a file holds; NotPlainError when that is more than `most` bytes."""
    with opened(path, within=within, follow=follow) as (handle, _status):
        content = read(handle, most + 1)
    if len(content) > most:
        raise NotPlainError(errno.EFBIG, f"is larger than {most} bytes", str(path))
    return content


def end(path: Path | str, most: int, *, within: int | None = None) -> bytes:
    """Return the last `most` bytes of a file."""
    with opened(path, within=within) as (handle, status):
        os.lseek(handle, max(0, status.st_size - most), os.SEEK_SET)
        return read(handle, most)


def read(handle: int, most: int) -> bytes:
    """Return what comes next, `most` bytes or all there is."""
    pieces = []
    while most > 0 and (piece := os.read(handle, min(most, PIECE))):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def _not_plain(path: Path | str, mode: int) -> OSError:
    return NotPlainError(errno.EINVAL, KINDS.get(stat.S_IFMT(mode), "is no plain file"), str(path))
