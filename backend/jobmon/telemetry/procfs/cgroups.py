"""Tell which login session, service or container a process belongs to, and what its cgroup has counted.

Both generations of cgroups are read, and a host that mounts both: there the newer one may hold processes but no memory.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_HEX_ID = r"(?P<id>[0-9a-f]{12})[0-9a-f]{52}"
_CONTAINER = re.compile(rf"(?P<kind>[a-z]+(?:-[a-z]+)*)[-:]{_HEX_ID}(?:\.scope)?$|{_HEX_ID.replace('<id>', '<bare>')}$")
_LXC = re.compile(r"lxc\.payload\.(.+)$")
_SLURM_JOB = re.compile(r"job_(\d+)$")
_UNIT = re.compile(r"(.+)\.(scope|service)$")
MAX_BYTES = 1 << 60
"""More is the kernel's "no limit", or garbage."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Name a session, service or container by the folder of its cgroup."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Hold what a cgroup has counted; None where its controller is not switched on."""

    cpu_s: float | None = None
    memory_bytes: int | None = None
    """Without files in the page cache that the kernel would give back first."""


def unit_of(cgroups: Mapping[str, str]) -> Unit | None:
    """Return the innermost session, service, container or Slurm job; None where a process is in no such thing."""
    for controller in ("", "name=systemd", "memory", "cpuacct", "cpu"):
        path = cgroups.get(controller, "/")
        parts = path.strip("/").split("/")
        for depth in range(len(parts), 0, -1):
            name = _unit_name(parts[depth - 1])
            if name is not None:
                return Unit("/" + "/".join(parts[:depth]), name)
    return None


def _unit_name(part: str) -> str | None:
    """Return "session-3", "nginx", "docker 0123456789ab", "job 123"; None for a folder that is only a shelf."""
    if match := _CONTAINER.fullmatch(part):
        return f"{match['kind']} {match['id']}" if match["kind"] else f"container {match['bare']}"
    if match := _LXC.fullmatch(part):
        return f"container {match[1]}"
    if match := _SLURM_JOB.fullmatch(part):
        return f"job {match[1]}"
    if match := _UNIT.fullmatch(part):
        return match[1]
    return None


def usage(unit: Unit, cgroups: Mapping[str, str], root: Path) -> Usage:
    """Return what the unit's cgroup has counted, given the cgroups of one of its processes."""
    return Usage(_cpu_s(unit, cgroups, root), _memory_bytes(unit, cgroups, root))


def _folders(unit: Unit, cgroups: Mapping[str, str], root: Path, controller: str) -> list[Path]:
    """Return where the counters of that controller may be, for this unit only and nothing around it."""
    relative = unit.path.strip("/")
    folders: list[Path] = []
    if ".." in relative.split("/"):  # a cgroup outside of this cgroup namespace: its folder is not to be seen from here
        return folders
    if _within(cgroups.get("", ""), unit.path):
        folders += [root / relative, root / "unified" / relative]
    if _within(cgroups.get(controller, ""), unit.path):
        folders += [root / mount / relative for mount in (controller, "cpu,cpuacct") if controller in mount]
    return folders


def _within(path: str, unit_path: str) -> bool:
    return path == unit_path or path.startswith(unit_path + "/")


def _cpu_s(unit: Unit, cgroups: Mapping[str, str], root: Path) -> float | None:
    for folder in _folders(unit, cgroups, root, "cpuacct"):
        microseconds = _keyed(folder / "cpu.stat", "usage_usec")
        if microseconds is not None:
            return microseconds / 1e6
        nanoseconds = _number(folder / "cpuacct.usage")
        if nanoseconds is not None:
            return nanoseconds / 1e9
    return None


def _memory_bytes(unit: Unit, cgroups: Mapping[str, str], root: Path) -> int | None:
    for folder in _folders(unit, cgroups, root, "memory"):
        for file, cache in (("memory.current", "inactive_file"), ("memory.usage_in_bytes", "total_inactive_file")):
            used = _number(folder / file)
            if used is not None and used < MAX_BYTES:
                return max(0, used - (_keyed(folder / "memory.stat", cache) or 0))
    return None


def _number(file: Path) -> int | None:
    """Return the number in a file; None when it is absent, was removed with its cgroup, or holds something else."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isdigit() and len(text) <= 20 else None


def _keyed(file: Path, key: str) -> int | None:
    """Return the number behind a key in a file of "key number" lines."""
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    for line in lines:
        name, _, value = line.partition(" ")
        if name == key and value.isdigit() and len(value) <= 20:
            return int(value)
    return None
