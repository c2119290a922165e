"""Read the processes of this host, and tell how much processor time they took between two readings."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path

from jobmon.errors import SourceError
from jobmon.model import Skipped, expand_indices

_KERNEL_THREAD = 0x00200000
"""The kernel's own flag PF_KTHREAD in field 9 of /proc/PID/stat."""
_STATUS = re.compile(r"^(Uid|VmHWM|VmRSS|RssAnon|RssFile|RssShmem|Cpus_allowed_list):(.*)$", re.MULTILINE)
_STAT = re.compile(r"\s*\d+ \((.*)\) (\S .*)", re.DOTALL)  # a name may hold blanks and parentheses itself


@dataclass(frozen=True, slots=True)
class Process:
    """Describe one process; times are clock ticks, memory is in KiB."""

    pid: int
    start_ticks: int
    """When it started, since boot: with the pid this is its identity."""
    command: str
    """The kernel's short name of it. Command lines are never read: they may hold secrets."""
    parent: int
    session: int
    """Pid of its session's leader, 0 if that is outside of this pid namespace."""
    uid: int
    ticks: int = 0
    """User and system time of its own."""
    reaped_ticks: int = 0
    """User and system time of children that ended and were waited for."""
    memory_kib: int = 0
    """Memory of its own: what it has written and what is not backed by a file."""
    shared_kib: int = 0
    """Memory that other processes may hold too: mapped files and shared segments."""
    peak_kib: int = 0
    """The most that it ever held, `shared_kib` included."""
    allowed: tuple[int, ...] = ()
    """CPUs that it may run on; empty when that is not known."""
    cgroups: Mapping[str, str] = field(default_factory=dict)
    """Controller → path of its cgroup; "" is cgroup v2."""

    @property
    def identity(self) -> tuple[int, int]:
        """Return what no other process since boot shares."""
        return self.pid, self.start_ticks


def read_all(proc: Path, skipped: list[Skipped]) -> dict[int, Process]:
    """Return all processes by pid, kernel threads left out.

    One that ends while it is read is simply gone; one that may not be read is named in `skipped`. Raises SourceError
    when there is no process at all to be seen, which no running system can be.
    """
    processes: dict[int, Process] = {}
    try:
        pids = [int(entry.name) for entry in proc.iterdir() if entry.name.isascii() and entry.name.isdigit()]
    except OSError as error:
        raise SourceError(f"{proc} cannot be listed: {error.strerror}") from error
    for pid in pids:
        try:
            process = _read_one(pid, f"{proc}/{pid}")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            skipped.append(Skipped("/proc/PID", f"process {pid}", reason))
            continue
        if process is not None:
            processes[pid] = process
    if not pids:
        raise SourceError(f"{proc} shows no process: is it mounted?")
    return processes


def _read_one(pid: int, folder: str) -> Process | None:
    """Return the process; None for a kernel thread."""
    match = _STAT.match(_text(f"{folder}/stat"))
    fields = match[2].split() if match else []
    if match is None or len(fields) < 22:
        raise ValueError("stat is not a line of a process")
    if int(fields[6]) & _KERNEL_THREAD:
        return None
    times = [int(part) for part in fields[11:15]]
    start_ticks = int(fields[19])
    if min(*times, start_ticks) < 0:
        raise ValueError("stat holds a negative time")
    status = dict(_STATUS.findall(_text(f"{folder}/status")))
    resident, own, shared = _memory(status)
    return Process(
        pid=pid,
        start_ticks=start_ticks,
        command=match[1],
        parent=int(fields[1]),
        session=max(0, int(fields[3])),
        uid=int(status["Uid"].split()[1]) if "Uid" in status else Path(folder).stat().st_uid,
        ticks=times[0] + times[1],
        reaped_ticks=times[2] + times[3],
        memory_kib=own,
        shared_kib=shared,
        peak_kib=max(_kib(status, "VmHWM") or 0, resident),
        allowed=_cpu_list(status.get("Cpus_allowed_list", "")),
        cgroups=_cgroups(f"{folder}/cgroup"),
    )


