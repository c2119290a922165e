"""What jobmon tells LSF's commands, and what it does when they are slow, sick or not there."""

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from jobmon.config.tables import SchedulerSettings
from jobmon.schedulers import command
from jobmon.schedulers.acting import Accepted, JobSpec, Refused, Silent, Unknown
from jobmon.schedulers.lsf import acting as lsf
from stand_in import Commands, reachable

SUBMITTED = "Job <123> is submitted to queue <normal>.\n"


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


@pytest.fixture
def scheduler(commands: Commands) -> lsf.LsfScheduler:
    return lsf.LsfScheduler(SchedulerSettings(bin_path=str(commands.path), timeout=1))


def spec(key: str = "c1-b1-1", **more: Any) -> JobSpec:
    return JobSpec(key, Path("/shared/it's $HOME/script"), Path("/shared/it's $HOME/log"), **more)


def record(number: str, state: str, **more: str) -> dict[str, str]:
    fields = {"JOBID": number, "STAT": state, "JOB_NAME": f"jm-c1-b{number}-1", "START_TIME": ""}
    return fields | {field.upper(): value for field, value in more.items()}


def listing(*records: dict[str, str]) -> str:
    return json.dumps({"COMMAND": "bjobs", "JOBS": len(records), "RECORDS": records})


def test_the_command_holds_the_job_under_its_name_and_runs_the_script_whatever_its_path(scheduler, commands):
    commands.say("bsub", SUBMITTED)
    assert scheduler.submit_held(spec(queue="normal", options=("-n", "2"), limit_s=90)) == Accepted("123")
    (words,) = commands.calls("bsub")
    assert words[:2] == ["-n", "2"]
    assert words[2:] == ["-H", "-rn", "-J", "jm-c1-b1-1", "-o", "/dev/null", "-q", "normal", "-W", "3"]
    first, line = commands.stdin("bsub").splitlines()
    assert first == "#!/bin/sh"
    assert shlex.split(line) == ["exec", "/shared/it's $HOME/script", ">>/shared/it's $HOME/log", "2>&1"]


def test_a_limit_of_the_options_is_kept(scheduler, commands):
    commands.say("bsub", SUBMITTED)
    scheduler.submit_held(spec(options=("-W", "30"), limit_s=90))
    assert commands.calls("bsub")[0].count("-W") == 1


