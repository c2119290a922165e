"""Remove the folders of old attempts, whatever their users have left in them."""

import logging
import os
import secrets
import stat
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from jobmon import clock, reading

log = logging.getLogger("jobmon.engine.submission")

MOST_S = 60.0
"""So long one folder may take; what is left then is left to a person."""


def remove_aside(folders: Collection[Path]) -> threading.Thread:
    """Remove folders beside everything else: what users leave may be millions of files."""
    thread = threading.Thread(target=_remove_all, args=(list(folders),), name="removal", daemon=True)
    thread.start()
    return thread


def _remove_all(folders: list[Path]) -> None:
    for folder in folders:
        try:
            _remove(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("%s: the folder of an old job cannot be removed: %s; remove it", folder, error.strerror)


def _remove(folder: Path) -> None:
    """Remove a folder level by level; what lies deep is moved up first, so that depth costs nothing."""
    until = clock.monotonic() + MOST_S
    with reading.folder(folder.parent) as parent:
        with reading.folder(folder) as top:
            while names := os.listdir(top):  # noqa: PTH208 - a descriptor
                for name in names:
                    if clock.monotonic() > until:
                        raise TimeoutError(0, f"took longer than {MOST_S:g} s")
                    _remove_one(top, name)
        os.rmdir(folder.name, dir_fd=parent)


def _remove_one(top: int, name: str) -> None:
    if not stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=top)
        return
    inner = os.open(name, reading.FOLDER | os.O_NOFOLLOW, dir_fd=top)
    try:
        with os.scandir(inner) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        os.rename(entry.name, secrets.token_hex(16), src_dir_fd=inner, dst_dir_fd=top)
                else:
                    os.unlink(entry.name, dir_fd=inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=top)
