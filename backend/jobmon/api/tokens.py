"""Keep the tokens by which programs sign in: a file of their digests."""

import hashlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any, Literal

from jobmon.errors import SettingsError

Role = Literal["anonymous", "user", "operator", "admin"]
ROLES = ("user", "operator", "admin")


def digest_of(token: str) -> str:
    """Return what is stored of a token, which is random enough that a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode()).hexdigest()


def load_tokens(path: Path) -> dict[str, Any]:
    """Return digest → {"name", "role", "created", "expires"}; a broken file is a SettingsError."""
    try:
        tokens = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read as tokens: {error}") from error
    good = isinstance(tokens, dict) and all(
        isinstance(entry, dict) and isinstance(entry.get("name"), str) and entry.get("role") in ROLES
        and isinstance(entry.get("expires", 0), int | float | None)
        for entry in tokens.values()
    )  # fmt: skip
    if not good:
        raise SettingsError(f"{path}: is not a file of tokens; make one with: jobmon token create NAME")
    return {digest: {"expires": None, **entry} for digest, entry in tokens.items()}


def create_token(path: Path, name: str, role: str, expires: float | None) -> str:
    """Add a token to the file, and return it: nobody will see it again."""
    tokens = load_tokens(path)
    token = f"jm_{secrets.token_urlsafe(32)}"
    tokens[digest_of(token)] = {"name": name, "role": role, "created": int(time.time()), "expires": expires}
    _save(path, tokens)
    return token


def revoke_tokens(path: Path, name: str) -> int:
    """Remove all tokens of a name; return how many there were."""
    tokens = load_tokens(path)
    left = {digest: entry for digest, entry in tokens.items() if entry["name"] != name}
    _save(path, left)
    return len(tokens) - len(left)


def _save(path: Path, tokens: dict[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(tokens, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from error
