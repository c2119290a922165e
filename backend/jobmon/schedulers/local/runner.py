"""Start the local scheduler's queued jobs as slots become free, and note how they end.

It holds a lock, so there is one; it leaves when there is nothing to do. Jobs are sessions of their own and outlive it.
"""

import errno
import fcntl
import json
import os
import pwd
import select
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from jobmon import reading
from jobmon.schedulers.command import identity, job_environment
from jobmon.schedulers.local import process

IDLE_S = 5.0
KEEP_S = 3600.0
"""So long an ended job is listed, as schedulers do."""
LOG = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""It lies in a folder of the job's user, and we may be root: a link there is not followed, nor a pipe waited for."""
MOST_JOB = 1 << 20
LOOK_S = 1.0
"""Jobs that another runner started are looked at this often."""


class Runner:
    """Be the one runner of a folder."""

    def __init__(self, folder: Path, slots: int) -> None:
        self._folder = folder
        self._slots = slots
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._adopted: dict[str, str] = {}
        self._purged_at = 0.0

    def run(self) -> None:
        """Work until there was nothing to do for a while."""
        process.own_stamp()  # loads what `_introduce` needs: as another account it may not reach our Python's files
        for name in self._names("running"):
            self._adopt(name)
        wake = self._open_wake()
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        idle_since = time.monotonic()
        while True:
            self._reap()
            self._purge()
            started = self._start()
            if started or self._children or self._adopted:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > IDLE_S:
                return
            ready, _, _ = select.select([wake, reading], [], [], LOOK_S)
            for handle in ready:
                os.read(handle, 4096)

    def _names(self, folder: str) -> list[str]:
        names = os.listdir(self._folder / folder)  # noqa: PTH208 - names alone are wanted
        ours = (name for name in names if not name.endswith(".pid") and _number(name).isdecimal())
        return sorted(ours, key=lambda name: int(_number(name)))

    def _open_wake(self) -> int:
        path = self._folder / "wake"
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)  # for writing too: else it would end

    def _start(self) -> int:
        free = self._slots - len(self._children) - len(self._adopted)
        started = 0
        for name in self._names("queued")[: max(free, 0)]:
            try:
                (self._folder / "queued" / name).rename(self._folder / "running" / name)
            except OSError:
                continue  # it was cancelled
            self._spawn(name)
            started += 1
        return started

    def _spawn(self, name: str) -> None:
        pid_file = os.open(self._folder / "running" / f"{name}.pid", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            job = json.loads(reading.whole(self._folder / "running" / name, MOST_JOB))
            environment = {**job_environment(job["user"]), "JOBMON_LOCAL_ID": _number(name)}
            with os.fdopen(_open_log(job["log"], job["user"]), "ab") as log:
                # Our own Python is quicker, but may lie where another account cannot enter.
                program = [job["script"]] if job["user"] else [sys.executable, "-IS", job["script"]]
                self._children[name] = subprocess.Popen(
                    program,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=environment,
                    # What notes its number is the process itself: a runner that is killed here leaves no job unknown.
                    preexec_fn=lambda: _introduce(pid_file), **identity(job["user"]),  # noqa: PLW1509 - there are no threads here
                )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one job, the others are started
            print(f"{name}: could not be started: {error}", flush=True)  # noqa: T201 - it goes to runner.log
            self._end(name, "exit-126")
        finally:
            os.close(pid_file)

    def _adopt(self, name: str) -> None:
        """Take over what an earlier runner started, or was about to start."""
        try:
            stamp = (self._folder / "running" / f"{name}.pid").read_text(encoding="ascii", errors="replace")
        except OSError:
            stamp = ""
        if stamp:
            self._adopted[name] = stamp
        else:
            self._spawn(name)

    def _reap(self) -> None:
        for name, child in list(self._children.items()):
            code = child.poll()
            if code is not None:
                del self._children[name]
                self._end(name, f"exit-{code}" if code >= 0 else f"signal-{-code}")
        for name, stamp in list(self._adopted.items()):
            if not process.alive(stamp):
                del self._adopted[name]
                self._end(name, "rebooted" if process.rebooted(stamp) else "gone")

    def _end(self, name: str, how: str) -> None:
        try:
            (self._folder / "running" / name).rename(self._folder / "ended" / f"{name}.{how}")
        except OSError as error:
            print(f"{name}: its end ({how}) cannot be noted: {error}", flush=True)  # noqa: T201 - it goes to runner.log
        with suppress(OSError):
            (self._folder / "running" / f"{name}.pid").unlink()

    def _purge(self) -> None:
        now = time.time()
        if now - self._purged_at < 60:
            return
        self._purged_at = now
        for entry in os.scandir(self._folder / "ended"):
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_ctime < now - KEEP_S:
                    os.unlink(entry.path)  # noqa: PTH108 - an entry of scandir


def _number(name: str) -> str:
    return name.partition(".")[0]


def _open_log(path: str, user: str) -> int:
    """Open the file of a job's own complaints, which belongs to its user if it is new, and which nobody else reads."""
    try:
        handle = os.open(path, LOG | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        handle = os.open(path, LOG)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return handle
        os.close(handle)
        raise OSError(errno.EINVAL, "is no plain file", path) from None
    if user:
        entry = pwd.getpwnam(user)
        os.fchown(handle, entry.pw_uid, entry.pw_gid)
    return handle


def _introduce(handle: int) -> None:
    os.setsid()
    os.umask(0o022)
    os.write(handle, process.own_stamp())


def main(folder: Path, slots: int) -> None:
    """Run in the background, unless another one does; look once more at the end, for what came just before it."""
    os.umask(0o077)
    handle = _lock(folder)
    if handle is None or os.fork():
        os._exit(0)  # the lock goes on with the child
    while handle is not None:
        Runner(folder, slots).run()
        os.close(handle)
        handle = _lock(folder) if os.listdir(folder / "queued") else None  # noqa: PTH208


def _lock(folder: Path) -> int | None:
    handle = os.open(folder / "runner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
