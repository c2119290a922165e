"""What jobmon makes of LSF's words: ids, refusals, doubts, listings."""

import json
from typing import Any

import pytest

from jobmon.errors import SettingsError
from jobmon.schedulers.acting import Accepted, Refused, Seen, Silent, Unknown
from jobmon.schedulers.command import Answer
from jobmon.schedulers.lsf import acting as lsf
from jobmon.schedulers.lsf.options import canonical

SUBMITTED = "Job <123> is submitted to queue <normal>.\n"


def record(number: object = "123", state: str = "RUN", name: str = "jm-c1-b1-1", **more: Any) -> dict[str, Any]:
    fields = {"JOBID": number, "STAT": state, "JOB_NAME": name, "EXIT_CODE": "", "EXIT_REASON": "", "START_TIME": "",
              "PEND_REASON": ""}  # fmt: skip
    return fields | {field.upper(): value for field, value in more.items()}


def listing(*records: dict[str, Any]) -> str:
    return json.dumps({"COMMAND": "bjobs", "JOBS": len(records), "RECORDS": records})


def read(*records: dict[str, Any]) -> tuple[Seen, ...]:
    listed = lsf.read_listing(Answer(listing(*records), "", 0))
    assert isinstance(listed, tuple), listed
    return tuple(job.seen for job in listed)


@pytest.mark.parametrize(
    "out",
    [
        SUBMITTED,
        "Job <123> is submitted to default queue <normal>.\n",
        "Cannot connect to LSF. Please wait ...\nan esub greets you\n" + SUBMITTED,
    ],
)
def test_an_id_is_an_id(out):
    assert lsf.read_submission(Answer(out, "", 0)) == Accepted("123")


@pytest.mark.parametrize(
    ("out", "err", "code"),
    [
        ("", "", 0),
        ("", "", 255),
        ("", "", -9),
        ("", "no-such-queue: No such queue. Job not submitted.", -9),
        (SUBMITTED, "", 1),
        (SUBMITTED, "no-such-queue: No such queue. Job not submitted.", 255),
        (SUBMITTED + SUBMITTED.replace("123", "124"), "", 0),
        ("Job <12", "", 0),
        ("Job <x> is submitted to queue <normal>.", "", 0),
        ("the job: Job <123> is submitted to queue <normal>.", "", 0),
        ("", "Failed in an LSF library call: Communication time out. Job not submitted.", 255),
        ("", "Contacting batch daemon: Communication timeout: no such queue. Job not submitted.", 255),
        ("", "Batch library internal error. Job not submitted.", 255),
        ("", "something new", 255),
        (f"Job <{'9' * 30}> is submitted to queue <normal>.", "", 0),
    ],
)
def test_what_is_unclear_is_unknown(out, err, code):
    assert isinstance(lsf.read_submission(Answer(out, err, code)), Unknown)


@pytest.mark.parametrize(
    ("err", "for_good"),
    [
        ("no-such-queue: No such queue. Job not submitted.", True),
        ("short: User cannot use the queue. Job not submitted.", True),
        ("Bad resource requirement syntax. Job not submitted.", True),
        ("Cannot exceed queue's hard limit(s). Job not submitted.", True),
        ("Request aborted by esub. Job not submitted.", True),
        ("normal: Queue has been closed. Job not submitted.", False),
        ("User <ada>: Pending job threshold reached. Job not submitted.", False),
    ],
)
def test_known_messages_are_refusals(err, for_good):
    assert lsf.read_submission(Answer("", err, 255)) == Refused(err, for_good)


@pytest.mark.parametrize("words", ["Master LIM is down; try later", "Connection refused by server"])
def test_who_is_not_there_is_silent_and_has_refused_nothing(words):
    err = f"Failed in an LSF library call: {words}. Job not submitted."
    assert lsf.read_submission(Answer("", err, 255)) == Silent(err)


def test_options_for_resources_are_taken():
    words = ("-n", "4", "-R", "rusage[mem=4G] span[hosts=1]", "-x", "-P", "climate", "-gpu", "num=1", "-gpu", "-")
    assert canonical(words) == words


