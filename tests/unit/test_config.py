"""Settings are right at the start or never: every mistake is told with its place, its value and what is allowed."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

import jobmon_config
from jobmon import cli, config
from jobmon.errors import SettingsError

COMMANDS = (["run", "--once"], ["backend", "test", "local"], ["backend", "list"], ["settings"], ["status"])


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep settings of this machine, and those of other tests, out of the way."""
    for name in ("JOBMON_CONFIG", "INVOCATION_ID", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "SYSTEM_FILE", tmp_path / "no-such-file")
    monkeypatch.setattr(config, "_current", None)


def explained(*overrides: str, file: str | Path | None = None) -> str:
    """Return what is told about wrong settings."""
    with pytest.raises(SettingsError) as error:
        config.load(file, overrides)
    return str(error.value)


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "jobmon.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("live.update_interval=-1", ("[live] update_interval = -1", "greater than or equal to 0.05")),
        ("live.update_interval=1e-300", ("[live] update_interval = 1e-300", "greater than or equal to 0.05")),
        ("live.update_interval=1e300", ("[live] update_interval = 1e+300", "less than or equal to 3600")),
        ("live.update_interval=nan", ("[live] update_interval = nan", "finite")),
        ("live.quarantine=inf", ("[live] quarantine = inf", "finite")),
        ("live.call_timeout=1e999", ("[live] call_timeout = inf", "finite")),
        ("live.update_interval=true", ("[live] update_interval = True", "must be a number")),
        ("live.update_interval=soon", ("[live] update_interval = 'soon'", "must be a number")),
        ("live.history_length=1.5", ("[live] history_length = 1.5", "whole number")),
        ("live.history_delete_age=99999999999999999999", ("[live] history_delete_age = 9999", "less than or equal")),
        ("simulated.seed=99999999999999999999", ("[simulated] seed = 9999", "less than")),
        ("scheduler.timeout=1000000000000", ("[scheduler] timeout = 1000000000000", "less than or equal to 3600")),
        ("web.port=65536", ("[web] port = 65536", "less than or equal to 65535")),
        ('web.port="80"', ("[web] port = '80'", "whole number")),
        ("web.port=" + "9" * 5000, ("[web] port = '9999", "whole number")),
        ("web.enabled=yes", ("[web] enabled = 'yes'", "true or false")),
        ("web.listen=a..b", ("[web] listen 0 = 'a..b'", "127.0.0.1")),
        ("web.listen=", ("[web] listen 0 = ''", "127.0.0.1")),
        ("web.listen=" + "a" * 64, ("[web] listen 0 = 'aaa", "127.0.0.1")),
        ('web.listen="a\\u0000b"', ("[web] listen 0 = 'a\\x00b'", "control characters")),
        ("daemon.log_level=loud", ("[daemon] log_level = 'loud'", "'debug', 'info', 'warning' or 'error'")),
        ("live.backend=../evil", ("[live] backend = '../evil'", "pattern")),
        ("live.backend=" + "a" * 300, ("[live] backend = 'aaa", "at most 64")),
        ("live.backend=7", ("[live] backend = 7", "text in quotes")),
        ("live.backend=a\udcff", ("[live] backend = 'a\\udcff'", "UTF-8")),
        ("live.data_path=", ("[live] data_path = ''", "at least 1")),
        ('live.data_path="a\\u0000b"', ("[live] data_path = 'a\\x00b'", "control characters")),
        ("live.nodes=john", ("[live] nodes = 'john'", 'a list, such as ["john", "gpu-*"]')),
        ("live.nodes=[1]", ("[live] nodes 0 = 1", "text in quotes")),
        ("live.nodes=" + "[" * 5000, ("[live] nodes = '[[[", "a list")),
        ("live.file_name_history=../x.json.gz", ("[live] file_name_history = '../x.json.gz'", "plain file name")),
        ("live.file_name_history=history.json", ("[live] file_name_history = 'history.json'", "ends in .json.gz")),
        ('live.file_name_history="a\\tb.json.gz"', ("[live] file_name_history", "control characters")),
        ("live.file_name_pattern=data.json.gz", ("[live] file_name_pattern = 'data.json.gz'", "{} once")),
        ("live.file_name_pattern=a{0}{}.json.gz", ("[live] file_name_pattern = 'a{0}{}.json.gz'", "plain file name")),
        ("scheduler.slurmrestd_url=ftp://x", ("[scheduler] slurmrestd_url = 'ftp://x'", "pattern")),
        ("live.speed=1", ("[live] speed", "no such setting", "update_interval")),
        ("lvie.speed=1", ("[lvie]", "no such table", "live, mail, prometheus, replay")),
        ("live.a.b=1", ("[live] a.b", "no such setting")),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_its_place_and_what_is_allowed(override: str, words: tuple[str, ...]) -> None:
    told = explained(override)
    assert told.startswith("--set ")
    assert all(word in told for word in words), told
    assert len(told) < 500
    assert "\n" not in told


