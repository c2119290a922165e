"""Show of each kind of thing the fields that are named for whoever asks; a field that is not named is shown to nobody.

Each capability names its kinds in its module `visibility`. A new column of a table is therefore shown nowhere until it
is listed there, and docs/access.md has the same lists as a table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from jobmon.api.routes import Asker


class To(IntEnum):
    """Say who is shown a field; whoever is named by a later one is shown all the earlier ones as well."""

    READERS = 0
    """Whoever gets an answer."""
    OPENLY = 1
    """All readers where `[web] read` and `names` hide nothing; else whose it is, and the staff."""
    CONTENT = 2
    """Whose it is, and the staff; all readers where a setting opens it and nothing is hidden."""
    OWNER = 3
    """Whose it is, and the staff."""
    STAFF = 4
    """Operators and administrators."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Be a kind of thing: what of it is shown to whom."""

    name: str
    fields: Mapping[To, str]
    """Names with blanks between them."""
    owners: tuple[str, ...] = ()
    """The fields that name whose it is; none where it belongs to nobody in particular."""
    people: frozenset[str] = frozenset()
    """The fields that hold names of people, who are called by their public names."""
    changed: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    """How some fields are shown, where nobody is shown all of them."""

    def belongs(self, row: Mapping[str, Any], who: Asker) -> bool:
        """Say whether it is that person's own."""
        return bool(who.name) and any(row.get(name) == who.name for name in self.owners)

    def named(self, to: To) -> list[str]:
        """Return the fields that are shown to somebody, those for the staff alone last."""
        return [name for level, names in sorted(self.fields.items()) if level <= to for name in names.split()]

    def shown(
        self, row: Mapping[str, Any], who: Asker, *, own: bool | None = None, opened: bool = False
    ) -> dict[str, Any]:
        """Return what is shown of one to whoever asks.

        `own` says whether it is that person's, where that cannot be seen from its own fields; `opened` that content is
        for all readers.
        """
        to = self.to(who, own=self.belongs(row, who) if own is None else own, opened=opened)
        return {name: self._told(name, row[name], who) for name in self.named(to) if name in row}

    def all_shown(self, rows: Iterable[Mapping[str, Any]], who: Asker, **how: Any) -> list[dict[str, Any]]:
        """Return what is shown of several."""
        return [self.shown(row, who, **how) for row in rows]

    @staticmethod
    def to(who: Asker, *, own: bool, opened: bool = False) -> To:
        """Return the most that somebody is shown."""
        if who.staff:
            return To.STAFF
        if own:
            return To.OWNER
        if who.own:
            return To.READERS
        return To.CONTENT if opened else To.OPENLY

    def _told(self, name: str, value: Any, who: Asker) -> Any:
        if name in self.people and isinstance(value, str):
            return public_name(value, who)
        return self.changed[name](value) if name in self.changed else value


def public_name(name: str, who: Asker) -> str:
    """Return what a person is called for whoever asks: by the own name for oneself and for the staff."""
    return name if who.staff or name in {"", who.name} else who.shown(name)


def table(kinds: Iterable[Kind]) -> str:
    """Return the kinds as a table in Markdown, for docs/access.md."""
    titles = ("", "who may read", "… where nothing is hidden", "whose it is: content", "whose it is", "staff")
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for kind in kinds:
        cells = [", ".join(f"`{name}`" for name in kind.fields.get(level, "").split()) for level in To]
        lines.append("| " + " | ".join([f"**{kind.name}**", *cells]) + " |")
    return "\n".join(lines) + "\n"
