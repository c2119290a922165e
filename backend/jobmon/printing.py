"""Write for a terminal: tables, times, and texts that cannot steer it; and read times as people type them."""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Collection, Sequence

from jobmon import clock
from jobmon.errors import SettingsError

UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LATEST = 4_102_444_800
"""The year 2100: what lies after it is likely to be in milliseconds."""
MARKS = {"bad": "31", "warn": "33", "head": "1", "faint": "2"}


def time_of(text: str) -> int:
    """Return epoch seconds of "12h" (ago), "+12h" (from now), "2026-11-21" or "2026-11-21T08:00".

    Nonsense is a SettingsError.
    """
    found = re.fullmatch(r"(\+?)(\d{1,5})([mhdw])", text)
    if found:
        away = int(found[2]) * UNITS[found[3]]
        return _within(int(clock.now()) + (away if found[1] else -away), text)
    for pattern in ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"):
        try:
            found_at = int(time.mktime(time.strptime(text, pattern)))
        except (ValueError, OverflowError):
            continue
        return _within(found_at, text)
    raise SettingsError(
        f"{text[:40]!r} is no time; write 30m, 12h, 7d or 2w ago, +30m from now, 2026-11-21 or 2026-11-21T08:00"
    )


def _within(at: int, text: str) -> int:
    if not 0 <= at <= LATEST:
        raise SettingsError(f"{text[:40]!r}: must lie between 1970 and 2100")
    return at


def number(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number of a command line; one that is out of bounds is refused with them."""

    def read(text: str) -> int:
        sign, digits = text[:1] if text[:1] in {"-", "+"} else "", text.lstrip("+-")
        value = int(sign + digits) if digits.isascii() and digits.isdecimal() and len(digits) < 20 else None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{plain(text, 40)}: must be a whole number from {least} to {most}")
        return value

    return read


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = (), marked: Collection[int] = ()
) -> None:
    """Print columns as wide as they need to be; `right` are columns set to the right, `marked` rows that warn."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(w) if k in right else cell.ljust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    print(styled("head", line(head)))
    for number, row in enumerate(rows):
        print(styled("warn", line(row)) if number in marked else line(row))


def styled(mark: str, text: str) -> str:
    """Return a text with a mark of MARKS, where the terminal shows such."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return f"\x1b[{MARKS[mark]}m{text}\x1b[0m" if colour else text


def plain(text: str | None, most: int) -> str:
    """Return a text that cannot steer the terminal: printable, and not endless; "" for None."""
    printable = "".join(character if character.isprintable() else "?" for character in (text or "")[: most + 1])
    return printable if len(printable) <= most else f"{printable[: most - 1]}…"


def moment(epoch: float | None, missing: str = "–") -> str:
    """Return a time as people here read it."""
    return missing if not epoch else time.strftime("%d %b %H:%M", time.localtime(epoch))


def moment_s(epoch: float | None) -> str:
    """Return a time to the second, with its year; "" for None."""
    return "" if epoch is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(epoch))
