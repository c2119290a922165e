"""Be a place where software is built: a git repository of three sub-packages, the programs, and their settings."""

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAKEFILE = "all:\n\t@sh build.sh\ntest:\n\t@sh test.sh\n"
GIT = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a",
       "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": "/dev/null"}  # fmt: skip
INI = """
[releases]
root = {root}
[package core]
repository = {repository}
variants = gcc gcc-opt
subpackages = {subpackages}
owner = core@example.org
owner.io = ada@example.org
{more}
"""


class ReleaseSite:
    """Hold the repository `core` and what builds it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "releases"
        self.root.mkdir()
        self.repository = folder / "core"
        self.programs = folder / "programs"
        shutil.copytree(ROOT / "etc/releases", self.programs, ignore=shutil.ignore_patterns("__pycache__"))
        self.repository.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.write("README", "core\n")
        for name in ("base", "io", "reco"):
            self.write(f"{name}/Makefile", MAKEFILE)
            self.write(f"{name}/build.sh", "echo built > out\n")
            self.write(f"{name}/test.sh", "test -e out\n")
        self.commit("first")
        self.settings()

    def settings(self, subpackages: str = "base io reco", more: str = "", repository: str = "") -> None:
        text = INI.format(root=self.root, repository=repository or self.repository, subpackages=subpackages, more=more)
        (self.programs / "releases.ini").write_text(text)

    def workflows(self, folder: Path) -> None:
        """Put the shipped workflow there; nothing here waits for a repository that is away."""
        shutil.copy(ROOT / "etc/workflows.d/release.toml", folder)

    def git(self, *words: str) -> str:
        command = ["git", "-C", str(self.repository), *words]
        return subprocess.run(command, env={**os.environ, **GIT}, capture_output=True, text=True, check=True).stdout

    def write(self, name: str, text: str) -> None:
        path = self.repository / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)

    def commit(self, text: str, tag: str = "") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)
        if tag:
            self.git("tag", tag)
        return self.git("rev-parse", "HEAD").strip()

    def run(self, program: str, *words: str, python: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program as a job would."""
        command = [*([python] if python else []), str(self.programs / program), *words]
        return subprocess.run(command, capture_output=True, text=True)

    def place(self, version: str, variant: str = "gcc") -> Path:
        return self.root / "core" / version / variant


def told(output: str, mark: str = "::result ") -> list[dict]:
    return [json.loads(line[len(mark) :]) for line in output.splitlines() if line.startswith(mark)]
