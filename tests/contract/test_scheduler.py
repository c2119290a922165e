"""What every scheduler does when jobmon acts on it: on this machine, on a real Slurm, and on stand-in commands of
LSF and HTCondor, one suite for all."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from jobmon.config.tables import SchedulerSettings
from jobmon.engine.submission.attempts import Work
from jobmon.engine.submission.folder import Folders
from jobmon.schedulers.acting import Accepted, JobSpec, Refused, Scheduler, Seen
from jobmon.schedulers.command import own_name
from jobmon.schedulers.htcondor.acting import HTCondorScheduler
from jobmon.schedulers.local import LocalScheduler
from jobmon.schedulers.lsf.acting import LsfScheduler
from jobmon.schedulers.slurm.acting import SlurmScheduler

pytestmark = pytest.mark.service


FAKES = Path(__file__).parent.parent / "fakes"


@pytest.fixture(params=["local", "slurm", "lsf", "htcondor"])
def scheduler(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    kind = request.param
    if kind == "local":
        return LocalScheduler(tmp_path / "local", slots=4)
    if kind == "slurm":
        return SlurmScheduler(SchedulerSettings(conf=str(request.getfixturevalue("slurm").conf)))
    conf = tmp_path / kind
    conf.mkdir()
    monkeypatch.setenv("LSF_ENVDIR", str(conf))
    monkeypatch.setenv("CONDOR_CONFIG", str(conf / "condor_config"))
    settings = SchedulerSettings(bin_path=str(FAKES / f"{kind}_commands"))
    return LsfScheduler(settings) if kind == "lsf" else HTCondorScheduler(settings)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "attempts")


Submit = Callable[..., str]


@pytest.fixture
def submit(scheduler: Scheduler, folders: Folders, tmp_path: Path) -> Submit:
    def submit(key: str, *args: str, limit_s: float = 0) -> str:
        script = folders.prepare(key, Work(args, str(tmp_path), limit_s=limit_s))
        answer = scheduler.submit_held(JobSpec(key, script, folders.of(key) / "log", limit_s=limit_s))
        assert isinstance(answer, Accepted), answer
        return answer.id

    return submit


def look(scheduler: Scheduler, key: str) -> list[Seen]:
    answer = scheduler.seen()
    assert isinstance(answer, tuple), answer
    return [seen for seen in answer if seen.key == key]


def wait_for(what: Callable[[], object], seconds: float = 30) -> object:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


def ended(scheduler: Scheduler, key: str) -> Seen:
    wait_for(lambda: [seen for seen in look(scheduler, key) if seen.phase == "ended"])
    (seen,) = look(scheduler, key)
    return seen


def test_a_held_job_does_not_run_and_is_found_by_its_key(scheduler, submit, folders):
    number = submit("c1-b1-1", "touch", "ran")
    time.sleep(1.5)
    (seen,) = look(scheduler, "c1-b1-1")
    assert seen == Seen(number, "c1-b1-1", "held", reason=seen.reason, user=seen.user)
    assert seen.user in {"", own_name()}, "whose it is, where the scheduler tells it"
    assert seen.user or scheduler.name != "slurm"
    assert folders.started("c1-b1-1") is None
    scheduler.cancel([number])


def test_a_released_job_runs_once_and_its_end_is_on_record(scheduler, submit, folders, tmp_path):
    key = "c1-b2-1"
    number = submit(key, "sh", "-c", "echo hi; echo ran >> witness; exit 7")
    assert scheduler.release([number]) == (number,)
    seen = ended(scheduler, key)
    assert (seen.ending, seen.return_code) == ("exit", 7)
    done = folders.done(key)
    assert (done.return_code, done.why, done.tail, done.output_bytes) == (7, "exit", "hi\n", 3)
    assert (tmp_path / "witness").read_text() == "ran\n"
    assert scheduler.release([number]) in ((number,), ())
    time.sleep(1)
    assert (tmp_path / "witness").read_text() == "ran\n"


def test_what_is_remembered_of_the_past_is_what_the_listing_said(scheduler, submit):
    keys = {"c1-b14-1": "exit 7", "c1-b15-1": "kill -9 $PPID"}
    scheduler.release([submit(key, "sh", "-c", text) for key, text in keys.items()])
    listed = [replace(ended(scheduler, key), reason="", user="") for key in keys]
    past = scheduler.past([*keys, "c1-b16-1"])
    assert isinstance(past, tuple), past
    told = sorted((replace(seen, reason="") for seen in past), key=lambda seen: seen.key)
    assert told in (listed, [])
    assert told or scheduler.name != "slurm"


def test_a_second_start_of_the_same_key_is_refused(scheduler, submit, folders, tmp_path):
    key = "c1-b3-1"
    numbers = [submit(key, "sh", "-c", "echo ran >> witness; sleep 1"), submit(key, "sh", "-c", "echo ran >> witness")]
    scheduler.release(numbers)
    wait_for(lambda: [seen.phase for seen in look(scheduler, key)] == ["ended", "ended"])
    assert (tmp_path / "witness").read_text() == "ran\n"
    assert folders.was_refused(key)


def test_a_running_job_is_cancelled_and_says_so(scheduler, submit, folders):
    key = "c1-b4-1"
    number = submit(key, "sleep", "100")
    scheduler.release([number])
    wait_for(lambda: folders.started(key))
    wait_for(lambda: look(scheduler, key)[0].phase == "running")
    scheduler.cancel([number], only_held=True)
    time.sleep(0.5)
    assert look(scheduler, key)[0].phase == "running"
    scheduler.cancel([number])
    assert ended(scheduler, key).phase == "ended"
    assert wait_for(lambda: folders.done(key)).why == "terminated"


def test_a_held_job_is_cancelled(scheduler, submit, folders):
    number = submit("c1-b5-1", "true")
    scheduler.cancel([number], only_held=True)
    assert ended(scheduler, "c1-b5-1").ending == "cancelled"
    assert scheduler.release([number]) is not None
    time.sleep(0.5)
    assert folders.started("c1-b5-1") is None


def test_what_has_not_started_is_withdrawn_and_what_has_goes_on(scheduler, submit, folders):
    running, held = submit("c1-b12-1", "sleep", "2"), submit("c1-b12-2", "true")
    scheduler.release([running])
    wait_for(lambda: folders.started("c1-b12-1"))
    wait_for(lambda: look(scheduler, "c1-b12-1")[0].phase == "running")
    scheduler.withdraw([running, held])
    assert ended(scheduler, "c1-b12-2").ending == "cancelled"
    assert scheduler.release([held]) is not None
    done = wait_for(lambda: folders.done("c1-b12-1"))
    assert (done.why, done.return_code) == ("exit", 0)
    assert folders.started("c1-b12-2") is None


def test_a_script_that_comes_too_late_does_not_run_the_command(scheduler, folders, tmp_path):
    key, latest = "c1-b13-1", time.time() + 1
    work = Work(("touch", "ran"), str(tmp_path), limit_s=60, latest_start=latest)
    script = folders.prepare(key, work)
    spec = JobSpec(key, script, folders.of(key) / "log", latest_start=latest)  # the scheduler knows of no time limit
    answer = scheduler.submit_held(spec)
    assert isinstance(answer, Accepted)
    time.sleep(max(0, latest - time.time()) + 0.1)
    scheduler.release([answer.id])
    seen = ended(scheduler, key)
    assert (seen.ending, seen.return_code) == ("exit", 96)
    done = folders.done(key)
    assert (done.why, done.return_code, done.signal) == ("late", None, None)
    assert "latest start" in folders.log(key)
    assert folders.started(key) is None
    assert not (tmp_path / "ran").exists()


def test_a_time_limit_ends_the_command_and_all_it_started(scheduler, submit, folders, tmp_path):
    key = "c1-b6-1"
    number = submit(key, "sh", "-c", "sh -c 'sleep 300 & echo $! > child; wait'", limit_s=1)
    scheduler.release([number])
    done = wait_for(lambda: folders.done(key))
    assert (done.why, done.signal) == ("timeout", 15)
    child = int((tmp_path / "child").read_text())
    wait_for(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie", 5)


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("/no/such/program",), 127, "No such file or directory"),
        (("/etc/passwd",), 126, "Permission denied"),
        (("sh", "-c", "kill -9 $$"), None, ""),
    ],
)
def test_what_cannot_be_started_or_is_killed_is_told(scheduler, submit, folders, args, code, told):
    key = f"c1-b7-{code or 9}"
    number = submit(key, *args)
    scheduler.release([number])
    done = wait_for(lambda: folders.done(key))
    assert done.return_code == code
    assert told in done.told
    assert done.signal == (None if code else 9)


def test_what_people_write_reaches_the_command_as_it_is(scheduler, submit, folders, tmp_path):
    words = ("a b", "it's", '"', "$HOME", "`id`", "'''", "\\n", "%j", "\u20ac", "line\nbreak", "{x}")
    number = submit("c1-b8-1", "python3", "-c", "import json,sys; print(json.dumps(sys.argv[1:]))", *words)
    scheduler.release([number])
    done = wait_for(lambda: folders.done("c1-b8-1"))
    assert tuple(json.loads(done.tail)) == words


def test_nothing_of_the_daemons_environment_reaches_the_command(scheduler, submit, folders, monkeypatch):
    monkeypatch.setenv("DAEMONS_SECRET", "x")
    number = submit("c1-b11-1", "sh", "-c", "umask; env")
    scheduler.release([number])
    umask, *lines = wait_for(lambda: folders.done("c1-b11-1")).tail.splitlines()
    names = {line.partition("=")[0] for line in lines}
    assert umask == "0022"
    assert {"PATH", "HOME", "USER"} <= names
    assert not names & {"DAEMONS_SECRET", "PYTHONPATH", "SLURM_CONF_SECRET"}


def test_a_wrong_queue_is_refused_for_good(scheduler, folders, tmp_path):
    script = folders.prepare("c1-b9-1", Work(("true",), str(tmp_path)))
    answer = scheduler.submit_held(JobSpec("c1-b9-1", script, tmp_path / "log", queue="no-such-queue"))
    assert isinstance(answer, Refused)
    assert answer.for_good
    assert look(scheduler, "c1-b9-1") == []


def test_an_output_of_many_megabytes_is_kept_whole_and_its_end_recorded(scheduler, submit, folders):
    number = submit("c1-b10-1", "sh", "-c", "head -c 30000000 /dev/zero | tr '\\0' x; echo; echo the end")
    scheduler.release([number])
    done = wait_for(lambda: folders.done("c1-b10-1"), 60)
    assert done.output_bytes == 30_000_009
    assert done.tail.endswith("x\nthe end\n")
    assert len(done.tail) == 65536
