"""Read and write the compact notations for sets of hosts and indices."""

import re
from collections.abc import Iterable
from itertools import product

from jobmon.errors import SourceError

MAX_EXPANSION = 200_000
"""More hosts than this in one expression is an error: nobody has them, and memory is finite."""

_DIGITS = re.compile(r"(\d+)")


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key by letters, then number: n2 before n10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _DIGITS.split(name) if part]


def expand_indices(text: str) -> tuple[int, ...]:
    """Return the numbers of "0-3,8,10-14:2"; empty for "", "N/A" and "(null)"."""
    if text in {"", "N/A", "(null)"}:
        return ()
    numbers: list[int] = []
    for part in text.split(","):
        span, _, step = part.partition(":")
        low, dash, high = span.partition("-")
        try:
            first, last, stride = int(low), int(high) if dash else int(low), int(step or 1)
        except ValueError:
            raise SourceError(f"{text[:80]!r} is not a list of indices such as 0-3,8") from None
        if stride < 1 or not 0 <= first <= last or (last - first) // stride > MAX_EXPANSION:
            raise SourceError(f"{text[:80]!r} is not a list of indices such as 0-3,8")
        numbers.extend(range(first, last + 1, stride))
    return tuple(numbers)


def compress_indices(indices: Iterable[int]) -> str:
    """Return sorted unique numbers as "0-3,8"."""
    numbers = sorted(set(indices))
    if numbers and numbers[-1] - numbers[0] == len(numbers) - 1:  # the usual case, quickly
        return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
    parts: list[str] = []
    first = last = -2
    for number in [*numbers, None]:
        if number is not None and number == last + 1:
            last = number
            continue
        if last >= 0:
            parts.append(str(first) if first == last else f"{first}-{last}")
        if number is not None:
            first = last = number
    return ",".join(parts)


def expand_hostlist(text: str) -> tuple[str, ...]:
    """Return the hosts of "n[01-03,7],g1" in order; empty for "" and "(null)"; errors are SourceError."""
    if text in {"", "(null)", "None"}:
        return ()
    hosts: list[str] = []
    for expression in _split_outside_brackets(text):
        pieces: list[list[str]] = []
        for literal, bracket, ranges in re.findall(r"([^\[\]]*)(\[([^\[\]]*)\])?", expression):
            if literal:
                pieces.append([literal])
            if bracket:
                pieces.append(_expand_padded(ranges, text))
        size = 1
        for piece in pieces:
            size *= len(piece)
        if size + len(hosts) > MAX_EXPANSION or "".join(re.findall(r"[\[\]]", expression)).replace("[]", ""):
            raise SourceError(f"{text[:80]!r} is not a host list such as n[01-16],g1")
        hosts.extend("".join(parts) for parts in product(*pieces))
    return tuple(hosts)


def _split_outside_brackets(text: str) -> list[str]:
    return [part for part in re.split(r",(?![^\[\]]*\])", text) if part]


def _expand_padded(ranges: str, whole: str) -> list[str]:
    names: list[str] = []
    for part in ranges.split(","):
        low, dash, high = part.partition("-")
        first, last = (int(n) if n.isdecimal() and n.isascii() else -1 for n in (low, high if dash else low))
        if not 0 <= first <= last or last - first > MAX_EXPANSION:
            raise SourceError(f"{whole[:80]!r} is not a host list such as n[01-16],g1")
        names.extend(str(n).zfill(len(low)) for n in range(first, last + 1))
    return names
