"""Keep the metrics of the last day, month and year as chunks on disk.

Three tiers of one format: `day` holds every snapshot in chunks of ten minutes, `month` means over five minutes in
chunks of two hours, `year` means over an hour in chunks of a day. The newest chunk of a tier lies in
live/series/TIER/open and grows; when its span is over it is written once more as live/series/TIER/START and never
changes again. The windows of one tier never cross a chunk of the tier below, so a restart needs only the open chunks.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobmon.errors import SpoolError
from jobmon.live import chunk
from jobmon.live.chunk import Chunk
from jobmon.live.rows import Point
from jobmon.spool import reader, retention

log = logging.getLogger("jobmon.live")

FOLDER = "live/series"
OPEN = "open"
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Tier:
    """Describe one resolution of the series; all in seconds."""

    name: str
    step: int
    """Length of the window of one point; 0 means every snapshot."""
    span: int
    keep: int


TIERS = (
    Tier("day", 0, 600, DAY_S),
    Tier("month", 300, 7200, 31 * DAY_S),
    Tier("year", 3600, DAY_S, 366 * DAY_S),
)


class Series:
    """Take one point per cycle, and say which files to write; `interval` is the seconds between snapshots."""

    def __init__(self, pages: Path, interval: float, restore: bool = True) -> None:
        self.interval = interval
        self._folder = pages / FOLDER
        self._open: dict[str, Chunk] = {}
        self.closed: dict[str, list[int]] = {}
        for tier in TIERS:
            self.closed[tier.name] = []
            if not restore:
                continue
            self.closed[tier.name] = reader.times_on_disk(self._folder / tier.name, "{}.json.gz")
            restored = self._read(tier, OPEN)
            if restored is not None:
                self._open[tier.name] = restored

    def add(self, point: Point) -> list[tuple[str, dict[str, Any]]]:
        """Add a point; return (name, document) of the files that changed, in the order in which to write them."""
        changed: dict[str, dict[str, Any]] = {}
        self._put(0, point, changed)
        return list(changed.items())

    @property
    def day(self) -> Chunk:
        """Return the open chunk of the day; there is one after the first point."""
        return self._open["day"]

    def closed_since(self, time: float) -> Iterator[Chunk]:
        """Read the closed chunks of the day that end after `time`, oldest first; broken ones are passed over."""
        tier = TIERS[0]
        for start in self.closed[tier.name]:
            if start + tier.span > time:
                held = self._read(tier, str(start))
                if held is not None:
                    yield held

    def left(self) -> list[Chunk]:
        """Return the chunks that are open."""
        return list(self._open.values())

    def adopt(self, closed: list[tuple[str, int]], left: list[Chunk]) -> list[tuple[str, dict[str, Any]]]:
        """Take over chunks of the past that another series made; return the files that this changes."""
        for tier, start in closed:
            if start not in self.closed[tier]:
                self.closed[tier] = sorted([*self.closed[tier], start])
        changed = []
        for older in left:
            held = self._open.get(older.tier)
            if held is not None and held.start == older.start:
                merged = Chunk(older.tier, older.start, older.span)
                for source, until in ((older, held.times[0]), (held, held.end)):
                    for time in source.times:
                        point = source.mean(time, time + 1)
                        if point is not None and time < until:
                            merged.add(point)
                self._open[older.tier] = merged
            elif held is None or held.start < older.start:
                self._open[older.tier] = older
            elif older.start not in self.closed[older.tier]:
                self.closed[older.tier] = sorted([*self.closed[older.tier], older.start])
                changed.append((f"{FOLDER}/{older.tier}/{older.start}", older.encode()))
        return changed

    def index(self) -> dict[str, Any]:
        """Return the field `series` of the summary: which chunks there are."""
        return {
            tier.name: {
                "step": tier.step or self.interval,
                "span": tier.span,
                "open": self._open[tier.name].start if tier.name in self._open else None,
                "closed": self.closed[tier.name],
            }
            for tier in TIERS
        }

    def expire(self, now: float) -> list[str]:
        """Return the names of the chunks that are too old, and forget them."""
        names = []
        for tier in TIERS:
            for start in retention.expired(self.closed[tier.name], now, tier.keep + tier.span):
                self.closed[tier.name].remove(start)
                names.append(f"{FOLDER}/{tier.name}/{start}")
        return names

    def _put(self, level: int, point: Point, changed: dict[str, dict[str, Any]]) -> None:
        tier = TIERS[level]
        start = point.time // tier.span * tier.span
        held = self._open.get(tier.name)
        if held is not None and held.start > start:
            log.warning("the clock stepped back: the %s series from %d on is dropped", tier.name, held.start)
            held = None
        if held is not None:
            self._fold(level, held, point.time, changed)
            if held.start < start:
                self._close(held, changed)
                held = None
        if held is None:
            held = self._open[tier.name] = Chunk(tier.name, start, tier.span)
        held.add(point)
        changed[f"{FOLDER}/{tier.name}/{OPEN}"] = held.encode()

    def _fold(self, level: int, held: Chunk, now: int, changed: dict[str, dict[str, Any]]) -> None:
        """Put the mean of the window that ended before `now` into the tier above."""
        if level + 1 == len(TIERS) or not held.times:
            return
        step = TIERS[level + 1].step
        window = held.times[-1] // step * step
        if now >= window + step:
            mean = held.mean(window, window + step)
            if mean is not None:
                self._put(level + 1, mean, changed)

    def _close(self, held: Chunk, changed: dict[str, dict[str, Any]]) -> None:
        changed[f"{FOLDER}/{held.tier}/{held.start}"] = held.encode()
        times = self.closed[held.tier]
        if held.start not in times:
            times.append(held.start)
            times.sort()

    def _read(self, tier: Tier, name: str) -> Chunk | None:
        path = self._folder / tier.name / f"{name}.json.gz"
        try:
            document = reader.read_json(path)
            return None if document is None else chunk.decode(document)
        except (SpoolError, ValueError) as error:
            log.warning("%s: %s; the %s series goes on without it", path, error, tier.name)
            return None
