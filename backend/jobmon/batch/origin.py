"""Tell people from the machinery that acts by itself: in a column of its own, for a login may be any word."""

from enum import Enum
from typing import Any

import sqlalchemy as sa

PERSON = "person"


class Machinery(Enum):
    """Be what asks for something without being a person; nothing that is compared with a login."""

    CRON = "cron"
    """An entry of the crontab that was due."""
    WORKFLOW = "workflow"
    """A rule of a workflow, or a run of it."""
    MASTER = "master"
    """The master, which follows what jobs do."""


Who = str | Machinery
"""A person by the login, or machinery."""
TEXTS = {Machinery.CRON: "the crontab", Machinery.WORKFLOW: "a workflow", Machinery.MASTER: "the master"}


def name_of(who: Who) -> str:
    """Return the login; "", which nobody has, for machinery."""
    return who if isinstance(who, str) else ""


def origin_of(who: Who) -> str:
    """Return what stands in a column `origin`."""
    return PERSON if isinstance(who, str) else who.value


def text_of(who: Who) -> str:
    """Return who it was, in words."""
    return who if isinstance(who, str) else TEXTS[who]


def shown(origin: str, name: str) -> str:
    """Return who it was as a terminal shows a row's columns; machinery stands in brackets, so that it is no login."""
    return name if origin == PERSON else f"({origin})"


def columns_of(column: str, who: Who) -> dict[str, Any]:
    """Return the values of a row's columns; `column` is the one of the login."""
    return {column: name_of(who), "origin": origin_of(who)}


def column() -> sa.Column[str]:
    """Return the column that says what asked for something."""
    return sa.Column("origin", sa.Text, nullable=False, server_default=PERSON)
