"""Find out who asks: a program by its token, a person by the name that a trusted proxy vouches for."""

import hmac
import ipaddress
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request

from jobmon.api.problems import ProblemError
from jobmon.api.tokens import Role, digest_of, load_tokens
from jobmon.config import WebSettings

STAFF = frozenset({"operator", "admin"})
MOST_TOKEN = 200
MOST_NAME = 255
SIGN_IN = {"WWW-Authenticate": 'Bearer realm="jobmon"'}


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


class Access:
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
        self.check_reader(person)
        return person

    def check_reader(self, person: Person) -> None:
        """See that somebody may read at all; else the answer is 401."""
        if self._web.read != "open":
            self.check_signed_in(person, "Sign in to see this cluster's jobs.")

    def check_signed_in(self, person: Person, detail: str) -> None:
        """See that somebody has signed in; else the answer is 401."""
        if person.role == "anonymous":
            raise ProblemError(401, detail, SIGN_IN)

    def check_intent(self, request: Request) -> None:
        """See that no other site makes the browser ask for a change.

        A token is sent on purpose. Where a proxy signs people in, every request of their browser is signed, so ours
        carries a header that another site cannot add, and comes from our own pages.
        """
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
        raise ProblemError(401, "This token is not valid, or not any more.", SIGN_IN)

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
