"""Keep the folder of an attempt: the script that is submitted, and what it leaves behind."""

import hashlib
import json
import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from jobmon.engine.submission.attempts import Work

WRAPPER = Path(__file__).with_name("wrapper.py")
MOST_RECORD = 1_000_000


@dataclass(frozen=True, slots=True)
class Started:
    """Say where and when the command was started; epoch seconds."""

    host: str
    at: float
    id: str


@dataclass(frozen=True, slots=True)
class Done:
    """Say how the command ended; `why` is exit, signal, timeout, oom or terminated."""

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
            "environment": {**work.environment, "JOBMON_KEY": key},
        }
        text = f"#!/usr/bin/env {self._python}\n{self._wrapper}\n\nsys.exit(main(json.loads({json.dumps(spec)!r})))\n"
        script, part = folder / "script", folder / "script.part"
        part.write_text(text, encoding="utf-8")
        part.chmod(0o755)
        part.rename(script)
        if work.user:
            entry = pwd.getpwnam(work.user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        return script

    def started(self, key: str) -> Started | None:
        """Return what the script wrote when it started the command; None when it has not."""
        found = self._read(key, "started")
        try:
            return None if found is None else Started(str(found["host"]), float(found["at"]), str(found["id"]))
        except (KeyError, TypeError, ValueError):
            return None

    def done(self, key: str) -> Done | None:
        """Return what the script wrote when the command had ended; None when it has not."""
        found = self._read(key, "done")
        if found is None:
            return None
        try:
            return Done(
                str(found["why"]), _number(found["rc"]), _number(found["signal"]), str(found["told"]),
                str(found["host"]), float(found["started_at"]), float(found["ended_at"]),
                _number(found["output_bytes"]), str(found["tail"]),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError):
            return None

    def was_refused(self, key: str) -> bool:
        """Say whether a second start of the command was refused."""
        return (self.of(key) / "refused").exists()

    def log(self, key: str) -> str:
        """Return the end of what the script itself complained about."""
        try:
            return (self.of(key) / "log").read_text(encoding="utf-8", errors="replace")[-1000:].strip()
        except OSError:
            return ""

    def _read(self, key: str, name: str) -> dict[str, Any] | None:
        """Read a record; one that was tampered with counts as none, because the job's user can write there."""
        path = self.of(key) / name
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as file:
            text = file.read(MOST_RECORD)
        try:
            found = orjson.loads(text)
            return found if isinstance(found, dict) else None
        except orjson.JSONDecodeError:
            return None


def _number(value: Any) -> int | None:
    return None if value is None else int(value)
