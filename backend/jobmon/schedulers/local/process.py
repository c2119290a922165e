"""Tell a process from another one that got the same number later."""

import os
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return what differs from one start of the machine to the next."""
    return BOOT.read_text(encoding="ascii").strip()


def stamp_of(pid: int) -> str:
    """Return "PID START BOOT", START in clock ticks since the machine's start; FileNotFoundError when it is gone."""
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - called between fork and exec
        start = file.read().rpartition(b")")[2].split()[19]
    return f"{pid} {start.decode()} {boot_id()}"


def alive(stamp: str) -> bool:
    """Say whether the process of a stamp still runs; a zombie does not."""
    try:
        pid = int(stamp.split()[0])
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
        return stamp_of(pid) == stamp and state != b"Z"
    except (OSError, ValueError, IndexError):
        return False


def rebooted(stamp: str) -> bool:
    """Say whether the machine was started anew since."""
    return stamp.split()[-1:] != [boot_id()]


def own_stamp() -> bytes:
    """Return the stamp of this process."""
    return stamp_of(os.getpid()).encode()


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that these have started, as the kernel knows them."""
    found: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # it has ended
        return found
    for task in tasks:
        try:
            children = [int(word) for word in (task / "children").read_text(encoding="ascii").split()]
        except OSError:  # this thread has ended
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found
