"""Put Ganglia's metrics into a draft as the parser meets them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.sax import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from jobmon.telemetry.draft import Draft

OLD = 4
"""A metric that was not sent for this many times its longest interval (TMAX) is no longer true."""

CPU = {"user": "user", "nice": "nice", "system": "system", "idle": "idle", "wio": "iowait", "intr": "irq",
       "sintr": "softirq", "steal": "steal"}  # fmt: skip
"""Ganglia's words for what a core does → the kernel's."""
CORE = re.compile(r"multicpu_([a-z]+)([0-9]{1,5})")
GPU = re.compile(r"gpu([0-9]{1,3})_(util|gpu_util|mem_used|mem_total|fb_memory_usage|fb_memory)")
GPU_QUANTITY = {"util": "util", "gpu_util": "util", "mem_used": "memory_used", "mem_total": "memory_total",
                "fb_memory_usage": "memory_used", "fb_memory": "memory_total"}  # fmt: skip
NODE: Mapping[str, str] = {
    "mem_total": "memory_total",
    "swap_total": "swap_total",
    "swap_free": "swap_free",
    "load_one": "load",
    "boottime": "boot_time",
    "cpu_num": "cores",
    "bytes_in": "network_in",
    "bytes_out": "network_out",
    "pkts_in": "packets_in",
    "pkts_out": "packets_out",
}
AVAILABLE = ("mem_free", "mem_buffers", "mem_cached")
"""What the kernel would give to whoever asks: free memory and its caches."""
MIB: Mapping[str, float] = {
    "": 1 / 1024, "KB": 1 / 1024, "KIB": 1 / 1024, "B": 1 / 1048576, "BYTES": 1 / 1048576, "MB": 1, "MIB": 1,
    "GB": 1024, "GIB": 1024,
}  # fmt: skip
"""UNITS of a memory size → factor to MiB; without any it is KB, as gmond's own module sends it."""


class Told(NamedTuple):
    """Hold one metric of a host as it was told."""

    name: str
    text: str
    units: str


@dataclass(frozen=True, slots=True)
class Host:
    """Hold what was told of one host; `age_s` is None when the daemon does not say how long ago it heard it."""

    name: str
    age_s: float | None
    metrics: list[Told] = field(default_factory=list)


class Reading(ContentHandler):
    """Follow the elements HOST and METRIC; everything else in a grid is told for other readers."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts: list[Host] = []
        """Hosts that were told to their end: half a host would make wrong sums."""
        self._host: Host | None = None

    def startElement(self, name: str, attributes: AttributesImpl) -> None:  # noqa: N802 - the parser's name
        """Take the beginning of an element."""
        if name == "HOST":
            self._host = Host(attributes.get("NAME", ""), _number(attributes.get("TN", "0")))
        elif name == "METRIC" and self._host is not None and not _is_old(attributes):
            metric = attributes.get("NAME", "")
            known = metric in NODE or metric in AVAILABLE or metric.startswith("cpu_")
            if known or CORE.fullmatch(metric) or GPU.fullmatch(metric):
                units = attributes.get("UNITS", "").strip().upper()
                self._host.metrics.append(Told(metric, attributes.get("VAL", ""), units))

    def endElement(self, name: str) -> None:  # noqa: N802 - the parser's name
        """Keep a host that is complete."""
        if name == "HOST" and self._host is not None:
            self.hosts.append(self._host)
            self._host = None


def take(host: Host, draft: Draft) -> None:
    """Put what was told of a host into the draft."""
    if host.age_s is None:
        draft.skip("HOST", host.name[:80], "does not say how long ago it was heard (TN)")
        return
    # how long ago it was heard needs no agreement about what time it is
    draft.seen(host.name, draft.loaded_at - max(0.0, host.age_s))
    for told in host.metrics:
        value = _number(told.text)
        if value is None:
            draft.skip(told.name[:40], host.name[:80], f"{told.text[:40]!r} is not a number")
        else:
            _take(host.name, told, value, draft)


def _take(host: str, told: Told, value: float, draft: Draft) -> None:
    name = told.name
    if core := CORE.fullmatch(name):
        if core[1] in CPU and core[1] != "steal":  # gmond 3.7 tells user a second time under that name
            draft.put_core(host, int(core[2]), CPU[core[1]], value)
    elif gpu := GPU.fullmatch(name):
        quantity = GPU_QUANTITY[gpu[2]]
        if quantity == "util":
            draft.put_gpu(host, str(int(gpu[1])), quantity, value)
        elif (size := _mib(host, f"gpu_{quantity}", value, told.units, draft)) is not None:
            draft.put_gpu(host, str(int(gpu[1])), quantity, size)
    elif name.startswith("cpu_") and name[4:] in CPU:
        draft.put_cpu(host, CPU[name[4:]], value)
    elif name in AVAILABLE:
        if (size := _mib(host, "memory_available", value, told.units, draft)) is not None:
            draft.put(host, "memory_available", size, add=True)
    elif name.startswith(("mem_", "swap_")):
        if (size := _mib(host, NODE[name], value, told.units, draft)) is not None:
            draft.put(host, NODE[name], size)
    elif name in NODE:
        draft.put(host, NODE[name], value)


def _mib(host: str, quantity: str, value: float, units: str, draft: Draft) -> float | None:
    if units not in MIB:
        draft.skip(quantity, host[:80], f"{units[:20]!r} is no unit of memory")
        return None
    return value * MIB[units]


def _is_old(attributes: AttributesImpl) -> bool:
    age_s, longest_s = _number(attributes.get("TN", "0")), _number(attributes.get("TMAX", "0"))
    constant = attributes.get("SLOPE", "") == "zero"  # the size of memory is sent once in a while
    return age_s is None or (bool(longest_s) and not constant and age_s > OLD * (longest_s or 0))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
