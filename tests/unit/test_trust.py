"""What others could change is not loaded with root's rights."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobmon import config
from jobmon.config import trust
from jobmon.engine.outbox import script
from jobmon.engine.outbox.parcel import Entry, NotSentError, Parcel
from jobmon.errors import SettingsError

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused, others are warned")
BACKEND = """
from backend_base import BackendBase

class Backend(BackendBase):
    def hostnames(self):
        return ["n1"]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("backends", "workflows", "programs", "data", "data/state", "bin", "shared"):
        (tmp_path / name).mkdir(mode=0o755)
    (tmp_path / "backends/backend_own.py").write_text(BACKEND)
    (tmp_path / "workflows/w.toml").write_text("")
    (tmp_path / "programs/rm-build").write_text("")
    for name in ("tokens.json", "password", "token", "ca", "bin/sbatch", "data/jobmon.sqlite", "python", "site.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "jobmon.toml").write_text(f"""
[live]
backend = "own"
backend_path = "{tmp_path}/backends"
data_path = "{tmp_path}/data"
[batch]
workflows = "{tmp_path}/workflows"
programs = "{tmp_path}/programs"
scheduler = "local"
shared_path = "{tmp_path}/shared"
python = "{tmp_path}/python"
[web]
site = "{tmp_path}/site.json"
port = 0
tokens_file = "{tmp_path}/tokens.json"
[mail]
password_file = "{tmp_path}/password"
[scheduler]
bin_path = "{tmp_path}/bin"
[prometheus]
token_file = "{tmp_path}/token"
""")
    return tmp_path


def found(site: Path) -> list[str]:
    file = site / "jobmon.toml"
    return trust.faults(config.load(file), file)


def jobmon(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "jobmon", *words, "--config", site / "jobmon.toml"],
                          capture_output=True, text=True, timeout=60)  # fmt: skip


def test_what_only_its_owner_can_change_is_fine(site):
    assert found(site) == []


@pytest.mark.parametrize("mode", [0o020, 0o002])
@pytest.mark.parametrize(
    ("path", "setting"),
    [
        ("jobmon.toml", "the settings"), ("backends", "[live] backend_path"),
        ("backends/backend_own.py", "[live] backend_path"), ("workflows", "[batch] workflows"),
        ("workflows/w.toml", "[batch] workflows"), ("programs/rm-build", "[batch] programs"),
        ("programs", "[batch] programs"), ("tokens.json", "[web] tokens_file"), ("password", "[mail] password_file"),
        ("token", "[prometheus] token_file"), ("bin", "[scheduler] bin_path"), ("bin/sbatch", "[scheduler] bin_path"),
        ("data", "[live] data_path"), ("data/state", "[live] data_path"), ("data/jobmon.sqlite", "[live] data_path"),
        ("shared", "[batch] shared_path"), ("python", "[batch] python"), ("site.json", "[web] site"),
        ("", "the settings"),
    ],
)  # fmt: skip
def test_what_others_can_write_is_named_with_its_setting(site, path, setting, mode):
    place = site / path
    place.chmod(place.stat().st_mode | mode)
    who = "its group" if mode == 0o020 else "everybody"
    assert f"{setting}: {who} may write {place}" in found(site)
    assert all(text.endswith(f"may write {place}") for text in found(site))


@AS_ROOT
@pytest.mark.parametrize("path", ["backends", "backends/backend_own.py", "workflows/w.toml", "tokens.json"])
def test_what_belongs_to_somebody_else_is_named(site, path):
    os.chown(site / path, 12345, 0)
    (fault,) = found(site)
    assert fault.endswith(f"{site / path} belongs to the account 12345")


def test_a_link_counts_by_where_it_leads(site):
    loose = site / "loose"
    loose.mkdir()
    (loose / "real").mkdir()
    (site / "backends").rename(site / "moved")
    (site / "backends").symlink_to("loose/real")
    assert found(site) == []
    loose.chmod(0o777)
    assert found(site) == [f"[live] backend_path: everybody may write {loose}"]
    loose.chmod(0o1777)  # as /tmp: what is there stays its owner's
    assert found(site) == []
    (loose / "real").rmdir()  # but anybody may make what is missing
    assert found(site) == [f"[live] backend_path: everybody may write {loose}, and make real there"]
    (loose / "real").symlink_to("real")
    assert "too many links" in found(site)[0]


@AS_ROOT
def test_a_daemon_of_root_does_not_load_what_others_can_write(site):
    mark = site / "loaded"
    (site / "backends/backend_own.py").write_text(f"open({str(mark)!r}, 'w')\n{BACKEND}")
    (site / "backends").chmod(0o777)
    for words in (("run", "--once"), ("run",), ("backend", "test", "own")):
        done = jobmon(site, *words)
        assert done.returncode == 2
        assert f"[live] backend_path: everybody may write {site}/backends" in done.stderr
        assert "as root" in done.stderr
        assert not mark.exists()
    told = jobmon(site, "settings")
    assert told.returncode == 0
    assert "does not start as root with it" in told.stderr
    (site / "backends").chmod(0o755)
    assert jobmon(site, "run", "--once", "--only", "live").returncode == 0
    assert mark.exists()


def test_another_account_is_warned(site, monkeypatch, caplog):
    (site / "backends").chmod(0o777)
    settings = config.load(site / "jobmon.toml")
    own = os.geteuid()
    monkeypatch.setattr(trust.os, "geteuid", lambda: own or 4321)
    trust.check(settings, None)
    assert "may write" in caplog.text or "belongs to" in caplog.text


@AS_ROOT
def test_a_script_that_others_can_write_is_not_run_as_root(tmp_path):
    mark, program = tmp_path / "ran", tmp_path / "told"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o777)
    parcel = Parcel(1, "x", str(program), "script", False, 1, (Entry(1, 0.0, "", "s", "", {}),), 1, 1, 0.0)
    with pytest.raises(NotSentError, match="everybody may write") as refused:
        script.send(parcel, 10)
    assert not refused.value.retry_can_help
    assert not mark.exists()
    program.chmod(0o755)
    script.send(parcel, 10)
    assert mark.exists()


def test_settings_that_are_reloaded_are_looked_at_too(site):
    (site / "workflows").chmod(0o777)
    if os.geteuid() == 0:
        with pytest.raises(SettingsError, match="workflows"):
            trust.check(config.load(site / "jobmon.toml"), None)
