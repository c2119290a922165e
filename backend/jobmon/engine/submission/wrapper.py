"""Run one command on a node, at most once, and leave a record of how it ended.

This file is submitted as it is, with a line at its end that calls `main`; so it needs nothing but Python 3.6. In the
folder of the attempt it makes `claim` (whoever makes it may run the command), `started`, and at the end `done`.
"""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time

TYPE_CHECKING = False  # the module `typing` takes as long to load as all that is needed here
if TYPE_CHECKING:
    from typing import Any

TAIL = 65536
PATIENCE_S = 10.0
REFUSED = 98
NO_FOLDER = 97
LATE = 96
# What jobmon itself passes comes first: it may run inside of another scheduler's job.
IDS = ("JOBMON_LOCAL_ID", "JOBMON_SCHEDULER_ID", "SLURM_JOB_ID", "LSB_JOBID")
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(spec: "dict[str, Any]") -> int:
    """Claim, run, record; return the exit code of the command, 128 + the signal that killed it, or 96 to 98."""
    folder = spec["folder"]
    umask = os.umask(0o077)
    host = os.uname().nodename
    scheduler_id = next((os.environ[name] for name in IDS if os.environ.get(name)), "")
    me = {"host": host, "pid": os.getpid(), "id": scheduler_id, "at": time.time()}
    try:
        handle = os.open(os.path.join(folder, "claim"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        with open(os.path.join(folder, "refused"), "a") as file:
            file.write(json.dumps(me) + "\n")
        sys.stderr.write("jobmon: this command was started before, and is not started again\n")
        return REFUSED
    except OSError as error:
        sys.stderr.write(f"jobmon: {folder}: {error.strerror}\n")
        return NO_FOLDER
    with os.fdopen(handle, "w") as file:
        file.write(json.dumps(me))
        file.flush()
        os.fsync(file.fileno())
    _sync(folder)
    # Only now: whoever comes after this claim does not run the command, so what is decided here is final.
    now = time.time()
    if spec["latest_start"] and now > spec["latest_start"]:
        sys.stderr.write("jobmon: the latest start of this command has passed, and it is not started\n")
        end = {"why": "late", "rc": None, "signal": None, "told": "", "output_bytes": None, "tail": ""}
        _record(folder, "done", dict(end, host=host, id=scheduler_id, started_at=now, ended_at=now))
        return LATE
    _record(folder, "started", me)
    ended = _run(spec, umask)
    ended.update(host=host, id=scheduler_id, started_at=me["at"], ended_at=time.time())
    ended.update(_output(spec["output"]))
    _record(folder, "done", ended)
    return int(ended["rc"] if ended["signal"] is None else 128 + ended["signal"])


def _run(spec: "dict[str, Any]", umask: int) -> "dict[str, Any]":
    """Run the command and return rc, signal and why it ended; a command that cannot be started has 126 or 127."""
    limit = spec["limit_s"]
    deadline: float | None = time.monotonic() + limit if limit else None
    watched = {signal.SIGCHLD}.union(STOPPING)
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    signal.signal(signal.SIGCHLD, lambda *_: None)

    def prepare() -> None:
        os.setsid()
        os.umask(umask)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)

    environment = dict(os.environ)
    environment.update(spec["environment"])
    if spec["environment"].get("JOBMON_PROGRAMS"):
        environment["PATH"] = "{}:{}".format(environment["JOBMON_PROGRAMS"], environment.get("PATH", os.defpath))
    why, killed = "exit", _killed_for_memory()
    try:
        output = _writable(spec["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o600)
    except OSError as error:
        return _unstarted(126, "the output cannot be written to {}: {}".format(spec["output"], error.strerror))
    try:
        child = subprocess.Popen(
            spec["args"], cwd=spec["working_dir"], env=environment, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, preexec_fn=prepare,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        code = 127 if isinstance(error, FileNotFoundError) else 126
        told = "{}: {}".format(spec["args"][0], getattr(error, "strerror", None) or error)
        if not os.path.isdir(spec["working_dir"]):
            code, told = 126, "there is no working directory {}".format(spec["working_dir"])
        elif not os.access(spec["working_dir"], os.X_OK):
            code, told = 126, "the working directory {} cannot be entered".format(spec["working_dir"])
        os.write(output, f"jobmon: {told}\n".encode("utf-8", "replace"))
        return _unstarted(code, told)
    finally:
        os.close(output)
    kill_at: float | None = None
    while child.poll() is None:
        now = time.monotonic()
        ends = [moment for moment in (deadline, kill_at) if moment is not None]
        # An hour at most: a signal that came between poll() and here is pending, so it is not lost.
        got = signal.sigtimedwait(watched, max(0.0, min(ends + [now + 3600.0]) - now))
        now = time.monotonic()
        if got is not None and got.si_signo in STOPPING and why == "exit":
            why, kill_at = ("timeout" if _over() else "terminated"), now + PATIENCE_S
            _signal(child, signal.SIGTERM)
        elif deadline is not None and now >= deadline and why == "exit":
            why, kill_at, deadline = "timeout", now + PATIENCE_S, None
            _signal(child, signal.SIGTERM)
        elif kill_at is not None and now >= kill_at:
            kill_at = None
            _signal(child, signal.SIGKILL)
    _signal(child, signal.SIGKILL)  # what it left behind
    code = child.returncode
    if why == "exit" and code == -signal.SIGKILL and _killed_for_memory() > killed:
        why = "oom"
    elif why == "exit" and code < 0:
        why = "signal"
    return {"rc": code if code >= 0 else None, "signal": -code if code < 0 else None, "why": why, "told": ""}


def _unstarted(code: int, told: str) -> "dict[str, Any]":
    return {"rc": code, "signal": None, "why": "exit", "told": told}


def _over() -> bool:
    """Say whether Slurm ends the job because its time is over."""
    try:
        return time.time() >= int(os.environ["SLURM_JOB_END_TIME"]) - 1
    except (KeyError, ValueError):
        return False


def _killed_for_memory() -> int:
    """Return how many processes of this control group the kernel has killed for their memory."""
    try:
        with open("/proc/self/cgroup") as file:
            path = [line.split(":", 2)[2].strip() for line in file if line.startswith("0::")][0]
        with open(f"/sys/fs/cgroup{path}/memory.events") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
    except (OSError, IndexError, ValueError):
        return 0


def _signal(child: "subprocess.Popen[bytes]", number: int) -> None:
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _output(path: str) -> "dict[str, Any]":
    """Return the size of the output and its end."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # the command may have put a pipe in its place
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return {"output_bytes": None, "tail": ""}
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            return {"output_bytes": size, "tail": file.read(TAIL).decode("utf-8", "replace")}
    except OSError:
        return {"output_bytes": None, "tail": ""}


def _writable(path: str, flags: int, mode: int) -> int:
    """Open what the command writes to; a pipe, which could keep it waiting beyond its time limit, is an OSError."""
    handle = os.open(path, flags, mode)
    kind = os.fstat(handle).st_mode
    if not stat.S_ISREG(kind) and not stat.S_ISCHR(kind):
        os.close(handle)
        raise OSError(errno.EINVAL, "is no regular file", path)
    os.set_blocking(handle, True)
    return handle


def _record(folder: str, name: str, content: "dict[str, Any]") -> None:
    """Write a file that is there whole or not at all; a full disk may have room again a little later."""
    path = os.path.join(folder, name)
    for wait in (0.2, 1, 5, 15, 30, None):
        try:
            with open(path + ".part", "w") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            os.rename(path + ".part", path)
            _sync(folder)
            return
        except OSError as error:
            sys.stderr.write(f"jobmon: {path}: {error.strerror}\n")
            if wait is not None:
                time.sleep(wait)


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass  # some file systems of clusters have no fsync of folders
    finally:
        os.close(handle)
