"""Name the states of an attempt, and the columns in which a table keeps them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

WAITING, HELD, SUBMITTING, PENDING, RUNNING = "waiting", "held", "submitting", "pending", "running"
SUCCEEDED, FAILED, CANCELLED, LOST, SKIPPED = "succeeded", "failed", "cancelled", "lost", "skipped"
ACTIVE = (SUBMITTING, PENDING, RUNNING)
"""The scheduler may have it."""
ENDED = (SUCCEEDED, FAILED, CANCELLED, LOST, SKIPPED)
"""Nothing changes any more."""

MOST_TAIL = 4096
"""So many characters of the end of the output go into the store."""


def columns() -> list[sa.Column[Any]]:
    """Return the columns that a table of attempts needs beside its own; times in epoch seconds."""
    return [
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("scheduler", sa.Text, nullable=False),
        sa.Column("scheduler_id", sa.Text),
        sa.Column("submit_key", sa.Text, unique=True, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False, default=1),
        sa.Column("tries", sa.Integer, nullable=False, default=0),
        sa.Column("unknown", sa.Boolean, nullable=False, default=False),
        # How often it came back to be submitted again, because the scheduler did not have it.
        sa.Column("returns", sa.Integer, nullable=False, server_default="0"),
        sa.Column("fence", sa.BigInteger),
        sa.Column("priority", sa.Integer, nullable=False, default=0),
        sa.Column("not_before", sa.Float, nullable=False, default=0.0),
        sa.Column("latest_start", sa.Float),
        sa.Column("released_at", sa.Float),
        sa.Column("cancel_at", sa.Float),
        sa.Column("submitted_at", sa.Float),
        sa.Column("started_at", sa.Float),
        sa.Column("finished_at", sa.Float),
        sa.Column("ending", sa.Text),
        sa.Column("return_code", sa.Integer),
        sa.Column("signal", sa.Integer),
        sa.Column("reason", sa.Text),
        sa.Column("host", sa.Text),
        sa.Column("output_bytes", sa.BigInteger),
        sa.Column("output_tail", sa.Text),
        sa.Column("put_aside", sa.Text),
    ]


def is_late(row: Mapping[str, Any], now: float) -> bool:
    """Say whether an attempt's latest start has passed."""
    return row["latest_start"] is not None and now > row["latest_start"]


@dataclass(frozen=True, slots=True)
class Work:
    """Hold what a job is to run, and where; `folder` of the attempt and key are added when it is submitted."""

    args: tuple[str, ...]
    working_dir: str
    output: str = ""
    """Path of a file, "" for `output` in the attempt's folder."""
    queue: str = ""
    options: tuple[str, ...] = ()
    limit_s: float = 0
    user: str = ""
    latest_start: float = 0
    """Epoch seconds after which the command is not started any more; 0 for none."""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Hold a row of the table as it is after a change, and what was known when it changed."""

    row: Mapping[str, Any]
    text: str
    """What happened, in words."""
    tail: str = ""
    """The last 64 KiB of the output, when it ended."""
    before: str = ""
    """The state it had."""

    @property
    def status(self) -> str:
        """Return the state it has now."""
        return str(self.row["status"])

    @property
    def output(self) -> str:
        """Return the end of the output, as much of it as is known."""
        return self.tail or self.row["output_tail"] or ""

    @property
    def output_cut(self) -> bool:
        """Say whether there was more output before that."""
        return (self.row["output_bytes"] or 0) > len(self.output.encode(errors="replace"))


Describe = Callable[[Mapping[str, Any]], Work]
"""Returns what a row is to run."""
Changed = Callable[[sa.Connection, Sequence[Attempt]], None]
"""Is called with all that changed their states in a transaction, within it."""
Choose = Callable[[sa.Connection, list[Mapping[str, Any]]], list[Mapping[str, Any]]]
"""Returns those of the waiting rows that may be submitted now, within the limits of their queues."""
