"""Record declared events, such as a maintenance or a change of software, and list them."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from jobmon import clock
from jobmon.engine.outbox_tables import MARK
from jobmon.errors import JobmonError, SettingsError
from jobmon.store import Store

MOST_NAME = 100
MOST_NOTE = 2000
LATEST = 4_102_444_800
"""The year 2100: what lies after it is likely to be in milliseconds."""
PERSON = "person:"
"""Begins the source of what a person declared; the account follows."""
RESERVATION = "reservation"
"""Is the source of what the scheduler declares; where the cluster has a name, ":" and that name follow."""


class NoSuchMarkError(JobmonError):
    """A mark with that number is not there, or nobody may take it back."""


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

    @property
    def kind(self) -> Literal["person", "reservation"]:
        """Say what declared it, without saying who."""
        return "reservation" if self.source.partition(":")[0] == RESERVATION else "person"


@dataclass(frozen=True, slots=True)
class Declared:
    """Be an event that a source declares now; times in epoch seconds, `until` is None while its end is not known."""

    name: str
    at: float
    until: float | None = None
    note: str = ""
    """What is recorded with it; a later change of it is not."""


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


def follow(store: Store, source: str, declared: Collection[Declared], now: float) -> tuple[str, ...]:
    """Let the marks of a source be what it declares at `now`, and return what was changed, in words.

    What is new is recorded, an end that was moved follows, and what is declared no more before its end ends now. Any
    number of processes may do so; where nothing is to be changed the store is only read. SettingsError when an event
    cannot be a mark.
    """
    first = min((event.at for event in declared), default=now)
    with store.reading() as connection:
        if not _differences(_known(connection, source, first, now), declared, now):
            return ()
    done = []
    with store.writing() as connection:  # and look again: somebody else may have been quicker
        for event, mark in _differences(_known(connection, source, first, now), declared, now):
            if mark is None:
                if add(connection, event.name, event.at, until=event.until, note=event.note, source=source):
                    done.append(f"{event.name} has begun")
                continue
            changed = MARK.update().where(MARK.c.id == mark.id).values(until=event.until)
            connection.execute(changed)
            done.append(f"{event.name} {'has ended' if (event.until or LATEST) <= now else 'ends at another time'}")
    return tuple(done)


def listing(connection: sa.Connection, since: float, until: float, newest: int | None = None) -> tuple[Mark, ...]:
    """Return the marks that lie within a span of time or reach into it, in their order; only the `newest` so many."""
    ends = sa.func.coalesce(MARK.c.until, MARK.c.at)
    query = sa.select(MARK).where(MARK.c.at <= until, ends >= since).order_by(MARK.c.at.desc(), MARK.c.id.desc())
    found = connection.execute(query if newest is None else query.limit(newest)).mappings()
    return tuple(Mark(**row) for row in found)[::-1]


def find(connection: sa.Connection, name: str, at: float, source: str) -> Mark | None:
    """Return the mark of that source, name and time; None when there is none."""
    where = (MARK.c.source == source, MARK.c.name == name.strip(), MARK.c.at == at)
    row = connection.execute(sa.select(MARK).where(*where)).mappings().one_or_none()
    return None if row is None else Mark(**row)


def remove(connection: sa.Connection, number: int) -> Mark:
    """Take back what a person declared, and return it; NoSuchMarkError when it is not there or is a reservation's."""
    can_be = 0 < number < 1 << 63  # beyond that databases give up
    query = sa.select(MARK).where(MARK.c.id == number)
    row = connection.execute(query).mappings().one_or_none() if can_be else None
    if row is None:
        raise NoSuchMarkError(f"there is no mark {number}")
    mark = Mark(**row)
    if mark.kind != "person":
        raise NoSuchMarkError(f"mark {number} is of a reservation of the scheduler, and stays")
    connection.execute(MARK.delete().where(MARK.c.id == number))
    return mark


def _known(connection: sa.Connection, source: str, first: float, now: float) -> tuple[Mark, ...]:
    """Return those marks of a source that are not over, or not older than `first`."""
    open_still = sa.or_(MARK.c.until.is_(None), MARK.c.until > now)
    query = sa.select(MARK).where(MARK.c.source == source, sa.or_(open_still, MARK.c.at >= first))
    return tuple(Mark(**row) for row in connection.execute(query.order_by(MARK.c.at, MARK.c.id)).mappings())


def _differences(
    known: Iterable[Mark], declared: Collection[Declared], now: float
) -> list[tuple[Declared, Mark | None]]:
    """Return events as they are to be recorded, each with the mark that is to be changed, None for a new one."""
    marks = {(mark.name, mark.at): mark for mark in known}
    events = {(event.name.strip(), event.at): event for event in declared}
    found = [
        (event, marks.get(key)) for key, event in events.items() if key not in marks or marks[key].until != event.until
    ]
    gone = [mark for key, mark in marks.items() if key not in events and (mark.until is None or mark.until > now)]
    return [*found, *((Declared(mark.name, mark.at, max(mark.at, now)), mark) for mark in gone)]


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
        raise SettingsError(f"mark: {what} = {at}: must be epoch seconds between 1970 and 2100")
    return float(at)
