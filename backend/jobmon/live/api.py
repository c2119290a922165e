"""Answer over HTTP what cannot be in files: questions."""

from jobmon.api.context import Context
from jobmon.api.people import Document
from jobmon.api.routes import Routes
from jobmon.errors import StoreError
from jobmon.live import jobs_api, marks_api, own, privacy, window_api
from jobmon.live.finished import ids_of

SUMMARY = "live/summary"


def routes(context: Context) -> Routes:
    """Return the addresses below /api/live."""
    found = Routes()
    found.include(window_api.router(lambda: context.document(SUMMARY)))
    found.include(jobs_api.router(context.store, context.everything))
    found.include(marks_api.router(context.store))
    return found


class LivePeople:
    """Know whose jobs are whose, and what the public files call people."""

    def __init__(self, context: Context) -> None:
        web = context.settings.web
        self._context = context
        self._mask = privacy.Mask(web.names, privacy.key_of(context.data_path) if web.hides else b"")

    def shown_name(self, user: str) -> str:
        """Return what the public files call a user."""
        return self._mask.name(user)

    def part(self, page: str, document: Document, user: str) -> Document | None:
        """Return one person's own part of a page that hides nothing; None when it has none for one person alone."""
        return own.filtered(page, document, user, lambda: self.jobs_of(user))

    def jobs_of(self, user: str) -> set[str]:
        """Return the ids of a user's jobs: those that are listed, and those that have ended."""
        summary = self._context.document(SUMMARY)
        listed = own.jobs_of(summary, user) if summary else set()
        try:
            return listed | ids_of(self._context.store(), user)
        except StoreError:
            return listed
