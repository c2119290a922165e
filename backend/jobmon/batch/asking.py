"""See who asks, what that person may do, and turn what goes wrong into an answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from fastapi import HTTPException, Request

from jobmon.batch import jobs, overview
from jobmon.config import Settings
from jobmon.errors import JobmonError, SettingsError, StoreError


class Person(Protocol):
    """Be whoever asks, as the web application tells it."""

    name: str
    role: str
    staff: bool


class House(overview.House, Protocol):
    """Be the capability."""

    settings: Settings


@contextmanager
def answering() -> Iterator[None]:
    """Turn what went wrong into an answer that says so."""
    try:
        yield
    except SettingsError as error:
        raise HTTPException(400, str(error)) from error
    except jobs.NoSuchThing as error:
        raise HTTPException(404, str(error)) from error
    except jobs.NotPossible as error:
        raise HTTPException(409, str(error)) from error
    except StoreError as error:
        raise HTTPException(503, "The store of jobs does not answer.") from error
    except JobmonError as error:
        raise HTTPException(500, str(error)) from error


def person_of(request: Request) -> Person:
    """Return who asks."""
    person: Person = request.state.person
    return person


def staff(request: Request) -> str:
    """Return the name of an operator or administrator; others are refused."""
    person = person_of(request)
    if not person.staff:
        raise HTTPException(403, "Only operators and administrators may do this.")
    return person.name


def own_only(request: Request, settings: Settings) -> str:
    """Return whose jobs the reader may see; "" for everybody's."""
    person = person_of(request)
    if person.staff or (settings.web.read != "own" and settings.web.names == "full"):
        return ""
    return person.name or "\0"


def may_act(request: Request, row: dict[str, Any]) -> str:
    """Return the name of who may act on a job: the staff, and whose it is."""
    person = person_of(request)
    if not person.staff and person.name not in {row["user"], row["submitted_by"]}:
        raise HTTPException(403, "This job belongs to somebody else.")
    return person.name
