"""Run one capability's ticks, and say how they went."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobmon import clock
from jobmon.capabilities import Capability
from jobmon.errors import JobmonError, SettingsError, SpoolError
from jobmon.spool import layout, writer

log = logging.getLogger("jobmon.daemon")

WRITERS = 4
"""Files that are packed and written side by side; more would not be quicker."""
LATE_S = 10.0
START_S = 60.0
"""So long a capability may take until its first success without being called late."""


@dataclass
class Turn:
    """Run one capability's ticks, and remember how they went."""

    capability: Capability
    data_path: Path
    last_success_at: float | None = None
    error: str = "has not run yet"
    failures: int = 0
    _made: float = field(default_factory=clock.monotonic)
    _success: float | None = None
    """The last success on a clock that nobody sets."""

    def follow(self, before: Sequence["Turn"]) -> None:
        """Take the place of the turn of the settings before: what went well a moment ago is no beginning."""
        for turn in before:
            if turn.capability.name == self.capability.name and turn.last_success_at is not None:
                self._success, self.error = turn._success, ""  # noqa: SLF001 - of its own kind

    def once(self) -> bool:
        """Tick, and write the pages that changed; say whether all went well. What failed is logged."""
        name = self.capability.name
        try:
            try:
                self.capability.tick(clock.now())
            finally:
                problems = self._write_pages()
            if problems:
                raise SpoolError("; ".join(problems))
        except SettingsError:
            raise
        except JobmonError as error:
            log.error("%s: %s", name, error)
            self.error, self.failures = str(error), self.failures + 1
            return False
        except Exception as error:
            log.exception("%s failed in this cycle; the next one tries again", name)
            self.error, self.failures = f"{type(error).__name__}: {error}", self.failures + 1
            return False
        self.last_success_at, self._success, self.error, self.failures = clock.now(), clock.monotonic(), "", 0
        return True

    def _write_pages(self) -> list[str]:
        problems: list[str] = []
        with ThreadPoolExecutor(WRITERS, "write") as pool:
            for group in self.capability.pages(clock.now()):
                problems += filter(None, pool.map(self._write_page, group))
        return problems

    def _write_page(self, page: tuple[str, bytes]) -> str:
        """Write one file, and return what is wrong; empty when it is there."""
        name, body = page
        try:
            writer.write(layout.published(self.data_path, name), writer.compress(body))
        except SpoolError as error:
            return str(error)
        return ""

    @property
    def late_after_s(self) -> float:
        """Return how long after its last success a capability that still works at its next tick is called late."""
        return max(2 * self.capability.interval, LATE_S)

    def _status(self) -> str:
        """Return "ok" while the last tick that ended was good and is not long ago; else what is wrong."""
        if self.failures or self._trouble():
            return "failing"
        if self._success is None:
            return "starting" if clock.monotonic() - self._made <= START_S else "late"
        return "ok" if clock.monotonic() - self._success <= self.late_after_s else "late"

    def _trouble(self) -> str:
        return self.capability.trouble() if self._success is not None else ""

    def health(self) -> dict[str, Any]:
        """Return the state for /healthz."""
        return {
            "status": self._status(),
            "lastSuccess": self.last_success_at,
            "error": self.error or self._trouble(),
            "failures": self.failures,
            "now": self.capability.status(),
        }
