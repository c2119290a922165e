"""What jobmon makes of HTCondor's words: ids, refusals, doubts, ads, and the submit description it writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobmon.errors import SettingsError
from jobmon.schedulers.acting import Accepted, JobSpec, Refused, Seen, Silent, Unknown
from jobmon.schedulers.command import Answer
from jobmon.schedulers.htcondor import acting as htcondor
from jobmon.schedulers.htcondor.options import canonical


def ad(status: int = 2, **more: Any) -> dict[str, Any]:
    return {"ClusterId": 12, "ProcId": 0, "JobStatus": status, "JobmonKey": "c1-b1-1", "NumJobStarts": 0} | more


def read(found: list[dict[str, Any]]) -> list[Seen]:
    ads = htcondor.read_ads(Answer(json.dumps(found), "", 0), "condor_q")
    assert isinstance(ads, list), ads
    return [seen for one in ads if (seen := htcondor.read_ad(one)) is not None]


@pytest.mark.parametrize("out", ["12.0 - 12.0\n", "\n12.0 - 12.0\n"])
def test_an_id_is_an_id(out):
    assert htcondor.read_submission(Answer(out, "WARNING: the line was unused", 0)) == Accepted("12.0")


@pytest.mark.parametrize(
    ("out", "err", "code"),
    [
        ("", "", 0),
        ("", "", 1),
        ("", "", -9),
        ("12.0 - 12.0\n", "", 1),
        ("12.0 - 12.0\n", "ERROR: Failed to connect to local queue manager", 1),
        ("12.0 - 12.4\n", "", 0),
        ("12.0 - 12.0\n13.0 - 13.0\n", "", 0),
        ("12.0 - ", "", 0),
        ("1 job(s) submitted to cluster 12.\n", "", 0),
        ("", "ERROR: Failed to connect to local queue manager", -15),
        ("", "ERROR: Failed to commit job submission into the queue.\nERROR: is not a valid project", 1),
        ("", "ERROR: Failed to connect to local queue manager\nAUTHENTICATE:1004: timed out", 1),
        ("", "something new", 1),
    ],
)
def test_what_is_unclear_is_unknown(out, err, code):
    assert isinstance(htcondor.read_submission(Answer(out, err, code)), Unknown)


@pytest.mark.parametrize(
    ("err", "for_good"),
    [
        ("ERROR: Number of submitted jobs would exceed MAX_JOBS_PER_OWNER", False),
        ("ERROR: Failed to parse command file (line 1).", True),
        ("ERROR: Parse error in expression: Requirements = (((", True),
        ("ERROR: Submitting jobs as user/group 0 (root) is not allowed for security reasons.", True),
        ("ERROR: Executable file /shared/script does not exist", True),
    ],
)
def test_known_messages_are_refusals(err, for_good):
    assert htcondor.read_submission(Answer("", f"\n{err}\n", 1)) == Refused(err, for_good)


# --- the submit description ----------------------------------------------------------------------------------------


def said(spec: JobSpec) -> dict[str, str]:
    return dict(line.split(" = ", 1) for line in htcondor.description(spec).splitlines()[:-1])


def test_a_job_is_held_has_its_key_and_stays_in_the_queue_after_its_end(monkeypatch):
    monkeypatch.setenv("PATH", '/it\'s a "path"/$HOME')
    script = Path("/shared/$(x) y/script")
    spec = JobSpec("c1-b1-1", script, Path("/shared/log"), options=("request_memory = 4GB", "+maxRuntime = 1"))
    text = htcondor.description(spec)
    assert text.startswith("request_memory = 4GB\n+maxRuntime = 1\n")
    assert text.endswith('\n+JobmonKey = "c1-b1-1"\nqueue 1\n')
    found = said(spec)
    assert (found["hold"], found["batch_name"], found["periodic_release"]) == ("True", "jm-c1-b1-1", "False")
    assert found["executable"] == "/shared/$(DOLLAR)(x) y/script"
    assert (found["output"], found["error"]) == ("/shared/log", "/shared/log")
    assert "time() - EnteredCurrentStatus" in found["leave_in_queue"]
    environment = found["environment"]
    assert "PATH='/it''s a \"\"path\"\"/$(DOLLAR)HOME'" in environment
    assert environment.endswith(' JOBMON_SCHEDULER_ID=$(ClusterId).$(ProcId)"')


@pytest.mark.parametrize(
    "line",
    [
        "hold = False", "HOLD=False", "executable = /bin/sh", "queue", "queue 5", "queue = 5", "batch_name = other",
        "environment = x", "getenv = True", "leave_in_queue = False", "max_retries = 3", "periodic_release = True",
        "cron_minute = 0", "universe = local", "include : /etc/passwd", "if true", "log = /tmp/x", "arguments = x",
        "request_memory = 4GB\nqueue", "request_memory = 4GB\\", "request_memory @=end", "request_memory =",
        "", "=", "-append", '+JobmonKey = "x"', '+jobmonkey = "x"', 'MY.JobmonKey = "x"', "My.LeaveJobInQueue = 1",
        "+HoldReasonCode = 1", "+JobStatus = 1", '+Cmd = "/bin/sh"', "+PeriodicRelease = True", "+OnExitRemove = 0",
        "+JobMaxRetries = 3", "+JobSuccessExitCode = 1",
        "+NumJobStarts = 0", "+WantX = True", "MY.DAGManJobId = 1", "+JobDescription = 1", "+NextJobStartDelay = 9",
        "x509userproxy = /tmp/pipe", "request_ = 1", "+ = 1", "MY. = 1", "my.request_memory = 1",
        "DOLLAR = x", "request_memory = 4\0GB", "TARGET.x = 1",
    ],
)  # fmt: skip
def test_lines_that_break_the_promise_are_refused(line):
    with pytest.raises(SettingsError):
        canonical(("request_cpus = 2", line))


def test_lines_for_resources_are_taken():
    lines = (
        "request_memory = 4GB", "requirements = (OpSysMajorVer == 9) && Memory > 1", "MY.WantGPULab = True",
        '+ProjectName = "x"', "+MaxRuntime = 3600", "accounting_group=physics", "Request_GPUs = 1", "priority = -5",
    )  # fmt: skip
    assert canonical(lines) == (
        "request_memory = 4GB", "requirements = (OpSysMajorVer == 9) && Memory > 1", "+WantGPULab = True",
        '+ProjectName = "x"', "+MaxRuntime = 3600", "accounting_group = physics", "Request_GPUs = 1", "priority = -5",
    )  # fmt: skip


@pytest.mark.parametrize("words", ["Can't find address of local schedd", "Failed to connect to local queue manager"])
def test_who_is_not_there_is_silent_and_has_refused_nothing(words):
    assert htcondor.read_submission(Answer("", f"\nERROR: {words}\n", 1)) == Silent(f"ERROR: {words}")


# --- ads -----------------------------------------------------------------------------------------------------------

HELD = "submitted on hold at user's request"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (ad(5, HoldReasonCode=15, HoldReason=HELD), ("held", None, None, None, HELD)),
        (ad(5, HoldReasonCode=1, HoldReason="via condor_hold"), ("pending", None, None, None, "via condor_hold")),
        (ad(5), ("pending", None, None, None, "")),
        (ad(5, HoldReasonCode=1, NumJobStarts=1), ("ended", "unknown", None, None, "")),
        (ad(5, HoldReasonCode=34, NumJobStarts=1, HoldReason="memory"), ("ended", "oom", None, None, "memory")),
        (ad(5, HoldReasonCode=46, NumJobStarts=1), ("ended", "timeout", None, None, "")),
        (ad(5, HoldReasonCode=[15], NumJobStarts={}), ("pending", None, None, None, "")),
        (ad(1), ("pending", None, None, None, "")),
        *((ad(status), ("running", None, None, None, "")) for status in (0, 2, 6, 7, 99)),
        (ad(3, RemoveReason="via condor_rm"), ("ended", "cancelled", None, None, "via condor_rm")),
        (ad(4, ExitBySignal=False, ExitCode=0), ("ended", "exit", 0, None, "")),
        (ad(4, ExitBySignal=False, ExitCode=7), ("ended", "exit", 7, None, "")),
        (ad(4, ExitBySignal=True, ExitSignal=9), ("ended", "signal", None, 9, "")),
        (ad(4), ("ended", "unknown", None, None, "")),
        (ad(4, ExitCode=10**30), ("ended", "unknown", None, None, "")),
        (ad(4, ExitCode="7", ExitBySignal="no"), ("ended", "unknown", None, None, "")),
    ],
)
def test_every_state_has_its_phase(found, expected):
    phase, ending, code, signal, reason = expected
    assert read([found]) == [Seen("12.0", "c1-b1-1", phase, ending, code, signal, reason)]


def test_what_is_not_ours_is_left_out():
    foreign = [
        {}, ad(JobmonKey=None), ad(JobmonKey=5), ad(JobmonKey=["c1-b1-1"]), ad(JobmonKey=""), ad(JobmonKey="a b"),
        ad(JobmonKey="a\0b"), ad(JobmonKey="x" * 500), ad(JobmonKey='"; rm'), ad(JobmonKey="../../x"),
        ad(ClusterId=None), ad(ClusterId="x"), ad(ProcId=-1), ad(ClusterId=1.5), ad(JobStatus="2"), ad(JobStatus=None),
        {"JobmonKey": "c1-b1-1"}, ad(ClusterId="/Expr(1)/"),
    ]  # fmt: skip
    assert read([*foreign, ad()]) == [Seen("12.0", "c1-b1-1", "running")]


def test_a_huge_queue_is_read_whole():
    found = read([ad(1, ClusterId=n, JobmonKey=f"c1-b{n}-1", HoldReason="x" * 2000) for n in range(20_000)])
    assert len(found) == 20_000
    assert found[-1].id == "19999.0"
    assert max(len(seen.reason) for seen in found) == 300


@pytest.mark.parametrize(
    ("out", "err", "code"),
    [
        ("", "", 1),
        ("", "", -9),
        ("[]", "", 1),
        ("", "-- Failed to fetch ads from: <127.0.0.1:9618>", 0),
        ("[", "", 0),
        ('[{"ClusterId": 12},', "", 0),
        ("-- Schedd: x\n[]", "", 0),
        ("null", "", 0),
        ("{}", "", 0),
        ("[1]", "", 0),
    ],
)
def test_what_is_no_whole_answer_is_silence(out, err, code):
    assert isinstance(htcondor.read_ads(Answer(out, err, code), "condor_q"), Silent)


@pytest.mark.parametrize(("out", "err"), [("", ""), ("\n", ""), ("[]\n", ""), ("[\n]\n", "a note")])
def test_that_there_is_no_job_is_an_answer(out, err):
    assert htcondor.read_ads(Answer(out, err, 0), "condor_q") == []