@pytest.mark.parametrize("override", ["live.backend", "backend=local", "=", ".=1", "live.=1", ".backend=1", ""])
def test_an_override_of_another_form_is_told_with_an_example(override: str) -> None:
    assert explained(override) == f"--set {override}: write table.key=value, such as live.backend=simulated"


def test_a_mistake_in_the_file_names_the_file_and_one_on_the_command_line_does_not(tmp_path: Path) -> None:
    file = written(tmp_path, "[web]\nport = 0.5\n[live]\nupdate_interval = 1\n")
    told = explained("live.update_interval=0", file=file).splitlines()
    assert [line.partition(": [")[0] for line in sorted(told)] == ["--set live.update_interval=0", str(file)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[live\n", "is not TOML"),
        ("backend = 'local'\n", "[backend]: there is no such table; known here: batch, daemon, ganglia, influxdb"),
        ("live = 3\n", "[live] = 3: must be a table"),
        ("[[live]]\n", "[live] = [{}]: must be a table"),
        (b"[live]\nbackend = '\xff'\n", "is not TOML"),
        ("[live]\nnodes = " + "[" * 5000, "is not TOML: lists or tables lie too deep"),
        ("[web]\nport = " + "9" * 5000, "is not TOML"),
        ("[live]\nbackend = 'a'\nbackend = 'b'\n", "is not TOML"),
        ("[live]\nfile_name_history = 'backfill.json.gz'\n", "must name different files"),
        ("[live]\nfile_name_history = 'data.json.gz'\n", "must name different files"),
        ("[live]\nfile_name_backfill = 'data7.json.gz'\n", "must name different files"),
    ],
)
def test_a_wrong_file_is_told_by_name(tmp_path: Path, text: str | bytes, words: str) -> None:
    file = written(tmp_path, text)
    told = explained(file=file)
    assert told.startswith(f"{file}: ")
    assert words in told


def test_a_file_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    assert explained(file=tmp_path) == f"{tmp_path}: cannot be read: Is a directory"
    assert explained(file=tmp_path / "none") == f"{tmp_path / 'none'}: cannot be read: No such file or directory"
    assert explained(file="") == ".: cannot be read: Is a directory"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    "options", [["--config", "/no/such/file"], ["--set", "live.speed=1"], ["--set", "live"]], ids=lambda o: o[1]
)
def test_every_command_ends_with_2_and_a_message(
    command: list[str], options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, *options]) == 2
    out, told = capsys.readouterr()
    assert out == ""
    assert told.startswith("jobmon: ")
    assert options[1] in told


def test_text_that_is_not_utf8_on_the_command_line_is_no_traceback() -> None:
    command: list[str | bytes] = [sys.executable, "-m", "jobmon", "settings", "--set", b"live.data_path=/tmp/\xff"]
    result = subprocess.run(command, capture_output=True)
    assert result.returncode == 2
    assert b"must be UTF-8" in result.stderr
    assert b"Traceback" not in result.stderr


def test_the_file_is_found_by_option_then_environment_then_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {}
    for port, place in enumerate(("option", "environment", "system"), 1):
        files[place] = tmp_path / place
        files[place].write_text(f"[web]\nport = {port}\n")
    assert config.load().web.port == 8080
    monkeypatch.setattr(config, "SYSTEM_FILE", files["system"])
    assert config.load().web.port == 3
    monkeypatch.setenv("JOBMON_CONFIG", str(files["environment"]))
    assert config.load().web.port == 2
    assert config.load(files["option"]).web.port == 1
    monkeypatch.setenv("JOBMON_CONFIG", "")
    assert config.load().web.port == 3


def test_a_system_file_that_cannot_be_read_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dangling = tmp_path / "jobmon.toml"
    dangling.symlink_to(tmp_path / "moved-away")
    monkeypatch.setattr(config, "SYSTEM_FILE", dangling)
    assert explained() == f"{dangling}: cannot be read: No such file or directory"


