"""Draw the numbers of one snapshot into columns: one row per running job and host, one per node.

Unknown is NaN. What each column means stands in schema/chunk.schema.json.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

JOB_COLUMNS = ("known", "user", "system", "wait", "mem", "gpuUtil", "gpuMem", "jobfs", "fsRead", "fsWrite", "fsOps")
NODE_COLUMNS = ("user", "system", "wait", "mem", "swap", "gpuUtil", "gpuMem", "netIn", "netOut", "pktsIn", "pktsOut",
                "fsRead", "fsWrite", "diskRead", "diskWrite", "cores")  # fmt: skip
RUNNING = "RUNNING"
UNKNOWN_GPUS = (np.nan, np.nan)
UNKNOWN_RATES = (np.nan, np.nan, np.nan)
NO_CORES = (0, 0)
NOTHING: dict[str, float] = {}

SIZE_BITS = 8
RATE_BITS = 5
"""Leading bits that are kept of sizes (three digits) and of rates (two): what is steady stays the same, and packs."""


@dataclass(frozen=True, slots=True)
class Point:
    """Hold the numbers of one instant."""

    time: int
    job_keys: list[tuple[str, str]]
    """(job, host) of each row."""
    cores: NDArray[np.int64]
    gpus: NDArray[np.int64]
    job_columns: dict[str, Column]
    hosts: list[str]
    node_columns: dict[str, Column]


def draw(snapshot: dict[str, Any]) -> Point:
    """Return the numbers of a snapshot; a host that is gone, or a core that is not there, is unknown."""
    nodes: dict[str, Any] = snapshot["nodes"]
    cores, offsets = _all_cores(nodes)
    keys: list[tuple[str, str]] = []
    n_cores: list[int] = []
    n_gpus: list[int] = []
    core_index: list[int] = []
    core_row: list[int] = []
    values: dict[str, list[float]] = {name: [] for name in JOB_COLUMNS[4:]}
    accounted: list[float] = []
    allocated = dict.fromkeys(nodes, 0)
    for job_id, job in snapshot["jobs"].items():
        if job["state"] != RUNNING:
            continue
        first = True
        for host, indices in job["layout"].items():
            row = len(keys)
            keys.append((job_id, host))
            n_cores.append(len(indices))
            start, count = offsets.get(host, NO_CORES)
            if count:
                core_index += [start + index for index in indices if index < count]
                core_row += [row] * (len(core_index) - len(core_row))
            allocated[host] = allocated.get(host, 0) + len(indices)
            devices = job["gpuLayout"].get(host, ())
            n_gpus.append(len(devices))
            util, memory = _gpu_means(nodes.get(host), devices) if devices else UNKNOWN_GPUS
            values["gpuUtil"].append(util)
            values["gpuMem"].append(memory)
            accounted.append(_number((job.get("cpuUsed") or NOTHING).get(host)))
            values["mem"].append(_number(job["mem"].get(host)))
            values["jobfs"].append(_number((job["jobfs"] or {}).get(host)))
            read, write, operations = _file_systems(job["lustre"]) if first else UNKNOWN_RATES
            values["fsRead"].append(read)
            values["fsWrite"].append(write)
            values["fsOps"].append(operations)
            first = False
    columns = {name: np.array(column, dtype=np.float64) for name, column in values.items()}
    columns["mem"] = _rounded(columns["mem"], SIZE_BITS)
    for name in ("fsRead", "fsWrite", "fsOps"):
        columns[name] = _rounded(columns[name], RATE_BITS)
    columns |= _core_means(cores, np.array(core_index, np.int64), np.array(core_row, np.int64), len(keys))
    _prefer_accounted(columns, np.array(accounted, np.float64), np.array(n_cores, np.float64))
    return Point(
        time=snapshot["timestamp"],
        job_keys=keys,
        cores=np.array(n_cores, np.int64),
        gpus=np.array(n_gpus, np.int64),
        job_columns={name: columns[name] for name in JOB_COLUMNS},
        hosts=list(nodes),
        node_columns=_node_columns(nodes, allocated),
    )


def _all_cores(nodes: dict[str, Any]) -> tuple[Column, dict[str, tuple[int, int]]]:
    """Return [user + nice, system, wait] of all cores one after the other, and host → (first, number)."""
    tables: list[NDArray[Any]] = []
    offsets: dict[str, tuple[int, int]] = {}
    start = 0
    for host, node in nodes.items():
        cores = node["cpu"]["core"] if node["cpu"] else None
        if not cores:
            continue
        if None in cores:
            table = np.array([core or (np.nan,) * 5 for core in cores], dtype=np.float64)
        else:
            table = np.array(cores)
        tables.append(table)
        offsets[host] = (start, len(cores))
        start += len(cores)
    if not tables:
        return np.empty((0, 3)), offsets
    everything = np.concatenate(tables).astype(np.float64)
    everything[:, 1] += everything[:, 0]
    return everything[:, 1:4], offsets


def _core_means(cores: Column, index: NDArray[np.int64], row: NDArray[np.int64], rows: int) -> dict[str, Column]:
    """Return known, user, system and wait per row: the number of known cores and their means."""
    picked = cores[index] if len(index) else np.empty((0, 3))
    known_cores = ~np.isnan(picked).any(axis=1)
    picked, row = picked[known_cores], row[known_cores]
    known = np.bincount(row, minlength=rows).astype(np.float64)
    divisor = np.where(known > 0, known, np.nan)
    result = {"known": known}
    for position, name in enumerate(("user", "system", "wait")):
        result[name] = np.bincount(row, weights=picked[:, position], minlength=rows) / divisor
    return result


def _prefer_accounted(columns: dict[str, Column], used: Column, n_cores: Column) -> None:
    """Put the busy cores that were accounted to a job itself in the place of what its cores did, where they are known.

    Others may use the job's cores too, and where nothing binds a job to its cores it works on others. The parts of user
    and system stay in the ratio that the cores had; waiting stays as far as there is room for it.
    """
    told = np.flatnonzero(~np.isnan(used) & (n_cores > 0))
    if not len(told):
        return
    busy = np.minimum(100 * used[told] / n_cores[told], 100)
    user, system, wait = (columns[name][told] for name in ("user", "system", "wait"))
    both = user + system
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(both > 0, system / both, 0)  # NaN > 0 is False: without cores all of it is the user's
    columns["user"][told] = busy * (1 - share)
    columns["system"][told] = busy * share
    columns["wait"][told] = np.minimum(np.nan_to_num(wait), 100 - busy)
    columns["known"][told] = n_cores[told]


def _gpu_means(node: dict[str, Any] | None, devices: Any) -> tuple[float, float]:
    """Return the mean utilisation in percent and the memory in MiB of a job's GPUs on one node."""
    if not devices or not node or not node["gpus"]:
        return UNKNOWN_GPUS
    found = [node["gpus"].get(f"gpu{index}") for index in devices]
    utils = [_number(gpu["util"]) for gpu in found if gpu]
    memories = [_number(gpu["memory"]["used"]) for gpu in found if gpu]
    known = [util for util in utils if util == util]
    return (sum(known) / len(known) if known else np.nan), (sum(memories) if memories else np.nan)


