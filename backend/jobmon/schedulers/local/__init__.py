"""Run jobs on this machine: a small batch system of files, for hosts without another one.

A job is one file whose folder is its state, `held`, `queued`, `running` or `ended`; moving it is one rename, so it is
always in one state. A runner of its own session starts what is queued as slots become free. It and its jobs outlive
whoever submitted them; when it dies, the next question starts another one, which takes over the running jobs.
"""

import fcntl
import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from jobmon import clock
from jobmon.errors import SettingsError
from jobmon.schedulers.acting import PREFIX, Accepted, Ending, JobSpec, Phase, Refused, Seen, Silent, Unknown
from jobmon.schedulers.local.process import alive, descendants

FOLDERS: tuple[tuple[str, Phase], ...] = (
    ("held", "held"),
    ("queued", "pending"),
    ("running", "running"),
    ("ended", "ended"),
)
"""In the order in which jobs pass through them: who lists them in this order misses none."""
STUBBORN_S = 25.0
"""So long a job that was asked to stop may take: its script gives the command ten seconds of that."""
NOTHING = "the local scheduler has no queues and no options"


def canonical(options: Sequence[str]) -> tuple[str, ...]:
    """Return no options; SettingsError when there are any."""
    if options:
        raise SettingsError(NOTHING)
    return ()


class LocalScheduler:
    """Act on this machine; `slots` jobs run at a time, 0 for as many as there are cores."""

    name = "local"

    def __init__(self, folder: Path, slots: int = 0) -> None:
        self._folder = folder
        self._slots = slots or len(os.sched_getaffinity(0))
        self._asked: dict[str, float] = {}
        """Since when which running jobs have been asked to stop."""

    def submit_held(self, spec: JobSpec) -> Accepted | Refused | Unknown:
        """Write the job's file into `held`."""
        if spec.queue or spec.options:
            return Refused(NOTHING, for_good=True)
        if spec.user:
            try:
                pwd.getpwnam(spec.user)
            except KeyError:
                return Refused(f"there is no user {spec.user}", for_good=True)
        try:
            self._prepare()
            number = self._next_number()
            content = {"script": str(spec.script), "log": str(spec.log), "user": spec.user}
            path = self._folder / "new" / str(number)
            path.write_text(json.dumps(content), encoding="utf-8")
            path.rename(self._folder / "held" / f"{number}.{PREFIX}{spec.key}")
        except OSError as error:
            return Refused(f"{error.filename or self._folder}: {error.strerror}", for_good=False)
        except ValueError:
            return Refused(f"{self._folder / 'next'}: holds no number", for_good=False)
        return Accepted(str(number))

    def seen(self) -> tuple[Seen, ...] | Silent:
        """List the folders, and see that somebody starts what is queued."""
        found: dict[str, Seen] = {}
        try:
            for folder, phase in FOLDERS:
                for name in self._names(folder):
                    job = _parsed(name, phase)
                    if job:
                        found[job.id] = job
        except OSError as error:
            return Silent(f"{error.filename}: {error.strerror}")
        if any(job.phase == "pending" for job in found.values()):
            self._wake()
        return tuple(found.values())

    def past(self, keys: Collection[str]) -> tuple[Seen, ...] | Silent:
        """Return nothing: there is no accounting."""
        return ()

    def release(self, ids: Collection[str]) -> tuple[str, ...]:
        """Move jobs from `held` to `queued`."""
        held = {name.partition(".")[0]: name for name in self._names("held")}
        for number in ids:
            if number in held:
                with suppress(OSError):  # somebody else was quicker
                    (self._folder / "held" / held[number]).rename(self._folder / "queued" / held[number])
        self._wake()
        return tuple(ids)

    def cancel(self, ids: Collection[str], only_held: bool = False) -> None:
        """Move waiting jobs to `ended`, and ask running ones to stop."""
        self._end(ids, 1 if only_held else 3)

    def withdraw(self, ids: Collection[str]) -> None:
        """Move waiting jobs to `ended`."""
        self._end(ids, 2)

    def _end(self, ids: Collection[str], folders: int) -> None:
        for folder, _phase in FOLDERS[:folders]:
            for name in self._names(folder):
                if name.partition(".")[0] not in ids:
                    continue
                if folder == "running":
                    self._stop(name)
                    continue
                with suppress(OSError):  # it has moved on; then it is found there
                    (self._folder / folder / name).rename(self._folder / "ended" / f"{name}.cancelled")

    def warnings(self) -> list[str]:
        """Return nothing."""
        return []

    # --- files -----------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        for name in ("new", *(folder for folder, _phase in FOLDERS)):
            (self._folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def _names(self, folder: str) -> list[str]:
        try:
            return os.listdir(self._folder / folder)  # noqa: PTH208 - names alone are wanted
        except FileNotFoundError:
            return []

    def _next_number(self) -> int:
        with self._locked("next") as handle:
            number = int(os.read(handle, 32) or b"0") + 1
            os.pwrite(handle, b"%d" % number, 0)
        return number

    @contextmanager
    def _locked(self, name: str) -> Iterator[int]:
        handle = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)

    def _stop(self, name: str) -> None:
        """Ask a running job to stop: the script that runs it ends the command and records that.

        A script that does not, for it was frozen or hangs, is killed with all it started when it is asked again later.
        """
        try:
            stamp = (self._folder / "running" / f"{name}.pid").read_text(encoding="ascii")
        except (OSError, ValueError):
            return  # it is just being started, or has just ended; who wants it to end will ask again
        if not alive(stamp):
            self._asked.pop(name, None)
            return
        pid = int(stamp.split()[0])
        since = self._asked.setdefault(name, clock.monotonic())
        stubborn = clock.monotonic() - since > STUBBORN_S
        for one in (*descendants(pid), pid) if stubborn else (pid,):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL if stubborn else signal.SIGTERM)

    def _wake(self) -> None:
        """Tell the runner that there is something to do, and start one if there is none."""
        self._prepare()
        handle = os.open(self._folder / "runner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with suppress(OSError):
                pipe = os.open(self._folder / "wake", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                with suppress(BlockingIOError):
                    os.write(pipe, b"!")
                os.close(pipe)
            return
        finally:
            os.close(handle)
        with (self._folder / "runner.log").open("ab") as log:
            subprocess.run(  # it leaves at once a child of its own, which is nobody's to wait for
                [sys.executable, "-m", "jobmon.schedulers.local.runner", str(self._folder), str(self._slots)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                check=False,
            )  # fmt: skip


def _parsed(name: str, phase: Phase) -> Seen | None:
    """Read a job from the name of its file: NUMBER.jm-KEY, and for an ended one .HOW after it; None for any other."""
    number, _, rest = name.partition(".")
    title, _, how = rest.partition(".")
    if not number.isdecimal() or not title.startswith(PREFIX) or how == "pid":
        return None
    key = title.removeprefix(PREFIX)
    if phase != "ended":
        return Seen(number, key, phase)
    kind, _, value = how.partition("-")
    ending: Ending = "unknown"
    code = caught = None
    if kind == "exit" and value.isdecimal():
        ending, code = "exit", int(value)
    elif kind == "signal" and value.isdecimal():
        ending, caught = "signal", int(value)
    elif kind == "cancelled":
        ending = "cancelled"
    elif kind == "rebooted":
        ending = "node_fail"
    return Seen(number, key, phase, ending, code, caught)
