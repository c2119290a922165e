"""Read the kernel's counters of this host, and turn two readings into what happened between them.

The counters only grow while the host runs; one that fell was reset, and what it says about that interval is unknown.
Time between readings is monotonic, so that a step of the clock moves no rate.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobmon.model import Skipped
from jobmon.telemetry.base import CpuShares, Network, Transfer, busier

SECTOR_BYTES = 512
"""The unit of /proc/diskstats, whatever the disk's own sectors are."""
INFINIBAND_WORD_BYTES = 4
"""The unit of port_rcv_data and port_xmit_data."""
MAX_RATE = 1e13
"""No interface and no set of disks of one host moves more bytes per second; more is a broken counter."""
MAX_CPUS = 8192
"""The largest number of CPUs a Linux kernel can be built for; a higher one is garbage, not a machine."""
_VIRTUAL = (
    "lo",
    "docker",
    "veth",
    "br-",
    "virbr",
    "cni",
    "flannel",
    "cali",
    "vnet",
    "tap",
    "tun",
    "dummy",
    "ifb",
    "wg",
)


@dataclass(frozen=True, slots=True)
class Counters:
    """Hold one reading of all counters; `at` is monotonic seconds. A part that could not be read is empty or None."""

    at: float
    cpu: tuple[int, ...] | None = None
    cores: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """CPU number → ticks of user, nice, system, wait, idle."""
    network: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Interface → bytes in, bytes out, packets in, packets out."""
    disks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Disk → bytes read, bytes written."""
    boot_at: int | None = None
    skipped: tuple[Skipped, ...] = ()
    infiniband: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Port → the same as of an interface."""


def read(at: float, proc: Path, sys: Path) -> Counters:
    """Return the counters as they stand; a part that cannot be read is left out and named in `skipped`."""
    skipped: list[Skipped] = []
    stat = _text(proc / "stat", skipped)
    cpu, cores, boot_at = _parse_stat(stat, skipped)
    infiniband = _infiniband(sys, skipped)
    network = _parse_net_dev(_text(proc / "net" / "dev", skipped), sys, skipped)
    disks = _parse_diskstats(_text(proc / "diskstats", skipped), sys, skipped)
    return Counters(at, cpu, cores, network, disks, boot_at, tuple(skipped), infiniband)


def cpu_shares(before: Sequence[int] | None, after: Sequence[int] | None) -> CpuShares | None:
    """Return what the time between two readings was spent on; None when it stood still or ran backwards.

    The kernel's idle and wait counters may fall by a tick or two without a reset; such a part counts as 0.
    """
    if before is None or after is None or sum(after) <= sum(before):
        return None
    ticks = [max(0, new - old) for old, new in zip(before, after, strict=True)]
    total = sum(ticks)
    return CpuShares(*(100.0 * part / total for part in ticks))


def core_shares(before: Counters, after: Counters) -> tuple[CpuShares | None, ...]:
    """Return the shares of each core by CPU number; None where a CPU is offline or has just come."""
    size = max(after.cores, default=-1) + 1
    return tuple(cpu_shares(before.cores.get(number), after.cores.get(number)) for number in range(size))


def network(before: Counters, after: Counters) -> Network | None:
    """Return the traffic of all ports or interfaces together; None when none of them can be told."""
    infiniband, ethernet = (
        None if rates is None else Network(*rates)
        for rates in (
            _rates(before.infiniband, after.infiniband, after.at - before.at, 4),
            _rates(before.network, after.network, after.at - before.at, 4),
        )
    )
    return busier(infiniband, ethernet)


def disk(before: Counters, after: Counters) -> Transfer | None:
    """Return what all disks together moved; None when none of them can be told."""
    rates = _rates(before.disks, after.disks, after.at - before.at, 2)
    return None if rates is None else Transfer(*rates)


def _rates(
    before: Mapping[str, tuple[int, ...]], after: Mapping[str, tuple[int, ...]], elapsed_s: float, width: int
) -> tuple[float, ...] | None:
    """Return the sums per second over the devices in both readings whose counters did not fall."""
    if elapsed_s <= 0:
        return None
    known = []
    for name in before.keys() & after.keys():
        rates = [(new - old) / elapsed_s for old, new in zip(before[name], after[name], strict=True)]
        if all(0 <= rate <= MAX_RATE for rate in rates):
            known.append(rates)
    if not known:
        return None
    return tuple(math.fsum(rates[column] for rates in known) for column in range(width))


def _parse_stat(
    text: str, skipped: list[Skipped]
) -> tuple[tuple[int, ...] | None, dict[int, tuple[int, ...]], int | None]:
    total, boot_at = None, None
    cores: dict[int, tuple[int, ...]] = {}
    for line in text.splitlines():
        key, _, rest = line.partition(" ")
        try:
            if key == "btime":
                boot_at = _count(rest)
            elif key == "cpu":
                total = _cpu_ticks(rest)
            elif key.startswith("cpu") and (number := _count(key[3:])) < MAX_CPUS:
                cores[number] = _cpu_ticks(rest)
        except ValueError as error:
            skipped.append(Skipped("/proc/stat", key[:40], str(error)))
    return total, cores, boot_at


def _cpu_ticks(text: str) -> tuple[int, ...]:
    """Return user, nice, system, wait, idle.

    User and nice already hold the time of guests. Time stolen by a hypervisor is left out: the machine did not have it.
    """
    fields = [_count(part) for part in text.split()]
    if len(fields) < 4:
        raise ValueError(f"{text.strip()[:80]!r} holds fewer than four counters")
    user, nice, system, idle, wait, irq, softirq = (fields + [0] * 3)[:7]
    return user, nice, system + irq + softirq, wait, idle


def _parse_net_dev(text: str, sys: Path, skipped: list[Skipped]) -> dict[str, tuple[int, ...]]:
    interfaces: dict[str, tuple[int, ...]] = {}
    for line in text.splitlines()[2:]:
        name, colon, rest = line.partition(":")
        name, fields = name.strip(), rest.split()
        try:
            if not colon or len(fields) < 10:
                raise ValueError(f"{line.strip()[:80]!r} is not a line of interface counters")
            interfaces[name] = (_count(fields[0]), _count(fields[8]), _count(fields[1]), _count(fields[9]))
        except ValueError as error:
            skipped.append(Skipped("/proc/net/dev", name[:40], str(error)))
    # A bond, a bridge or a tunnel would count the same bytes again; a container has only a virtual interface.
    physical = {name for name in interfaces if (sys / "class" / "net" / name / "device").exists()}
    wanted = physical or {name for name in interfaces if not name.startswith(_VIRTUAL)}
    return {name: counters for name, counters in interfaces.items() if name in wanted}


def _infiniband(sys: Path, skipped: list[Skipped]) -> dict[str, tuple[int, ...]]:
    ports: dict[str, tuple[int, ...]] = {}
    for folder in sorted((sys / "class" / "infiniband").glob("*/ports/*/counters")):
        name = f"{folder.parts[-4]}/{folder.parts[-2]}"
        try:
            counters = [
                _count((folder / counter).read_text(encoding="ascii"))
                for counter in ("port_rcv_data", "port_xmit_data", "port_rcv_packets", "port_xmit_packets")
            ]
        except (OSError, ValueError) as error:
            skipped.append(Skipped("/sys/class/infiniband", name, str(error)))
        else:
            ports[name] = (counters[0] * INFINIBAND_WORD_BYTES, counters[1] * INFINIBAND_WORD_BYTES, *counters[2:])
    return ports


def _parse_diskstats(text: str, sys: Path, skipped: list[Skipped]) -> dict[str, tuple[int, ...]]:
    """Return the counters of whole physical disks: a partition, a RAID or a volume would count the same bytes again."""
    disks: dict[str, tuple[int, ...]] = {}
    for line in text.splitlines():
        fields = line.split()
        name = fields[2] if len(fields) > 2 else line[:40]
        try:
            if len(fields) < 10:
                raise ValueError(f"{line.strip()[:80]!r} is not a line of disk counters")
            # A "/" in a disk's name (cciss/c0d0) is a "!" in sysfs.
            if (sys / "block" / name.replace("/", "!") / "device").exists():
                disks[name] = (_count(fields[5]) * SECTOR_BYTES, _count(fields[9]) * SECTOR_BYTES)
        except ValueError as error:
            skipped.append(Skipped("/proc/diskstats", name[:40], str(error)))
    return disks


def _count(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise ValueError(f"{text[:40]!r} is not a counter")
    return int(text)


def _text(path: Path, skipped: list[Skipped]) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        skipped.append(Skipped("procfs", f"{path.parent.name}/{path.name}", error.strerror or str(error)))
        return ""
