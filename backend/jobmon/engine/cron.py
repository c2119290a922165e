"""Say when a crontab entry is due: a pure function of expression, time zone and span of time.

Debian cron's rules for the days on which clocks change: an entry with a fixed hour and minute runs once on each day,
at the first minute that exists if its own is skipped; one with a star in its hour or minute follows the new time.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from jobmon.errors import SettingsError

REBOOT = "@reboot"
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 28), ("month", 1, 12), ("day of week", 0, 6))
"""What H and ~ choose from; days after the 28th do not exist in every month."""
HASHED = re.compile(r"H(?:\((\d{1,2})-(\d{1,2})\))?(?:/(\d{1,2}))?")
SPREAD = re.compile(r"(\d{1,2})?~(\d{1,2})?")
CHANGE_S = 3 * 3600
"""A change of the clock is looked for this long before and after: more than this Debian's cron does not make up for."""
MOST_CAUGHT_UP = 100
LATEST = 4_102_444_800
"""The year 2100: what lies after it is likely to be in milliseconds."""
DAY_S = 86_400
WINDOW_S = 32 * DAY_S
"""Due times are worked out for so long at a time, whatever span is asked for."""
MARGIN_S = 2 * DAY_S
"""More than a local time and the moment that it means can be apart."""
MOST_NEXT = 1000
ON_TIME_S = 60
"""What is no later than this is not late."""

