"""Publish the files of the ancestor's contract, keep their history, and purge what is old.

Under the data path: the newest snapshot and, as hard links, one file per snapshot; the history of core usage; the
backfill; and `cgi.index`, which tells the CGI scripts the names of these files and the times there are.
"""

import logging
import time
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from jobmon.config import LiveSettings
from jobmon.errors import SpoolError
from jobmon.spool import layout, reader, retention, writer

log = logging.getLogger("jobmon.live")

INDEX = "cgi.index"
RESTORE_S = 0.5
"""So long a cycle may read old snapshots to restore a lost history."""


class Archive:
    """Own the files of the contract in one data path."""

    def __init__(self, settings: LiveSettings, now: float) -> None:
        self._settings = settings
        self.folder = Path(settings.data_path)
        self._current = self.folder / settings.file_name_pattern.format("")
        self._remove_leftovers()
        self.times = reader.times_on_disk(self.folder, settings.file_name_pattern)
        self.last = self._read_last()
        self._entries: dict[int, bytes] = {}
        self._read_history()
        self._missing = [t for t in self.times if t not in self._entries and self._is_recent(t, now)]

    def publish(self, snapshot: dict[str, Any], body: bytes, backfill: dict[str, Any]) -> int:
        """Write snapshot (`body` is its JSON), history, backfill and index; return the snapshot's bytes on disk."""
        timestamp: int = snapshot["timestamp"]
        compressed = writer.compress(body + b"\n")
        writer.write(self._current, compressed)
        writer.link(self._current, self._stamped(timestamp))
        if timestamp not in self.times:
            self.times = sorted([*self.times, timestamp])
        self._entries[timestamp] = orjson.dumps(snapshot["usage"])
        self._restore_entries()
        self._write_history(timestamp)
        writer.write(self.folder / self._settings.file_name_backfill, writer.compress(orjson.dumps(backfill) + b"\n"))
        self._write_index()
        return len(compressed)

    def adopt(self, usage: dict[int, dict[str, Any]]) -> None:
        """Take over snapshots of the past that somebody else wrote, with their usage by time."""
        self.times = sorted({*self.times, *usage})
        self._entries |= {timestamp: orjson.dumps(used) for timestamp, used in usage.items()}

    def purge(self, now: float) -> None:
        """Remove snapshots older than `history_delete_age`, those that no history knows included."""
        for old in retention.expired(self.times, now, self._settings.history_delete_age):
            try:
                self._stamped(old).unlink(missing_ok=True)
            except OSError as error:
                log.error("%s: cannot be removed: %s", self._stamped(old), error.strerror)
                continue
            self.times.remove(old)

    def _stamped(self, timestamp: int) -> Path:
        return self.folder / self._settings.file_name_pattern.format(timestamp)

    def _is_recent(self, timestamp: int, now: float) -> bool:
        return timestamp <= now and now - timestamp < self._settings.history_length

    def _write_history(self, now: int) -> None:
        self._entries = {t: entry for t, entry in sorted(self._entries.items()) if self._is_recent(t, now)}
        entries = b",".join(b'"%d":%s' % item for item in self._entries.items())
        writer.write(self.folder / self._settings.file_name_history, writer.compress(b'{"history":{%s}}\n' % entries))

    def _write_index(self) -> None:
        names = (
            self._settings.file_name_pattern,
            self._settings.file_name_history,
            self._settings.file_name_backfill,
        )
        lines = ["\t".join(names), *map(str, self.times), ""]
        writer.write(self.folder / INDEX, "\n".join(lines).encode())

    def _read_last(self) -> dict[str, Any] | None:
        """Return the newest snapshot, and see that it has its time-stamped name, which a crash may have prevented."""
        try:
            last: dict[str, Any] | None = reader.read_json(self._current)
            if last is not None and int(last["timestamp"]) not in self.times:
                writer.link(self._current, self._stamped(int(last["timestamp"])))
                self.times = sorted([*self.times, int(last["timestamp"])])
        except (SpoolError, KeyError, TypeError, ValueError) as error:
            log.warning("%s: %s; going on without it", self._current, error)
            return None
        return last

    def _read_history(self) -> None:
        path = self.folder / self._settings.file_name_history
        try:
            document = reader.read_json(path)
            if document is not None:
                self._entries = {int(t): orjson.dumps(usage) for t, usage in document["history"].items()}
        except (SpoolError, KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("%s: %s; it is restored from the snapshots that are kept", path, error)

    def _restore_entries(self) -> None:
        """Read what the history lost from the snapshots themselves, newest first, a little in each cycle."""
        deadline = time.monotonic() + RESTORE_S
        while self._missing and time.monotonic() < deadline:
            timestamp = self._missing.pop()
            try:
                snapshot = reader.read_json(self._stamped(timestamp))
                if snapshot is not None:
                    self._entries[timestamp] = orjson.dumps(snapshot["usage"])
            except (SpoolError, KeyError, TypeError) as error:
                log.warning("%s: %s; it stays out of the history", self._stamped(timestamp), error)

    def _remove_leftovers(self) -> None:
        """Remove temporary files that a crash left behind, where nobody else writes."""
        name = f".*{writer.TEMPORARY_SUFFIX}"
        ours = (self.folder.glob(name), (self.folder / "state").glob(name), layout.pages(self.folder).rglob(name))
        for path in chain(*ours):
            log.info("%s: left behind by a crash, removed", path)
            path.unlink(missing_ok=True)
