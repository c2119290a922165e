"""What people ask of sbatch, and what sbatch itself does wrong, as daemons with a real Slurm: each job runs once."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pytest

from batch_daemon import House, housed, on_slurm
from daemon_process import until
from jobmon.batch import jobs
from jobmon.batch.requests import JobRequest
from jobmon.config import load
from jobmon.schedulers.slurm.options.table import ALL
from jobmon.store import open_store
from slurm_cluster import SlurmCluster, running

__all__ = ["on_slurm"]
pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]

# What was seen to run a script of the user's own again and again, to make an array, to hold a whole batch, to loop.
NASTY = (
    ["--quiet", "{root}/own.sh"], ["-Qa0-3"], ["-QW"], ["--export-file={root}/env"], ["-W"], ["--wait"],
    ["--nodelist={root}/pipe"], ["-x", "{root}/pipe"], ["-F{root}/pipe"], ["--bbf={root}/pipe"], ["--gres=help"],
    ["--wrap=true"], ["--test-only"], ["--priority=100"], ["-Osa1-2"],
)  # fmt: skip


def listed(slurm: SlurmCluster) -> list[str]:
    """Return the names of all jobs that Slurm has, or has had."""
    return slurm.run("squeue", "-h", "-a", "-r", "-t", "all", "-o", "%j").split()


def ours(slurm: SlurmCluster, house: House) -> list[str]:
    """Return the names of those that this house has submitted."""
    prefix = "jm-" + identity(house)
    return [name for name in listed(slurm) if name.startswith(prefix)]


def identity(house: House) -> str:
    settings = load(house.settings)
    store = open_store(settings.store.url, Path(settings.live.data_path))
    try:
        with store.reading() as connection:
            return jobs.identity(connection)
    finally:
        store.close()


def slip_in(house: House, options: list[str], *command: str) -> int:
    """Write a job down without asking whether it may have these options, as an older jobmon would have."""
    settings = load(house.settings)
    request = JobRequest(command=list(command), options=options, working_dir=str(house.root))
    store = open_store(settings.store.url, Path(settings.live.data_path))
    try:
        with store.writing() as connection:
            return jobs.submit(connection, request, "ada", settings.batch)
    finally:
        store.close()


def told(house: House, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask as an operator, who sees everything and may do everything."""
    kept = house.root / "token"
    if not kept.exists():
        words = ["token", "create", "olga", "--role", "operator", "--config", str(house.settings)]
        made = subprocess.run([sys.executable, "-m", "jobmon", *words], capture_output=True, text=True, check=True)
        kept.write_text(made.stdout.strip())
    return house.ask(path, body, Authorization=f"Bearer {kept.read_text()}")


def job(house: House, number: int) -> dict[str, Any]:
    found: dict[str, Any] = told(house, f"jobs/{number}")["job"]
    return found


def prepared(root: Path) -> list[list[str]]:
    """Make what the options name, and return them."""
    (root / "own.sh").write_text(f"#!/bin/sh\necho own >>{root}/witness\n")
    (root / "env").write_bytes(b"A=1\0")
    os.mkfifo(root / "pipe")
    return [[word.format(root=root) for word in options] for options in NASTY]


def test_options_that_took_jobs_out_of_our_hands_are_refused_when_they_are_asked_for(slurm, on_slurm):
    before = len(listed(slurm))
    for options in prepared(on_slurm.root):
        code, _, err = on_slurm.run("submit", f"--opts={' '.join(options)}", "--", "true")
        assert (code, "options: " in err, "sbatch" in err) == (2, True, True), (options, err)
    for path, body in (("jobs", {}), ("cron", {"name": "x", "schedule": "@daily"})):
        with pytest.raises(urllib.error.HTTPError) as error:
            told(on_slurm, path, {"command": ["true"], "options": ["-QW"], **body})
        with error.value:
            assert (error.value.code, b"jobmon reads what sbatch prints" in error.value.read()) == (400, True)
    assert on_slurm.run("cron", "add", "x", "@daily", "--opts=-QW", "--", "true")[0] == 2
    assert told(on_slurm, "jobs")["jobs"] == []
    assert len(listed(slurm)) == before


def test_options_that_took_jobs_out_of_our_hands_are_refused_again_when_they_are_submitted(slurm, on_slurm):
    before = len(listed(slurm))
    numbers = [slip_in(on_slurm, options, "sh", "-c", "echo ran >>witness") for options in prepared(on_slurm.root)]
    good = slip_in(on_slurm, ["-Osn1", "--mem", "100"], "sh", "-c", "echo good >>witness")
    until(lambda: job(on_slurm, good)["status"] == "succeeded", "the good one to run")
    for number in numbers:
        row = job(on_slurm, number)
        assert (row["status"], row["ending"], row["tries"]) == ("failed", "submit_error", 1)
        assert "sbatch" in row["reason"]
    assert len(listed(slurm)) == before + 1
    assert (on_slurm.root / "witness").read_text() == "good\n"


