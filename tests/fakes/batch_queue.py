"""Be the memory of a stand-in batch system: jobs in one file of a folder, which really run once they are released.

The commands in `lsf_commands` and `htcondor_commands` are its mouths. Called as a program with a folder and a number,
it runs that job, in a session of its own.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Job = dict[str, Any]


class Queue:
    """Hold the jobs of a folder; `status` is held, pending, running or ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def opened(self) -> Iterator[dict[str, Job]]:
        """Let nobody else look, and keep what was changed."""
        with (self._folder / "jobs.json").open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            jobs: dict[str, Job] = json.loads(file.read() or "{}")
            before = json.dumps(jobs)
            yield jobs
            after = json.dumps(jobs)
            if after != before:
                file.truncate(0)
                file.write(after)

    def submit(self, program: list[str], output: str, env: dict[str, str], status: str, **facts: Any) -> str:
        """Keep a job; in its environment and facts, NUMBER stands for its number."""
        with self.opened() as jobs:
            number = str(max(map(int, jobs), default=0) + 1)
            env = {name: value.replace("NUMBER", number) for name, value in env.items()}
            jobs[number] = {
                "program": [word.replace("NUMBER", number) for word in program], "output": output, "env": env,
                "status": status, "changed": time.time(), "begun": None, "code": None, "killed": False, **facts,
            }  # fmt: skip
        if status == "pending":
            self._start(number)
        return number

    def release(self, numbers: Iterable[str]) -> list[str]:
        """Let held jobs run, and return which were held."""
        with self.opened() as jobs:
            held = [number for number in numbers if jobs.get(number, {}).get("status") == "held"]
            for number in held:
                jobs[number].update(status="pending", changed=time.time())
        for number in held:
            self._start(number)
        return held

    def kill(self, numbers: Iterable[str], how: signal.Signals) -> list[str]:
        """End jobs, and return which had not ended."""
        found = []
        with self.opened() as jobs:
            for number in numbers:
                job = jobs.get(number)
                if job is None or job["status"] == "ended":
                    continue
                found.append(number)
                job["killed"] = True
                if job["status"] == "running":
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(job["pid"], how)
                else:
                    job.update(status="ended", changed=time.time())
        return found

    def run(self, number: str) -> None:
        """Run a job, unless it was killed meanwhile, and keep how it ended."""
        with self.opened() as jobs:
            job = jobs[number]
            if job["status"] != "pending":
                return
            with Path(job["output"]).open("ab") as output:
                child = subprocess.Popen(
                    job["program"], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=job["env"], cwd="/",
                    start_new_session=True,
                )  # fmt: skip
            job.update(status="running", pid=child.pid, begun=time.time(), changed=time.time())
        code = child.wait()
        with self.opened() as jobs:
            jobs[number].update(status="ended", code=code, changed=time.time())

    def _start(self, number: str) -> None:
        subprocess.Popen(
            [sys.executable, __file__, str(self._folder), number], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=(self._folder / "errors").open("ab"), start_new_session=True, cwd="/",
        )  # fmt: skip


if __name__ == "__main__":
    Queue(Path(sys.argv[1])).run(sys.argv[2])
