"""The README of the back ends is true: its examples run, and its table holds every method."""

import inspect
import json
import re
from pathlib import Path

import pytest

from jobmon import config
from jobmon.backends import base
from jobmon.backends.collect import Collector
from jobmon.backends.loader import load_class
from jobmon.testing import check_backend

README = Path(base.__file__).with_name("README.md")


def _examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def _rows() -> list[str]:
    """Return the table's rows as the base class wants them: name, arguments, first sentence."""
    rows = []
    for name, method in vars(base.BackendBase).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            arguments = ", ".join(list(inspect.signature(method).parameters)[1:])
            sentence = (inspect.getdoc(method) or "").partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")
            rows.append(f"| `{name}({arguments})` | {sentence} |")
    return rows


def test_the_table_is_that_of_the_base_class() -> None:
    _, _, words = README.read_text(encoding="utf-8").partition("## All methods")
    table = [line for line in words.splitlines() if line.startswith("| `")]
    assert len(table) > 30
    assert table == _rows(), "paste these rows into backends/README.md:\n" + "\n".join(_rows())


def test_the_first_example_works_as_written(tmp_path: Path) -> None:
    (tmp_path / "backend_jarvis.py").write_text(_examples()[0], encoding="utf-8")
    found = load_class("jarvis", str(tmp_path))
    assert check_backend(found) == []
    snapshot = Collector(found()).collect(1, config.LiveSettings())
    assert {name: node["nCpus"] for name, node in snapshot["nodes"].items()} == {"jarvis1": 64, "jarvis2": 64}


def test_the_second_example_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = {
        "nodes": {
            "jarvis1": {"cores": 4, "alive": True, "memory": {"used_kb": 1024, "total_kb": 4096}},
            "jarvis2": {"cores": 4, "alive": False, "memory": {"used_kb": 0, "total_kb": 4096}},
        },
        "jobs": {
            "17": {"title": "long", "owner": "user1", "status": "R", "started": 0, "cores": {"jarvis1": [0, 1]}},
            "18": {"title": "waiting", "owner": "user2", "status": "Q", "started": 0, "cores": {}},
            "19": {"title": "odd", "owner": "user1", "status": "?", "started": 0, "cores": {}},
        },
    }
    program = tmp_path / "jarvisctl"
    program.write_text(f"#!/bin/sh\n[ \"$*\" = 'state --json' ] && cat <<'END'\n{json.dumps(state)}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "backend_jarvis2.py").write_text(_examples()[1], encoding="utf-8")
    collector = Collector(load_class("jarvis2", str(tmp_path))())
    snapshot = collector.collect(1, config.LiveSettings())
    assert snapshot["usage"] == {"avail": 8, "running": 2, "users": {"user1": 2}}
    assert snapshot["nodes"]["jarvis1"]["mem"] == {"used": 1, "total": 4}
    assert not snapshot["nodes"]["jarvis2"]["up"]
    assert set(snapshot["jobs"]) == {"17", "18"}  # the state of 19 costs that job only
    assert [(s.method, s.record) for s in collector.skipped] == [("job_state", "19")]


@pytest.mark.parametrize("word", ["quarantine", "cycle_timeout", "backend_path", "backend"])
def test_settings_that_the_words_name_exist(word: str) -> None:
    assert word in config.LiveSettings.model_fields
