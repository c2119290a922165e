"""Translate the names that a source of metrics gives to hosts into those that the scheduler uses."""

import re
from collections.abc import Mapping

MAX_NAME = 255


class HostNames:
    """Find the scheduler's name in what a source writes: "cn001.cluster.example:9100" is cn001."""

    def __init__(
        self, pattern: str = r"^((?:[0-9]+\.){3}[0-9]+|[^.:]+)", aliases: Mapping[str, str] | None = None
    ) -> None:
        """Take the pattern whose first group is the name, and names that differ altogether (source → scheduler)."""
        self._pattern = re.compile(pattern)
        self._aliases = dict(aliases or {})
        self._known: dict[str, str | None] = {}

    def name(self, written: str) -> str | None:
        """Return the scheduler's name; None when the pattern does not find one."""
        if written not in self._known:
            if len(self._known) > 200_000:
                self._known.clear()
            self._known[written] = self._find(written)
        return self._known[written]

    def _find(self, written: str) -> str | None:
        for name in (written, written.rpartition(":")[0]):
            if name in self._aliases:
                return self._aliases[name]
        match = self._pattern.search(written[: 4 * MAX_NAME])
        found = (match[1] if match.re.groups else match[0]) if match else None
        if not found or len(found) > MAX_NAME or not found.isprintable():
            return None
        return self._aliases.get(found, found)
