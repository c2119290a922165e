"""When crontab entries are due, beside a cron of the tests' own that goes through a year minute by minute."""

import random
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from jobmon.engine.cron import Decision, decide, due, newest, next_times, parse
from jobmon.errors import SettingsError

MINUTE = timedelta(minutes=1)
NAMES = {"jan": 1, "dec": 12, "sun": 0, "mon": 1, "fri": 5}
YEAR = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


class DebianCron:
    """Do what Debian's cron does, whose rules stand in its manual under "LIMITATIONS" and in its source.

    It wakes each minute. A clock that goes forward by less than three hours: entries without a star in hour or minute
    that were skipped run at once. One that goes back: those that have run do not run again until it has caught up.
    """

    def __init__(self, expression: str, zone: ZoneInfo) -> None:
        minute, hour, day, month, weekday = expression.split()
        self.zone = zone
        self.wild = minute.startswith("*") or hour.startswith("*")
        self.minutes, self.hours = self.values(minute, 0, 59), self.values(hour, 0, 23)
        self.days, self.months = self.values(day, 1, 31), self.values(month, 1, 12)
        self.weekdays = {number % 7 for number in self.values(weekday, 0, 7)}
        self.either = not day.startswith("*") and not weekday.startswith("*")

    @staticmethod
    def values(field: str, low: int, high: int) -> set[int]:
        found: set[int] = set()
        for part in field.lower().split(","):
            span, _, step = part.partition("/")
            if span == "*":
                first, last = low, high
            else:
                ends = [NAMES.get(end) if end in NAMES else int(end) for end in span.split("-")]
                first, last = ends[0], ends[-1] if len(ends) > 1 or not step else high  # type: ignore[assignment]
            found |= set(range(first, last + 1, int(step or 1)))
        return found

    def matches(self, local: datetime) -> bool:
        if local.minute not in self.minutes or local.hour not in self.hours or local.month not in self.months:
            return False
        day, weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return (day or weekday) if self.either else (day and weekday)

    def runs(self, start: datetime, end: datetime) -> list[int]:
        found = []
        minutes = local_minutes(self.zone, start, end)
        virtual = minutes[0][1] - MINUTE
        for at, local in minutes:
            ahead = (local - virtual) // MINUTE
            if ahead == 1:
                runs = self.matches(local)
            elif 1 < ahead < 180:
                skipped = [virtual + number * MINUTE for number in range(1, ahead + 1)]
                runs = self.matches(local) if self.wild else any(map(self.matches, skipped))
            else:  # the clock went back: only entries with a star follow it until it has caught up
                runs = self.wild and self.matches(local)
            if runs:
                found.append(at)
            virtual = max(virtual, local)
        return found


@lru_cache
def local_minutes(zone: ZoneInfo, start: datetime, end: datetime) -> list[tuple[int, datetime]]:
    """Return each minute, and what the clock shows then."""
    first, last = int(start.timestamp()), int(end.timestamp())
    return [(at, datetime.fromtimestamp(at, zone).replace(tzinfo=None)) for at in range(first, last, 60)]


def span(start: datetime, end: datetime) -> tuple[int, int]:
    return int(start.timestamp()) - 1, int(end.timestamp()) - 1


# --- changes of the clock --------------------------------------------------------------------------------------------

CHANGES = {
    "America/New_York": ((2026, 3, 8), (2026, 11, 1)),
    "Europe/Berlin": ((2026, 3, 29), (2026, 10, 25)),
    "Australia/Lord_Howe": ((2026, 10, 4), (2026, 4, 5)),  # by half an hour
}


@pytest.mark.parametrize("expression", [
    "30 2 * * *", "0 2 * * *", "15 1 * * *", "45 1 * * *", "15,45 2 * * *", "0 3 * * *", "*/10 * * * *", "0 * * * *",
    "30 * * * *", "*/30 1-3 * * *", "5 2 * * 0",
])  # fmt: skip
@pytest.mark.parametrize("zone", CHANGES)
def test_days_on_which_the_clock_changes(zone: str, expression: str) -> None:
    local = ZoneInfo(zone)
    for year, month, day in CHANGES[zone]:
        start = datetime(year, month, day, tzinfo=local).astimezone(UTC) - timedelta(hours=12)
        end = start + timedelta(hours=48)
        expected = DebianCron(expression, local).runs(start, end)
        assert list(due(parse(expression, zone), *span(start, end))) == expected


