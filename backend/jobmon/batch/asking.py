"""See who may act on a job, and turn what goes wrong into an answer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fastapi import Request

from jobmon.api import problems
from jobmon.api.problems import ProblemError
from jobmon.api.routes import Asker, asker
from jobmon.batch import jobs
from jobmon.batch.requests import is_own_account
from jobmon.engine.outbox import parse_targets
from jobmon.errors import JobmonError, SettingsError, StoreError


@contextmanager
def answering() -> Iterator[None]:
    """Turn what went wrong into an answer that says so."""
    try:
        yield
    except SettingsError as error:
        raise ProblemError(400, str(error)) from error
    except jobs.NoSuchThing as error:
        raise ProblemError(404, str(error)) from error
    except jobs.TooMany as error:
        raise ProblemError(429, str(error)) from error
    except jobs.NotPossible as error:
        raise ProblemError(409, str(error)) from error
    except StoreError as error:
        raise problems.of_store(error, "The store of jobs") from error
    except JobmonError as error:
        raise ProblemError(500, str(error)) from error


def may_act(request: Request, row: Mapping[str, Any], starts: bool = False) -> str:
    """Return the name of who may act on a job: the staff, and whose it is; `starts` says that it would run then."""
    person = asker(request)
    if not person.staff and person.name not in {row["user"], row["submitted_by"]} - {""}:
        raise ProblemError(403, "This job belongs to somebody else.")
    if starts:
        check_start(person, row["user"])
    return person.name


def check_start(person: Asker, user: str) -> None:
    """See that somebody may let a job run as `user`; the daemon's own account is for the staff.

    Who is called like the daemon's own account is a user like others: it may be root's name that a web server in front
    has let in.
    """
    if not person.staff and (user != person.name or is_own_account(user)):
        raise ProblemError(403, "You may let jobs run under your own account only, which is not the daemon's.")


def check_notices(person: Asker, notify: Sequence[str]) -> None:
    """See that somebody may name who is told: the daemon itself runs scripts and calls web servers."""
    if not person.staff and any(target.kind != "email" for target in parse_targets(notify)):
        raise ProblemError(403, "Only operators and administrators may name scripts and webhooks to be told.")
