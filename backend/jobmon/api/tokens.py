"""Keep the tokens by which programs sign in: a file of their digests."""

import contextlib
import fcntl
import hashlib
import json
import math
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jobmon.api.logins import FORM, LOGIN, MOST
from jobmon.errors import SettingsError

Role = Literal["anonymous", "user", "operator", "admin"]
ROLES = ("user", "operator", "admin")
MOST_BYTES = 10_000_000
PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Token:
    """Be what is known of a token, but for itself; `expires` is None when it never does."""

    name: str
    role: Role
    expires: float | None


def digest_of(token: str) -> str:
    """Return what is stored of a token, which is random enough that a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode()).hexdigest()


def load_tokens(path: Path) -> dict[str, Token]:
    """Return the tokens by their digests; a broken file is a SettingsError."""
    return {digest: Token(entry["name"], entry["role"], entry.get("expires")) for digest, entry in _load(path).items()}


def check_name(name: str) -> str:
    """Return a name that a token may have; SettingsError when it may not."""
    if not LOGIN.fullmatch(name):
        raise SettingsError(f"token name {name[:80]!r}: must be a login of 1 to {MOST} {FORM}")
    return name


def create_token(path: Path, name: str, role: str, expires: float | None) -> str:
    """Add a token to the file, and return it: nobody will see it again."""
    check_name(name)
    token = f"jm_{secrets.token_urlsafe(32)}"
    with _alone(path):
        entry = {"name": name, "role": role, "created": int(time.time()), "expires": expires}
        _save(path, {**_load(path), digest_of(token): entry})
    return token


def revoke_tokens(path: Path, name: str) -> int:
    """Remove all tokens of a name; return how many there were."""
    with _alone(path):
        tokens = _load(path)
        left = {digest: entry for digest, entry in tokens.items() if entry["name"] != name}
        if len(left) < len(tokens):
            _save(path, left)
    return len(tokens) - len(left)


def _load(path: Path) -> dict[str, dict[str, Any]]:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES} bytes")
        tokens = json.loads(content)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read as tokens: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: cannot be read as tokens: {error}") from error
    if not isinstance(tokens, dict) or not all(_is_good(entry) for entry in tokens.values()):
        raise SettingsError(f"{path}: is not a file of tokens; move it away, and: jobmon token create NAME")
    return tokens


def _is_good(entry: object) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or entry.get("role") not in ROLES:
        return False
    end = entry.get("expires")
    return end is None or (isinstance(end, int | float) and not isinstance(end, bool) and not math.isnan(end))


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep others from changing the file; what they wait for has a mode that keeps other accounts from it."""
    name = path.with_name(f".{path.name}.lock")
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be changed: {name}: {error.strerror}") from error
    try:
        _give_away(path, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _give_away(path: Path, handle: int) -> None:
    """Give an open file of root's to whose the file of tokens is, for that may be the daemon's account."""
    if os.geteuid() == 0 and path.exists():
        status = path.stat()
        os.fchown(handle, status.st_uid, status.st_gid)


def _save(path: Path, tokens: dict[str, dict[str, Any]]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            _give_away(path, handle)
            if path.exists():
                os.fchmod(handle, (path.stat().st_mode & 0o640) | PRIVATE)
            json.dump(tokens, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from error
