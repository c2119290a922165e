"""What people ask for is checked before it is written down."""

import pytest

from jobmon.batch.requests import CronRequest, JobRequest, account, checked
from jobmon.config import BatchSettings
from jobmon.errors import SettingsError


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"command": []}, "command"),
        ({"command": [""]}, "must begin with a command"),
        ({"command": ["a\0b"]}, "NUL"),
        ({"command": ["x" * 200_000]}, "at most 100000"),
        ({"command": ["\ud800"]}, "UTF-8"),
        ({"command": "ls"}, "must be a list"),
        ({"command": ["ls"], "nmae": "x"}, "nmae"),
        ({"command": ["ls"], "name": "a\x1b[2J"}, "control characters"),
        ({"command": ["ls"], "working_dir": "relative"}, "absolute"),
        ({"command": ["ls"], "notify": ["pigeon:ada"]}, "pigeon"),
        ({"command": ["ls"], "notify": ["email:a@b\nBcc: c@d"]}, "email"),
        ({"command": ["ls"], "user": "../root"}, "user"),
        ({"command": ["ls"], "time_limit": -1}, "time_limit"),
        ({"command": ["ls"], "priority": 10**9}, "priority"),
        ({"command": ["ls"], "latest_start": 5.0}, "latest_start: 1970-01-01 00:00:05 UTC has passed already"),
        ({"command": ["ls"], "not_before": 9e9, "latest_start": 9e9}, "latest_start: must be after not_before"),
        ({"command": ["ls"], "latest_start": float("nan")}, "latest_start"),
        ({"command": ["ls"], "latest_start": "soon"}, "latest_start"),
    ],
)
def test_a_wrong_job_is_refused_with_the_key(asked, told):
    with pytest.raises(SettingsError, match="job: ") as error:
        checked(JobRequest, asked, "job")
    assert told in str(error.value)


def test_an_entry_runs_a_command_or_a_workflow():
    with pytest.raises(SettingsError, match="either command or workflow"):
        checked(CronRequest, {"name": "x", "schedule": "@daily"}, "cron")
    with pytest.raises(SettingsError, match="must not be a number"):
        checked(CronRequest, {"name": "7", "schedule": "@daily", "command": ["ls"]}, "cron")
    with pytest.raises(SettingsError, match="bad hour"):
        checked(CronRequest, {"name": "x", "schedule": "0 25 * * *", "command": ["ls"]}, "cron")


@pytest.mark.parametrize(("asked", "told"), [
    ({"command": ["ls"], "start_within": -1}, "start_within"),
    ({"command": ["ls"], "start_within": 60, "jitter": 60}, "start_within: must be longer than jitter"),
    ({"workflow": "w", "start_within": 60}, "start_within is for entries with a command"),
])  # fmt: skip
def test_a_time_to_start_within_that_makes_no_sense_is_refused(asked, told):
    with pytest.raises(SettingsError) as error:
        checked(CronRequest, {"name": "x", "schedule": "@daily", **asked}, "cron")
    assert told in str(error.value)


def test_nobody_runs_as_somebody_else_who_is_not_allowed(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1)
    assert account("daemon", BatchSettings()) == ""
    with pytest.raises(SettingsError, match=r"must be named in \[batch\] users"):
        account("root", BatchSettings())
    with pytest.raises(SettingsError, match="runs as root"):
        account("bin", BatchSettings(users=["bin"]))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert account("bin", BatchSettings(users=["bin"])) == "bin"
    with pytest.raises(SettingsError, match="there is no such user"):
        account("nobody-at-all", BatchSettings(users=["nobody-at-all"]))
