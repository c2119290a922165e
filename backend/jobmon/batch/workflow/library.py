"""Keep the workflow files of a folder as they are now, reading them again when one has changed."""

import threading
from pathlib import Path

from jobmon import clock
from jobmon.batch.workflow import definitions
from jobmon.batch.workflow.definitions import Definition, Definitions
from jobmon.errors import SettingsError

LOOK_S = 2.0


class Library:
    """Hold the workflows of a folder; any thread may ask."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._signature: tuple[tuple[str, int, int], ...] | None = None
        self._known = Definitions()
        self._looked_at = float("-inf")

    @property
    def folder(self) -> str:
        """Return where the files are."""
        return self._folder

    def current(self) -> Definitions:
        """Return what the files say, at most two seconds ago."""
        with self._lock:
            if clock.monotonic() - self._looked_at >= LOOK_S:
                self._looked_at = clock.monotonic()
                signature = self._sign()
                if signature != self._signature:
                    self._signature = signature
                    self._known = definitions.load(self._folder)
            return self._known

    def find(self, name: str) -> Definition:
        """Return a workflow; SettingsError says which there are."""
        known = self.current()
        if name not in known.workflows:
            names = ", ".join(sorted(known.workflows)) or "none"
            wrong = f"; wrong files: {'; '.join(known.errors)}" if known.errors else ""
            raise SettingsError(f"there is no workflow {name[:80]!r} in {self._folder}; known: {names}{wrong}"[:2000])
        return known.workflows[name]

    def _sign(self) -> tuple[tuple[str, int, int], ...]:
        found = []
        for path in Path(self._folder).glob("*.toml"):
            try:
                status = path.stat()
                found.append((path.name, status.st_mtime_ns, status.st_size))
            except OSError:  # a link that leads nowhere: the others are read all the same
                found.append((path.name, 0, 0))
        return tuple(sorted(found))
