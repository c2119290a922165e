"""Decide when something is tried again and how much goes to one recipient: plain numbers."""

FIRST_S = 30
LONGEST_S = 3600
GIVE_UP_S = 3 * 86400
DAY_S = 86400
MOST_LINES = 200
MOST_TOGETHER = {"email": 0, "webhook": MOST_LINES, "script": 1}
"""How many messages may go together; 0 for any number: people are told how many more there are, programs are not."""


def next_try(tries: int, since: float, now: float) -> float | None:
    """Return when to try again after so many failed tries; None when three days have passed `since`."""
    last = since + GIVE_UP_S
    if now >= last:
        return None
    return min(now + min(FIRST_S * 2.0 ** min(tries - 1, 20), LONGEST_S), last)


def day_start(now: float) -> float:
    """Return when the day (UTC) began."""
    return now - now % DAY_S


def next_day(now: float) -> float:
    """Return when the next day (UTC) begins."""
    return day_start(now) + DAY_S