@pytest.mark.parametrize(("zone", "day", "utc"), [
    ("America/New_York", (2026, 3, 8), ["07:00"]),  # 02:30 does not exist: at 03:00, once
    ("America/New_York", (2026, 11, 1), ["07:30"]),
    ("Europe/Berlin", (2026, 3, 29), ["01:00"]),
    ("Europe/Berlin", (2026, 10, 25), ["00:30"]),  # 02:30 comes twice: the first time
])  # fmt: skip
def test_half_past_two_runs_once_on_each_day(zone: str, day: tuple[int, int, int], utc: list[str]) -> None:
    start = datetime(*day, tzinfo=ZoneInfo(zone))
    times = due(parse("30 2 * * *", zone), *span(start, start + timedelta(hours=22)))
    assert [datetime.fromtimestamp(at, UTC).strftime("%H:%M") for at in times] == utc


@pytest.mark.parametrize("zone", CHANGES)
def test_it_does_not_matter_where_one_begins(zone: str) -> None:
    schedule = parse("*/15 1,2,3 * * *", zone)
    for year, month, day in CHANGES[zone]:
        start = int(datetime(year, month, day, tzinfo=ZoneInfo(zone)).timestamp()) - 3600
        whole = list(due(schedule, start, start + 8 * 3600))
        for minutes in range(0, 480, 7):
            middle = start + 60 * minutes
            parts = [*due(schedule, start, middle), *due(schedule, middle, start + 8 * 3600)]
            assert parts == whole


def _drawn(dice: random.Random) -> str:
    minute = dice.choice(["*", "*/7", "*/15", "0", "30", "5,35", "10-20", "10-40/10", "59", str(dice.randrange(60))])
    hour = dice.choice(["*", "*/2", "*/5", "0", "1", "2", "3", "2,14", "1-4", "22-23", str(dice.randrange(24))])
    day = dice.choice(["*", "*", "*", "1", "15", "31", "1-7", "*/10"])
    month = dice.choice(["*", "*", "3", "10,11", "1-6", "3-11", "*" if day == "31" else "4"])
    weekday = dice.choice(["*", "*", "*", "0", "7", "1-5", "sun", "6,7"])
    return f"{minute} {hour} {day} {month} {weekday}"


@pytest.mark.parametrize("block", range(4))
def test_two_hundred_expressions_over_a_year(block: int) -> None:
    """Fifty in each block; a quarter of them over the whole year, the others over the months of the changes."""
    dice = random.Random(block)
    for number in range(50):
        zone = dice.choice([*CHANGES, "UTC"])
        expression = _drawn(dice)
        spans = [YEAR] if number < 2 else [
            (datetime(2026, month, 1, tzinfo=UTC), datetime(2026, month, 1, tzinfo=UTC) + timedelta(days=9))
            for month in ((3, 11) if zone == "America/New_York" else (4, 10))
        ]  # fmt: skip
        for start, end in spans:
            expected = DebianCron(expression, ZoneInfo(zone)).runs(start, end)
            assert list(due(parse(expression, zone), *span(start, end))) == expected, (expression, zone)


# --- expressions -----------------------------------------------------------------------------------------------------


