"""Jobs in a terminal: `jobmon jobs` and `jobmon job`, without a daemon."""

import json
import subprocess
import sys

import pytest

from finished_jobs import NOW, ended
from jobmon import clock
from jobmon.live.finished import Finished
from jobmon.printing import time_of
from jobmon.store import open_store

IDLE = {"rule": "cpuUtil", "held": True, "since": NOW, "until": NOW, "fired": 540, "seen": 600, "observed": 10.0,
        "cost": 1.25, "unit": "core-h", "text": "The job uses 10 % of its 4 cores; below 80 % is a waste."}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    store = open_store("", tmp_path)
    jobs = [
        ended("1"),
        ended("2", end=NOW + 60, user="bob", state="TIMEOUT", warnings=[IDLE], waste={"core-h": 1.25},
              fitText="Ask for 1 core instead of 4 cores.", fitLine="--nodes=1 --cpus-per-task=1"),
        ended("3", end=NOW + 30, name="\x1b[31mred\x07", user="x" * 80),
    ]  # fmt: skip
    Finished(lambda: store).add(jobs, "c", NOW)
    store.close()

    def run(*words):
        command = [sys.executable, "-m", "jobmon", *words, "--set", f"live.data_path={tmp_path}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_jobs_are_listed_the_last_ones_first(run):
    done = run("jobs")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:4] == ["JOB", "USER", "NAME", "STATE"]
    assert [line.split()[0] for line in lines[1:]] == ["2", "3", "1"]
    assert "1.25 core-h" in lines[1]
    assert "\x1b" not in done.stdout


def test_jobs_are_chosen_by_user_time_state_and_waste(run):
    assert [job["id"] for job in json.loads(run("jobs", "bob", "--json").stdout)] == ["2"]
    assert [job["id"] for job in json.loads(run("jobs", "--waste", "--json").stdout)] == ["2"]
    assert [job["id"] for job in json.loads(run("jobs", "--state", "timeout", "--json").stdout)] == ["2"]
    none = run("jobs", "--since", "2050-01-01")
    assert (none.returncode, none.stdout) == (1, "no finished job fits\n")
    assert "and 2 more" in run("jobs", "--limit", "1").stdout


def test_one_job_is_told_with_its_advice(run):
    told = run("job", "2").stdout
    assert "▲ Idle cores" in told
    assert "uses 10 % of its 4 cores" in told
    assert "Lost: 1.25 core-h" in told
    assert "Ask for 1 core instead of 4 cores.\n  --nodes=1 --cpus-per-task=1" in told
    assert "Nothing to complain about." in run("job", "1").stdout


def test_a_job_that_nobody_knows_is_an_error_of_one_line(run):
    done = run("job", "99")
    assert done.returncode == 1
    assert done.stderr == "jobmon: job 99 is not running, and was not seen to end\n"


@pytest.mark.parametrize("words", [["--since", "yesterday"], ["--limit", "0"], ["--until", "7x"], ["--limit", "many"]])
def test_what_makes_no_sense_is_told_in_one_line(run, words):
    done = run("jobs", *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_times_are_read_as_people_write_them(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: 1_000_000.0)
    assert time_of("+2h") == 1_000_000 + 7200
    assert time_of("2h") == 1_000_000 - 7200
    assert time_of("1w") == 1_000_000 - 604_800
    assert time_of("2026-11-21T08:00") - time_of("2026-11-21") == 8 * 3600
