"""Keep files in memory that many ask for, as many bytes of them as are allowed."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

ENTRY_BYTES = 500
"""What an entry costs beside its content, and what one costs that says that there is no file."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Be a published file: its gzip member, and a tag that changes with it."""

    content: bytes
    tag: str


class Cache:
    """Keep what was made lately, the oldest goes first; only some are made at a time, for that takes memory too.

    All who ask for one get the same bytes, however slowly they take them.
    """

    def __init__(self, most_bytes: int, at_once: int = 2) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, Stored | None] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._making = threading.Semaphore(at_once)

    def get(self, key: Hashable, make: Callable[[], Stored | None]) -> Stored | None:
        """Return what is kept under a key, which names a version too; made when there is none."""
        found, kept = self._find(key)
        if found:
            return kept
        with self._making:
            found, kept = self._find(key)  # somebody else may have made it while we waited
            if found:
                return kept
            made = make()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._bytes += _size(made)
            while self._bytes > self._most_bytes and self._kept:
                self._bytes -= _size(self._kept.popitem(last=False)[1])
        return made

    def _find(self, key: Hashable) -> tuple[bool, Stored | None]:
        with self._lock:
            if key not in self._kept:
                return False, None
            self._kept.move_to_end(key)
            return True, self._kept[key]


def _size(stored: Stored | None) -> int:
    return ENTRY_BYTES + (len(stored.content) if stored is not None else 0)
