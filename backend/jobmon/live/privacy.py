"""Take out of a snapshot what not everybody may know, before anything of it is published."""

import base64
import hashlib
import hmac
import logging
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from jobmon.config import WebSettings
from jobmon.errors import SpoolError
from jobmon.live import visibility
from jobmon.spool import layout

Names = Literal["full", "short", "pseudonym"]

log = logging.getLogger("jobmon.live")

OPEN = "open full"
OLD_PAGES = "live"
MODE_FILE = "state/mode"
RUNS_FILE = "state/runs.json.gz"
KEY_FILE = "state/names.key"
KEY_BYTES = 32
PREFIX = 3
HIDDEN = ""
NO_JOBS: dict[str, Any] = {}


class Mask:
    """Make the names that people are shown by; the same name gives the same one for as long as the key is kept."""

    def __init__(self, names: Names, key: bytes) -> None:
        self._names = names
        self._key = key
        self._known: dict[str, str] = {}

    def name(self, user: str) -> str:
        """Return what the public files call a user."""
        if self._names == "full" or not user:
            return user
        shown = self._known.get(user)
        if shown is None:
            digest = hmac.new(self._key, user.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
            word = base64.b32encode(digest).decode().lower()
            # The tail keeps people apart whose names begin alike, whoever else there is.
            shown = f"{user[:PREFIX]}~{word[:4]}" if self._names == "short" else f"user-{word[:8]}"
            self._known[user] = shown
        return shown


def key_of(data_path: Path) -> bytes:
    """Return the secret key of the pseudonyms, made at the first time; SpoolError when it cannot be had."""
    path = data_path / KEY_FILE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = path.read_bytes()
            if len(key) >= KEY_BYTES:
                return key
            raise SpoolError(f"{path}: is cut off; remove it, and pseudonyms start anew") from None
        with os.fdopen(handle, "wb") as file:
            key = secrets.token_bytes(KEY_BYTES)
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        return key
    except OSError as error:
        raise SpoolError(f"{path}: cannot be used: {error.strerror}") from error


def public(snapshot: Mapping[str, Any], web: WebSettings, mask: Mask) -> dict[str, Any]:
    """Return what everybody may know of a snapshot.

    With `read = "own"` that is nodes and totals; else all jobs, by the users' public names. Where these are pseudonyms
    the names of jobs and accounts, which may tell who somebody is, are left out too.
    """
    usage = snapshot["usage"]
    snapshot = visibility.named(snapshot, visibility.PARTS["snapshot"])
    if web.read == "own":
        return {**snapshot, "jobs": NO_JOBS, "usage": {**usage, "users": {}}}
    hidden = {"name": HIDDEN, "account": HIDDEN} if web.names == "pseudonym" else {}
    jobs = {
        job_id: {**visibility.named(job, visibility.JOB), "username": mask.name(job["username"]), **hidden}
        for job_id, job in snapshot["jobs"].items()
    }
    users: dict[str, int] = {}
    for name, cores in usage["users"].items():
        shown = mask.name(name)
        users[shown] = users.get(shown, 0) + cores
    return {**snapshot, "jobs": jobs, "usage": {**usage, "users": users}}


def settle(data_path: Path, web: WebSettings) -> None:
    """See that files of an earlier mode tell no more than the present one allows, and that nothing is lost.

    Full files move into the staff's folder when something is to be hidden, and back when nothing is any more; public
    files that hide something else than now are removed. Errors are SpoolError: nothing may be published then.
    """
    mode = f"{web.read} {web.names}" if web.hides else OPEN
    note = data_path / MODE_FILE
    try:
        for folder in (data_path, data_path / layout.STAFF):
            _remove_old(folder)
        before = note.read_text(encoding="utf-8").strip() if note.exists() else OPEN
        if before == mode:
            return
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        staff = data_path / layout.STAFF
        if before == OPEN:
            staff.mkdir(mode=0o700, parents=True, exist_ok=True)
            _move(data_path, staff)
        else:
            _remove_public(data_path)
        if mode == OPEN and staff.is_dir():
            _move(staff, data_path)
            shutil.rmtree(staff)
        note.write_text(f"{mode}\n", encoding="utf-8")
    except OSError as error:
        raise SpoolError(f"{data_path}: files of another [web] read or names cannot be moved: {error}") from error
    log.info("[web] read and names have changed (%s to %s); the files are moved", before, mode)


def _remove_old(folder: Path) -> None:
    """Remove pages from where they lay once; they are not served any more."""
    old = folder / OLD_PAGES
    if not old.is_symlink() and (old / "summary.json.gz").is_file():
        shutil.rmtree(old)
        log.info("%s: pages lie in %s now, these are removed", old, layout.pages(folder))


def _public(folder: Path) -> list[Path]:
    return [*folder.glob("*.json.gz"), *folder.glob("cgi.index"), *folder.glob(layout.PAGES)]


def _move(source: Path, target: Path) -> None:
    for path in [*_public(source), source / RUNS_FILE]:
        if path.exists():
            destination = target / path.relative_to(source)
            destination.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.replace(destination)


def _remove_public(folder: Path) -> None:
    for path in [*_public(folder), folder / RUNS_FILE]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
