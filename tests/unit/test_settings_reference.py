"""etc/jobmon.toml is the reference of all settings: complete, true and in words."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from jobmon import config

REFERENCE = Path(__file__).parent.parent.parent / "etc" / "jobmon.toml"
SETTING = re.compile(r"#([a-z][a-z0-9_]*) = .*")


def _uncommented(text: str) -> dict[str, Any]:
    return tomllib.loads("\n".join(line[1:] if SETTING.fullmatch(line) else line for line in text.splitlines()))


def _settings_with_words(text: str) -> Iterator[tuple[str, str]]:
    """Yield each setting as "table.key", and the comment directly above it as one line."""
    table, words = "", ""
    for line in text.splitlines():
        if line.startswith("["):
            table = line.strip("[]")
        if match := SETTING.fullmatch(line):
            yield f"{table}.{match[1]}", words.strip()
        words = words + " " + line[2:] if line.startswith("# ") else ""


def _defaults() -> dict[str, dict[str, Any]]:
    return config.Settings().model_dump()


@pytest.fixture(autouse=True)
def _as_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOCATION_ID", "0")  # data_path depends on who starts the daemon
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)


def test_every_setting_is_there_once_at_its_default_and_nothing_else() -> None:
    assert _uncommented(REFERENCE.read_text(encoding="utf-8")) == _defaults()


def test_all_of_it_is_commented_out() -> None:
    settings = tomllib.loads(REFERENCE.read_text(encoding="utf-8"))
    assert settings == {table: {} for table in _defaults()}
    assert config.load(REFERENCE) == config.Settings()


def test_every_setting_has_a_sentence() -> None:
    described = dict(_settings_with_words(REFERENCE.read_text(encoding="utf-8")))
    assert set(described) == {f"{table}.{key}" for table, keys in _defaults().items() for key in keys}
    for name, words in described.items():
        assert re.fullmatch(r"[A-Z].{15,}\.", words), f"{name}: {words!r} is not a sentence"


def test_the_reference_can_be_used_uncommented() -> None:
    values = _uncommented(REFERENCE.read_text(encoding="utf-8"))
    assert config.parse(values, "reference") == config.Settings()


def test_tables_hold_settings_only() -> None:
    """Nested tables would escape the checks above."""
    for table in config.Settings.model_fields.values():
        assert isinstance(table.annotation, type)
        assert issubclass(table.annotation, BaseModel)
        for field in table.annotation.model_fields.values():
            assert not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel))
