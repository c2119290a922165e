"""Keep the folder of an attempt: the script that is submitted, and what it leaves behind."""

import contextlib
import errno
import hashlib
import json
import os
import pwd
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from jobmon import reading
from jobmon.engine.submission import records
from jobmon.engine.submission.attempts import Work
from jobmon.engine.submission.records import MOST_RECORD, MOST_TOLD, Done, Spoilt, Started
from jobmon.printing import plain

WRAPPER = Path(__file__).with_name("wrapper.py")
PASSABLE = 0o711
"""The mode of what lies above the attempts' folders: others pass through, and see no names."""
OWN = 0o700
"""The mode of an attempt's folder, and of the script in it."""

Record = TypeVar("Record")


class Folders:
    """Hold the folders of all attempts; they are below `root`, which the nodes must see too."""

    def __init__(self, root: Path, python: str = "python3") -> None:
        self._root = root
        self._python = python
        self._wrapper = WRAPPER.read_text(encoding="utf-8")

    def of(self, key: str) -> Path:
        """Return the folder of a key."""
        return self._root / hashlib.sha256(key.encode()).hexdigest()[:2] / key

    def prepare(self, key: str, work: Work) -> Path:
        """Make the folder with the script in it, for the user who will run it, and return the script's path.

        OSError when it cannot be made, KeyError when there is no such user.
        """
        owner = pwd.getpwnam(work.user) if work.user else None
        place = self.of(key)
        _make_passable(place.parent)
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=OWN)
        text = self._script(key, work)
        with self._opened(key) as folder:
            # The folder of an earlier try is the user's, who may have put anything there, and we may be root.
            if os.fstat(folder).st_uid not in {os.geteuid(), owner.pw_uid if owner else os.geteuid()}:
                raise PermissionError(errno.EPERM, "belongs to another account", str(place))
            os.fchmod(folder, OWN)
            part = f"script.{secrets.token_hex(8)}"
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWN, dir_fd=folder)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                os.fchmod(handle, OWN)
                if owner:
                    os.fchown(handle, owner.pw_uid, owner.pw_gid)
                file.write(text)
            os.rename(part, "script", src_dir_fd=folder, dst_dir_fd=folder)
            if owner:
                os.fchown(folder, owner.pw_uid, owner.pw_gid)
        return place / "script"

    def _script(self, key: str, work: Work) -> str:
        folder = self.of(key)
        spec = {
            "folder": str(folder),
            "args": list(work.args),
            "working_dir": work.working_dir,
            "output": work.output or str(folder / "output"),
            "limit_s": work.limit_s,
            "latest_start": work.latest_start,
            "environment": {**work.environment, "JOBMON_KEY": key},
        }
        return f"#!/usr/bin/env {self._python}\n{self._wrapper}\n\nsys.exit(main(json.loads({json.dumps(spec)!r})))\n"

    def started(self, key: str) -> Started | Spoilt | None:
        """Return what the script wrote when it started the command; None when it has not."""
        return self._record(key, "started", records.started)

    def done(self, key: str) -> Done | Spoilt | None:
        """Return what the script wrote when the command had ended; None when it has not."""
        return self._record(key, "done", records.done)

    def was_claimed(self, key: str) -> bool:
        """Say whether somebody has begun to run the command; False also when the folder cannot be looked at."""
        return os.path.lexists(self.of(key) / "claim")

    def is_unclaimed(self, key: str) -> bool:
        """Say whether certainly nobody has begun to run the command; False also when that cannot be looked at."""
        folder = self.of(key)
        try:
            return _exists(folder / "script") and not _exists(folder / "claim")
        except OSError:
            return False

    def was_refused(self, key: str) -> bool:
        """Say whether a second start of the command was refused."""
        return os.path.lexists(self.of(key) / "refused")

    def log(self, key: str) -> str:
        """Return the end of what the script itself complained about."""
        text = self.end_of(key, "log", MOST_TOLD) or b""
        return " ".join(plain(line, MOST_TOLD) for line in text.decode("utf-8", "replace").strip().splitlines())

    def end_of(self, key: str, name: str, most: int) -> bytes | None:
        """Return the end of a file; None when there is none, or it is a link or a pipe: its owner may not be ours."""
        try:
            with self._opened(key) as folder:
                return reading.end(name, most, within=folder)
        except OSError:
            return None

    @contextlib.contextmanager
    def _opened(self, key: str) -> Iterator[int]:
        """Open the folder of an attempt; only the folder of them all may be a link."""
        place = self.of(key)
        with reading.folder(self._root, place.parent.name, place.name, follow=True) as folder:
            yield folder

    def _record(self, key: str, name: str, check: Callable[[bytes], Record]) -> Record | Spoilt | None:
        """Read a record. What cannot be read now is silence; what can never be believed is told as such."""
        try:
            with self._opened(key) as folder:
                return _believed(folder, name, check)
        except NotADirectoryError:
            return Spoilt("the folder of the attempt is no folder any more")
        except OSError:
            return None


def _believed(folder: int, name: str, check: Callable[[bytes], Record]) -> Record | Spoilt:
    try:
        return check(reading.whole(name, MOST_RECORD, within=folder))
    except reading.NotPlainError as error:
        return Spoilt(f"{name} {error.strerror}")
    except PermissionError as error:
        return Spoilt(f"{name} cannot be read: {error.strerror}")
    except ValueError as error:
        return Spoilt(f"{name}: {error}")


def _make_passable(folder: Path) -> None:
    """Make a folder, and those above it, through which others come to their own; those that we made stay so."""
    if not folder.parent.exists():
        _make_passable(folder.parent)
    try:
        folder.mkdir(mode=PASSABLE)
    except FileExistsError:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "is no folder", str(folder)) from None
        if status.st_uid not in {0, os.geteuid()}:
            raise PermissionError(errno.EPERM, "belongs to another account", str(folder)) from None
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) != 0o755:
            return
    folder.chmod(PASSABLE)


def _exists(path: Path) -> bool:
    """Say whether there is anything of that name; OSError when that cannot be told."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True