def test_a_refusal_says_where_it_is_said_instead():
    with pytest.raises(SettingsError, match="-q of bsub cannot be set: it is given as the job's queue"):
        canonical(("-q", "long"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"state": "PSUSP", "pend_reason": "suspended;"}, ("held", None, None, None, "suspended;")),
        ({"state": "PEND", "pend_reason": "New job;"}, ("pending", None, None, None, "New job;")),
        ({"state": "WAIT"}, ("pending", None, None, None, "")),
        *(({"state": s}, ("running", None, None, None, "")) for s in ("RUN", "USUSP", "SSUSP", "PROV", "UNKWN", "ZOMBI",
                                                                     "SOMETHING_NEW")),
        ({"state": "DONE", "start_time": "Nov 21 10:00"}, ("ended", "exit", 0, None, "")),
        ({"state": "EXIT", "exit_code": "7", "start_time": "Nov 21 10:00"}, ("ended", "exit", 7, None, "")),
        ({"state": "EXIT", "exit_code": "143", "start_time": "Nov 21 10:00"}, ("ended", "signal", None, 15, "")),
        ({"state": "EXIT", "exit_code": "255", "start_time": "Nov 21 10:00"}, ("ended", "exit", 255, None, "")),
        ({"state": "EXIT", "start_time": "Nov 21 10:00"}, ("ended", "unknown", None, None, "")),
        ({"state": "EXIT", "exit_code": "-", "start_time": "-"}, ("ended", "cancelled", None, None, "")),
        ({"state": "EXIT", "exit_code": "99999999999", "start_time": "x"}, ("ended", "unknown", None, None, "")),
        ({"state": "EXIT", "exit_code": "140", "start_time": "x",
          "exit_reason": "TERM_RUNLIMIT: job killed after reaching LSF run time limit"},
         ("ended", "timeout", None, 12, "TERM_RUNLIMIT: job killed after reaching LSF run time limit")),
        ({"state": "EXIT", "exit_code": "137", "start_time": "x", "exit_reason": "TERM_MEMLIMIT: x"},
         ("ended", "oom", None, 9, "TERM_MEMLIMIT: x")),
        ({"state": "EXIT", "start_time": "x", "exit_reason": "TERM_OWNER: job killed by owner"},
         ("ended", "cancelled", None, None, "TERM_OWNER: job killed by owner")),
        ({"state": "EXIT", "start_time": "x", "exit_reason": "TERM_REMOVE_HUNG_JOB: x"},
         ("ended", "node_fail", None, None, "TERM_REMOVE_HUNG_JOB: x")),
    ],
)  # fmt: skip
def test_every_state_has_its_phase(fields, expected):
    phase, ending, code, signal, reason = expected
    assert read(record(**fields)) == (Seen("123", "c1-b1-1", phase, ending, code, signal, reason),)


def test_what_is_not_ours_is_left_out():
    foreign = [
        record(name="simulation"), record(name="xjm-c1-b1-1"), record(name="jm-"), record(name="jm-a b"),
        record(name="jm-a\0b"), record(name="jm-" + "x" * 500), record(name='jm-"}]'), record(name="jm-../../x"),
        record("12[3]"), record("../1"), record(""), record("9" * 30), record(None), record("\u0661"),
        record(state=""), {"ERROR": "Job <jm-*> is not found"}, {}, {"JOBID": ["1"], "STAT": {}},
    ]  # fmt: skip
    assert read(*foreign, record(123)) == (Seen("123", "c1-b1-1", "running"),)


def test_a_huge_listing_is_read_whole():
    found = read(*(record(str(n), "PEND", f"jm-c1-b{n}-1", pend_reason="x" * 2000) for n in range(1, 20_001)))
    assert len(found) == 20_000
    assert found[-1].key == "c1-b20000-1"
    assert max(len(seen.reason) for seen in found) == 300


@pytest.mark.parametrize(
    ("out", "err", "code"),
    [
        ("", "", 0),
        ("", "", 255),
        ("", "LSF is down. Please wait ...", 255),
        ("", "Batch library internal error", 0),
        ("", "Job <jm-*> is not found\nLSF is down", 255),
        (listing(record()), "", 1),
        (listing(record()), "", -9),
        (listing(record())[:-1], "", 0),
        ("JOBID USER STAT\n", "", 0),
        ("[]", "", 0),
        ("null", "", 0),
        ('{"COMMAND":"bjobs","JOBS":2,"RECORDS":[{}]}', "", 0),
        ('{"COMMAND":"bjobs","JOBS":0,"RECORDS":null}', "", 0),
        ('{"COMMAND":"bjobs"}', "", 0),
        (listing({"ERROR": "LSF is down"}), "", 0),
        (listing(), "", 255),
    ],
)
def test_what_is_no_whole_answer_is_silence(out, err, code):
    assert isinstance(lsf.read_listing(Answer(out, err, code)), Silent)


@pytest.mark.parametrize(
    ("out", "err", "code"),
    [
        ("", "Job <jm-*> is not found\n", 255),
        ("", "No job found\n", 255),
        ("", "No matching job found\n", 0),
        (listing(), "", 0),
        ("LSF is down. Please wait ...\n" + listing(), "", 0),
    ],
)
def test_that_there_is_no_job_is_an_answer(out, err, code):
    assert lsf.read_listing(Answer(out, err, code)) == ()