def _memory(status: Mapping[str, str]) -> tuple[int, int, int]:
    """Return resident, own and shared memory in KiB; all 0 for a process that is a zombie."""
    resident = _kib(status, "VmRSS") or 0
    anonymous = _kib(status, "RssAnon")
    if anonymous is None:  # kernels before 4.5
        return resident, resident, 0
    return resident, anonymous, (_kib(status, "RssFile") or 0) + (_kib(status, "RssShmem") or 0)


def _kib(status: Mapping[str, str], key: str) -> int | None:
    value = status.get(key, "").removesuffix("kB").strip()
    return int(value) if value.isascii() and value.isdigit() else None


@lru_cache(maxsize=1024)
def _cpu_list(text: str) -> tuple[int, ...]:
    try:
        return expand_indices(text.strip())
    except SourceError:
        return ()


def _cgroups(file: str) -> Mapping[str, str]:
    try:
        return _cgroup_paths(_text(file))
    except FileNotFoundError:  # a kernel without cgroups; a process that has ended is noticed elsewhere
        return {}


@lru_cache(maxsize=4096)
def _cgroup_paths(text: str) -> Mapping[str, str]:
    paths: dict[str, str] = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon and path.startswith("/"):
            paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


def _text(file: str) -> str:
    """Return a file of /proc: thousands of them are read per load, and each fits into one read."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 1 << 16).decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def ticks_used(before: Mapping[int, Process], after: Mapping[int, Process]) -> dict[int, int]:
    """Return the processor time that each process of `after` took since `before` was read, in clock ticks.

    A child that ended in between is counted with the parent that waited for it, without what had been counted for the
    child before; so a long run that ends is not charged again to the shell that started it.
    """
    last_start = max((process.start_ticks for process in before.values()), default=0)
    gone = _gone_by_parent(before, after)
    used: dict[int, int] = {}
    for pid, process in after.items():
        earlier = before.get(pid)
        if earlier is not None and earlier.identity == process.identity:
            reaped = process.reaped_ticks - earlier.reaped_ticks
            if reaped > 0:
                reaped = max(0, reaped - _counted(pid, gone))
            used[pid] = max(0, process.ticks - earlier.ticks) + max(0, reaped)
        elif process.start_ticks >= last_start:
            used[pid] = process.ticks + process.reaped_ticks
        else:
            used[pid] = 0  # it was there before, but could not be read: how much of its time is new is not known
    return used


def _gone_by_parent(before: Mapping[int, Process], after: Mapping[int, Process]) -> dict[int, list[Process]]:
    gone: dict[int, list[Process]] = {}
    for pid, process in before.items():
        still = after.get(pid)
        if still is None or still.identity != process.identity:
            gone.setdefault(process.parent, []).append(process)
    return gone


def _counted(pid: int, gone: Mapping[int, list[Process]]) -> int:
    """Return what had been counted for the descendants of a process that have ended since."""
    total, waiting = 0, list(gone.get(pid, ()))
    while waiting:
        child = waiting.pop()
        total += child.ticks + child.reaped_ticks
        waiting.extend(gone.get(child.pid, ()))
    return total


def running_on(proc: Path, pids: Iterable[int], limit: int = 512) -> tuple[int, ...]:
    """Return the CPUs on which threads of these processes run at this moment, of at most `limit` threads."""
    found: list[int] = []
    for pid in pids:
        for thread in islice((proc / str(pid) / "task").glob("*/stat"), limit):
            limit -= 1
            try:
                match = _STAT.match(thread.read_text(encoding="utf-8", errors="replace"))
            except OSError:  # it has ended
                continue
            fields = match[2].split() if match else []
            if len(fields) > 36 and fields[0] == "R" and fields[36].isdigit():
                found.append(int(fields[36]))
        if limit <= 0:
            break
    return tuple(dict.fromkeys(found))
