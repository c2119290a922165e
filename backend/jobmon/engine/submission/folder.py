"""Keep the folder of an attempt: the script that is submitted, and what it leaves behind."""

import hashlib
import json
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from jobmon.engine.submission.attempts import Work
from jobmon.printing import plain

WRAPPER = Path(__file__).with_name("wrapper.py")
MOST_RECORD = 1_000_000
MOST_TOLD = 1000
WAYS = frozenset({"exit", "signal", "timeout", "oom", "terminated", "late"})
LATEST = 4_102_444_800
"""The year 2100."""


@dataclass(frozen=True, slots=True)
class Started:
    """Say where and when the command was started; epoch seconds."""

    host: str
    at: float
    id: str


@dataclass(frozen=True, slots=True)
class Done:
    """Say how the command ended; `why` is exit, signal, timeout, oom, terminated, or late: it was not started."""

    why: str
    return_code: int | None
    signal: int | None
    told: str
    host: str
    started_at: float
    ended_at: float
    output_bytes: int | None
    tail: str


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
        folder = self.of(key)
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        spec = {
            "folder": str(folder),
            "args": list(work.args),
            "working_dir": work.working_dir,
            "output": work.output or str(folder / "output"),
            "limit_s": work.limit_s,
            "latest_start": work.latest_start,
            "environment": {**work.environment, "JOBMON_KEY": key},
        }
        text = f"#!/usr/bin/env {self._python}\n{self._wrapper}\n\nsys.exit(main(json.loads({json.dumps(spec)!r})))\n"
        script, part = folder / "script", folder / "script.part"
        part.unlink(missing_ok=True)
        # The folder of an earlier try is the user's, who may have put anything there, and we may be root.
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o755)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, 0o755)
            file.write(text)
        part.rename(script)
        if work.user:
            entry = pwd.getpwnam(work.user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        return script

    def started(self, key: str) -> Started | None:
        """Return what the script wrote when it started the command; None when it has not."""
        found = self._read(key, "started")
        try:
            return None if found is None else Started(_text(found["host"]), _time(found["at"]), _text(found["id"]))
        except (KeyError, TypeError, ValueError):
            return None

    def done(self, key: str) -> Done | None:
        """Return what the script wrote when the command had ended; None when it has not."""
        found = self._read(key, "done")
        if found is None:
            return None
        try:
            if found["why"] not in WAYS:
                return None
            return Done(
                found["why"], _number(found["rc"], 255), _number(found["signal"], 127), _text(found["told"], MOST_TOLD),
                _text(found["host"]), _time(found["started_at"]), _time(found["ended_at"]),
                _number(found["output_bytes"], 2**62), str(found["tail"]).replace("\0", "\ufffd"),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError):
            return None

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
        return (self.of(key) / "refused").exists()

    def log(self, key: str) -> str:
        """Return the end of what the script itself complained about."""
        text = self.end_of(key, "log", MOST_TOLD) or b""
        return " ".join(_text(line, MOST_TOLD) for line in text.decode("utf-8", "replace").strip().splitlines())

    def _read(self, key: str, name: str) -> dict[str, Any] | None:
        """Read a record; one that was tampered with counts as none, because the job's user can write there."""
        text = self.end_of(key, name, MOST_RECORD)
        if text is None:
            return None
        try:
            found = orjson.loads(text)
            return found if isinstance(found, dict) else None
        except orjson.JSONDecodeError:
            return None

    def end_of(self, key: str, name: str, most: int) -> bytes | None:
        """Return the end of a file; None when there is none, or it is a link or a pipe: its owner may not be ours."""
        try:
            handle = os.open(self.of(key) / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return None
            file.seek(max(0, status.st_size - most))
            return file.read(most)


def _exists(path: Path) -> bool:
    """Say whether there is anything of that name; OSError when that cannot be told."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def _number(value: Any, most: int) -> int | None:
    """Return a whole number; ValueError when it is none that the script writes."""
    if value is None:
        return None
    if not 0 <= value <= most:
        raise ValueError(f"{value} is not within 0 and {most}")
    return int(value)


def _time(value: Any) -> float:
    if not 0 <= value <= LATEST:
        raise ValueError(f"{value} is not in epoch seconds")
    return float(value)


def _text(value: Any, most: int = 255) -> str:
    return plain(str(value), most)
