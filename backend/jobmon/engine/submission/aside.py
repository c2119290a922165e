"""Put aside what cannot be handled, so that it costs itself alone: it is tried again, less and less often."""

import logging
from collections.abc import Iterable

from jobmon import clock
from jobmon.printing import plain

log = logging.getLogger("jobmon.engine.submission")

FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 600.0
MOST_TEXT = 500


class Aside:
    """Remember, for one tenure of a master, which attempts were put aside, and until when."""

    def __init__(self) -> None:
        self._until: dict[str, tuple[float, float]] = {}

    def knows(self, key: str) -> bool:
        """Say whether an attempt is put aside."""
        return key in self._until

    def waits(self, key: str) -> bool:
        """Say whether an attempt is not to be touched now."""
        return key in self._until and clock.monotonic() < self._until[key][0]

    def add(self, key: str, error: Exception) -> tuple[str, float]:
        """Put an attempt aside; return what is wrong with it, and for how many seconds it waits."""
        wait_s = min(2 * self._until[key][1], LONGEST_WAIT_S) if key in self._until else FIRST_WAIT_S
        if key not in self._until:
            log.error("%s is put aside, and tried again less and less often", key, exc_info=error)
        self._until[key] = (clock.monotonic() + wait_s, wait_s)
        return plain(f"{type(error).__name__}: {error}", MOST_TEXT), wait_s

    def forgive(self, keys: Iterable[str]) -> None:
        """Forget that attempts were put aside, because they were handled now."""
        for key in keys if self._until else ():
            self._until.pop(key, None)
