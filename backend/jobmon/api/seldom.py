"""Log at most one line a minute for one cause, for visitors can cause it as often as they like."""

import logging
from threading import Lock

from jobmon import clock

PERIOD_S = 60.0


class Seldom:
    """Remember when each cause was told last; causes are our own words, so there are few of them."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told: dict[str, float] = {}
        self._lock = Lock()

    def warn(self, cause: str, message: str, *values: object) -> None:
        """Log a warning, unless this cause had one within the last minute."""
        now = clock.monotonic()
        with self._lock:
            if now - self._told.get(cause, float("-inf")) < PERIOD_S:
                return
            self._told[cause] = now
        self._log.warning(message, *values)
