"""Jobs of the real daemon, submitted from the command line and over HTTP, on this machine and on a real Slurm."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from batch_daemon import House, housed, local, on_slurm
from jobmon.batch import submit
from jobmon.config import load
from proxy_secret import ours, signed_in
from slurm_cluster import SlurmCluster, running

__all__ = ["local", "on_slurm"]
pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]


@pytest.fixture(params=["local", "slurm"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    conf = str(request.getfixturevalue("slurm").conf) if request.param == "slurm" else ""
    with housed(tmp_path, request.param, conf) as made:
        yield made


def test_waiting_for_a_job_ends_as_it_ends_and_says_where_its_output_is(house):
    code, out, err = house.run("submit", "--wait", "--", "sh", "-c", "echo hi; exit 7")
    assert code == 7, err
    job, output = out.splitlines()
    assert job == "job 1"
    assert Path(output.removeprefix("output: ")).read_text() == "hi\n"
    assert "job 1 is failed: ended with 7" in err


def test_waiting_goes_on_while_the_daemon_is_killed_and_started_again(house):
    waiting = house.command("submit", "--wait", "--", "sh", "-c", "sleep 3; echo $JOBMON_JOB >> witness; exit 7")
    time.sleep(2.5)
    house.kill()
    time.sleep(3)
    house.start()
    _out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 7, err
    assert (house.root / "witness").read_text() == "1\n"


def test_a_job_that_the_scheduler_has_forgotten_has_its_end(tmp_path):
    with running() as cluster, ExitStack() as stack:
        conf = cluster.conf.read_text().replace("MinJobAge=3600", "MinJobAge=2")
        cluster.conf.write_text(conf)
        cluster.run("scontrol", "reconfigure")
        house = stack.enter_context(housed(tmp_path, "slurm", str(cluster.conf)))
        commands = {"7": "echo seven; exit 7", "0": "echo zero", "137": "kill -9 $$", "143": "sleep 60"}
        waiting = {
            code: house.command("submit", "--wait", *(["--time-limit", "1"] if code == "143" else []), "--",
                                "sh", "-c", f"sleep 2; {text}" if code != "143" else text)
            for code, text in commands.items()
        }  # fmt: skip
        time.sleep(3)
        house.kill()
        deadline = time.monotonic() + 90
        while "jm-" in cluster.run("squeue", "-h", "-t", "all", "-o", "%j") and time.monotonic() < deadline:
            time.sleep(1)
        assert "jm-" not in cluster.run("squeue", "-h", "-t", "all", "-o", "%j")
        house.start()
        for code, process in waiting.items():
            process.communicate(timeout=60)
            assert process.returncode == int(code)
        endings = {job["command"]: job["ending"] for job in house.ask("jobs")["jobs"]}
        assert sorted(endings.values()) == ["exit", "exit", "signal", "timeout"]


def test_a_frozen_controller_makes_no_job_fail_and_none_run_twice(slurm: SlurmCluster, on_slurm: House, tmp_path: Path):
    house = on_slurm
    with slurm.frozen_controller():
        waiting = house.command("submit", "--wait", "--", "sh", "-c", "echo $JOBMON_JOB >> witness")
        time.sleep(14)
        (job,) = house.ask("jobs")["jobs"]
        assert job["status"] in {"waiting", "submitting"}
    waiting.communicate(timeout=90)
    assert waiting.returncode == 0
    time.sleep(2)
    assert (tmp_path / "witness").read_text() == "1\n"


def test_a_requeued_job_does_not_run_twice(slurm: SlurmCluster, on_slurm: House, tmp_path: Path):
    house = on_slurm
    waiting = house.command("submit", "--wait", "--", "sh", "-c", "echo $JOBMON_JOB >> witness; sleep 3")
    while not (tmp_path / "witness").exists():
        time.sleep(0.1)
    number = house.ask("jobs")["jobs"][0]["scheduler_id"]
    slurm.run("scontrol", "update", f"JobId={number}", "Requeue=1")  # what an administrator can do
    slurm.run("scontrol", "requeue", number)
    waiting.communicate(timeout=100)
    assert waiting.returncode == 128 + signal.SIGTERM
    time.sleep(3)
    assert (tmp_path / "witness").read_text() == "1\n"


def test_the_lines_of_the_command_line_say_what_they_do(local):
    assert local.run("submit", "--name", "n", "--", "sleep", "60")[1] == "job 1\n"
    while local.ask("jobs/1")["job"]["status"] != "running":
        time.sleep(0.1)
    code, out, _ = local.run("list")
    assert (code, out.splitlines()[1].split()[:3]) == (0, ["1", "n", "running"])
    assert local.run("cancel", "1", "77")[0] == 1
    while local.ask("jobs/1")["job"]["status"] != "cancelled":
        time.sleep(0.1)
    assert "runs again as job 2" in local.run("rerun", "1")[1]
    local.run("cancel", "2")
    code, out, _ = local.run("status", "1")
    assert code == 0
    assert "is to be cancelled" in out
    crontab = local.root / "crontab"
    crontab.write_text("0 3 * * * backup\n* * wrong\n")
    code, _, err = local.run("cron", "import-crontab", str(crontab))
    assert code == 2
    assert "line 2" in err
    assert local.run("cron", "import-crontab", "--skip-bad", str(crontab))[1] == "1 entries taken over\n"
    assert "1 were there already" in local.run("cron", "import-crontab", "--skip-bad", str(crontab))[1]
    assert len(local.run("cron", "next", "backup")[1].splitlines()) == 5
    assert local.run("cron", "add", "x", "61 * * * *", "--", "true")[0] == 2
    assert "acts since" in local.run("master")[1]
    assert local.run("limit", "*", "--max-running", "3")[1].splitlines()[1].split() == ["*", "3"]


def test_acting_needs_a_role_and_comes_from_our_own_pages(local):
    body = {"command": ["true"], "name": "by-http"}

    def refused(status: int, path: str = "jobs", method: str = "POST", **headers: str) -> None:
        with pytest.raises(urllib.error.HTTPError) as error:
            local.ask(path, body, method, **headers)
        with error.value:
            assert error.value.code == status

    olga = signed_in("olga")
    refused(401)
    refused(403, **olga)
    refused(403, **olga, **{"X-Requested-With": "jobmon", "Origin": "http://evil.example"})
    refused(403, **ours("ada"), path="cron/x/disable")
    ada = ours("ada")
    refused(401, **{**ada, "X-Jobmon-Proxy-Secret": "guessed" * 9})
    refused(400, **ada)
    for target in ("script:/tmp/x", "webhook:http://127.0.0.1:1/"):  # the daemon would do that with its own rights
        body["notify"] = ["email:ada@site.org", target]
        refused(403, **ada)
    body["notify"] = []
    page = {**ours("olga"), "Origin": local.url}
    number = local.ask("jobs", body, **page)["job_id"]
    words = ["token", "create", "olga", "--role", "operator", "--config", str(local.settings)]
    made = subprocess.run([sys.executable, "-m", "jobmon", *words], capture_output=True, text=True, check=True)
    token = made.stdout.strip()
    assert local.ask("jobs", body, Authorization=f"Bearer {token}")["job_id"] == number + 1
    while local.ask(f"jobs/{number}")["job"]["status"] != "succeeded":
        time.sleep(0.1)
    assert local.ask(f"jobs/{number}/rerun", {}, **page)["result"] == number + 2
    asked = [(todo["who"], todo["what"]) for todo in local.ask("audit")["todo"]]
    assert asked == [("olga", "rerun"), ("olga", "submit"), ("olga", "submit")]


def test_entries_and_masters_over_http(local):
    page = ours("olga")
    local.ask("cron", {"name": "a/b ü", "schedule": "@daily", "command": ["true"]}, **page)
    (entry,) = local.ask("cron")["entries"]
    assert len(entry["next"]) == 5
    with pytest.raises(urllib.error.HTTPError) as error:
        local.ask("cron", {"name": "x", "schedule": "* * *", "command": ["true"]}, **page)
    with error.value:
        assert error.value.code == 400
        assert "has 3 fields" in json.loads(error.value.read())["detail"]
    local.ask(f"cron/{entry['cron_id']}/disable", {}, **page)
    assert local.ask("cron")["entries"][0]["next"] == []
    local.ask("master", {"run_time": 0, "master": os.uname().nodename}, **page)
    assert local.ask("overview")["master"]["preferred"] == os.uname().nodename
    local.ask("limits/*", {"max_pending": 5}, "PUT", **page)
    assert local.ask("overview")["limits"] == [
        {"queue": "*", "max_pending": 5, "max_running": None, "submits_per_minute": None}
    ]
    local.ask("limits/gpu%2Fshort", {"max_running": 2, "max_pending": 7}, "PUT", **page)
    assert local.ask("overview")["limits"][1]["queue"] == "gpu/short"
    newest = local.ask("audit")["todo"][0]
    assert (newest["target"], newest["result"]) == ("queue gpu/short", "max_pending 7, max_running 2")


def test_a_program_submits_from_python(local):
    number = submit(["sh", "-c", "exit 3"], settings=load(local.settings), name="py", working_dir="/")
    while (job := local.ask(f"jobs/{number}")["job"])["status"] != "failed":
        time.sleep(0.1)
    assert (job["name"], job["return_code"]) == ("py", 3)
