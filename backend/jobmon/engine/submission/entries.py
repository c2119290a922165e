"""Say which entries of a scheduler's listing belong to which attempt."""

from jobmon.engine.submission.attempts import SUBMITTING
from jobmon.engine.submission.ledger import Row
from jobmon.schedulers.acting import Seen
from jobmon.schedulers.command import own_name


def may_be(row: Row, seen: Seen) -> bool:
    """Say whether an entry can be of an attempt: anybody can choose any name for a job, but not whose it is.

    Where the scheduler tells a number instead of a name, or nothing, that is not known.
    """
    told = bool(seen.user) and not seen.user.isdigit()
    return not told or "user" not in row or seen.user == (row["user"] or own_name())


def own_entry(row: Row, seens: list[Seen]) -> Seen | None:
    """Return the entry of the id that is on record."""
    return next((seen for seen in seens if seen.id == row["scheduler_id"]), None)


def is_orphan(row: Row | None, number: str) -> bool:
    """Say whether a held job is on no record, and nobody is about to write one down."""
    return row is None or (row["status"] != SUBMITTING and row["scheduler_id"] != number)
