"""Choose the published files that somebody may read: everybody's, the staff's, or one person's part of these."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import orjson
from starlette.requests import Request

from jobmon.api.access import Access
from jobmon.api.people import Document, Everybody, People
from jobmon.api.problems import ProblemError
from jobmon.config import LiveSettings, WebSettings
from jobmon.errors import SpoolError
from jobmon.spool import layout, writer
from jobmon.web import joined
from jobmon.web.cache import Cache, Stored

EVERYBODY = Everybody()
MOST_KEPT = 64 << 20
"""So many bytes of files are kept out of which one person's part was cut."""


def filter_file(file: Stored, name: str, user: str, people: People) -> Stored | None:
    """Return one person's part of a staff's file; None when it has none for one person alone."""
    try:
        document: Document = orjson.loads(joined.unpack([file.content]))
    except (SpoolError, ValueError) as error:
        raise ProblemError(500, "A published file is damaged or cut off.") from error
    part = people.part(name, document, user)
    if part is None:
        return None
    mark = hashlib.sha256(user.encode()).hexdigest()[:8]
    return Stored(writer.compress(orjson.dumps(part) + b"\n"), f"{file.tag}-{mark}")


@dataclass(frozen=True, slots=True)
class View:
    """Be what one person may read: a folder, and of its files the own part when `user` is not empty."""

    folder: Path
    private: str = ""
    """The request headers by which answers differ between people; empty when they do not."""
    shown: str = ""
    """What the files call the person, empty for nobody."""
    user: str = ""
    filtered: Cache | None = None
    people: People = EVERYBODY

    def part(self, file: Stored | None, name: str) -> Stored | None:
        """Return the file, or the person's own part of it; `name` says what kind of file it is."""
        if file is None or self.filtered is None:
            return file
        return self.filtered.get((self.user, name, file.tag), lambda: filter_file(file, name, self.user, self.people))


class Shelf:
    """Know who may read what; without `access` everybody reads everything."""

    def __init__(
        self, live: LiveSettings, web: WebSettings | None = None, access: Access | None = None,
        people: People = EVERYBODY,
    ) -> None:  # fmt: skip
        self._folder = Path(live.data_path)
        self._web = web
        self._access = access
        self._people = people
        self._filtered = Cache(MOST_KEPT)

    def view(self, request: Request) -> View:
        """Return what the one who asks may read; 401 when that is nothing."""
        web, access = self._web, self._access
        if web is None or access is None or not (web.knows_people or web.hides):
            return View(self._folder)
        person = access.reader(request)
        private = f"Authorization, {web.remote_user_header}"
        shown = person.name if person.staff else self._people.shown_name(person.name)
        everything = layout.everything(self._folder, web.hides)
        if web.hides and person.staff:
            return View(everything, private, shown)
        if web.read == "own":
            return View(everything, private, shown, person.name, self._filtered, self._people)
        return View(self._folder, private, shown)
