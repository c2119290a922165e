"""Tell the time, in one place, so that tests and fast simulations can replace it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_source: Callable[[], float] = time.time


def now() -> float:
    """Return UTC epoch seconds."""
    return _source()


def now_s() -> int:
    """Return UTC epoch seconds, whole."""
    return int(_source())


def monotonic() -> float:
    """Return seconds from an arbitrary start that no clock step can move; for durations and deadlines."""
    return time.monotonic()


@contextmanager
def replaced(source: Callable[[], float]) -> Iterator[None]:
    """Let `source` tell the time within the block; for tests."""
    global _source  # noqa: PLW0603 - the one place where the clock lives
    previous, _source = _source, source
    try:
        yield
    finally:
        _source = previous
