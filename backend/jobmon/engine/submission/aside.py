"""Put aside what cannot be handled, so that it costs itself alone: it is tried again, less and less often."""

import logging
from collections.abc import Iterable

from jobmon import clock
from jobmon.engine.submission.verdict import pause_s
from jobmon.printing import plain

log = logging.getLogger("jobmon.engine.submission")

MOST_TEXT = 500


class Aside:
    """Remember, for one tenure of a master, which attempts were put aside, and until when."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._times: dict[str, int] = {}

    def knows(self, key: str) -> bool:
        """Say whether an attempt is put aside."""
        return key in self._until

    def waits(self, key: str) -> bool:
        """Say whether an attempt is not to be touched now."""
        return key in self._until and clock.monotonic() < self._until[key]

    def add(self, key: str, error: Exception) -> tuple[str, float]:
        """Put an attempt aside; return what is wrong with it, and for how many seconds it waits."""
        times = self._times.get(key, 0)
        if not times:
            log.error("%s is put aside, and tried again less and less often", key, exc_info=error)
        wait_s = pause_s(times)
        self._times[key] = times + 1
        self._until[key] = clock.monotonic() + wait_s
        return plain(f"{type(error).__name__}: {error}", MOST_TEXT), wait_s

    def forgive(self, keys: Iterable[str]) -> None:
        """Forget that attempts were put aside, because they were handled now."""
        for key in keys if self._until else ():
            self._until.pop(key, None)
            self._times.pop(key, None)
