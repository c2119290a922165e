"""Write messages into the outbox, in the transaction that causes them.

Nothing that a message says can make that transaction fail: what could do harm is replaced or cut here.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from jobmon import clock
from jobmon.engine.outbox.targets import Target
from jobmon.engine.outbox_tables import OUTBOX

Fact = str | int | float | bool | None

MOST_LINE = 300
MOST_TEXT = 20_000
MOST_FACTS = 50
MOST_FACT = 4000
LARGEST = 1e300
NO_NAME = re.compile(r"[^a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Message:
    """Be what one recipient is to be told."""

    target: Target
    subject: str
    """One line; where several are sent together it is all that a person reads of it."""
    bundle: str = ""
    """What belongs together, such as "build 17": messages of one bundle for one recipient are sent together."""
    text: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """Programs get them as JSON, scripts as JOBMON_NAME in their environment."""
    wait_s: float | None = None
    """How long others of its bundle are waited for; None for as long as the settings say."""


def add(connection: sa.Connection, *messages: Message) -> None:
    """Write messages in the caller's transaction: they are sent if it is committed, and only then."""
    now = clock.now()
    rows = [
        {
            "token": secrets.token_hex(8),
            "kind": message.target.kind,
            "address": message.target.address,
            "bundle": one_line(message.bundle),
            "subject": one_line(message.subject) or "(no subject)",
            "text": _clean(message.text, MOST_TEXT),
            "facts": json.dumps(_facts(message.facts)),
            "made_at": now,
            "wait_s": message.wait_s,
            "state": "waiting",
            "digest": False,
            "tries": 0,
            "error": "",
        }
        for message in messages
    ]
    if rows:
        connection.execute(OUTBOX.insert(), rows)


def one_line(text: str, most: int = MOST_LINE) -> str:
    """Return a text as one line without control characters, cut to a length."""
    # cut first: what comes here may be the output of a job
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 4 * most]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _clean(text: str, most: int) -> str:
    """Return a text of several lines without other control characters, cut to a length."""
    cut = text[:most].replace("\r\n", "\n")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in cut)


def _facts(given: Mapping[str, Fact]) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for name, value in given.items():
        known = NO_NAME.sub("_", name.lower())[:64].strip("_")
        if known and len(facts) < MOST_FACTS:
            facts[known] = _fact(value)
    return facts


def _fact(value: Fact) -> Fact:
    if isinstance(value, str):
        return _clean(value, MOST_FACT)
    if value is not None and not abs(value) < LARGEST:
        return None  # neither is there JSON for it, nor does it tell anything
    return value