def test_the_table_of_options_says_what_this_sbatch_says(slurm: SlurmCluster):
    version = tuple(int(number) for number in slurm.run("sbatch", "--version").split()[1].split(".")[:2])
    here = [option for option in ALL.values() if option.since <= version < option.until]

    def asked(word: str) -> str:
        done = subprocess.run(  # with --test-only, for --wrap alone is a whole job
            ["sbatch", "--test-only", word], env=slurm.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=20,
        )  # fmt: skip
        return done.stderr

    known = {name for letter in ascii_lowercase for name in re.findall(r"'--([a-z-]+)'", asked(f"--{letter}")[1:])}
    assert known
    assert known - set(ascii_lowercase) <= set(ALL)
    for option in here:
        alone, attached = asked(f"--{option.name}"), asked(f"--{option.name}=zz--")
        assert "unrecognized" not in alone, option
        told = "value" if "requires an argument" in alone else "none" if "allow an argument" in attached else "maybe"
        assert told == option.arity, option
        if option.letter:
            letter = asked(f"-{option.letter}")
            assert "invalid option" not in letter, option
            assert ("requires an argument" in letter) == (option.arity == "value"), option


# --- what sbatch does ----------------------------------------------------------------------------------------------

SBATCH = """#!/bin/sh
case "$*" in
*--mail-user=slow*) echo >>{root}/slow; sleep 12;;
*--mail-user=lost*) date +%s.%N >>{root}/lost; exit 0;;
esac
exec {sbatch} "$@"
"""


@pytest.fixture
def odd(slurm: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Run a daemon whose sbatch takes its time for some jobs, and loses others without a word."""
    sbatch = shutil.which("sbatch")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sbatch").write_text(SBATCH.format(root=tmp_path, sbatch=sbatch))
    (folder / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    with housed(tmp_path, "slurm", str(slurm.conf)) as made:
        yield made


def test_a_submission_that_takes_long_keeps_nothing_else_from_going_on(slurm, odd):
    odd.run("cron", "add", "tick", "* * * * *", "--", "true")
    slow = [slip_in(odd, ["--mail-user=slow"], "sh", "-c", "echo slow >>witness") for _ in range(8)]
    until((odd.root / "slow").exists, "sbatch to be slow")
    began = time.monotonic()
    quick = [slip_in(odd, [], "sh", "-c", "echo quick >>witness") for _ in range(6)]
    until(lambda: all(job(odd, number)["status"] == "succeeded" for number in quick), "the quick ones to end")
    assert {job(odd, number)["status"] for number in slow} == {"submitting"}
    assert time.monotonic() - began < 11
    until(lambda: all(job(odd, number)["status"] == "succeeded" for number in slow), "the slow ones to end")
    assert sorted((odd.root / "witness").read_text().split()) == ["quick"] * 6 + ["slow"] * 8
    assert {job(odd, number)["tries"] for number in slow} == {1}
    names = ours(slurm, odd)
    assert len(names) == len(set(names)) >= 14


def test_a_submission_that_comes_to_nothing_is_tried_less_and_less_often_and_shown(slurm, odd):
    lost = slip_in(odd, ["--mail-user=lost"], "sh", "-c", "echo lost >>witness")
    good = slip_in(odd, [], "sh", "-c", "echo good >>witness")
    calls = odd.root / "lost"
    until(lambda: calls.exists() and len(calls.read_text().split()) == 3, "the third try")
    times = [float(word) for word in calls.read_text().split()]
    assert times[1] - times[0] > 4.5
    assert times[2] - times[1] > 9.5
    unclear = told(odd, "overview")["attention"]["unclear"]
    assert [one["job_id"] for one in unclear] == [lost]
    assert job(odd, good)["status"] == "succeeded"
    odd.run("cancel", str(lost))
    until(lambda: job(odd, lost)["status"] == "cancelled", "it to be cancelled")
    assert (odd.root / "witness").read_text() == "good\n"
    assert [name for name in ours(slurm, odd) if f"-b{lost}-" in name] == []


def test_a_controller_that_is_not_there_refuses_no_work(tmp_path: Path):
    with running() as cluster:
        cluster.kill_controller()
        with housed(tmp_path, "slurm", str(cluster.conf)) as house:
            numbers = [slip_in(house, [], "sh", "-c", "echo $JOBMON_JOB >>witness") for _ in range(6)]
            until(lambda: len(told(house, f"jobs/{numbers[0]}")["events"]) > 2, "a submission to come back")
            until(lambda: told(house, "overview")["master"]["troubles"], "the silence to be told")
            overview = told(house, "overview")
            assert (overview["attention"]["refused"], overview["attention"]["unclear"]) == ([], [])
            assert "does not answer" in " ".join(overview["master"]["troubles"])
            assert {(job(house, number)["status"], job(house, number)["tries"]) for number in numbers} <= {
                ("waiting", 0), ("submitting", 1)}  # fmt: skip
            cluster.start_controller()
            until(lambda: all(job(house, number)["status"] == "succeeded" for number in numbers), "them to run")
            assert sorted((tmp_path / "witness").read_text().split(), key=int) == [str(number) for number in numbers]


def test_a_daemon_that_is_told_to_end_does_not_wait_for_a_slow_submission_and_the_next_one_finds_it(slurm, odd):
    number = slip_in(odd, ["--mail-user=slow"], "sh", "-c", "echo slow >>witness")
    until((odd.root / "slow").exists, "sbatch to be slow")
    began = time.monotonic()
    odd.stop()
    assert time.monotonic() - began < 6
    odd.start()
    until(lambda: job(odd, number)["status"] == "succeeded", "it to run")
    until(lambda: not slurm.run("squeue", "-h", "-t", "PD", "-o", "%j"), "no twin to be left")
    assert (odd.root / "witness").read_text() == "slow\n"
