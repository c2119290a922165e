"""Put Ganglia's metrics into a draft as the parser meets them."""

import re
from collections.abc import Mapping
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


class Reading(ContentHandler):
    """Follow the elements HOST and METRIC; everything else in a grid is told for other readers."""

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._host = ""

    def startElement(self, name: str, attributes: AttributesImpl) -> None:  # noqa: N802 - the parser's name
        """Take the beginning of an element."""
        if name == "HOST":
            self._host = attributes.get("NAME", "")
            self._begin(attributes)
        elif name == "METRIC" and self._host:
            self._metric(attributes)

    def endElement(self, name: str) -> None:  # noqa: N802 - the parser's name
        """Leave a host."""
        if name == "HOST":
            self._host = ""

    def _begin(self, attributes: AttributesImpl) -> None:
        """Note how long ago the host was heard, which needs no agreement about what time it is."""
        age_s = _number(attributes.get("TN", "0"))
        if age_s is None:
            self._draft.skip("HOST", self._host[:80], "does not say how long ago it was heard (TN)")
            self._host = ""
            return
        self._draft.seen(self._host, self._draft.loaded_at - max(0.0, age_s))

    def _metric(self, attributes: AttributesImpl) -> None:
        name = attributes.get("NAME", "")
        core, gpu = CORE.fullmatch(name), GPU.fullmatch(name)
        known = name in NODE or name in AVAILABLE or name.startswith("cpu_") or core or gpu
        if not known or _is_old(attributes):
            return
        value = _number(attributes.get("VAL", ""))
        if value is None:
            self._draft.skip(name[:40], self._host[:80], f"{attributes.get('VAL', '')[:40]!r} is not a number")
            return
        units = attributes.get("UNITS", "").strip().upper()
        if core:
            if core[1] in CPU and core[1] != "steal":  # gmond 3.7 tells user a second time under that name
                self._draft.put_core(self._host, int(core[2]), CPU[core[1]], value)
        elif gpu:
            self._gpu(int(gpu[1]), GPU_QUANTITY[gpu[2]], value, units)
        elif name.startswith("cpu_") and name[4:] in CPU:
            self._draft.put_cpu(self._host, CPU[name[4:]], value)
        elif name in AVAILABLE:
            self._size("memory_available", value, units, add=True)
        elif name in NODE and name.startswith(("mem_", "swap_")):
            self._size(NODE[name], value, units)
        elif name in NODE:
            self._draft.put(self._host, NODE[name], value)

    def _gpu(self, index: int, quantity: str, value: float, units: str) -> None:
        if quantity == "util":
            self._draft.put_gpu(self._host, str(index), quantity, value)
        elif units in MIB:
            self._draft.put_gpu(self._host, str(index), quantity, value * MIB[units])
        else:
            self._draft.skip(f"gpu_{quantity}", self._host[:80], f"{units[:20]!r} is no unit of memory")

    def _size(self, quantity: str, value: float, units: str, add: bool = False) -> None:
        if units in MIB:
            self._draft.put(self._host, quantity, value * MIB[units], add=add)
        else:
            self._draft.skip(quantity, self._host[:80], f"{units[:20]!r} is no unit of memory")


def _is_old(attributes: AttributesImpl) -> bool:
    age_s, longest_s = _number(attributes.get("TN", "0")), _number(attributes.get("TMAX", "0"))
    constant = attributes.get("SLOPE", "") == "zero"  # the size of memory is sent once in a while
    return age_s is None or (bool(longest_s) and not constant and age_s > OLD * (longest_s or 0))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
