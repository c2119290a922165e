"""Read what this host holds right now: memory, swap, load, pressure."""

from pathlib import Path

from jobmon.model import Skipped
from jobmon.telemetry.base import Memory, Pressure, Swap

KIB_PER_MIB = 1024
MAX_KIB = 1 << 50
"""An exbibyte: more is no measurement."""


def memory(proc: Path, skipped: list[Skipped]) -> tuple[Memory | None, Swap | None]:
    """Return memory and swap from /proc/meminfo; None for what it does not tell."""
    try:
        text = (proc / "meminfo").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        skipped.append(Skipped("/proc/meminfo", "meminfo", error.strerror or str(error)))
        return None, None
    kib: dict[str, int] = {}
    for line in text.splitlines():
        key, _, rest = line.partition(":")
        value = rest.removesuffix("kB").strip()
        if value.isascii() and value.isdigit() and int(value) <= MAX_KIB:
            kib[key] = int(value)
        elif key in {"MemTotal", "MemAvailable", "SwapTotal", "SwapFree"}:
            skipped.append(Skipped("/proc/meminfo", key, f"{rest.strip()[:40]!r} is not a size"))
    return _memory(kib, skipped), _swap(kib)


def _memory(kib: dict[str, int], skipped: list[Skipped]) -> Memory | None:
    total = kib.get("MemTotal")
    available = kib.get("MemAvailable")
    if available is None and {"MemFree", "Buffers", "Cached"} <= kib.keys():  # kernels before 3.14
        available = kib["MemFree"] + kib["Buffers"] + kib["Cached"]
    if total is None or available is None:
        return None
    if total == 0 or available > total:
        skipped.append(Skipped("/proc/meminfo", "MemAvailable", f"{available} kB of {total} kB cannot be"))
        return None
    return Memory(used_mb=(total - available) / KIB_PER_MIB, total_mb=total / KIB_PER_MIB)


def _swap(kib: dict[str, int]) -> Swap | None:
    total, free = kib.get("SwapTotal"), kib.get("SwapFree")
    if total is None or free is None or free > total:
        return None
    return Swap(free_mb=free / KIB_PER_MIB, total_mb=total / KIB_PER_MIB)


def load(proc: Path) -> float | None:
    """Return the load average of the last minute; None when it cannot be read."""
    try:
        return _number((proc / "loadavg").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None


def pressure(proc: Path) -> Pressure | None:
    """Return the pressure stall information; None on a kernel without it."""
    found = {resource: _some_avg10(proc / "pressure" / resource) for resource in ("cpu", "memory", "io")}
    return None if all(value is None for value in found.values()) else Pressure(**found)


def _some_avg10(path: Path) -> float | None:
    try:
        words = path.read_text(encoding="ascii").split()
    except (OSError, ValueError):  # the file is absent, or the kernel was started with psi=0
        return None
    for word in words[1:] if words[:1] == ["some"] else ():
        key, _, value = word.partition("=")
        if key == "avg10":
            try:
                return _number(value, high=100)
            except ValueError:
                return None
    return None


def _number(text: str, high: float = 1e6) -> float:
    value = float(text)
    if not 0 <= value <= high:  # false for not-a-number too
        raise ValueError(f"{text} is not a number from 0 to {high:g}")
    return value
