"""CONTRIBUTING.md names files, folders and commands that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
WORDS = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_files_and_folders_exist() -> None:
    named = set(re.findall(r"[`(]((?:backend|frontend|tests|etc|\.ci)/[\w./-]*)[`)]", WORDS))
    assert len(named) > 8
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_commands_exist() -> None:
    door = (ROOT / "jobmon.sh").read_text(encoding="utf-8")
    commands = set(re.findall(r"\./jobmon\.sh (\w+)", WORDS))
    assert {"setup", "run", "test", "check"} <= commands
    for command in commands:
        assert re.search(rf"^  {command}\)", door, re.MULTILINE), command
