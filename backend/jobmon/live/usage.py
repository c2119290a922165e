"""Keep who used how many cores over the last day, month and year, in bins (schema/usage).

A bin of the day is the mean over the snapshots in it; a bin of the month or the year the mean over the bins below, so
that a restart costs at most the snapshots of one unfinished bin. A bin without any snapshot is absent.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from jobmon.errors import SpoolError
from jobmon.spool import reader

log = logging.getLogger("jobmon.live")

FORMAT = 1
FOLDER = "live/usage"
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Tier:
    """Describe one resolution; all in seconds."""

    name: str
    step: int
    keep: int


TIERS = (Tier("day", 300, DAY_S), Tier("month", 3600, 31 * DAY_S), Tier("year", DAY_S, 366 * DAY_S))


@dataclass(slots=True)
class Bin:
    """Hold mean cores: available, running, and of each user."""

    avail: float = 0
    running: float = 0
    users: dict[str, float] = field(default_factory=dict)


class Usage:
    """Take the usage of one snapshot per cycle, and say which files to write."""

    def __init__(self, pages: Path) -> None:
        self._folder = pages / FOLDER
        self._bins: dict[str, dict[int, Bin]] = {tier.name: self._restore(tier) for tier in TIERS}
        self._open: tuple[int, list[Mapping[str, Any]]] | None = None
        self._fresh = True

    def add(self, timestamp: int, usage: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """Add a snapshot's field `usage`; return (name, document) of the files that changed."""
        start = timestamp // TIERS[0].step * TIERS[0].step
        ended = None
        if self._open is None or self._open[0] != start:
            ended, self._open = self._open, (start, [])
        self._open[1].append(usage)
        if ended is not None and ended[0] < start:
            self._bins["day"][ended[0]] = _mean(map(_bin, ended[1]))
        elif not self._fresh:
            return []
        # The unfinished bin is told too, so that the last minutes are not missing.
        self._bins["day"][start] = _mean(map(_bin, self._open[1]))
        self._fresh = False
        self._fold({start, ended[0] if ended else start})
        return self._documents(timestamp)

    def adopt(self, told: Mapping[int, Mapping[str, Any]], step: int) -> list[tuple[str, dict[str, Any]]]:
        """Take over the usage of the past, one snapshot for each `step` seconds; what is known stays."""
        added = set()
        for timestamp, usage in told.items():
            for start in range(timestamp // TIERS[0].step * TIERS[0].step, timestamp + step, TIERS[0].step):
                if start not in self._bins["day"] and (self._open is None or start < self._open[0]):
                    self._bins["day"][start] = _bin(usage)
                    added.add(start)
        self._fold(added)
        newest = max(self._bins["day"], default=0)
        return self._documents(newest + TIERS[0].step) if added else []

    def _fold(self, starts: Iterable[int]) -> None:
        """Work out the bins of the month and the year anew that hold the day's bins `starts`."""
        for below, tier in pairwise(TIERS):
            windows = {start // tier.step * tier.step for start in starts}
            for window in windows:
                parts = [
                    self._bins[below.name][t]
                    for t in range(window, window + tier.step, below.step)
                    if t in self._bins[below.name]
                ]
                if parts:
                    self._bins[tier.name][window] = _mean(parts)
            starts = windows

    def _documents(self, now: int) -> list[tuple[str, dict[str, Any]]]:
        documents = []
        for tier in TIERS:
            kept = {t: b for t, b in sorted(self._bins[tier.name].items()) if now - tier.keep - tier.step < t <= now}
            self._bins[tier.name] = kept
            users = sorted({name for one in kept.values() for name, cores in one.users.items() if cores})
            body = {
                "format": FORMAT,
                "tier": tier.name,
                "step": tier.step,
                "times": list(kept),
                "avail": [round(one.avail) for one in kept.values()],
                "running": [round(one.running) for one in kept.values()],
                "users": {name: [_short(one.users.get(name, 0)) for one in kept.values()] for name in users},
            }
            documents.append((f"{FOLDER}/{tier.name}", body))
        return documents

    def _restore(self, tier: Tier) -> dict[int, Bin]:
        path = self._folder / f"{tier.name}.json.gz"
        try:
            document = reader.read_json(path)
            return _bins(document) if document is not None else {}
        except (SpoolError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("%s: %s; the use of cores starts anew", path, error)
            return {}


def _bins(document: Mapping[str, Any]) -> dict[int, Bin]:
    """Return the bins of a file; one that is broken raises one of the errors that `_restore` knows."""
    if document["format"] != FORMAT:
        return {}
    bins = {
        int(time): Bin(float(avail), float(running))
        for time, avail, running in zip(document["times"], document["avail"], document["running"], strict=True)
    }
    for name, cores in document["users"].items():
        for one, value in zip(bins.values(), cores, strict=True):
            if value:
                one.users[name] = float(value)
    return bins


def _bin(usage: Mapping[str, Any]) -> Bin:
    return Bin(usage["avail"], usage["running"], dict(usage["users"]))


def _mean(parts: Iterable[Bin]) -> Bin:
    """Return the mean; a user who is missing in a part had no cores then."""
    known = list(parts)
    if len(known) == 1:
        return known[0]
    result = Bin(sum(one.avail for one in known) / len(known), sum(one.running for one in known) / len(known))
    for one in known:
        for name, cores in one.users.items():
            result.users[name] = result.users.get(name, 0) + cores / len(known)
    return result


def _short(cores: float) -> float:
    """Return whole cores, of less than ten one decimal: a mean over a day may be less than one."""
    return round(cores) if cores >= 10 or cores == int(cores) else round(cores, 1)