def test_overrides_are_toml_or_plain_words_and_the_last_one_counts(tmp_path: Path) -> None:
    file = written(tmp_path, "[web]\nport = 1\nenabled = false\n")
    settings = config.load(
        file,
        [
            "web.port=2", "web.port = 3", "live.backend=simulated", "live.data_path=/a b", 'live.nodes=["x", "y"]',
            "live.update_interval=5", 'live.backend_path="/q"', "scheduler.conf=a=b",
        ],
    )  # fmt: skip
    assert (settings.web.port, settings.web.enabled) == (3, False)
    assert (settings.live.backend, settings.live.data_path, settings.live.nodes) == ("simulated", "/a b", ["x", "y"])
    assert (settings.live.update_interval, settings.live.backend_path) == (5, "/q")
    assert settings.scheduler.conf == "a=b"


def test_an_override_cannot_bring_in_more_than_its_own_setting() -> None:
    assert "must be a whole number" in explained("web.port=1\nbackend = 2")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HOME": "/home/x"}, "/home/x/.local/state/jobmon"),
        ({"HOME": "/home/x", "XDG_STATE_HOME": "/state"}, "/state/jobmon"),
        ({"HOME": "/home/x", "INVOCATION_ID": "0"}, "/var/spool/jobmon"),
        ({"HOME": "/home/x", "INVOCATION_ID": "0", "XDG_RUNTIME_DIR": "/run/user/7"}, "/home/x/.local/state/jobmon"),
        ({"XDG_STATE_HOME": "~no-such-user/state"}, "/var/spool/jobmon"),
    ],
)
def test_the_data_path_suits_who_runs_it(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert config.load().live.data_path == expected


def test_a_tilde_in_the_data_path_is_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/x")
    assert config.load(None, ["live.data_path=~/spool"]).live.data_path == "/home/x/spool"


def test_the_pattern_of_the_ancestor_is_understood() -> None:
    settings = config.load(None, ["live.file_name_pattern=snap-{:}.json.gz"])
    assert settings.live.file_name_pattern == "snap-{}.json.gz"


def test_settings_survive_the_way_to_the_back_end_process() -> None:
    settings = config.load(None, ["live.update_interval=7", "simulated.seed=9223372036854775807"])
    assert config.parse(orjson.loads(orjson.dumps(settings.model_dump(mode="json"))), "settings") == settings


def test_the_deadline_of_the_back_end_follows_the_interval() -> None:
    def deadline(*overrides: str) -> float:
        return config.load(None, overrides).live.cycle_timeout_s

    assert (deadline(), deadline("live.update_interval=1"), deadline("live.cycle_timeout=2")) == (24, 5, 2)


def test_site_back_ends_see_the_settings_in_upper_case() -> None:
    config.use(config.load(None, ["live.update_interval=7", "live.data_path=/data"]))
    assert jobmon_config.UPDATE_INTERVAL == 7
    assert jobmon_config.DATA_PATH == "/data"
    for name in (
        "BACKEND", "DATA_PATH", "FILE_NAME_PATTERN", "FILE_NAME_HISTORY", "FILE_NAME_BACKFILL", "UPDATE_INTERVAL",
        "NODE_DEAD_TIMEOUT", "HISTORY_LENGTH", "HISTORY_DELETE_AGE", "CORE_COUNT_NODES", "COLUMN_ORDER_CPUS",
        "BF_NODES",
    ):  # fmt: skip
        assert name in dir(jobmon_config)
        getattr(jobmon_config, name)


@pytest.mark.parametrize("name", ["update_interval", "PORT", "NO_SUCH"])
def test_what_is_no_setting_is_told_with_those_that_are(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"there is no setting {name}; known: ADJACENT_THREADS, BACKEND, "):
        getattr(jobmon_config, name)


@pytest.mark.parametrize(
    ("host", "patterns", "meant"),
    [
        ("john1", ["john"], True),
        ("john", ["john"], True),
        ("john023", ["bryan", "john"], True),
        ("gpu-7", ["gpu"], True),
        ("johnny1", ["john"], False),
        ("xjohn1", ["john"], False),
        ("john1a", ["john"], False),
        ("gpu-a1", ["gpu-*"], True),
        ("n14", ["n[0-2]?"], True),
        ("n34", ["n[0-2]?"], False),
        ("John1", ["john"], False),
        ("1", [""], False),
        ("n1", [], False),
        ("n[1]", ["n[1]"], False),
    ],
)
def test_nodes_are_meant_by_name_shell_pattern_or_the_letters_before_the_number(
    host: str, patterns: list[str], meant: bool
) -> None:
    assert config.matches(host, patterns) is meant


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        config.load().web.port = 1  # type: ignore[misc]
