"""Hold the base of all bodies of requests: what no store and no program could take is refused here."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

MOST_DEPTH = 8
LARGEST = 2**63 - 1


class Body(BaseModel):
    """Be the base: unknown keys are errors, and so are values of another type, without end or without meaning."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        for key, one in value.items() if isinstance(value, dict) else ():
            try:
                _check(key, 0)
                _check(one, 0)
            except ValueError as error:
                raise ValueError(f"{str(key)[:80]!r}: {error}") from None
        return value


def fault_of(text: str) -> str:
    """Return why a text can neither be kept nor searched for, "" when it can."""
    if "\0" in text:
        return "must not hold NUL"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "must be UTF-8"
    return ""


def _check(value: Any, depth: int) -> None:
    """See that a value can be kept; ValueError says why not."""
    if depth > MOST_DEPTH:
        raise ValueError(f"lists and tables must not lie more than {MOST_DEPTH} deep in each other")
    if isinstance(value, str) and (fault := fault_of(value)):
        raise ValueError(fault)
    if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        raise ValueError(f"must be from -{LARGEST} to {LARGEST}")
    if isinstance(value, dict):
        for key, one in value.items():
            _check(key, depth + 1)
            _check(one, depth + 1)
    elif isinstance(value, list | tuple):
        for one in value:
            _check(one, depth + 1)
