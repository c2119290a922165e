"""Find out who asks: a program by its token, a person by the name that a trusted proxy vouches for."""

import hashlib
import hmac
import ipaddress
import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from starlette.requests import Request

from jobmon.config import WebSettings
from jobmon.errors import SettingsError
from jobmon.web.problems import ProblemError

Role = Literal["anonymous", "user", "operator", "admin"]
ROLES = ("user", "operator", "admin")
STAFF = frozenset({"operator", "admin"})
MOST_TOKEN = 200
MOST_NAME = 255


@dataclass(frozen=True, slots=True)
class Person:
    """Be whoever asks; an anonymous person has no name."""

    name: str
    role: Role

    @property
    def staff(self) -> bool:
        """Say whether all may be seen."""
        return self.role in STAFF


NOBODY = Person("", "anonymous")


class Doorkeeper:
    """Tell people apart by the settings of `[web]`; tokens that are added or revoked count at once."""

    def __init__(self, web: WebSettings) -> None:
        self._web = web
        self._networks = [ipaddress.ip_network(address, strict=False) for address in web.trusted_proxies]
        self._tokens: dict[str, Any] = {}
        self._stamp: tuple[int, int] | None = None

    def person(self, request: Request) -> Person:
        """Return who asks; a token that is not valid is refused rather than taken for nobody."""
        header = request.headers.get("authorization", "")
        kind, _, token = header.partition(" ")
        if kind.lower() == "bearer":
            return self._by_token(token.strip())
        name = request.headers.get(self._web.remote_user_header, "")
        if name and self._is_trusted(request) and len(name) <= MOST_NAME and name.isprintable():
            return Person(name, self._role(name))
        return NOBODY

    def reader(self, request: Request) -> Person:
        """Return who asks, where that person may read at all; else the answer is 401."""
        person = self.person(request)
        if self._web.read != "open" and person.role == "anonymous":
            raise ProblemError(
                401, "Sign in to see this cluster's jobs.", {"WWW-Authenticate": 'Bearer realm="jobmon"'}
            )
        return person

    def check_intent(self, request: Request) -> None:
        """See that whoever wants something changed has signed in, and that no other site makes the browser ask.

        A token is sent on purpose. Where a proxy signs people in, every request of their browser is signed, so ours
        carries a header that another site cannot add, and comes from our own pages.
        """
        if self.person(request).role == "anonymous":
            raise ProblemError(401, "Sign in to do this.", {"WWW-Authenticate": 'Bearer realm="jobmon"'})
        if request.headers.get("authorization", "").lower().startswith("bearer "):
            return
        origin = request.headers.get("origin", "")
        foreign = origin and origin.partition("://")[2] != request.headers.get("host", "")
        if foreign or not request.headers.get("x-requested-with"):
            raise ProblemError(403, "Requests that change something must come from jobmon's own pages.")

    def _role(self, name: str) -> Role:
        if name in self._web.admins:
            return "admin"
        return "operator" if name in self._web.operators else "user"

    def _is_trusted(self, request: Request) -> bool:
        if request.client is None:
            return False
        try:
            address = ipaddress.ip_address(request.client.host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def _by_token(self, token: str) -> Person:
        digest = digest_of(token) if 0 < len(token) <= MOST_TOKEN else ""
        for known, entry in self._known().items():
            if hmac.compare_digest(known, digest) and (entry["expires"] is None or entry["expires"] > time.time()):
                return Person(entry["name"], entry["role"])
        raise ProblemError(
            401, "This token is not valid, or not any more.", {"WWW-Authenticate": 'Bearer realm="jobmon"'}
        )

    def _known(self) -> dict[str, Any]:
        if not self._web.tokens_file:
            return {}
        path = Path(self._web.tokens_file)
        try:
            status = path.stat()
        except OSError:
            return {}
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            self._tokens, self._stamp = load_tokens(path), stamp
        return self._tokens


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
