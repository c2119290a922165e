"""Let one process only write to a data path."""

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from jobmon.errors import AlreadyRunningError, SettingsError

log = logging.getLogger("jobmon.spool")

LOCK = ".jobmon.lock"
FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
PRIVATE = 0o600
TRIES = 10
PAUSE_S = 0.05
"""Who only looks whether the lock is held (`flock --nonblock` in a script) holds it for a moment."""


@contextlib.contextmanager
def locked(data_path: Path) -> Iterator[IO[str]]:
    """Hold the lock of a data path, a file that names the process that has it.

    AlreadyRunningError names that process when it is another one, SettingsError what is wrong with the path.
    """
    with contextlib.ExitStack() as stack:
        try:
            data_path.mkdir(parents=True, exist_ok=True)
            # Whoever can open it can hold its lock, and keep the daemon from starting for ever: its account's alone.
            file = stack.enter_context(os.fdopen(os.open(data_path / LOCK, FLAGS, PRIVATE), "a+"))
            os.fchmod(file.fileno(), PRIVATE)
        except OSError as error:
            raise SettingsError(
                f"[live] data_path = {str(data_path)!r}: cannot be written: {error.strerror}; "
                "make the folder, or choose another with --set live.data_path=DIR"
            ) from error
        if not _acquire(file, data_path):
            file.seek(0)
            owner = file.readline(20).strip()
            raise AlreadyRunningError(
                f"another jobmon writes to {data_path} (process {owner or 'unknown'}); "
                "stop it, or choose another folder with --set live.data_path=DIR"
            )
        note(file)
        yield file


def _acquire(file: IO[str], data_path: Path) -> bool:
    for _ in range(TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE_S)
        except OSError as error:
            raise SettingsError(
                f"[live] data_path = {str(data_path)!r}: cannot be locked: {error.strerror}; "
                "choose a folder on a local disk with --set live.data_path=DIR"
            ) from error
        else:
            return True
    return False


def note(lock: IO[str], url: str = "") -> None:
    """Write into the lock file who holds it, and where the page is."""
    try:
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n{url}\n")
        lock.flush()
    except OSError as error:  # the disk is full: the lock itself holds all the same
        log.warning("%s: the process id cannot be written: %s", lock.name, error.strerror)


def address(data_path: Path) -> str:
    """Return where the daemon of this data path serves its page; empty when there is none."""
    try:
        lines = (data_path / LOCK).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""  # it never ran here, or not for us
    return lines[1] if len(lines) > 1 else ""
