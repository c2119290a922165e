"""Say to whom something is told: read `script:/path`, `email:address` and `webhook:url`, each perhaps with `?on=`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from jobmon.errors import SettingsError

EVENTS = ("submit", "start", "finish", "fail")
ALLOWED = (
    "script:/absolute/path, email:name@host or webhook:https://…, "
    f"each perhaps followed by ?on= and some of {', '.join(EVENTS)}"
)
MOST = 20
MOST_LENGTH = 2000
MOST_EMAIL = 254
ATOM = r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
EMAIL = re.compile(rf"(?=.{{1,64}}@){ATOM}(?:\.{ATOM})*@{LABEL}(?:\.{LABEL})*")
ONLY_ON = re.compile(r"[?&]on=([^?&=/]*)$")
BETWEEN = re.compile(r"[\s,]+(?=(?:script|email|webhook):)")


@dataclass(frozen=True, slots=True)
class Target:
    """Be one recipient; SettingsError for one that cannot be."""

    kind: str
    address: str
    """An absolute path, a mail address or a URL."""
    on: tuple[str, ...] = ()
    """The events of which it wants to hear; none stands for all."""

    def __post_init__(self) -> None:
        wrong = _fault(self)
        if wrong:
            raise SettingsError(f"target {f'{self.kind}:{self.address}'[:100]!r}: {wrong}; allowed is {ALLOWED}")

    def wants(self, event: str) -> bool:
        """Say whether it wants to hear of an event."""
        return not self.on or event in self.on


def is_email(address: str) -> bool:
    """Say whether a text is one mail address that every server understands."""
    return bool(EMAIL.fullmatch(address)) and len(address) <= MOST_EMAIL


def parse_targets(given: str | Sequence[str]) -> tuple[Target, ...]:
    """Return the recipients of a list, or of a text with blanks or commas between them, each once.

    SettingsError names the one that is wrong, and what is allowed.
    """
    texts = BETWEEN.split(given.strip(" \t,")) if isinstance(given, str) else list(given)
    targets = tuple(dict.fromkeys(_parse(text) for text in texts if text))
    if len(targets) > MOST:
        raise SettingsError(f"targets: there are {len(targets)}, at most {MOST} are allowed")
    return targets


def _parse(text: str) -> Target:
    kind, _, address = text.partition(":")
    found = ONLY_ON.search(address)
    if not found:
        return Target(kind, address)
    events = tuple(dict.fromkeys(found[1].split(",")))
    unknown = [event for event in events if event not in EVENTS]
    if unknown:
        raise SettingsError(f"target {text[:100]!r}: on={found[1][:50]}: {unknown[0]!r} is no event; use {ALLOWED}")
    return Target(kind, address[: found.start()], events)


def _fault(target: Target) -> str:
    """Return what is wrong, "" when nothing is."""
    address = target.address
    if not address.isprintable() or len(address) > MOST_LENGTH:
        return "is too long or holds line breaks or other control characters"
    if any(event not in EVENTS for event in target.on):
        return "names unknown events"
    match target.kind:
        case "script":
            # a path with a question mark is more likely a slip in ?on= than a file
            return "" if address.startswith("/") and "?" not in address else "is not an absolute path"
        case "email":
            return "" if is_email(address) else "is not one mail address"
        case "webhook":
            return _fault_of_url(address)
    return "is of no known kind"


def _fault_of_url(address: str) -> str:
    try:
        parts = urlsplit(address)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or " " in address or not address.isascii():
        return "is not the address of a web server"
    return "names a user or password, which would be shown" if parts.username or parts.password else ""
