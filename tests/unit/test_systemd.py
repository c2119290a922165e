"""systemd accepts the unit, the user and the folders that we ship, and finds the service well locked."""

import configparser
import os
import stat
import subprocess
from pathlib import Path

import pytest

from jobmon import config
from services import require

ETC = Path(__file__).parent.parent.parent / "etc" / "systemd"
MAX_EXPOSURE = 25
"""Tenths on systemd's scale from 0 (locked) to 10 (unsafe); "medium" begins at 5.0, an unlocked service has 9.6."""


@pytest.fixture
def needs_systemd() -> None:
    require("systemd-analyze", "systemd")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ETC / "jobmon.service", encoding="utf-8")
    return parser


@pytest.mark.usefixtures("needs_systemd")
def test_the_unit_is_accepted_without_a_word() -> None:
    result = run("systemd-analyze", "verify", "--man=no", ETC / "jobmon.service")
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.usefixtures("needs_systemd")
def test_a_wrong_unit_would_not_be_accepted(tmp_path: Path) -> None:
    wrong = tmp_path / "jobmon.service"
    wrong.write_text((ETC / "jobmon.service").read_text().replace("WatchdogSec=60", "WatchdogSec=soon"))
    assert run("systemd-analyze", "verify", "--man=no", wrong).stdout


@pytest.mark.usefixtures("needs_systemd")
def test_the_service_is_well_locked() -> None:
    result = run("systemd-analyze", "security", "--offline=yes", f"--threshold={MAX_EXPOSURE}", ETC / "jobmon.service")
    assert result.returncode == 0, result.stdout


@pytest.mark.usefixtures("needs_systemd")
def test_user_and_folders_are_made(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    result = run("systemd-sysusers", f"--root={tmp_path}", ETC / "jobmon.sysusers.conf")
    assert result.returncode == 0, result.stdout
    (line,) = [line for line in (etc / "passwd").read_text().splitlines() if line.startswith("jobmon:")]
    assert line.endswith("nologin")
    if os.geteuid() != 0:
        return  # only root may give the folder to the new user
    result = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", ETC / "jobmon.tmpfiles.conf")
    assert result.returncode == 0, result.stdout
    spool = (tmp_path / "var/spool/jobmon").stat()
    assert (spool.st_uid, stat.S_IMODE(spool.st_mode)) == (int(line.split(":")[2]), 0o755)


def test_the_service_may_write_where_it_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOCATION_ID", "0")  # systemd sets it for services
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    published = config.Settings().live.data_path
    assert unit()["Service"]["ReadWritePaths"] == published
    assert f"d {published} " in (ETC / "jobmon.tmpfiles.conf").read_text(encoding="utf-8")
    assert f"d {config.Settings().live.backend_path} " in (ETC / "jobmon.tmpfiles.conf").read_text(encoding="utf-8")


def test_the_daemon_is_watched_and_wrong_settings_are_not_tried_again() -> None:
    service = unit()["Service"]
    assert (service["Type"], service["NotifyAccess"], service["Restart"]) == ("notify", "main", "always")
    assert int(service["WatchdogSec"]) == 60
    assert "2" in service["RestartPreventExitStatus"].split()
