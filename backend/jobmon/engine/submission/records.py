"""Check what the script of an attempt has recorded; the job's user can write there, so nothing is taken on trust."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from jobmon.engine.submission.wrapper import TAIL
from jobmon.printing import plain

MOST_RECORD = 1_000_000
MOST_TOLD = 1000
MOST_TEXT = 255
WAYS = frozenset({"exit", "signal", "timeout", "oom", "terminated", "late"})
LATEST = 4_102_444_800
"""The year 2100."""


@dataclass(frozen=True, slots=True)
class Started:
    """Say where and when the command was started; epoch seconds."""

    host: str
    at: float
    id: str


@dataclass(frozen=True, slots=True)
class Done:
    """Say how the command ended; `why` is exit, signal, timeout, oom, terminated, or late: it was not started."""

    why: str
    return_code: int | None
    signal: int | None
    told: str
    host: str
    started_at: float
    ended_at: float
    output_bytes: int | None
    tail: str


@dataclass(frozen=True, slots=True)
class Spoilt:
    """Say why a record that is there cannot be believed, such as "done is a folder"."""

    why: str


def started(text: bytes) -> Started:
    """Return what a record of the start says; ValueError when the script cannot have written it."""
    found = _fields(text)
    return Started(_text(found, "host"), _time(found, "at"), _text(found, "id"))


def done(text: bytes) -> Done:
    """Return what a record of the end says; ValueError when the script cannot have written it."""
    found = _fields(text)
    if not isinstance(found.get("why"), str) or found["why"] not in WAYS:
        raise ValueError("why is none of the ways in which a command ends")
    if found["why"] == "exit" and found.get("rc") is None:
        raise ValueError("rc is missing of a command that has ended by itself")
    return Done(
        found["why"], _number(found, "rc", 255), _number(found, "signal", 127), _text(found, "told", MOST_TOLD),
        _text(found, "host"), _time(found, "started_at"), _time(found, "ended_at"),
        _number(found, "output_bytes", 2**62), _words(found, "tail")[-TAIL:].replace("\0", "\ufffd"),
    )  # fmt: skip


def _fields(text: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError("it is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    return found


def _number(found: Mapping[str, Any], name: str, most: int) -> int | None:
    value = found.get(name, "")
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name} is no number from 0 to {most}")
    return value


def _time(found: Mapping[str, Any], name: str) -> float:
    value = found.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST:
        raise ValueError(f"{name} is no time in epoch seconds")
    return float(value)


def _text(found: Mapping[str, Any], name: str, most: int = MOST_TEXT) -> str:
    return plain(_words(found, name), most)


def _words(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str):  # what lies deep in each other could not even be written down
        raise ValueError(f"{name} is no text")
    return value
