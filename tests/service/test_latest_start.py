"""Jobs with a latest start, with the real daemon: on this machine and on a real, full Slurm."""

import json
import re
import time
import urllib.error
from collections.abc import Callable, Iterator

import pytest

from batch_daemon import House, local, on_slurm
from jobmon.batch import submit, terminal
from jobmon.config import load
from jobmon.config.tables import SchedulerSettings
from jobmon.errors import SettingsError
from jobmon.schedulers.acting import Accepted, JobSpec
from jobmon.schedulers.slurm.acting import SlurmScheduler
from proxy_secret import ours
from slurm_cluster import SlurmCluster

__all__ = ["local", "on_slurm"]
pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]
OURS = ours("olga")


@pytest.fixture
def full(slurm: SlurmCluster) -> Iterator[Callable[[], None]]:
    """Fill the default partition, and return what frees it."""
    blocker = slurm.submit("--nodes=4", "--exclusive")
    slurm.wait_state(blocker, "RUNNING")
    yield lambda: slurm.run("scancel", blocker)
    slurm.run("scancel", blocker, check=False)


def asked(house: House, latest: float, command: str, **more: object) -> int:
    return submit(["sh", "-c", command], settings=load(house.settings), working_dir=str(house.root),
                  latest_start=latest, **more)  # fmt: skip


def until(what: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


def status(house: House, number: int) -> str:
    return house.ask(f"jobs/{number}")["job"]["status"]


@pytest.mark.parametrize("master", ["stays", "is away"])
def test_on_a_full_partition_what_could_not_start_in_time_never_runs(slurm, full, on_slurm, master):
    house, latest = on_slurm, time.time() + 6
    limited = asked(house, latest, "touch ran-limited", time_limit=60)  # Slurm is told to remove it
    unlimited = asked(house, latest, "touch ran-unlimited")
    until(lambda: all(house.ask(f"jobs/{number}")["job"]["released_at"] for number in (limited, unlimited)))
    numbers = [house.ask(f"jobs/{number}")["job"]["scheduler_id"] for number in (limited, unlimited)]
    if master == "is away":
        house.kill()
        slurm.wait_state(numbers[0], "DEADLINE")
        assert time.time() > latest
        time.sleep(max(0, latest - time.time()) + 0.5)
        full()
        slurm.wait_state(numbers[1], "FAILED")  # its script found it too late
        house.start()
    until(lambda: [status(house, number) for number in (limited, unlimited)] == ["skipped"] * 2)
    full()
    for number in (limited, unlimited):
        job = house.ask(f"jobs/{number}")["job"]
        assert (job["ending"], job["started_at"], job["return_code"]) == ("late", None, None)
        assert "its latest start" in job["reason"]
    until(lambda: not {*numbers} & {*slurm.run("squeue", "-h", "-o", "%A").split()})
    assert list(house.root.glob("ran-*")) == []


@pytest.mark.parametrize(
    ("limit_s", "options", "deadline_s"),
    [
        (600, (), 3600 + 720),  # the latest start, and what --time says
        (0, (), None),
        (600, ("--time=30",), None),
        (600, ("-t", "30"), None),
        (600, ("--dead=now+1day",), 86_400),
    ],
)
def test_slurm_is_given_a_deadline_that_leaves_the_whole_time_limit(slurm, tmp_path, limit_s, options, deadline_s):
    scheduler = SlurmScheduler(SchedulerSettings(conf=str(slurm.conf)))
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    now = time.time()
    spec = JobSpec("d1-b1-1", script, tmp_path / "log", options=options, limit_s=limit_s, latest_start=now + 3600)
    answer = scheduler.submit_held(spec)
    assert isinstance(answer, Accepted), answer
    shown = dict(re.findall(r"(\w+)=(\S+)", slurm.run("scontrol", "show", "job", answer.id)))
    scheduler.cancel([answer.id])
    if deadline_s is None:
        assert shown["Deadline"] == "N/A"
        return
    deadline = time.mktime(time.strptime(shown["Deadline"], "%Y-%m-%dT%H:%M:%S"))
    assert deadline - now == pytest.approx(deadline_s, abs=5)
    assert shown["TimeLimit"] == "00:12:00"


def test_what_starts_in_time_runs_as_long_as_it_may(slurm, on_slurm):
    latest = time.time() + 3
    numbers = [asked(on_slurm, latest, "sleep 6; echo done", **more) for more in ({"time_limit": 60}, {})]
    until(lambda: [status(on_slurm, number) for number in numbers] == ["succeeded"] * 2)
    for number in numbers:
        job = on_slurm.ask(f"jobs/{number}")["job"]
        assert job["output_tail"] == "done\n"
        assert job["finished_at"] > latest


def test_a_deadline_of_their_own_is_theirs(full, on_slurm):
    number = asked(on_slurm, time.time() + 600, "touch ran", time_limit=60, options=["--deadline=now+125"])
    until(lambda: status(on_slurm, number) == "skipped")
    assert "could not have ended by its deadline" in on_slurm.ask(f"jobs/{number}")["job"]["reason"]


def test_waiting_for_what_is_skipped_says_why_and_ends_with_a_code_of_its_own(local, capsys):
    assert local.run("limit", "*", "--max-pending", "0")[0] == 0
    values = {"command": ["touch", "ran"], "latest_start": time.time() + 2, "working_dir": str(local.root)}
    assert terminal.submit(load(local.settings), values, "alice", wait=True) == 96
    assert "job 1 is skipped: not started by 20" in capsys.readouterr().err
    assert not (local.root / "ran").exists()


def test_times_are_given_on_the_command_line_and_impossible_ones_refused_everywhere(local):
    code, out, err = local.run("submit", "--not-before", "+1h", "--latest-start", "+2h", "--", "true")
    assert (code, out) == (0, "job 1\n"), err
    job = local.ask("jobs/1")["job"]
    assert job["latest_start"] - job["not_before"] == pytest.approx(3600, abs=2)
    assert job["not_before"] - job["created_at"] == pytest.approx(3600, abs=30)
    assert "start by" in local.run("status", "1")[1]
    for words, told in (
        (("--latest-start", "30m"), "has passed already"),
        (("--not-before", "+2h", "--latest-start", "+1h"), "must be after not_before"),
        (("--latest-start", "soon"), "is no time"),
    ):
        code, out, err = local.run("submit", *words, "--", "true")
        assert (code, out) == (2, "")
        assert told in err
    with pytest.raises(urllib.error.HTTPError) as refused:
        local.ask("jobs", {"command": ["true"], "latest_start": time.time() - 1}, **OURS)
    with refused.value:
        assert refused.value.code == 400
        assert "has passed already" in json.loads(refused.value.read())["detail"]
    with pytest.raises(SettingsError, match="has passed already"):
        asked(local, time.time() - 1, "true")
    assert len(local.ask("jobs")["jobs"]) == 1
    assert local.run("cron", "add", "n", "@daily", "--start-within", "600", "--", "true")[0] == 0
    assert local.ask("cron")["entries"][0]["start_within"] == 600
    assert local.run("cron", "edit", "n", "@daily", "--start-within", "900", "--", "true")[0] == 0
    assert local.ask("cron")["entries"][0]["start_within"] == 900
    assert local.run("cron", "add", "w", "@daily", "--start-within", "600", "--workflow", "w")[0] == 2
