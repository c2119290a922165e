"""The command line: help for everything, clear findings on a site's back end, and never a traceback for bad input."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmon import __version__, cli
from jobmon.control import Control

JARVIS = """
from backend_base import BackendBase


class Backend(BackendBase):
    def hostnames(self):
        return ["john1", "john2"]

    def cpu_usage(self, name):
        return {"total": [90, 0, 5, 0, 5], "core": [[90, 0, 5, 0, 5]] * 2}
"""


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOBMON_CONFIG", raising=False)


class Site:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"

    def jobmon(self, *words: str) -> subprocess.CompletedProcess[str]:
        settings = ["--set", f"live.backend_path={self.root}", "--set", f"live.data_path={self.data}"]
        return subprocess.run([sys.executable, "-m", "jobmon", *words, *settings], capture_output=True, text=True)

    def test(self, text: str, *words: str) -> subprocess.CompletedProcess[str]:
        (self.root / "backend_jarvis.py").write_text(text)
        return self.jobmon("backend", "test", "jarvis", "--set", "live.call_timeout=0.5", *words)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


# --- help ------------------------------------------------------------------------------------------------------------


def parsers(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, command in action.choices.items():
                yield from parsers(command, f"{name} {word}")


COMMANDS = dict(parsers(cli._parser(), "jobmon"))


def test_the_commands_are_those_that_are_documented() -> None:
    assert set(COMMANDS) == {
        "jobmon", "jobmon run", "jobmon backend", "jobmon backend test", "jobmon backend list", "jobmon status",
        "jobmon settings", "jobmon jobs", "jobmon job", "jobmon mark", "jobmon marks", "jobmon rules", "jobmon token",
        "jobmon token create", "jobmon token list", "jobmon token revoke", "jobmon batch",
        *(f"jobmon batch {word}" for word in ("submit", "status", "list", "cancel", "rerun", "hold", "release", "cron",
                                              "workflow", "releases", "master", "limit")),
        *(f"jobmon batch cron {word}" for word in ("add", "edit", "list", "enable", "disable", "remove", "run-now",
                                                   "replay", "next", "import-crontab")),
        *(f"jobmon batch workflow {word}" for word in ("check", "list", "start", "show", "stop", "rerun", "release",
                                                       "test")),
        *(f"jobmon batch releases {word}" for word in ("list", "show", "trigger", "erase")),
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_a_sentence(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([*name.split()[1:], "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    parser = COMMANDS[name]
    assert parser.description
    assert parser.description.endswith(".")
    for action in parser._actions:
        assert action.help or isinstance(action, argparse._SubParsersAction), action
        for option in action.option_strings:
            assert option in text
        for choice in getattr(action, "_choices_actions", ()):
            assert choice.help, choice


GROUPS = {"jobmon", *(name.rpartition(" ")[0] for name in COMMANDS)}


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in GROUPS])
def test_every_command_takes_settings(name: str) -> None:
    assert {"--config", "--set"} <= set(COMMANDS[name]._option_string_actions)


@pytest.mark.parametrize(
    "words",
    [[], ["no-such"], ["run", "--no-such"], ["backend"], ["backend", "test"], ["--config", "x"], ["run", "--onc"]],
)
def test_wrong_usage_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 2
    assert "usage: jobmon" in capsys.readouterr().err


def test_an_unknown_capability_is_told(site: Site) -> None:
    result = site.jobmon("run", "--only", "life")
    assert (result.returncode, result.stderr) == (2, "jobmon: --only life: there is no life; known: live, batch\n")


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"jobmon {__version__}\n"


@pytest.mark.parametrize("words", [["settings"], ["--help"], ["backend", "list"]])
def test_a_reader_that_goes_away_is_no_error_to_tell(words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run([sys.executable, "-m", "jobmon", *words], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (result.returncode in {0, 141}, result.stderr) == (True, "")


# --- settings, list, status ------------------------------------------------------------------------------------------


def test_settings_prints_what_is_in_force_as_a_settings_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["settings", "--set", "web.port=9", "--set", 'live.data_path="/a \\"ü\\""']) == 0
    text = capsys.readouterr().out
    file = tmp_path / "printed.toml"
    file.write_text(text)
    assert cli.main(["settings", "--config", str(file)]) == 0
    assert capsys.readouterr().out == text


def test_settings_prints_single_values_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["settings", "live.data_path", "web.enabled", "live.nodes", "--set", 'live.data_path="/a \\"ü\\""']
    assert cli.main([*words, "--set", 'live.nodes=["x"]']) == 0
    assert capsys.readouterr().out.splitlines() == ['/a "ü"', "true", '["x"]']
    assert cli.main(["settings", "live.speed"]) == 2
    assert "live.speed: there is no such setting" in capsys.readouterr().err


def test_the_list_names_installed_back_ends_and_the_sites_own(site: Site) -> None:
    (site.root / "backend_jarvis.py").write_text(JARVIS)
    (site.root / "other.py").touch()
    result = site.jobmon("backend", "list")
    assert result.returncode == 0
    names = [line.split()[0] for line in result.stdout.splitlines()]
    assert names == ["local", "replay", "simulated", "slurm", "jarvis"]
    assert str(site.root / "backend_jarvis.py") in result.stdout


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (200, {"status": "ok", "capabilities": {"live": {"status": "ok", "error": "", "now": "3 jobs"}}}, 0,
         "live: ok: 3 jobs"),
        (503, {"status": "unavailable", "capabilities": {"live": {"status": "failing", "error": "x", "now": ""}}}, 1,
         "live: failing: x"),
        (200, {"hello": 1}, 1, "is not jobmon"),
        (200, [], 1, "is not jobmon"),
        (404, "<html>", 1, "is not jobmon"),
    ],
)  # fmt: skip
def test_status_tells_what_answers(
    status: int, body: object, code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = json.dumps(body).encode() if body != "<html>" else b"<html>"
    control = Control(tmp_path, {"/healthz": lambda: (status, "application/json", said)})
    try:
        assert cli.main(["status", "--set", f"live.data_path={tmp_path}"]) == code
    finally:
        control.close()
    assert words in "".join(capsys.readouterr())


def test_status_tells_that_nobody_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--set", f"live.data_path={tmp_path}"]) == 1
    assert f"no daemon runs on {tmp_path}" in capsys.readouterr().err
    Control(tmp_path, {}).close()  # as one that was killed leaves its socket behind
    assert cli.main(["status", "--set", f"live.data_path={tmp_path}"]) == 1
    assert f"the daemon of {tmp_path} does not answer: Connection refused" in capsys.readouterr().err


# --- backend test ----------------------------------------------------------------------------------------------------


def test_a_back_end_of_two_methods_works_as_written(site: Site) -> None:
    result = site.test(JARVIS)
    assert "jarvis: 2 nodes (2 up), 0 jobs (0 running)" in result.stdout
    assert "not known of any node, so the page leaves it out: mem, swap, gpus" in result.stdout
    assert "warning: n_cpus is 0 for every node: override it" in result.stdout
    assert (result.returncode, result.stderr) == (0, "")
    assert not site.data.exists(), "it writes nothing"


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ('def hostname(self):\n        return ["x"]', "error: hostname is not called by jobmon; is hostnames meant?"),
        ("def mem(self):\n        return None", "error: mem must take (self, name)"),
        ("def mem(self, name):\n        raise KeyError(name)",
         "error: mem failed for john1, john2: KeyError: 'john1' (backend_jarvis.py:13)"),
        ("def mem(self, name):\n        import time\n        time.sleep(99)", "error: mem hung or crashed for john1"),
        ("def mem(self, name):\n        import os\n        os._exit(3)", "error: mem hung or crashed for john1"),
        ("def mem(self, name):\n        return {'used': 'much', 'total': float('nan')}",
         "error: mem failed for john1, john2: "),
        ("def mem(self, name):\n        return object()", "error: mem failed for john1, john2: "),
        ("def pre_update(self):\n        raise OSError('no scheduler')", "error: cycle OSError: no scheduler"),
        ("def job_ids(self):\n        return None", "error: cycle "),
        ("def n_cpus(self, name):\n        return -1", "error: n_cpus failed for john1, john2: "),
    ],
)  # fmt: skip
def test_a_faulty_back_end_is_told_with_its_method_and_ends_with_1(site: Site, method: str, words: str) -> None:
    result = site.test(f"{JARVIS}\n    {method}\n")
    assert words in result.stdout, result.stdout + result.stderr
    assert result.returncode == 1
    assert "Traceback" not in result.stdout
    assert not site.data.exists()


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("import time\ntime.sleep(99)\n", 1, "error: cycle the back end took longer than 6 s in import"),
        ("import os\nos._exit(3)\n", 1, "error: cycle the back end's process died in import"),
        ("import os\nos.kill(os.getpid(), 9)\n", 1, "error: cycle the back end's process died in import"),
        ("def f(:\n", 2, "backend_jarvis.py:1: SyntaxError"),
        ("raise SystemExit(0)\n", 2, "backend_jarvis.py:1: SystemExit"),
    ],
)
def test_a_file_that_cannot_even_be_imported_is_told(site: Site, text: str, code: int, words: str) -> None:
    result = site.test(text, "--set", "live.cycle_timeout=6")
    assert words in result.stdout + result.stderr
    assert result.returncode == code
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["nowhere", "../jarvis", "a" * 300, "a b", ""])
def test_a_back_end_that_is_not_there_is_told(site: Site, name: str) -> None:
    result = site.jobmon("backend", "test", name)
    assert result.returncode == 2
    assert "[live] backend = " in result.stderr
    assert "Traceback" not in result.stderr


def test_what_needs_no_store_starts_without_loading_one():
    asked = "import sys, jobmon.cli; print([name for name in ('sqlalchemy', 'fastapi') if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True).stdout
    assert loaded == "[]\n"


# --- numbers ---------------------------------------------------------------------------------------------------------

CHECKED_LATER = {"priority", "misfire_window", "jitter", "start_within", "time_limit", "days", "elapsed"}
"""What a request, or the command itself, checks together with all else that was asked."""


@pytest.mark.parametrize("name", COMMANDS)
def test_each_number_on_the_command_line_has_an_end(name: str) -> None:
    for action in COMMANDS[name]._actions:
        if action.type is not None and action.dest not in CHECKED_LATER:
            for bad in ("9" * 30, "-" + "9" * 30, "²", "1e99", "0x1", "9" * 5000, ""):
                with pytest.raises((argparse.ArgumentTypeError, ValueError)):
                    action.type(bad)  # type: ignore[operator]


@pytest.mark.parametrize("words", [
    ["batch", "list", "--limit", "0"], ["batch", "status", "9" * 12], ["batch", "cron", "next", "x", "--count", "9999"],
    ["batch", "cron", "replay", "x", "--since", "1950-01-01"], ["batch", "cron", "replay", "x", "--since", "99999w"],
    ["batch", "limit", "q", "--max-pending", "9" * 20], ["jobs", "--limit", "501"],
])  # fmt: skip
def test_a_number_or_time_out_of_bounds_is_told_with_the_bounds(site: Site, words: list[str]) -> None:
    done = site.jobmon(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert any(told in done.stderr for told in ("must be a whole number from", "must lie between 1970 and 2100"))


def test_a_crontab_that_is_no_file_of_people_is_not_read_whole(site: Site, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    done = site.jobmon("batch", "cron", "import-crontab", str(large))
    assert done.returncode == 2
    assert "larger than 10240 KiB" in done.stderr
    assert "larger than 1024 KiB" in site.jobmon("settings", "--config", str(large)).stderr
