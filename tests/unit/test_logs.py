"""A log line is one record, whatever is in it."""

import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmon import logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level


def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str = "info", journal: bool = False) -> list[str]:
    with (tmp_path / "log").open("w+") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}" if journal else "1:2")
        logs.start(level)
        log = logging.getLogger("jobmon.test")
        log.debug("small")
        log.warning("job %s", "a\n00:00:00 ERROR forged\x1b[2J\u202e")
        log.error("")
        stream.seek(0)
        return stream.read().split("\n")[:-1]


def test_a_name_of_a_job_can_neither_forge_a_line_nor_command_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = lines(tmp_path, monkeypatch)
    assert re.fullmatch(r"\d\d:\d\d:\d\d WARNING jobmon\.test: job a", first)
    assert second == r"    00:00:00 ERROR forged\x1b[2J\u202e"
    assert third.endswith("ERROR   jobmon.test: ")


def test_the_level_is_that_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(lines(tmp_path, monkeypatch, "debug")) == 4
    assert len(lines(tmp_path, monkeypatch, "error")) == 1


def test_every_line_for_the_journal_has_its_priority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "systemd.journal", None)
    found = lines(tmp_path, monkeypatch, journal=True)
    assert [line[:3] for line in found] == ["<4>", "<4>", "<3>"]
    assert found[0] == "<4>jobmon.test: job a"
