"""Read jobmon.toml into one frozen model per table, and check everything at the start.

The file is the one named by `--config`, else by the environment variable JOBMON_CONFIG, else /etc/jobmon/jobmon.toml;
without any, every setting has its default. `--set table.key=value` overrides single settings.
"""

import fnmatch
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from jobmon.config.files import MOST_SETTINGS, read_text
from jobmon.config.secrets import hidden
from jobmon.config.tables import (
    BatchSettings,
    DaemonSettings,
    LiveSettings,
    MailSettings,
    ReplaySettings,
    SchedulerSettings,
    Settings,
    SimulatedSettings,
    StoreSettings,
    WebSettings,
)
from jobmon.config.telemetry import GangliaSettings, InfluxSettings, PrometheusSettings, TelemetrySettings
from jobmon.errors import SettingsError

__all__ = [
    "BatchSettings",
    "DaemonSettings",
    "GangliaSettings",
    "InfluxSettings",
    "LiveSettings",
    "MailSettings",
    "PrometheusSettings",
    "ReplaySettings",
    "SchedulerSettings",
    "Settings",
    "SimulatedSettings",
    "StoreSettings",
    "TelemetrySettings",
    "WebSettings",
    "current",
    "find_file",
    "load",
    "matches",
    "parse",
    "use",
]

SYSTEM_FILE = Path("/etc/jobmon/jobmon.toml")

_current: Settings | None = None


def current() -> Settings:
    """Return the settings that `use()` made current; all defaults before that."""
    return _current if _current is not None else Settings()


def use(settings: Settings) -> Settings:
    """Make these settings current for the process, and return them."""
    global _current  # noqa: PLW0603 - settings are the process's own, read once at the start
    _current = settings
    return settings


def load(file: str | os.PathLike[str] | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Return the settings of a file and of `table.key=value` overrides; errors are SettingsError."""
    path = find_file(file)
    values: dict[str, Any] = {}
    if path is not None:
        values = _read(path)
    given = {_apply(values, override): override for override in overrides}
    return parse(values, str(path or "settings"), given)


def parse(values: Mapping[str, Any], origin: str, given: Mapping[tuple[str, str], str] | None = None) -> Settings:
    """Return the settings in `values`; `origin` is what an error message calls their place.

    `given` tells, by table and key, which values come from the command line instead, and how they were written there.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = []
        for detail in error.errors(include_url=False):
            table, key = (*map(str, detail["loc"]), "", "")[:2]
            override = next((o for place, o in (given or {}).items() if place == (table, key or place[1])), None)
            lines.append(f"{origin if override is None else f'--set {_shortened(override)}'}: {_explain(detail)}")
        raise SettingsError("\n".join(lines)) from None


def find_file(file: str | os.PathLike[str] | None) -> Path | None:
    """Return the file of the settings, which need not be there when it was named; None when there is none."""
    named = os.environ.get("JOBMON_CONFIG") if file is None else file
    if named or file is not None:
        return Path(named or "")
    return SYSTEM_FILE if os.path.lexists(SYSTEM_FILE) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path, MOST_SETTINGS))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except RecursionError:
        raise SettingsError(f"{path}: is not TOML: lists or tables lie too deep in each other") from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError, a number of thousands of digits
        raise SettingsError(f"{path}: is not TOML: {error}") from error


def _apply(values: dict[str, Any], override: str) -> tuple[str, str]:
    """Put the value of one `table.key=value` into `values`, and return table and key."""
    name, equals, text = override.partition("=")
    table, dot, key = name.strip().partition(".")
    if not (equals and dot and table and key):
        raise SettingsError(f"--set {_shortened(override)}: write table.key=value, such as live.backend=simulated")
    slot = values.setdefault(table, {})
    if not isinstance(slot, dict):
        raise SettingsError(f"--set {_shortened(override)}: [{table}] is not a table")
    slot[key] = _value(text)
    return table, key


def _value(text: str) -> Any:
    """Return what `text` means in TOML; a bare word is a string: --set live.backend=simulated."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _shortened(text: str) -> str:
    """Return a text as it can be shown on a terminal: printable, and not endless."""
    text = hidden(text)
    return repr(text[:80])[1:-1] + ("…" if len(text) > 80 else "")


MESSAGES = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": 'must be a list, such as ["john", "gpu-*"]',
    "model_attributes_type": "must be a table",
    "model_type": "must be a table",
    "string_type": "must be a text in quotes",
    "string_unicode": "must be UTF-8",
    "finite_number": "must be a finite number",
}
"""What pydantic says in words of its own, in words of jobmon.toml."""


def _explain(error: ErrorDetails) -> str:
    place = [str(part) for part in error["loc"]]
    where = f"[{_shortened(place[0])}]" + "".join(f" {_shortened(part)}" for part in place[1:])
    if error["type"] == "extra_forbidden":
        return (
            f"{where}: there is no such {'setting' if place[1:] else 'table'}; known here: {', '.join(_known(place))}"
        )
    shown = "" if isinstance(error["input"], Mapping) else f" = {_shown(error['input'])}"
    message = MESSAGES.get(error["type"], error["msg"])
    for words, ours in (("Value error, ", ""), ("Input should", "must"), ("String should", "must")):
        message = message.replace(words, ours)
    return f"{where}{shown}: {message}"


def _shown(value: object) -> str:
    try:
        text = hidden(repr(value))
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:80]}…"


def _known(place: Sequence[str]) -> list[str]:
    table = Settings.model_fields.get(place[0])
    if len(place) == 1 or table is None:
        return sorted(Settings.model_fields)
    candidates = (table.annotation, *get_args(table.annotation))
    model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return sorted(model.model_fields)


def matches(host: str, patterns: Iterable[str]) -> bool:
    """Say whether a host is meant by one of the patterns.

    A pattern is a shell pattern ("gpu-*", "n[0-4]?") or a bare word that means itself and every host of that word and a
    number ("john" means john1, john023).
    """
    return any(
        fnmatch.fnmatchcase(host, pattern)
        or (host.startswith(pattern) and host[len(pattern) :].lstrip("-").isdigit() and bool(pattern))
        for pattern in patterns
    )
