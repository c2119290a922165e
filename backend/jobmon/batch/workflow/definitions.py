"""Read workflow files, and say for each that is wrong: file, workflow, stage, rule, key, value and what is allowed.

A file is taken whole or not at all. One that is wrong hides no other, except those that start one of its workflows.
"""

import errno
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from jobmon import reading
from jobmon.batch.workflow.checks import problems, wrong_starts
from jobmon.batch.workflow.models import Concurrency, Retry, Rule, Stage, Start, Table, When, Workflow
from jobmon.errors import SettingsError

MOST_BYTES = 1 << 20
MOST_FILES = 1000
MOST_TOLD = 50
"""So many mistakes of one file are told."""
TABLES: Mapping[tuple[str, ...], type[Table]] = {
    (): Workflow,
    ("concurrency",): Concurrency,
    ("stage",): Stage,
    ("stage", "on"): Rule,
    ("stage", "on", "when"): When,
    ("stage", "on", "start"): Start,
    ("stage", "on", "retry"): Retry,
}
MESSAGES = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "missing": "is missing",
    "model_type": "must be a table",
    "string_type": "must be a text in quotes",
    "string_unicode": "must be UTF-8",
    "tuple_type": "must be a list",
}
"""What pydantic says in words of its own, in words of a workflow file."""


