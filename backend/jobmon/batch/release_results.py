"""Read what the programs of releases say: `::result {json}` on lines of their own, at the end of an output."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from jobmon.engine.outbox.message import one_line
from jobmon.engine.outbox.targets import is_email

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
"""What packages, versions, variants, tags and sub-packages are called: never a path, never an option."""
NAMED = "must be letters, digits, and . _ + - inside of it, at most 100"
STEP = re.compile(r"[a-z]{1,20}")
FILE_PARTS = ("build", "logs", "documentation", "archive")
MARK = "::result "
MOST = 500
MOST_PROBLEMS = 20
LONGEST = 500


@dataclass(frozen=True, slots=True)
class Result:
    """Say how one step of one sub-package ended."""

    subpackage: str
    step: str
    rc: int
    line: int | None
    first_error: str
    seconds: float | None
    owner: str

    @property
    def log(self) -> str:
        """Return the name of its log."""
        return f"{self.step}-{self.subpackage}.log"


@dataclass(frozen=True, slots=True)
class Freed:
    """Say what became of one part of a build that was to be erased."""

    build: str
    part: str
    bytes: int
    rc: int
    error: str


def is_name(text: object) -> bool:
    """Say whether a text is safe in a path and on a command line."""
    return isinstance(text, str) and NAME.fullmatch(text) is not None


def results(output: str, cut: bool, step: str) -> tuple[list[Result], list[str]]:
    """Return the results of a stage's output, and in sentences what of it could not be understood.

    `cut` says that there was more output before this, `step` is what those belong to that do not say it.
    """
    found: dict[tuple[str, str], Result] = {}
    wrong: list[str] = []
    seen = 0
    for number, text in _lines(output, cut):
        seen += 1
        if seen > MOST:
            continue
        try:
            one = _result(_json(text), step, wrong)
            found[one.subpackage, one.step] = one
        except ValueError as error:
            wrong.append(f"line {number} of the output, {text[:60]!r}: {error}")
    if len(wrong) > MOST_PROBLEMS:
        wrong[MOST_PROBLEMS:] = [f"{len(wrong) - MOST_PROBLEMS} more results could not be understood"]
    if seen > MOST:
        wrong.append(f"the output holds {seen} results, of which the first {MOST} are taken")
    return list(found.values()), wrong


def freed(output: str, cut: bool) -> list[Freed]:
    """Return what rm-erase says that it has erased; what cannot be understood counts as not erased."""
    found = []
    for _, text in _lines(output, cut):
        try:
            one = _json(text)
            build, part = _text(one, "build", 400), _text(one, "part", 20)
            size, rc = _number(one, "bytes", 0, 2**62), _number(one, "rc", -1000, 1000)
        except ValueError:
            continue
        if part in FILE_PARTS and size is not None and rc is not None:
            found.append(Freed(build, part, int(size), int(rc), _text(one, "error", 200)))
    return found[: 10 * MOST]


def _lines(output: str, cut: bool) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(output.split("\n"), 1):
        # the first line of a cut output is the end of a longer one, which may only look like one of ours
        if line.startswith(MARK) and not (cut and number == 1):
            yield number, line[len(MARK) :]


def _json(text: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(text)
    except ValueError:
        raise ValueError("is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("must be a JSON object")
    return found


def _result(one: Mapping[str, Any], step: str, wrong: list[str]) -> Result:
    name, own = one.get("subpackage"), one.get("step", step)
    if not isinstance(name, str) or not is_name(name):
        raise ValueError(f"subpackage {NAMED}")
    if not isinstance(own, str) or not STEP.fullmatch(own):
        raise ValueError("step must be small letters")
    rc = _number(one, "rc", -1000, 1000)
    if rc is None:
        raise ValueError("rc is missing")
    owner = _text(one, "owner", LONGEST)
    if owner and not is_email(owner):
        wrong.append(f"{name}: the owner {owner[:60]!r} is no mail address")
        owner = ""
    line = _number(one, "line", 1, 2**31 - 1)
    seconds = _number(one, "seconds", 0, 1e9)
    return Result(name, own, int(rc), None if line is None else int(line), _text(one, "first_error", LONGEST), seconds,
                  owner)  # fmt: skip


def _number(one: Mapping[str, Any], name: str, least: float, most: float) -> float | None:
    value = one.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a number")
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least:g} to {most:g}")
    return value


def _text(one: Mapping[str, Any], name: str, most: int) -> str:
    value = one.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text")
    return one_line(value, most)