def test_nicknames_sunday_and_the_start() -> None:
    assert parse("@daily") == parse("0 0 * * *")
    assert parse("  @Yearly ") == parse("0 0 1 1 *")
    week = span(datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
    assert list(due(parse("0 0 * * 7"), *week)) == list(due(parse("0 0 * * sun"), *week)) != []
    reboot = parse("@reboot")
    assert reboot.at_start
    assert list(due(reboot, *week)) == []
    assert next_times(reboot, 0, 5) == []


def test_h_and_tilde_spread_by_name_and_stay() -> None:
    def minute(name: str, expression: str = "H 3 * * *") -> int:
        return next_times(parse(expression, seed=name), 0, 1)[0] // 60 % 60

    minutes = [minute(f"entry{number}") for number in range(300)]
    assert len(set(minutes)) > 50
    assert minutes == [minute(f"entry{number}") for number in range(300)]
    assert {minute(f"e{n}", "H(10-19) 3 * * *") for n in range(200)} == set(range(10, 20))
    assert {minute(f"e{n}", "5~7 3 * * *") for n in range(100)} == {5, 6, 7}
    quarter = parse("H/15 * * * *", seed="x")
    times = next_times(quarter, 0, 9)
    assert {later - earlier for earlier, later in pairwise(times)} == {900}
    assert parse("~ ~ * * *", seed="x").fields.count("~") == 0


@pytest.mark.parametrize("wrong", [
    "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *",
    "a b c d e", "5-1 * * * *", "@never", "0 0 30 2 *", "H(40-70) * * * *", "H/0 * * * *", "9~5 * * * *",
    "1\x00 * * * *", "*" * 300, "1,,2 * * * *",
])  # fmt: skip
def test_what_is_no_expression_is_told(wrong: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(wrong)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "Europe", "\x00"])
def test_what_is_no_zone_is_told(zone: str) -> None:
    with pytest.raises(SettingsError, match="is no time zone"):
        parse("* * * * *", zone)


# --- late ------------------------------------------------------------------------------------------------------------

NOW = 1_800_000_000


@pytest.mark.parametrize(("misfire", "fire"), [
    ("skip", (NOW - 30,)),
    ("last", (NOW - 600, NOW - 30)),
    ("all", (NOW - 1200, NOW - 600, NOW - 30)),
])  # fmt: skip
def test_what_is_late_is_treated_as_the_entry_says(misfire: str, fire: tuple[int, ...]) -> None:
    times = [NOW - 9000, NOW - 1200, NOW - 600, NOW - 30]
    decision = decide(times, NOW, misfire, window_s=3600)  # type: ignore[arg-type]
    assert decision.fire == fire
    assert sorted((*decision.fire, *decision.missed)) == times


def test_no_more_than_a_hundred_are_caught_up() -> None:
    times = list(range(NOW - 86_400, NOW, 60))
    decision = decide(times, NOW, "all", window_s=86_400)
    late = [at for at in decision.fire if NOW - at > 60]
    assert len(late) == 100
    assert late[-1] == NOW - 120
    assert len(decision.fire) + len(decision.missed) == len(times)
    assert decide([], NOW, "all", 10) == Decision()


# --- spans without end ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("expression", ["* * * * *", "30 2 * * *", "0 0 29 2 *", "0 0 31 12 *", "59 23 31 1 1"])
def test_the_first_times_of_a_span_without_end_are_there_at_once(expression: str, zone: str) -> None:
    schedule = parse(expression, zone)
    began = time.process_time()
    first = list(islice(due(schedule, -(10**12), 10**15), 101))
    last, more = newest(schedule, -(10**12), 1_790_000_000, 10)
    assert time.process_time() - began < 1.0
    assert len(first) > 30
    assert first == sorted(set(first))
    assert (len(last), more) == (10, True)
    assert last == list(due(schedule, last[0] - 1, 1_790_000_000))


def test_a_time_that_hardly_ever_comes_ends_the_search() -> None:
    schedule = parse("0 0 * 2 1#5", "Europe/Berlin")  # a leap day that is a Monday
    began = time.process_time()
    assert [datetime.fromtimestamp(at, UTC).year for at in next_times(schedule, 1_790_000_000, 10**9)] == [2044, 2072]
    assert time.process_time() - began < 1.0


def test_the_newest_times_are_those_of_the_whole_span() -> None:
    schedule = parse("*/7 3,4 * * *", "Europe/Berlin")
    whole = list(due(schedule, 1_770_000_000, 1_780_000_000))
    assert newest(schedule, 1_770_000_000, 1_780_000_000, 50) == (whole[-50:], True)
    assert newest(schedule, 1_770_000_000, 1_780_000_000, len(whole)) == (whole, False)
