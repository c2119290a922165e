"""Record declared events, such as a maintenance or a change of software, and list them."""

import math
from dataclasses import dataclass

import sqlalchemy as sa

from jobmon import clock
from jobmon.engine.outbox_tables import MARK
from jobmon.errors import SettingsError

MOST_NAME = 100
MOST_NOTE = 2000
LATEST = 4_102_444_800
"""The year 2100: what lies after it is likely to be in milliseconds."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Be a declared event; times in epoch seconds, `until` is None for a moment."""

    id: int
    name: str
    at: float
    until: float | None
    note: str
    source: str
    made_at: float


def add(
    connection: sa.Connection, name: str, at: float, *, until: float | None = None, note: str = "", source: str
) -> bool:
    """Record a mark; say whether it is new: one with this source, name and time stays as it was recorded first.

    SettingsError says what is wrong with it.
    """
    row = {
        "name": _line("name", name),
        "at": _time("at", at),
        "until": None if until is None else _time("until", until),
        "note": _note(note),
        "source": _line("source", source),
    }
    if until is not None and until < at:
        raise SettingsError(f"mark {name!r}: until: lies before at")
    try:
        with connection.begin_nested():
            connection.execute(MARK.insert().values(**row, made_at=clock.now()))
    except sa.exc.IntegrityError:
        return False
    return True


def listing(connection: sa.Connection, since: float, until: float) -> tuple[Mark, ...]:
    """Return the marks that lie within a span of time or reach into it, in their order."""
    ends = sa.func.coalesce(MARK.c.until, MARK.c.at)
    query = sa.select(MARK).where(MARK.c.at <= until, ends >= since).order_by(MARK.c.at, MARK.c.id)
    return tuple(Mark(**row) for row in connection.execute(query).mappings())


def _line(what: str, text: str) -> str:
    line = text.strip()
    if not line or len(line) > MOST_NAME or not line.isprintable():
        raise SettingsError(
            f"mark: {what} = {text[:MOST_NAME]!r}: must be one line of 1 to {MOST_NAME} printable characters"
        )
    return line


def _note(text: str) -> str:
    if len(text) > MOST_NOTE or not text.replace("\n", " ").replace("\t", " ").isprintable():
        raise SettingsError(f"mark: note: must be text of at most {MOST_NOTE} characters")
    return text


def _time(what: str, at: float) -> float:
    if not math.isfinite(at) or not 0 <= at <= LATEST:
        raise SettingsError(f"mark: {what} = {at}: must be epoch seconds")
    return float(at)