def test_the_job_gets_nothing_of_the_daemons_environment(scheduler, commands, monkeypatch):
    commands.say("bsub", SUBMITTED)
    for name in ("BSUB_QUIET", "LSB_DEFAULTQUEUE", "LSF_SECRET", "TOKEN"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("LSF_ENVDIR", "/lsf/conf")
    scheduler.submit_held(spec())
    env = commands.env("bsub")
    assert set(env) == {"PATH", "LANG", "USER", "LOGNAME", "HOME", "SHELL", "LSF_ENVDIR"}
    assert env["LSF_ENVDIR"] == "/lsf/conf"


def test_questions_are_not_bent_by_the_environment(scheduler, commands, monkeypatch):
    commands.say("bjobs", listing())
    for name in ("LSB_BJOBS_FORMAT", "LSF_ANYTHING", "BSUB_QUIET"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("LSF_ENVDIR", "/lsf/conf")
    assert scheduler.seen() == ()
    env = commands.env("bjobs")
    assert {name for name in env if name.startswith(("LSB", "LSF", "BSUB"))} == {"LSF_ENVDIR"}
    assert (env["LC_ALL"], env["TZ"]) == ("C", "UTC")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_job_is_submitted_in_the_name_of_its_user(scheduler, commands, tmp_path):
    reachable(tmp_path)
    commands.say("bsub", SUBMITTED)
    assert scheduler.submit_held(spec(user="nobody")) == Accepted("123")
    assert commands.user("bsub") == 65534
    assert commands.env("bsub")["USER"] == "nobody"


def test_what_did_not_happen_is_told_from_what_may_have(scheduler, commands):
    assert scheduler.submit_held(spec()) == Refused(
        f"bsub was not found in {commands.path}; set [scheduler] bin_path to the directory that has it", for_good=False
    )
    commands.say("bsub", SUBMITTED)
    assert scheduler.submit_held(spec(user="nobody-of-that-name")) == Refused(
        "there is no user nobody-of-that-name", for_good=True
    )


def test_a_submission_that_takes_too_long_is_unknown(scheduler, commands, monkeypatch):
    monkeypatch.setattr(lsf, "SUBMIT_S", 0.3)
    commands.say("bsub", SUBMITTED, first="exec sleep 5")
    assert scheduler.submit_held(spec()) == Unknown("bsub did not answer within 0.3 s")


@pytest.mark.parametrize(
    "options",
    [
        ("-J", "other"), ("-Jother",), ("-H",), ("-r",), ("-K",), ("-I",), ("-i", "/etc/passwd"), ("-o", "x"),
        ("-w", "done(1)"), ("-Q", "1"), ("-Zs",), ("-env", "all"), ("-pack", "x"), ("sleep",), ("-n", "2", "sleep"),
        ("-n",), ("-n", ""), ("-n", "-H"), ("-n2",), ("-x", "2"), ("--",), ("",), ("-R", "a\0b"),
    ],
)  # fmt: skip
def test_options_that_break_the_promise_are_refused_for_good(scheduler, commands, options):
    commands.say("bsub", SUBMITTED)
    answer = scheduler.submit_held(spec(options=options))
    assert isinstance(answer, Refused)
    assert answer.for_good
    assert commands.calls("bsub") == []


@pytest.mark.parametrize("key", ["a[1-3]", "a*", "a%2", "a b", "", "a\nb", "a" * 201])
def test_a_key_that_lsf_would_read_otherwise_is_never_submitted(scheduler, commands, key):
    commands.say("bsub", SUBMITTED)
    assert isinstance(scheduler.submit_held(spec(key)), Refused)
    assert commands.calls("bsub") == []


def test_a_listing_that_takes_too_long_or_cannot_be_asked_for_is_silence(scheduler, commands):
    assert isinstance(scheduler.seen(), Silent)
    commands.say("bjobs", listing(), first="exec sleep 5")
    assert scheduler.seen() == Silent("bjobs did not answer within 1 s")


@pytest.mark.parametrize(
    ("why", "expected"),
    [("Job <jm-*> is not found", ()), ("LSF is down", Silent("bjobs ended with 255: no message"))],
)
def test_a_fault_without_a_word_is_asked_about_once_more(scheduler, commands, why, expected):
    sick = 'case "$*" in *-json*) ;; *) echo "' + why + '" >&2; exit 255 ;; esac'
    commands.say("bjobs", listing(), code=255, first=sick)
    assert scheduler.seen() == expected
    assert [("-json" in words) for words in commands.calls("bjobs")] == [True, False]


def test_all_jobs_are_asked_for_at_once_and_by_name(scheduler, commands):
    commands.say("bjobs", listing(record("1", "RUN")))
    assert len(scheduler.seen()) == 1
    whose = "all" if os.geteuid() == 0 else command.own_name()
    assert commands.calls("bjobs") == [["-a", "-u", whose, "-J", "jm-*", "-json", "-o", lsf.FIELDS]]
    assert scheduler.past(["c1-b1-1"]) == ()


def test_what_bresume_does_not_tell_the_listing_does(scheduler, commands):
    commands.say("bresume", "Job <1> is being resumed\n", "Job <2>: Operation denied\n", 255)
    ran = {"start_time": "Nov 21 10:00"}
    commands.say("bjobs", listing(
        record("1", "PSUSP"), record("2", "PSUSP"), record("3", "PEND"), record("4", "RUN"),
        record("5", "EXIT", exit_code="1", **ran), record("6", "EXIT"),
    ))  # fmt: skip
    assert scheduler.release([str(n) for n in range(1, 8)]) == ("1", "3", "4", "5")


def test_a_release_that_all_went_well_asks_nothing_more(scheduler, commands):
    commands.say("bresume", "Job <1> is being resumed\n")
    commands.say("bjobs", listing())
    assert scheduler.release(["1"]) == ("1",)
    assert commands.calls("bjobs") == []


def test_nothing_is_released_for_certain_when_lsf_is_silent(scheduler, commands):
    commands.say("bresume", "", "LSF is down", 255)
    commands.say("bjobs", "", "LSF is down", 255)
    assert scheduler.release(["1"]) == ()


def test_only_held_jobs_are_cancelled_where_that_is_asked(scheduler, commands):
    commands.say("bkill")
    commands.say("bjobs", listing(record("1", "PSUSP"), record("2", "PEND"), record("3", "RUN")))
    scheduler.cancel(["1", "2", "3", "4"], only_held=True)
    assert commands.calls("bkill") == [["1"]]
    scheduler.cancel(["1", "2"])
    assert commands.calls("bkill")[1] == ["1", "2"]
    scheduler.withdraw(["1", "2", "3", "4"])
    assert commands.calls("bkill")[2] == ["1", "2"]


def test_nothing_is_cancelled_when_lsf_does_not_say_what_is_held(scheduler, commands):
    commands.say("bkill")
    commands.say("bjobs", "", "LSF is down", 255)
    scheduler.cancel(["1"], only_held=True)
    scheduler.withdraw(["1"])
    assert commands.calls("bkill") == []


def test_many_ids_go_into_several_commands(scheduler, commands):
    commands.say("bkill")
    scheduler.cancel([str(n) for n in range(450)])
    assert [len(words) for words in commands.calls("bkill")] == [200, 200, 50]


def test_a_short_memory_is_warned_of(scheduler, commands):
    assert scheduler.warnings() == []
    commands.say("bparams", "CLEAN_PERIOD = 3600\n")
    assert scheduler.warnings() == []
    commands.say("bparams", "    MBD_REFRESH_TIME = 10\n    CLEAN_PERIOD = 20\n")
    (warning,) = scheduler.warnings()
    assert "CLEAN_PERIOD" in warning
