"""Say to whom something is told: read `script:/path`, `email:address` and `webhook:url`, each perhaps with `?on=`.

The path and the query of a webhook's address are its password. Once it is set nobody is shown them: not over HTTP, not
on a terminal, not in a message of an error.
"""

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
LEAST_SECRET = 6
"""Shorter parts of an address are ordinary words, and no secret could be as short."""
ATOM = r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
EMAIL = re.compile(rf"(?=.{{1,64}}@){ATOM}(?:\.{ATOM})*@{LABEL}(?:\.{LABEL})*")
ONLY_ON = re.compile(r"[?&]on=([^?&=/]*)$")
HIDDEN = "…"
"""Stands for what is not shown of an address; no real one can hold it."""
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
            raise SettingsError(f"target {_shown(self.kind, self.address)[:100]!r}: {wrong}; allowed is {ALLOWED}")

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


def shown(text: str) -> str:
    """Return a target as people may be shown it: of a webhook nothing that follows the name of its server."""
    kind, _, address = text.partition(":")
    found = ONLY_ON.search(address)
    return f"{_shown(kind, address[: found.start()])}?{found[0][1:]}" if found else _shown(kind, address)


def all_shown(texts: Sequence[str]) -> list[str]:
    """Return targets as people may be shown them."""
    return [shown(text) for text in texts]


def restored(given: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the targets of somebody who was shown `known` and gives them back, with their whole addresses.

    What happens to be shown as another one is has to be named anew: that is a SettingsError.
    """
    whole = {text: [one for one in known if _place(one) == _place(text)] for text in given if HIDDEN in text}
    for text, found in whole.items():
        exact = [one for one in found if shown(one) == text] or found
        if len(exact) != 1:
            raise SettingsError(f"target {shown(text)[:100]!r}: name its whole address again, it is not known which")
        whole[text] = [exact[0].removesuffix(_on(exact[0])) + _on(text)]
    return [whole[text][0] if text in whole else text for text in given]


def without_address(text: str, address: str) -> str:
    """Return a text without the parts of a webhook's address that nobody is shown, should it repeat them."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return HIDDEN
    rest = address.partition(parts.netloc)[2]
    for secret in sorted({address, rest, parts.path, parts.query, *re.split(r"[/?&=#]", rest)}, key=len, reverse=True):
        if len(secret) >= LEAST_SECRET:
            text = text.replace(secret, HIDDEN)
    return text


def _shown(kind: str, address: str) -> str:
    """Return kind and address; of what may be a URL, also one that is wrong, only the scheme and the server's name."""
    if kind in {"script", "email"}:
        return f"{kind}:{address}"
    scheme, between, rest = address.partition("://")
    server = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{kind}:{scheme}{between}{server}/{HIDDEN}" if between else f"{kind}:{HIDDEN}"


def _on(text: str) -> str:
    found = ONLY_ON.search(text.partition(":")[2])
    return found[0] if found else ""


def _place(text: str) -> str:
    return shown(text.removesuffix(_on(text)))


def _parse(text: str) -> Target:
    kind, _, address = text.partition(":")
    found = ONLY_ON.search(address)
    if not found:
        return Target(kind, address)
    events = tuple(dict.fromkeys(found[1].split(",")))
    unknown = [event for event in events if event not in EVENTS]
    if unknown:
        told = _shown(kind, address[: found.start()])[:100]
        raise SettingsError(f"target {told!r}: on={found[1][:50]}: {unknown[0][:50]!r} is no event; use {ALLOWED}")
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
