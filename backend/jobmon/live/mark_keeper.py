"""Keep marks of maintenance reservations, and publish all marks, beside the cycle: a store that is away delays nothing.

The cycle hands over what it has seen and goes on; a thread of its own writes it into the store and reads what people
have declared meanwhile. What could not be done is done after the next cycle.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from jobmon import clock, reading
from jobmon.engine import marks
from jobmon.engine.marks import Mark
from jobmon.errors import JobmonError
from jobmon.live.reservation_marks import Seen, seen
from jobmon.printing import plain
from jobmon.spool import layout, writer
from jobmon.store import Store

log = logging.getLogger("jobmon.live")

PAGE = "live/marks"
FORMAT = 1
SHOWN_S = 366 * 86_400
MOST_SHOWN = 2000
END_S = 2.0
"""So long the last marks are waited for when the daemon ends."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Be a folder of published files; `notes` says whether its readers may read what people have written."""

    folder: Path
    notes: bool


class MarkKeeper:
    """Follow what the cycles see, in a thread that begins with the first one."""

    def __init__(self, open_store: Callable[[], Store], shelves: Iterable[Shelf]) -> None:
        self._open = open_store
        self._shelves = tuple(shelves)
        self._changed = threading.Condition()
        self._due = False
        self._ending = False
        self._seen: Seen | None = None
        self._cluster = ""
        self._left_out: frozenset[str] = frozenset()
        self._failed = False
        self._thread: threading.Thread | None = None

    def tell(self, snapshot: Mapping[str, Any] | None) -> None:
        """Hand over a snapshot, None when the cycle failed; returns at once."""
        # A cluster whose name is not told for once is still the same one.
        self._cluster = (snapshot or {}).get("cluster") or self._cluster
        found = None if snapshot is None else seen(snapshot, self._cluster)
        self._report(found)
        with self._changed:
            if self._ending:
                return
            self._due = True
            self._seen = found or self._seen
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="marks", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Finish what was handed over, and end; a store that does not answer is not waited for."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(END_S)

    def _report(self, found: Seen | None) -> None:
        """Log reservations that cannot be marks once, until they are well."""
        left_out = frozenset(found.left_out) if found else self._left_out
        for name in sorted(left_out - self._left_out):
            log.warning("reservation %s has no start that could be marked", name)
        self._left_out = left_out

    def _run(self) -> None:
        store: Store | None = None
        while self._wait():
            try:
                store = store or self._open()
                self._keep(store)
            except JobmonError as error:
                if not self._failed:
                    log.warning("%s; marks are kept and published when it works again", error)
                self._failed = True
            except Exception:
                log.exception("marks are not kept in this cycle; the next one tries again")
            else:
                if self._failed:
                    log.info("marks are kept again")
                self._failed = False
        if store is not None:
            store.close()

    def _wait(self) -> bool:
        """Wait until there is something to do, and say whether there is; else it is the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._due or self._ending)
            due, self._due = self._due, False
            return due

    def _keep(self, store: Store) -> None:
        with self._changed:
            found = self._seen
        if found is not None:
            for change in marks.follow(store, found.source, found.events, found.at):
                log.info("maintenance %s", plain(change, 200))
            with self._changed:
                if self._seen is found:
                    self._seen = None  # what is known of one moment is not to be told again at a later one
        now = clock.now()
        with store.reading() as connection:
            listed = marks.listing(connection, now - SHOWN_S, marks.LATEST, MOST_SHOWN)
        for shelf in self._shelves:
            _publish(shelf, listed)


def document(listed: Iterable[Mark], notes: bool) -> dict[str, Any]:
    """Return live/marks (schema/marks): who declared a mark is not told, `notes` only where they may be read."""
    return {
        "format": FORMAT,
        "marks": [
            {
                "name": mark.name,
                "at": mark.at,
                "until": mark.until,
                "note": mark.note if notes else "",
                "source": mark.kind,
            }
            for mark in listed
        ],
    }


def _publish(shelf: Shelf, listed: Iterable[Mark]) -> None:
    """Write the file of one folder, unless it is there as it is to be."""
    path = layout.page(shelf.folder, PAGE)
    content = writer.compress(orjson.dumps(document(listed, shelf.notes)) + b"\n")
    try:
        if reading.whole(path, len(content)) == content:
            return
    except OSError:
        pass  # it is not there, or is not to be read: write it
    writer.write(path, content)
