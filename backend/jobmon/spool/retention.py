"""Decide which files are old; decide only, so that it can be tested without files."""

from collections.abc import Iterable


def expired(times: Iterable[int], now: float, keep_s: float) -> list[int]:
    """Return the times that are more than `keep_s` seconds before `now`; what lies in the future is kept."""
    return sorted(t for t in times if t < now - keep_s)