Misfire = Literal["skip", "last", "all"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Hold an expression that was understood."""

    fields: str
    """Five fields without nicknames, H or ~; empty for @reboot."""
    zone: ZoneInfo

    @property
    def follows_clock(self) -> bool:
        """Say whether minute or hour has a star: such an entry runs at regular intervals, whatever the clock does."""
        minute, hour, *_ = self.fields.split(" ")
        return minute.startswith("*") or hour.startswith("*")

    @property
    def at_start(self) -> bool:
        """Say whether it is due when the service starts, and at no other time."""
        return not self.fields


@dataclass(frozen=True, slots=True)
class Decision:
    """Say which due times are to be acted upon, and which are only to be recorded as missed; both in order."""

    fire: tuple[int, ...] = ()
    missed: tuple[int, ...] = ()


def parse(expression: str, zone: str = "UTC", seed: str = "") -> Schedule:
    """Return a schedule; SettingsError says what is wrong.

    `seed` is the name of the entry, from which H and ~ take a value that stays the same: "H 3 * * *" is some minute
    after three, another one for each name.
    """
    words = " ".join(expression.split())
    if not expression.isprintable() or len(words) > 200:
        raise SettingsError(f"{words[:80]!r}: is no cron expression")
    try:
        local = ZoneInfo(zone)
    except (OSError, ValueError, LookupError):
        raise SettingsError(f"{zone[:80]!r}: is no time zone, such as Europe/Berlin") from None
    if words.lower() == REBOOT:
        return Schedule("", local)
    if words.startswith("@") and words.lower() not in NICKNAMES:
        raise SettingsError(f"{words!r}: is none of {', '.join([*NICKNAMES, REBOOT])}")
    parts = NICKNAMES.get(words.lower(), words).split(" ")
    if len(parts) != len(FIELDS):
        raise SettingsError(f"{words!r}: has {len(parts)} fields, not five: minute, hour, day, month, day of week")
    chosen = [
        ",".join(_chosen(part, name, low, high, seed) for part in field.split(","))
        for field, (name, low, high) in zip(parts, FIELDS, strict=True)
    ]
    fields = " ".join(chosen)
    try:
        next(CronSim(fields, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise SettingsError(f"{words!r}: {error}".lower()) from None
    except StopIteration:
        raise SettingsError(f"{words!r}: never comes, such as the 30th of February") from None
    return Schedule(fields, local)


def due(schedule: Schedule, after: int, until: int) -> Iterator[int]:
    """Yield the due times after `after` and up to `until`, all in epoch seconds, in order and each once.

    They are worked out as they are asked for: who stops early has not paid for the rest. After 2100 nothing is due.
    """
    after, until, window = max(after, 0), min(until, LATEST), DAY_S
    while not schedule.at_start and after < until:
        coming = next(_local_times(schedule, after - MARGIN_S, LATEST), None)
        if coming is None:
            return
        after = max(after, coming - 2 * MARGIN_S)
        end = min(after + window, until)
        yield from _due_within(schedule, after, end)
        after, window = end, min(2 * window, WINDOW_S)


def newest(schedule: Schedule, after: int, until: int, most: int) -> tuple[list[int], bool]:
    """Return the newest so many due times after `after` and up to `until`, in order, and whether there were others."""
    found: list[int] = []
    after, until, window = max(after, 0), min(until, LATEST), 3600
    while after < until and len(found) <= most:
        start = max(after, until - window)
        found[:0] = due(schedule, start, until)
        until, window = start, min(2 * window, WINDOW_S)
    return found[-most:], len(found) > most


def _due_within(schedule: Schedule, after: int, until: int) -> Iterator[int]:
    if until <= after:
        return
    zone = schedule.zone
    before, beyond = after - CHANGE_S, until + CHANGE_S
    offset = _offset(zone, before)
    days = range(before, beyond, 86_400)
    if offset == _offset(zone, beyond) and all(offset == _offset(zone, at) for at in days):
        for local in _local_times(schedule, after + offset, until + offset):
            yield local - offset
        return
    found: set[int] = set()
    for local in _local_times(schedule, before + offset, beyond + _offset(zone, beyond)):
        found.update(_instants(local, zone, schedule.follows_clock))
    yield from sorted(at for at in found if after < at <= until)


def _local_times(schedule: Schedule, after: int, until: int) -> Iterator[int]:
    """Yield the local times that the fields mean, counted as seconds as if the zone were UTC."""
    for moment in CronSim(schedule.fields, datetime.fromtimestamp(after, UTC)):
        local = int(moment.timestamp())
        if local > until:
            return
        yield local


def _instants(local: int, zone: ZoneInfo, follows_clock: bool) -> set[int]:
    """Return when a local time is: usually once, twice when the clock goes back, never when it is skipped.

    What follows the clock runs each time; all other entries once, the first time or as soon as the skip is over.
    """
    naive = datetime.fromtimestamp(local, UTC)
    first, second = (int(naive.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1))
    if first == second:
        return {first}
    if first < second:
        return {first, second} if follows_clock else {first}
    if follows_clock or first - second >= CHANGE_S:
        return set()
    offset = _offset(zone, first)
    while _offset(zone, first - 60) == offset:
        first -= 60
    return {first}


def next_times(schedule: Schedule, after: int, count: int) -> list[int]:
    """Return the next so many due times, 1,000 at most; fewer when the expression comes no more."""
    return list(islice(due(schedule, after, LATEST), min(count, MOST_NEXT)))


def decide(times: Sequence[int], now: int, misfire: Misfire, window_s: int) -> Decision:
    """Say what to do about due times in order, some of which may be late, because no master was there.

    What is on time is acted upon. Of what is late, "skip" acts upon nothing, "last" upon the newest, "all" upon all;
    but upon nothing that is older than the window, and not upon more than 100, the newest of them.
    """
    late = [at for at in times if now - at > ON_TIME_S]
    recent = [at for at in late if now - at <= window_s]
    caught = {"skip": [], "last": recent[-1:], "all": recent[-MOST_CAUGHT_UP:]}[misfire]
    fire = (*caught, *(at for at in times if now - at <= ON_TIME_S))
    return Decision(fire, tuple(at for at in late if at not in set(caught)))


def _chosen(part: str, name: str, low: int, high: int, seed: str) -> str:
    """Return a part of a field with H and ~ replaced by what they stand for."""
    if match := HASHED.fullmatch(part):
        first = int(match[1]) if match[1] else low
        last = int(match[2]) if match[2] else high
        step = int(match[3]) if match[3] else 0
        if not low <= first <= last <= 59 or (match[3] and not step):
            raise SettingsError(f"{part!r}: is no range of the {name}")
        number = _hash(seed, name)
        return f"{first + number % step}-{last}/{step}" if step else str(first + number % (last - first + 1))
    if match := SPREAD.fullmatch(part):
        first = int(match[1]) if match[1] else low
        last = int(match[2]) if match[2] else high
        if not low <= first <= last:
            raise SettingsError(f"{part!r}: is no range of the {name}")
        return str(first + _hash(seed, name) % (last - first + 1))
    return part


def _hash(seed: str, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{name}\0{seed}".encode()).digest()[:8])


def _offset(zone: ZoneInfo, at: int) -> int:
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())
