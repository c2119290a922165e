"""Whole daemons beside jobs that put all sorts of things in the way of those who read their folders."""

import os
import pwd
import subprocess
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import poison
import web_servers
from batch_daemon import House, housed
from daemon_process import until
from jobmon.api.tokens import create_token
from jobmon.schedulers.local.process import descendants
from slurm_cluster import SlurmCluster

TOKENS: dict[Path, str] = {}
pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]


@pytest.fixture(params=["local", "slurm"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    conf = str(request.getfixturevalue("slurm").conf) if request.param == "slurm" else ""
    with housed(tmp_path, request.param, conf) as made:
        yield made


def descriptors(house: House) -> dict[int, int]:
    """Return how many files the daemon and its own processes have open."""
    assert house.daemon is not None
    pids = {house.daemon.pid, *descendants(house.daemon.pid)}
    return {pid: len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids if Path(f"/proc/{pid}").exists()}


def asked(house: House, path: str) -> Any:
    """Return what an operator is answered."""
    tokens = house.root / "tokens.json"
    if house.root not in TOKENS:
        TOKENS[house.root] = create_token(tokens, "olga", "operator", None)
    return house.ask(path, Authorization=f"Bearer {TOKENS[house.root]}")


def submit(house: House, *command: str) -> int:
    code, out, err = house.run("submit", "--", *command)
    assert code == 0, err
    return int(out.split()[-1])


def runs(house: House, code: int) -> None:
    """See that a job of somebody else comes to its end."""
    ended, _out, err = house.run("submit", "--wait", "--", "sh", "-c", f"exit {code}")
    assert ended == code, err


def job(house: House, number: int) -> dict[str, Any]:
    return dict(asked(house, f"jobs/{number}")["job"])


def lost(before: dict[int, int], after: dict[int, int]) -> dict[int, int]:
    """Return the processes that have more files open than before, but for a few that come and go."""
    return {pid: count for pid, count in after.items() if count > before.get(pid, count) + 5}


def named(house: House) -> set[int]:
    return {one["job_id"] for one in asked(house, "overview")["attention"]["put_aside"]}


def test_others_go_on_and_no_descriptor_is_lost_whatever_jobs_leave_behind(house: House) -> None:
    attempts = house.root / "data/batch/attempts"
    # Who runs them is killed, so that they take no place for long; what they leave stays.
    spoilers = [submit(house, *poison.command(attempts, "done", way, "kill -9 $PPID"))
                for way in ("folder", "pipe", "link", "deep")]  # fmt: skip
    spoilers.append(submit(house, *poison.command(attempts, "started", "folder", "mkdir done; kill -9 $PPID")))
    until(lambda: set(spoilers) <= named(house), "the spoilt records are named")
    runs(house, 7)
    before = descriptors(house)
    for _ in range(3):
        runs(house, 0)
    assert lost(before, descriptors(house)) == {}
    house.stop()
    house.start()  # what is there is there after a restart
    runs(house, 0)
    for number in spoilers:
        until(lambda number=number: job(house, number)["finished_at"], "it ends by the scheduler's word", 150)
        assert job(house, number)["status"] in {"failed", "lost"}
        assert "its own record was put aside: done" in job(house, number)["reason"]
    told = asked(house, f"jobs/{spoilers[0]}")
    assert any("done is a folder; this record is put aside" in event["text"] for event in told["events"])
    assert set(spoilers) <= named(house)


def test_a_hundred_questions_for_what_is_no_file_cost_no_descriptor(tmp_path: Path) -> None:
    with housed(tmp_path, "local") as house:
        attempts = house.root / "data/batch/attempts"
        more = "rm -f script; mkdir script; exec sleep 300"
        number = submit(house, *poison.command(attempts, "output", "folder", more))
        folder = Path(asked(house, f"jobs/{number}")["folder"])
        until(lambda: (folder / "output").is_dir() and (folder / "script").is_dir(), "the job has done its worst")
        before = descriptors(house)
        for _ in range(100):
            for name in ("script", "output"):
                with pytest.raises(urllib.error.HTTPError) as caught:
                    asked(house, f"jobs/{number}/{name}")
                assert caught.value.code == 404
                caught.value.close()
        assert lost(before, descriptors(house)) == {}
        assert house.ask("overview")["master"]["holder"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root submits for others")
def test_a_job_of_another_account_runs_and_only_that_account_can_read_what_it_leaves(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    with web_servers.public_folder() as shared, housed(tmp_path, "slurm", str(slurm.conf)) as house:
        house.stop()
        batch = f'users = ["www-data"]\nshared_path = "{shared}/attempts"\npython = "/usr/bin/python3"\n'
        house.settings.write_text(house.settings.read_text().replace("[batch]\n", f"[batch]\n{batch}"))
        house.start()
        command = ("--user", "www-data", "--dir", "/tmp", "--wait", "--", "sh", "-c", "umask 0; id -un")
        code, out, err = house.run("submit", *command)
        assert code == 0, err
        folder = Path(asked(house, f"jobs/{out.split()[1]}")["folder"])
        owner = pwd.getpwnam("www-data").pw_uid
        assert (folder / "output").read_text() == "www-data\n"
        assert {path.name: (path.stat().st_uid, oct(path.stat().st_mode & 0o777)) for path in folder.iterdir()} == {
            name: (owner, "0o700" if name == "script" else "0o600")
            for name in ("script", "claim", "started", "done", "output")
        } | {"log": (owner, oct((folder / "log").stat().st_mode & 0o777))}
        for path in (folder, folder / "script", folder / "output"):
            for user, can in (("nobody", False), ("www-data", True)):
                found = subprocess.run(["test", "-r", path], user=user, group=user.replace("nobody", "nogroup"))
                assert (found.returncode == 0) == can, (path, user)
        assert subprocess.run(["ls", shared / "attempts"], user="nobody", capture_output=True).returncode != 0
