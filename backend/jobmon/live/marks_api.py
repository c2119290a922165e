"""Answer questions about declared events over HTTP."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query, Request

from jobmon import clock
from jobmon.api import problems
from jobmon.api.routes import Level, Routes, asker
from jobmon.engine import marks
from jobmon.errors import StoreError
from jobmon.live.mark_keeper import MOST_SHOWN
from jobmon.live.visibility import MARK
from jobmon.store import Store

LISTED_S = 90 * 86_400

Time = Annotated[int | None, Query(ge=0, le=marks.LATEST, description="Epoch seconds.")]


def router(store: Callable[[], Store]) -> Routes:
    """Return the routes.

    Only staff are told who declared a mark, and where something is hidden also what was written to it.
    """
    routes = Routes()

    @routes.get(
        "/marks",
        Level.READER,
        summary="Declared events, such as maintenance, by their times: of 90 days, and what lies ahead",
    )
    def listed(request: Request, since: Time = None, until: Time = None) -> dict[str, Any]:
        who = asker(request)
        first = clock.now() - LISTED_S if since is None else since
        last = marks.LATEST if until is None else until
        try:
            with store().searching() as connection:
                found = marks.listing(connection, first, last, MOST_SHOWN)
        except StoreError as error:
            raise problems.of_store(error, "The store of marks") from error
        return {
            "marks": [
                # whoever is not told who declared it is told whether it was a person
                {"note": "", "source": mark.kind, **MARK.shown({"number": mark.id, **asdict(mark)}, who)}
                for mark in found
            ]
        }

    return routes
