"""Hold how an attempt of a stage ended, and read what its output says to the workflow.

A program says `::set name=value` and `::item {"package": "core", …}` on lines of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from jobmon.batch.workflow.kinds import VARIABLE
from jobmon.batch.workflow.models import State

TAIL_BYTES = 65_536
MOST_ITEMS = 1000
MOST_FIELDS = 100
MOST_PROBLEMS = 20
LONGEST_VALUE = 4096
"""Characters of a variable; a longer one is left out, because half of a value is a wrong one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Say how one attempt ended; of the output the last 64 KiB are kept."""

    rc: int | None = None
    """The return code; None when the command did not end by itself."""
    signal: int | None = None
    state: State = "exit"
    output_tail: str = ""
    attempt: int = 1
    elapsed_s: float | None = None
    """None when nobody knows when it began or ended."""
    output_cut: bool = False
    """Whether there was output before the tail."""

    def __post_init__(self) -> None:
        content = self.output_tail.encode(errors="replace")
        if len(content) > TAIL_BYTES:
            object.__setattr__(self, "output_tail", content[-TAIL_BYTES:].decode(errors="ignore"))
            object.__setattr__(self, "output_cut", True)

    @property
    def ok(self) -> bool:
        """Say whether the command ended by itself with return code 0."""
        return self.state == "exit" and self.rc == 0

    def __str__(self) -> str:
        """Say in a few words how it ended."""
        words = {
            "exit": "ended without a known return code" if self.rc is None else f"ended with return code {self.rc}",
            "signal": f"was ended by signal {'?' if self.signal is None else self.signal}",
            "timeout": "took too long",
            "oom": "ran out of memory",
            "node_fail": "lost its node",
            "cancelled": "was cancelled",
            "lost": "was lost",
            "late": "was not started in time",
            "submit_error": "could not be submitted",
        }
        return words[self.state]


@dataclass(frozen=True, slots=True)
class Told:
    """Hold what an output said, and what of it could not be understood."""

    variables: Mapping[str, str] = field(default_factory=dict)
    items: tuple[Mapping[str, str], ...] = ()
    problems: tuple[str, ...] = ()


def read(outcome: Outcome) -> Told:
    """Return the variables and items of an output; what is wrong is named and costs nothing else."""
    if "::" not in outcome.output_tail:
        return Told()
    lines = outcome.output_tail.split("\n")
    if outcome.output_cut:
        lines[0] = ""  # the end of a longer line, which may only look like one of ours
    variables: dict[str, str] = {}
    items: list[Mapping[str, str]] = []
    wrong: list[str] = []
    seen = 0
    for number, line in enumerate(lines, 1):
        kind, _, rest = line.rstrip("\r").partition(" ")
        try:
            if kind == "::set":
                name, value = _variable(rest)
                if name not in variables and len(variables) >= MOST_FIELDS:
                    raise ValueError(f"is one of more than {MOST_FIELDS} variables")
                variables[name] = value
            elif kind == "::item":
                seen += 1
                if seen <= MOST_ITEMS:
                    items.append(_item(rest))
        except ValueError as error:
            wrong.append(f"line {number} of the output, {line[:60]!r}: {error}")
    if len(wrong) > MOST_PROBLEMS:
        wrong[MOST_PROBLEMS:] = [f"{len(wrong) - MOST_PROBLEMS} more lines of the output could not be understood"]
    if seen > MOST_ITEMS:
        wrong.append(f"the output holds {seen} items, of which the first {MOST_ITEMS} are taken")
    if outcome.output_cut and (items or variables):
        wrong.append("the output is longer than 64 KiB, of which the end is read")
    return Told(variables, tuple(items), tuple(wrong))


def value_problem(value: str) -> str:
    """Return why a text cannot be kept as a value, "" if it can."""
    if "\0" in value:
        return "holds a NUL character"
    return f"is longer than {LONGEST_VALUE} characters" if len(value) > LONGEST_VALUE else ""


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not VARIABLE.fullmatch(name):
        raise ValueError("must be ::set name=value, the name of letters, digits and _")
    if problem := value_problem(value):
        raise ValueError(problem)
    return name, value


def _item(text: str) -> Mapping[str, str]:
    try:
        content = orjson.loads(text)
    except ValueError:
        raise ValueError("is not JSON") from None
    if not isinstance(content, dict) or not 1 <= len(content) <= MOST_FIELDS:
        raise ValueError(f"must be a JSON object with 1 to {MOST_FIELDS} fields")
    return {name: _field(name, value) for name, value in content.items()}


def _field(name: str, value: object) -> str:
    if not VARIABLE.fullmatch(name):
        raise ValueError(f"the field {name[:40]!r} must be named by letters, digits and _")
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise ValueError(f"the field {name} must be a text or a number")
    if problem := value_problem(str(value)):
        raise ValueError(f"the field {name} {problem}")
    return str(value)
