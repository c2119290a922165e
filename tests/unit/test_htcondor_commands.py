"""What jobmon tells HTCondor's commands, and what it does when they are slow, sick or not there."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from jobmon.config.tables import SchedulerSettings
from jobmon.schedulers.acting import Accepted, JobSpec, Refused, Silent, Unknown
from jobmon.schedulers.htcondor import acting as htcondor
from stand_in import Commands, reachable

SUBMITTED = "12.0 - 12.0\n"
OURS = "JobmonKey =!= undefined"


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


@pytest.fixture
def scheduler(commands: Commands) -> htcondor.HTCondorScheduler:
    return htcondor.HTCondorScheduler(SchedulerSettings(bin_path=str(commands.path), timeout=1))


def spec(key: str = "c1-b1-1", **more: Any) -> JobSpec:
    return JobSpec(key, Path("/shared/script"), Path("/shared/log"), **more)


def ads(*found: dict[str, Any]) -> str:
    own = {"ProcId": 0, "JobmonKey": "c1-b1-1", "NumJobStarts": 0}
    return json.dumps([own | one for one in found])


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def test_the_description_goes_to_condor_submit(scheduler, commands):
    commands.say("condor_submit", SUBMITTED)
    assert scheduler.submit_held(spec(options=("request_cpus = 2",))) == Accepted("12.0")
    assert commands.calls("condor_submit") == [["-terse", "-"]]
    assert commands.stdin("condor_submit") == htcondor.description(spec(options=("request_cpus = 2",)))


def test_nothing_of_the_daemons_environment_is_handed_on(scheduler, commands, monkeypatch):
    commands.say("condor_submit", SUBMITTED)
    commands.say("condor_q")
    for name in ("_CONDOR_SCHEDD_HOST", "_condor_x", "CONDOR_X"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("TOKEN", "secret")
    monkeypatch.setenv("CONDOR_CONFIG", "/condor/config")
    scheduler.submit_held(spec())
    assert set(commands.env("condor_submit")) == {"PATH", "LANG", "USER", "LOGNAME", "HOME", "SHELL", "CONDOR_CONFIG"}
    assert "secret" not in commands.stdin("condor_submit")
    assert scheduler.seen() == ()
    assert [name for name in commands.env("condor_q") if "CONDOR" in name.upper()] == ["CONDOR_CONFIG"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_job_is_submitted_in_the_name_of_its_user(scheduler, commands, tmp_path):
    reachable(tmp_path)
    commands.say("condor_submit", SUBMITTED)
    assert scheduler.submit_held(spec(user="nobody")) == Accepted("12.0")
    assert commands.user("condor_submit") == 65534
    assert " USER='nobody' " in commands.stdin("condor_submit")


def test_what_did_not_happen_is_told_from_what_may_have(scheduler, commands, monkeypatch):
    answer = scheduler.submit_held(spec())
    assert isinstance(answer, Refused)
    assert not answer.for_good
    commands.say("condor_submit", SUBMITTED)
    assert scheduler.submit_held(spec(user="nobody-of-that-name")) == Refused(
        "there is no user nobody-of-that-name", for_good=True
    )
    monkeypatch.setattr(htcondor, "SUBMIT_S", 0.3)
    commands.say("condor_submit", SUBMITTED, first="exec sleep 5")
    assert scheduler.submit_held(spec()) == Unknown("condor_submit did not answer within 0.3 s")


@pytest.mark.parametrize(
    "more", [{"queue": "long"}, {"options": ("hold = False",)}, {"key": 'a"'}, {"key": ""}, {"key": "a\nqueue 5"}]
)
def test_what_breaks_the_promise_is_refused_for_good_and_never_submitted(scheduler, commands, more):
    commands.say("condor_submit", SUBMITTED)
    answer = scheduler.submit_held(spec(**more))
    assert isinstance(answer, Refused)
    assert answer.for_good
    assert commands.calls("condor_submit") == []


def test_all_jobs_with_a_key_are_asked_for_at_once(scheduler, commands):
    commands.say("condor_q", ads({"ClusterId": 12, "JobStatus": 2}))
    assert [seen.id for seen in scheduler.seen()] == ["12.0"]
    (words,) = commands.calls("condor_q")
    assert ("-allusers" in words) == (os.geteuid() == 0)
    assert option(words, "-constraint") == OURS
    assert option(words, "-attributes") == htcondor.ATTRIBUTES


def test_a_queue_that_takes_too_long_or_cannot_be_asked_is_silence(scheduler, commands):
    assert isinstance(scheduler.seen(), Silent)
    commands.say("condor_q", first="exec sleep 5")
    assert scheduler.seen() == Silent("condor_q did not answer within 1 s")


# --- the past ------------------------------------------------------------------------------------------------------


def test_the_history_is_asked_by_key(scheduler, commands):
    ended = {"JobStatus": 4, "ExitCode": 7}
    found = ads({"ClusterId": 12, "JobmonKey": "a-1", **ended}, {"ClusterId": 13, "JobmonKey": "x-1", **ended})
    commands.say("condor_history", found)
    (seen,) = scheduler.past(["a-1", "b-1", 'c" || true || "'])
    assert (seen.id, seen.key, seen.return_code) == ("12.0", "a-1", 7)
    (words,) = commands.calls("condor_history")
    assert option(words, "-constraint") == 'JobmonKey == "a-1" || JobmonKey == "b-1"'


def test_a_history_that_is_not_there_is_told_from_one_that_is_silent(scheduler, commands):
    assert scheduler.past(["a-1"]) == ()
    commands.say("condor_history", err="Error: No history file is defined\n", code=1)
    assert scheduler.past(["a-1"]) == ()
    commands.say("condor_history", err="Error: cannot open it\n", code=1)
    assert isinstance(scheduler.past(["a-1"]), Silent)
    commands.say("condor_history", first="exec sleep 5")
    assert isinstance(scheduler.past(["a-1"]), Silent)
    assert scheduler.past([]) == ()


# --- releasing and cancelling --------------------------------------------------------------------------------------


def test_only_what_is_held_as_submitted_is_released_and_the_queue_tells_what_is_free(scheduler, commands):
    commands.say("condor_release", err="Couldn't find/release all jobs", code=1)
    commands.say("condor_q", ads(
        {"ClusterId": 1, "JobStatus": 1},
        {"ClusterId": 2, "JobStatus": 5, "HoldReasonCode": 15},
        {"ClusterId": 3, "JobStatus": 5, "HoldReasonCode": 1},
        {"ClusterId": 4, "JobStatus": 4, "ExitCode": 0},
        {"ClusterId": 5, "JobStatus": 3},
        {"ClusterId": 6, "JobStatus": 3, "NumJobStarts": 1},
        {"ClusterId": 7, "JobStatus": 1, "JobmonKey": "not ours"},
    ))  # fmt: skip
    assert scheduler.release([f"{n}.0" for n in range(1, 9)]) == ("1.0", "3.0", "4.0", "6.0")
    constraint = option(commands.calls("condor_release")[0], "-constraint")
    assert constraint.startswith(f"{OURS} && ((ClusterId == 1 && ProcId == 0) || (ClusterId == 2 && ProcId == 0) || ")
    assert constraint.endswith(") && JobStatus == 5 && HoldReasonCode == 15")


def test_nothing_is_released_for_certain_when_htcondor_is_silent(scheduler, commands):
    commands.say("condor_release", "All jobs matching constraint have been released\n")
    commands.say("condor_q", err="-- Failed to fetch ads", code=1)
    assert scheduler.release(["1.0"]) == ()


def test_jobs_are_cancelled_by_number_and_key_and_never_after_their_end(scheduler, commands):
    commands.say("condor_rm")
    scheduler.cancel(["1.0"])
    scheduler.cancel(["1.0"], only_held=True)
    scheduler.cancel(["all", "1", "1.0) || (true"])
    scheduler.withdraw(["1.0"])
    one = f"{OURS} && ((ClusterId == 1 && ProcId == 0))"
    alive = " && JobStatus != 3 && JobStatus != 4"
    assert [option(words, "-constraint") for words in commands.calls("condor_rm")] == [
        one + alive,
        one + " && JobStatus == 5 && HoldReasonCode == 15" + alive,
        f"{OURS} && (false)" + alive,
        one + " && (JobStatus == 1 || JobStatus == 5) && (NumJobStarts > 0) =!= true",
    ]


def test_many_ids_go_into_several_commands(scheduler, commands):
    commands.say("condor_rm")
    scheduler.cancel([f"{n}.0" for n in range(450)])
    assert [option(words, "-constraint").count("ClusterId") for words in commands.calls("condor_rm")] == [200, 200, 50]


def test_a_pool_that_releases_by_itself_is_warned_of(scheduler, commands):
    assert scheduler.warnings() == []
    commands.say("condor_config_val", err="Not defined: SYSTEM_PERIODIC_RELEASE\n", code=1)
    assert scheduler.warnings() == []
    commands.say("condor_config_val", "False\n")
    assert scheduler.warnings() == []
    commands.say("condor_config_val", "NumJobStarts < 3\n")
    (warning,) = scheduler.warnings()
    assert "SYSTEM_PERIODIC_RELEASE" in warning