@dataclass(frozen=True, slots=True)
class Definition:
    """Hold a workflow with the file that it comes from."""

    workflow: Workflow
    file: str
    text: str
    """The whole file."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Definitions:
    """Hold all workflows that are right, by name, and what is wrong with the other files, one sentence each."""

    workflows: Mapping[str, Definition] = field(default_factory=dict)
    errors: tuple[str, ...] = ()


def load(folder: str | os.PathLike[str]) -> Definitions:
    """Read all *.toml of a folder; one that is not there holds none."""
    errors: list[str] = []
    try:
        paths = sorted(path for path in Path(folder).iterdir() if path.suffix == ".toml" and path.name[0] != ".")
    except (FileNotFoundError, NotADirectoryError):
        paths = []
    except OSError as error:
        return Definitions(errors=(f"{folder}: cannot be read: {error.strerror}",))
    if len(paths) > MOST_FILES:
        errors.append(f"{folder}: there are {len(paths)} workflow files; the first {MOST_FILES} are read")
    files: dict[str, list[Definition]] = {}
    for path in paths[:MOST_FILES]:
        try:
            files[str(path)] = parse(_text(path), str(path))
        except SettingsError as error:
            errors += str(error).split("\n")
    while wrong := _wrong_together(files):  # what starts a workflow that was just taken away is wrong as well
        errors += (line for lines in wrong.values() for line in lines)
        files = {name: found for name, found in files.items() if name not in wrong}
    return Definitions({one.workflow.name: one for found in files.values() for one in found}, tuple(errors))


def parse(text: str, origin: str) -> list[Definition]:
    """Return the workflows of one file, checked by themselves; `origin` is what an error message calls the file.

    Whether workflows that it starts exist is not asked: a run goes on with the text that it was started with.
    """
    found, wrong = [], []
    for name, raw in _tables(text, origin).items():
        if isinstance(raw, dict) and "name" in raw:
            wrong.append(f"workflow {name}, name: the name stands in [workflow.NAME], and not here")
            continue
        try:
            workflow = Workflow.model_validate({"name": name, **raw} if isinstance(raw, dict) else raw)
        except ValidationError as error:
            wrong += [_explain(detail, str(name), raw) for detail in error.errors(include_url=False)]
            continue
        wrong += problems(workflow)
        found.append(Definition(workflow, origin, text, sha256(text.encode()).hexdigest()))
    if wrong:
        more = [f"and {len(wrong) - MOST_TOLD} more"] if len(wrong) > MOST_TOLD else []
        raise SettingsError("\n".join(f"{origin}: {line}" for line in [*wrong[:MOST_TOLD], *more]))
    return found


def _text(path: Path) -> str:
    """Return a file as text, without waiting for a pipe that nobody fills."""
    try:
        content = reading.whole(path, MOST_BYTES, follow=True)
    except reading.NotPlainError as error:
        large = error.errno == errno.EFBIG
        what = "is larger than 1 MiB, which no workflow needs" if large else "is no file"
        raise SettingsError(f"{path}: {what}") from error
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}: is not UTF-8 in line {line}") from error


def _tables(text: str, origin: str) -> Mapping[str, Any]:
    try:
        content = tomllib.loads(text)
    except RecursionError:
        raise SettingsError(f"{origin}: is not TOML: lists or tables lie too deep in each other") from None
    except ValueError as error:  # TOMLDecodeError, a number of thousands of digits
        raise SettingsError(f"{origin}: is not TOML: {error}") from error
    if unknown := [_shown(key) for key in content if key != "workflow"]:
        raise SettingsError(f"{origin}: there is no table {', '.join(unknown)}; known here: [workflow.NAME]")
    tables = content.get("workflow")
    if not isinstance(tables, dict) or not tables:
        raise SettingsError(f"{origin}: has no workflow; begin one with [workflow.NAME]")
    return tables


def _wrong_together(files: Mapping[str, Sequence[Definition]]) -> dict[str, list[str]]:
    """Return what is wrong with files only because of the others, by file."""
    owners: dict[str, list[Definition]] = {}
    for found in files.values():
        for one in found:
            owners.setdefault(one.workflow.name, []).append(one)
    known = {name: same[0].workflow for name, same in owners.items()}
    wrong: dict[str, list[str]] = {}
    for name, same in owners.items():
        for one in same if len(same) > 1 else ():
            others = ", ".join(other.file for other in same if other is not one)
            wrong.setdefault(one.file, []).append(f"{one.file}: workflow {name}: is in {others} too; keep one of them")
    if wrong:
        return wrong
    for file, found in files.items():
        if lines := [f"{file}: {line}" for one in found for line in wrong_starts(one.workflow, known)]:
            wrong[file] = lines
    return wrong


def _explain(error: ErrorDetails, workflow: str, raw: object) -> str:
    place = [part for part in error["loc"] if part != "[key]"]
    where = f"workflow {_shortened(workflow)}" + "".join(_words(place, raw))
    if error["type"] == "extra_forbidden":
        path = tuple(part for part in place[:-1] if isinstance(part, str))
        return f"{where}: there is no such key; known here: {', '.join(_known(TABLES[path]))}"
    shown = "" if isinstance(error["input"], Mapping) or error["type"] == "missing" else f" = {_shown(error['input'])}"
    message = MESSAGES.get(error["type"], error["msg"])
    for words, ours in (("Value error, ", ""), ("Input should", "must"), ("String should", "must")):
        message = message.replace(words, ours)
    for words in ("Value should have ", "Tuple should have ", "Dictionary should have "):
        if message.startswith(words):
            message = f"must hold {message.removeprefix(words)}".partition(" after validation")[0]
    return f"{where}{shown}: {message}"


def _words(place: Sequence[int | str], raw: object) -> Iterator[str]:
    """Yield a place in words: ", stage build, rule 2, when.rc"."""
    keys: list[str] = []
    for index, part in enumerate(place):
        parent, raw = raw, _inside(raw, part)
        if isinstance(part, int) and place[:index] == ["stage"]:
            name = _inside(raw, "name")
            yield f", stage {_shortened(name)}" if isinstance(name, str) else f", stage number {part + 1}"
            keys.clear()
        elif isinstance(part, int) and index == 3 and place[2] == "on":
            yield f", rule {part + 1}"
            keys.clear()
        elif isinstance(part, int):
            keys.append(f"[{part + 1}]" if isinstance(parent, list) else "")
        else:
            keys.append(("." if keys else "") + _shortened(part))
    if keys:
        yield f", {''.join(keys)}"


def _inside(raw: object, part: int | str) -> object:
    try:
        return raw[part]  # type: ignore[index]
    except (LookupError, TypeError):
        return None


def _known(table: type[Table]) -> list[str]:
    keys = {info.alias or name for name, info in table.model_fields.items()}
    return sorted(keys - {"name"} if table is Workflow else keys)


def _shortened(text: str) -> str:
    return repr(text[:80])[1:-1] + ("…" if len(text) > 80 else "")


def _shown(value: object) -> str:
    try:
        text = repr(list(value) if isinstance(value, tuple) else value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:80]}…"
