"""Read the kinds of values that workflow files have: durations, sets of numbers, regular expressions, names."""

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
DURATION = re.compile(r"(?:\d{1,9}[smhd])+")
DURATION_PART = re.compile(r"(\d+)([smhd])")
LONGEST_S = 366 * 86_400
COMPARED = re.compile(r"(<=|>=|<|>)\s*([^\s<>=]+)")
RANGE = re.compile(r"([^\s<>=-]+)\s*-\s*([^\s<>=-]+)")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
LONGEST_PATTERN = 1000


@dataclass(frozen=True, slots=True)
class Numbers:
    """Hold a set of numbers as spans with both ends included."""

    spans: tuple[tuple[float, float], ...]

    def __contains__(self, number: float) -> bool:
        return any(low <= number <= high for low, high in self.spans)


def duration(value: object) -> float:
    """Return seconds for "90s", "15m", "1h30m", "2d" or a number of seconds; ValueError says what is allowed."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value) if 0 <= value <= LONGEST_S else math.nan
    elif isinstance(value, str) and DURATION.fullmatch(value):
        seconds = float(sum(int(number) * UNITS_S[unit] for number, unit in DURATION_PART.findall(value)))
    else:
        raise ValueError('must be a duration such as "30s", "15m", "1h30m", "2d", or a number of seconds')
    if not seconds <= LONGEST_S:
        raise ValueError("must be a duration from 0 to 366 days")
    return seconds


def return_codes(value: object) -> Numbers:
    """Return the codes that a number, "1-63", ">0", "1,2,64-78" or a list of these mean."""
    return _numbers(value, _whole, (0, 255), 'must be a return code from 0 to 255, a range "1-63", ">0", or a list')


def attempts(value: object) -> Numbers:
    """Return the attempts that 2, "<4", "2-5" or a list of these mean; the first is 1."""
    return _numbers(value, _whole, (1, 1000), 'must be an attempt from 1 to 1000, such as 1, "<4", "2-5", or a list')


def elapsed(value: object) -> Numbers:
    """Return the seconds that ">1h", "<=90s" or "10m-2h" mean; no job takes one time exactly, so that is refused."""
    expected = 'must compare with a duration: ">1h", "<=90s" or "10m-2h"'
    if not isinstance(value, str) or not re.search("[<>-]", value):
        raise ValueError(expected)
    return _numbers(value, duration, (0, LONGEST_S), expected)


def _numbers(value: object, read: Callable[[object], float], bounds: tuple[float, float], expected: str) -> Numbers:
    parts: list[object] = []
    for entry in value if isinstance(value, list) else [value]:
        parts += entry.split(",") if isinstance(entry, str) else [entry]
    if not 1 <= len(parts) <= 256:
        raise ValueError(expected)
    try:
        spans = tuple(_span(part, read, bounds) for part in parts)
    except ValueError:
        raise ValueError(expected) from None
    return Numbers(spans)


def _span(part: object, read: Callable[[object], float], bounds: tuple[float, float]) -> tuple[float, float]:
    """Return the first and the last number that one part means; ValueError when it means none."""
    low, high = bounds

    def number(text: object) -> float:
        found = read(text)
        if not bounds[0] <= found <= bounds[1]:
            raise ValueError
        return found

    text = part.strip() if isinstance(part, str) else part
    if isinstance(text, str) and (match := COMPARED.fullmatch(text)):
        end = number(match[2])
        if match[1].startswith("<"):
            high = end if match[1] == "<=" else math.nextafter(end, -math.inf)
        else:
            low, high = end if match[1] == ">=" else math.nextafter(end, math.inf), math.inf
            if low > bounds[1]:
                raise ValueError
    elif isinstance(text, str) and (match := RANGE.fullmatch(text)):
        low, high = number(match[1]), number(match[2])
    else:
        low = high = number(text)
    if low > high:
        raise ValueError
    return low, high


def _whole(value: object) -> float:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    raise ValueError


def pattern(value: str) -> str:
    """Return a regular expression that Python can compile; ValueError says at which character it cannot."""
    if len(value) > LONGEST_PATTERN:
        raise ValueError(f"must be a regular expression of at most {LONGEST_PATTERN} characters")
    if not value:
        raise ValueError("must not be empty: it would match every output")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"must be a regular expression of Python: {error}") from None
    return value


def groups(value: str | None) -> tuple[str, ...]:
    """Return the names of the groups of a regular expression that was checked before."""
    if value is None:
        return ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(re.compile(value).groupindex)


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError("must be a name: letters, digits, - and _, beginning with a letter, at most 63 characters")
    return value


def _variable(value: str) -> str:
    if not VARIABLE.fullmatch(value):
        raise ValueError("must be a name: letters, digits and _, not beginning with a digit, at most 63 characters")
    return value


def _line(value: str) -> str:
    if not value.isprintable() or not value:
        raise ValueError("must be a text without control characters")
    return value


def sequence(value: object) -> object:
    """Turn the list of a TOML file into a tuple, and leave all else to be refused."""
    return tuple(value) if isinstance(value, list) else value


def one_or_more(value: object) -> object:
    """Turn a single value into a tuple of it, for keys that take a value or a list."""
    return tuple(value) if isinstance(value, list) else (value,)


def _seconds_from_one(value: float) -> float:
    if value < 1:
        raise ValueError("must be a duration of at least one second")
    return value


Name = Annotated[str, AfterValidator(_name)]
Variable = Annotated[str, AfterValidator(_variable)]
Line = Annotated[str, Field(max_length=1000), AfterValidator(_line)]
Duration = Annotated[float, BeforeValidator(duration)]
Limit = Annotated[float, BeforeValidator(duration), AfterValidator(_seconds_from_one)]
Pattern = Annotated[str, AfterValidator(pattern)]
ReturnCodes = Annotated[Numbers, BeforeValidator(return_codes)]
Attempts = Annotated[Numbers, BeforeValidator(attempts)]
Elapsed = Annotated[Numbers, BeforeValidator(elapsed)]


def texts(value: object) -> Any:
    """Return a text, a number or a list of these as a tuple of texts: parameters are texts, whatever they look like."""
    entries = value if isinstance(value, list) else [value]
    if not entries or any(isinstance(entry, bool) or not isinstance(entry, str | int) for entry in entries):
        raise ValueError('must be a text or a list of texts, such as "Release" or ["HEAD", "LATEST"]')
    return tuple(map(str, entries))


Texts = Annotated[tuple[str, ...], BeforeValidator(texts)]
