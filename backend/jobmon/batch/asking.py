"""See who may act on a job, and turn what goes wrong into an answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import HTTPException, Request

from jobmon.api.routes import asker
from jobmon.batch import jobs
from jobmon.errors import JobmonError, SettingsError, StoreError


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


def may_act(request: Request, row: dict[str, Any]) -> str:
    """Return the name of who may act on a job: the staff, and whose it is."""
    person = asker(request)
    if not person.staff and person.name not in {row["user"], row["submitted_by"]}:
        raise HTTPException(403, "This job belongs to somebody else.")
    return person.name
