"""Kill the daemon at random moments of a fast cycle: every file is whole, history goes on, nothing is left behind."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from daemon_process import is_alive
from jobmon.schedulers.local.process import descendants

KILLS = int(os.environ.get("KILLS", "16"))
"""KILLS=200 ./jobmon.sh test tests/service/test_kill.py asks for more."""
SIDE_BY_SIDE = 4
LONGEST_LIFE_S = 0.25
"""A daemon lives so long at most after its first snapshot; a cycle takes about a tenth of it."""


class Daemons:
    """Starts daemons on one data path, one after the other."""

    def __init__(self, data_path):
        self.data_path = data_path
        self.log = (data_path.parent / f"{data_path.name}.log").open("a")
        self.server = subprocess.Popen(
            [sys.executable, Path(__file__).parents[1] / "fakes/fork_server.py"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            text=True,
        )  # fmt: skip

    def start(self):
        """Start a daemon, wait for its first snapshot, and return its pid."""
        before = self.signature()
        settings = {
            "live.backend": "simulated", "simulated.nodes": 12, "live.update_interval": 0.05,
            "live.data_path": self.data_path, "web.enabled": "false", "daemon.log_level": "warning",
        }  # fmt: skip
        arguments = ["run", "--only", "live"] + [
            part for key, value in settings.items() for part in ("--set", f"{key}={value}")
        ]
        print(json.dumps(arguments), file=self.server.stdin, flush=True)
        pid = int(self.server.stdout.readline())
        wait_for(lambda: self.signature() != before or not is_alive(pid), "the first snapshot")
        assert is_alive(pid), "the daemon ended by itself; its log tells why"
        return pid

    def signature(self):
        path = self.data_path / "data.json.gz"
        return path.stat().st_mtime_ns if path.exists() else None

    def close(self):
        self.server.stdin.close()
        self.server.stdout.close()
        self.server.wait()
        self.log.close()


def wait_for(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.002)


def read(path):
    return json.loads(gzip.decompress(path.read_bytes()))


def everything(data_path):
    """Return every published file's content; fails on one that is not whole."""
    return {path: read(path) for path in data_path.rglob("*.json.gz") if not path.name.startswith(".")}


def kill_again_and_again(data_path, kills, seed):
    dice = random.Random(seed)
    daemons = Daemons(data_path)
    known: set[str] = set()
    try:
        for _ in range(kills):
            pid = daemons.start()
            offspring = descendants(pid)
            time.sleep(dice.random() * LONGEST_LIFE_S)
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda pid=pid: not is_alive(pid), "the end of the daemon")
            files = everything(data_path)
            # the first daemon may be killed between its first two files
            history = set(files.get(data_path / "history.json.gz", {"history": ()})["history"])
            assert known <= history, "history was lost"
            known = history
            assert offspring, "the back end has a process of its own"
            wait_for(lambda left=offspring: not any(map(is_alive, left)), "the end of the back end")
    finally:
        daemons.close()
    return known


@pytest.mark.timeout(600)
def test_no_kill_leaves_a_half_file_or_loses_history(tmp_path):
    paths = [tmp_path / str(number) for number in range(SIDE_BY_SIDE)]
    for path in paths:
        path.mkdir()
    with ThreadPoolExecutor() as pool:
        results = pool.map(kill_again_and_again, paths, [KILLS // SIDE_BY_SIDE] * SIDE_BY_SIDE, range(SIDE_BY_SIDE))
        for path, known in zip(paths, results, strict=True):
            finish(path, known)


def finish(data_path, known):
    """Run once more without a kill: everything that the kills left behind is tidied up."""
    subprocess.run(
        [sys.executable, "-m", "jobmon", "run", "--once", "--set", "live.backend=simulated", "--set",
         "simulated.nodes=12", "--set", f"live.data_path={data_path}"],
        check=True, timeout=60,
    )  # fmt: skip
    files = everything(data_path)
    history = set(files[data_path / "history.json.gz"]["history"])
    stamped = {path.name[4:-8] for path in files if path.parent == data_path and path.name[4:-8].isdigit()}
    index = set((data_path / "cgi.index").read_text().splitlines()[1:])
    assert known <= history
    assert history == stamped == index
    assert list(data_path.rglob("*.part")) == []
    times = files[data_path / "pages/live/series/day/open.json.gz"]["times"]
    assert times == sorted(set(times))
    assert (data_path / "data.json.gz").stat().st_nlink == 2
