"""Say what is wrong with what somebody sent: where, and a sentence of our own for each kind of error."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST_FIELD = 200
MOST_FAULTS = 100
SENTENCES = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "enum": "must be {expected}",
    "extra_forbidden": "is not known here",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number that is not as large",
    "int_type": "must be a whole number",
    "json_invalid": "must be JSON",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "model_attributes_type": "must be a table",
    "model_type": "must be a table",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_type": "must be a text",
    "string_unicode": "must be UTF-8",
    "too_long": "must hold at most {max_length}",
    "too_short": "must hold at least {min_length}",
    "value_error": "{error}",
}
"""What pydantic says in words of its own, by its name of the error; {words} are what it knows of the limits."""
PLACES = ("body", "path", "query", "header", "cookie")


def told(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the field and the sentence of each of pydantic's errors, in their order and once each."""
    found = [{"field": _field(error["loc"][:1] if error["type"] == "json_invalid" else error["loc"]),
              "detail": sentence(error)} for error in errors]  # fmt: skip
    return [one for index, one in enumerate(found) if one not in found[:index]][:MOST_FAULTS]


def sentence(error: Mapping[str, Any]) -> str:
    """Return what is wrong with a value, without saying which one."""
    words = SENTENCES.get(error["type"])
    limits = {name: int(value) if isinstance(value, float) and value.is_integer() else value
              for name, value in error.get("ctx", {}).items()}  # fmt: skip
    return "is not right" if words is None else words.format_map(limits)


def _field(place: Sequence[str | int]) -> str:
    """Return a place as in labels.color or builds[2]; that of a whole body is "body"."""
    text = ""
    for part in place[1:] if place and place[0] in PLACES else place:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]":
            text += f".{part}" if text else part
    if not text or (place[0] == "body" and text.startswith("[")):
        text = f"{place[0] if place else 'body'}{text}"
    return text if len(text) <= MOST_FIELD else f"{text[:MOST_FIELD]}…"
