"""Put values into the {placeholders} of commands, keys and variables.

A command is a list, and each of its elements is filled within itself: a value never becomes a second element, is never
searched for placeholders again, and no shell reads it. {{ and }} stand for the braces themselves.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote

from jobmon.batch.workflow.kinds import VARIABLE
from jobmon.errors import SettingsError

TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
OWN = ("run", "workflow", "stage", "attempt")
"""What every stage has; no parameter and no variable can be called so."""
SPACES = ("item", "last", "set")
"""{item.X} is a field of an `::item` line, {last.X} what the last run that succeeded had set, {set.X} any variable."""
LONGEST = 100_000
"""Bytes of a filled text; Linux takes 131,071 in one element of a command line."""
LONGEST_KEY = 200


class FillError(SettingsError):
    """Tell that a placeholder has no value, or one that no command line can hold."""


@dataclass(frozen=True, slots=True)
class Values:
    """Hold what placeholders can stand for, all of it text."""

    run: str = ""
    workflow: str = ""
    stage: str = ""
    attempt: int = 1
    params: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    last: Mapping[str, str] = field(default_factory=dict)
    item: Mapping[str, str] | None = None

    def get(self, name: str) -> str | None:
        """Return a value or None; parameters come before variables, so that no program's output replaces them."""
        if name in OWN:
            return str(getattr(self, name))
        space, dot, rest = name.partition(".")
        if not dot:
            return self.params.get(name, self.variables.get(name))
        if space == "last":
            return self.last.get(rest, "")  # the first run has no last one, and has to work
        return {"item": self.item or {}, "set": self.variables}.get(space, {}).get(rest)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield pairs of literal text and the name of the placeholder that follows it, "" at the end."""
    literal, at = "", 0
    for token in TOKEN.finditer(text):
        literal += text[at : token.start()]
        at = token.end()
        if token[0] in {"{{", "}}"}:
            literal += token[0][0]
            continue
        name = token[1] or ""
        space, dot, rest = name.partition(".")
        if not VARIABLE.fullmatch(rest if dot and space in SPACES else name):
            raise ValueError(f"{token[0][:40]!r} is no placeholder such as {{package}}; a brace itself is {{{{ or }}}}")
        yield literal, name
        literal = ""
    yield literal + text[at:], ""


def names(text: str) -> list[str]:
    """Return the names of the placeholders of a text in order; ValueError when its braces make no sense."""
    return [name for _, name in _parts(text) if name]


def unknown(text: str, known: Collection[str], spaces: Collection[str]) -> list[str]:
    """Return the placeholders of a text that are neither among the known names nor in one of the spaces."""
    return [name for name in names(text) if name not in known and name.partition(".")[0] not in spaces]


def fill(text: str, values: Values) -> str:
    """Return a text with its values in place; FillError when one is missing or cannot be given to a program."""
    found = "".join(literal + (_value(name, values) if name else "") for literal, name in _parts(text))
    if len(found.encode()) > LONGEST:
        raise FillError(f"{text[:80]!r}: is longer than {LONGEST} bytes when it is filled")
    return found


def fill_key(text: str, values: Values) -> str:
    """Return a key of at most 200 printable characters, which is another one for each set of values.

    Values are quoted as in addresses, so that a/b and c never give the same key as a and b/c.
    """
    key = "".join(
        literal + (quote(_value(name, values), safe="+@:=,~") if name else "") for literal, name in _parts(text)
    )
    return key if len(key) <= LONGEST_KEY else key[: LONGEST_KEY - 65] + "~" + sha256(key.encode()).hexdigest()


def fill_command(command: Sequence[str], values: Values) -> list[str]:
    """Return the list of a command, element by element."""
    return [fill(element, values) for element in command]


def _value(name: str, values: Values) -> str:
    value = values.get(name)
    if value is None:
        raise FillError(f"{{{name}}}: has no value in this run")
    if "\0" in value:
        raise FillError(f"{{{name}}}: holds a NUL character, which no command line can")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FillError(f"{{{name}}}: holds characters that are not UTF-8") from None
    return value
