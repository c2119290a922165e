"""Hold the base of all bodies of requests: what no store and no program could take is refused here."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

MOST_DEPTH = 8
LARGEST = 2**63 - 1
PRINTABLE = r"^( |[^\p{C}\p{Z}])*$"
"""Is in the words of JSON Schema what Python calls printable."""
WITHOUT_SPACES = r"^[^\p{C}\p{Z}]*$"


def example(**values: Any) -> ConfigDict:
    """Return the configuration of a body with an example, for the document."""
    return ConfigDict(json_schema_extra={"examples": [values]})


class Body(BaseModel):
    """Be the base: unknown keys are errors, and so are values of another type, without end or without meaning."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        found = {}
        for key, one in value.items():
            try:
                _kept(key, 0)
                found[key] = _kept(one, 0)
            except ValueError as error:
                raise ValueError(f"{str(key)[:80]!r}: {error}") from None
        return found


def fault_of(text: str) -> str:
    """Return why a text can neither be kept nor searched for, "" when it can."""
    if "\0" in text:
        return "must not hold NUL"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "must be UTF-8"
    return ""


def _kept(value: Any, depth: int) -> Any:
    """Return a value as it can be kept, ValueError says why it cannot; 2.0 is as whole a number in JSON as 2 is."""
    if depth > MOST_DEPTH:
        raise ValueError(f"lists and tables must not lie more than {MOST_DEPTH} deep in each other")
    if isinstance(value, str) and (fault := fault_of(value)):
        raise ValueError(fault)
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST:
        return int(value)
    if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        raise ValueError(f"must be from -{LARGEST} to {LARGEST}")
    if isinstance(value, dict):
        return {_kept(key, depth + 1): _kept(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_kept(one, depth + 1) for one in value]
    return value
