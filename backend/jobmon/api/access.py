"""Find out who asks: a program by its token, a person by the name that the web server in front vouches for."""

from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from jobmon.api import intent
from jobmon.api.problems import ProblemError
from jobmon.api.proxy import Proxy
from jobmon.api.token_file import TokenFile, UnreadableError
from jobmon.api.tokens import Role
from jobmon.config import WebSettings

STAFF = frozenset({"operator", "admin"})
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
    """Tell people apart by the settings of `[web]`; SettingsError when those cannot be used.

    Tokens that are added or revoked count at once.
    """

    def __init__(self, web: WebSettings) -> None:
        self._web = web
        self._proxy = Proxy(web)
        self._tokens = TokenFile(Path(web.tokens_file)) if web.tokens_file else None

    def person(self, request: Request) -> Person:
        """Return who asks; a token that is not valid is refused rather than taken for nobody."""
        header = request.headers.get("authorization", "")
        kind, _, token = header.partition(" ")
        if kind.lower() == "bearer":
            return self._by_token(token.strip())
        name = self._proxy.name(request)
        return Person(name, self._role(name)) if name else NOBODY

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
        """See that no other site makes the browser ask for a change; else the answer is 403.

        A token is sent on purpose. Where a web server in front signs people in, all that their browser sends is signed.
        """
        if request.headers.get("authorization", "").lower().startswith("bearer "):
            return
        wrong = intent.problem_of(request, self._web.public_url, self._proxy.is_proven(request))
        if wrong:
            raise ProblemError(403, f"Requests that change something must come from jobmon's own pages: {wrong}.")

    def trouble(self) -> str:
        """Return what keeps people from signing in now, "" when nothing does; for /healthz."""
        return self._tokens.trouble() if self._tokens else ""

    def _role(self, name: str) -> Role:
        if name in self._web.admins:
            return "admin"
        return "operator" if name in self._web.operators else "user"

    def _by_token(self, token: str) -> Person:
        try:
            entry = self._tokens.find(token) if self._tokens else None
        except UnreadableError:
            raise ProblemError(
                503, "The file of tokens cannot be read, so that no token is valid now; the daemon's log says why."
            ) from None
        if entry is None or not entry.name:
            raise ProblemError(401, "This token is not valid, or not any more.", SIGN_IN)
        return Person(entry.name, entry.role)
