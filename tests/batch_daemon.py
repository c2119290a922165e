"""Run the real daemon with `batch` alone, and `jobmon batch` and HTTP beside it."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy_secret import secret_file, signed_in
from services import free_port
from slurm_cluster import SlurmCluster

SETTINGS = """
[live]
data_path = "{root}/data"
[web]
port = {port}
tokens_file = "{root}/tokens.json"
proxy_secret_file = "{root}/proxy-secret"
operators = ["olga"]
[batch]
scheduler = "{scheduler}"
lease_ttl = 2
workflows = "{root}/workflows"
[scheduler]
conf = "{conf}"
"""


class House:
    """Hold a daemon and its settings."""

    def __init__(self, root: Path, scheduler: str, conf: str = "") -> None:
        self.root = root
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.settings = root / "jobmon.toml"
        self.settings.write_text(SETTINGS.format(root=root, port=port, scheduler=scheduler, conf=conf))
        secret_file(root)
        (root / "workflows").mkdir()
        self.daemon: subprocess.Popen[bytes] | None = None
        self.commands: list[subprocess.Popen[str]] = []
        self.start()

    def start(self) -> None:
        with (self.root / "log").open("ab") as log:
            self.daemon = subprocess.Popen(
                [sys.executable, "-m", "jobmon", "run", "--only", "batch", "--config", str(self.settings)],
                stdout=log, stderr=log,
            )  # fmt: skip
        for _ in range(300):
            try:
                if self.ask("overview")["master"]["holder"]:
                    return
            except urllib.error.HTTPError as error:
                error.close()
            except (OSError, KeyError):
                pass
            time.sleep(0.1)
        raise AssertionError((self.root / "log").read_text())

    def kill(self) -> None:
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait()

    def stop(self) -> None:
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(20)

    def command(self, *words: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "jobmon", "batch", *words]
        at = line.index("--") if "--" in line else len(line)
        line[at:at] = ["--config", str(self.settings)]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.root)
        self.commands.append(process)
        return process

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.command(*words)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def ask(self, path: str, body: Any = None, method: str = "", **headers: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        method = method or ("POST" if body is not None else "GET")
        if method == "GET" and not headers:
            headers = signed_in("olga")  # the staff are shown all
        request = urllib.request.Request(f"{self.url}/api/batch/{path}", data, headers, method=method)
        if body is not None:
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())


@contextmanager
def housed(root: Path, scheduler: str, conf: str = "") -> Iterator[House]:
    """Run a daemon, and whatever happens stop it and the commands that wait for it."""
    made = House(root, scheduler, conf)
    try:
        yield made
    finally:
        for process in made.commands:
            with process:
                process.kill()
        assert made.daemon is not None
        if made.daemon.poll() is None:
            made.stop()


@pytest.fixture
def on_slurm(slurm: SlurmCluster, tmp_path: Path) -> Iterator[House]:
    with housed(tmp_path, "slurm", str(slurm.conf)) as made:
        yield made


@pytest.fixture
def local(tmp_path: Path) -> Iterator[House]:
    with housed(tmp_path, "local") as made:
        yield made