def _file_systems(file_systems: dict[str, Any] | None) -> tuple[float, float, float]:
    """Return kB/s read, kB/s written and operations/s of a job over all its file systems."""
    if not file_systems:
        return UNKNOWN_RATES
    parts = [system["oss"] for system in file_systems.values()]
    read, write, operations = (
        _sum_of_known(part[key] for part in parts) for key in ("read_bytes", "write_bytes", "iops")
    )
    return read / 1024, write / 1024, operations


def _sum_of_known(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) if known else np.nan


def _node_columns(nodes: dict[str, Any], allocated: dict[str, int]) -> dict[str, Column]:
    table = np.full((len(nodes), len(NODE_COLUMNS)), np.nan)
    for row, (host, node) in enumerate(nodes.items()):
        cells = table[row]
        if node["cpu"]:
            user, nice, system, wait, _idle = node["cpu"]["total"]
            cells[:3] = user + nice, system, wait
        if node["mem"]:
            cells[3] = _number(node["mem"]["used"])
        if node["swap"]:
            cells[4] = _number(node["swap"]["total"]) - _number(node["swap"]["free"])
        if node["gpus"]:
            cells[5], cells[6] = _gpu_means(node, range(len(node["gpus"])))
        if node["infiniband"]:
            net = node["infiniband"]
            cells[7:11] = (_number(net["bytes_in"]) / 1024, _number(net["bytes_out"]) / 1024,
                           _number(net["pkts_in"]), _number(net["pkts_out"]))  # fmt: skip
        for start, part in ((11, node["lustre"]), (13, node["jobfs"])):
            if part:
                cells[start : start + 2] = _number(part["read"]) / 1024, _number(part["write"]) / 1024
        cells[15] = allocated[host]
    table[:, 3:5] = _rounded(table[:, 3:5], SIZE_BITS)
    table[:, 7:15] = _rounded(table[:, 7:15], RATE_BITS)
    return {name: table[:, position].copy() for position, name in enumerate(NODE_COLUMNS)}


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _rounded(values: Column, bits: int) -> Column:
    """Round to so many leading bits, but to whole numbers at least."""
    with np.errstate(divide="ignore"):
        step = np.exp2(np.maximum(np.floor(np.log2(np.abs(values))) - (bits - 1), 0))
    return np.where(values == 0, 0.0, np.rint(values / step) * step)
