"""Submit some jobs side by side, so that one that takes long keeps no other one waiting."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from jobmon import clock

SIDE_BY_SIDE = 4
SLOW_S = 2.0
"""What takes longer than this gives its lane to the next one, and goes on beside."""
MOST_SLOW = 12
"""So many go on beside: if there are more, it is the scheduler that is slow, and more questions would not help it."""

Row = Mapping[str, Any]
Result = TypeVar("Result")


class Lanes(Generic[Result]):
    """Hold what was claimed and not recorded yet; each submission has a thread and a deadline of its own.

    The threads end with the process: what one of them leaves behind is found by its name, as after any crash.
    """

    def __init__(self, submit: Callable[[Row], Result]) -> None:
        self._submit = submit
        self._waiting: deque[Row] = deque()
        self._flying: dict[str, float] = {}
        """Since when, by key."""
        self._landed: dict[str, Result] = {}
        self._closed = False
        self._crash: BaseException | None = None
        self._changed = threading.Condition()

    def keys(self) -> set[str]:
        """Return what has been given and not been taken."""
        with self._changed:
            return {row["submit_key"] for row in self._waiting} | set(self._flying) | set(self._landed)

    def give(self, rows: Iterable[Row]) -> None:
        """Line up what is to be submitted."""
        with self._changed:
            self._waiting.extend(rows)

    def run(self, seconds: float) -> None:
        """Submit what waits; return when all of it has ended or is slow, after so many seconds at the latest."""
        end = clock.monotonic() + seconds
        with self._changed:
            while True:
                now = clock.monotonic()
                self._start(now)
                quick = self._quick(now)
                if not quick or now >= end:
                    return
                self._changed.wait(min([end, *(began + SLOW_S for began in quick)]) - now)

    def take(self) -> list[Result]:
        """Return what has come of submissions since the last time; what ended one of their threads is raised here."""
        with self._changed:
            if self._crash is not None:
                raise self._crash
            landed, self._landed = self._landed, {}
        return list(landed.values())

    def stop(self) -> None:
        """Begin no more of what waits; any thread may say so."""
        with self._changed:
            self._closed = True

    def recall(self) -> list[Row]:
        """Return what was not begun because of `stop`, and does not wait any more; what is given now is begun again."""
        with self._changed:
            rows = list(self._waiting) if self._closed else []
            if self._closed:
                self._waiting.clear()
            self._closed = False
        return rows

    def _quick(self, now: float) -> list[float]:
        return [began for began in self._flying.values() if now - began < SLOW_S]

    def _start(self, now: float) -> None:
        if self._closed:
            return
        room = min(SIDE_BY_SIDE - len(self._quick(now)), SIDE_BY_SIDE + MOST_SLOW - len(self._flying))
        for _ in range(min(room, len(self._waiting))):
            row = self._waiting[0]
            # where no thread can be had that is an error, and the row waits on
            threading.Thread(target=self._fly, args=(row,), name="submission", daemon=True).start()
            self._flying[row["submit_key"]] = now
            self._waiting.popleft()

    def _fly(self, row: Row) -> None:
        try:
            result = self._submit(row)
        except BaseException as error:  # noqa: BLE001 - it is raised again by `take`
            with self._changed:
                self._crash = error
                self._changed.notify()
            return
        with self._changed:
            del self._flying[row["submit_key"]]
            self._landed[row["submit_key"]] = result
            self._changed.notify()
