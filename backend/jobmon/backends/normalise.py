"""Turn what a back end answers into what the snapshot holds, or say why that makes no sense.

Every function takes one answer and returns the snapshot's value (percentages and sizes as integers); ValueError says
what is wrong with it. None passes everywhere: it means unknown.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np

from jobmon.telemetry.cores import UNKNOWN, CoreTable, round_keeping_sum

Normaliser = Callable[[Any], Any]

MAX_TEXT = 1024
MAX_MB = 1 << 40
"""More MiB than this (an exbibyte) on one node is no measurement."""
MAX_RATE = 1e15
MAX_MINUTES = 60 * 24 * 366 * 100
MAX_CORES = 1 << 24
MAX_PERCENT = 102
"""Shares of one core may add up to a little more than all of it, for they are not read at once."""


def text(value: Any, limit: int = MAX_TEXT) -> str | None:
    """Return printable text of bounded length; what cannot be printed becomes U+FFFD."""
    if type(value) is str and len(value) <= limit and value.isprintable():
        return value  # the usual case, quickly
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is not text")
    if len(value) > limit:
        value = value[: limit - 1] + "…"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value)


def identity(value: Any) -> str:
    """Return a host name or a job id; empty or overlong ones are errors."""
    result = text(value)
    if not result or len(result) > 255:
        raise ValueError(f"{_shown(value)} is not a name")
    return result


def flag(value: Any) -> bool | None:
    """Return a boolean."""
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    raise ValueError(f"{_shown(value)} is not True or False")


def number(value: Any, low: float, high: float) -> float | None:
    """Return a finite number within the bounds."""
    if (type(value) is float or type(value) is int) and low <= value <= high:
        return float(value)  # the usual case, quickly
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ValueError(f"{_shown(value)} is not a number")
    if not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"{_shown(value)} is not a number from {low:g} to {high:g}")
    return float(value)


def whole(low: float, high: float) -> Normaliser:
    """Return a normaliser for whole numbers within the bounds."""

    def normalise(value: Any) -> int | None:
        if type(value) is int and low <= value <= high:  # the usual case, quickly
            return value
        result = number(value, low, high)
        return None if result is None else round(result)

    return normalise


def size_mb(value: Any) -> int | None:
    """Return MiB, rounded up."""
    result = number(value, 0, MAX_MB)
    return None if result is None else math.ceil(result)


def request_mb(value: Any) -> float | None:
    """Return requested MiB, which may be a fraction."""
    result = number(value, 0, MAX_MB)
    return int(result) if result is not None and result.is_integer() else result


def cpu_usage(value: Any) -> dict[str, Any] | None:
    """Return {"total": [5], "core": [[5] or None, …]} in whole percent that keep their sum."""
    if not value:
        return None
    total = _percentages([_field(value, "total")])[0]
    if total is None:
        raise ValueError(f"total {_shown(value['total'])} is not five percentages")
    cores = value.get("core")
    if cores is None:
        cores = []
    if not isinstance(cores, Iterable) or isinstance(cores, str | Mapping):
        raise ValueError(f"core {_shown(cores)} is not a list of five percentages each")
    return {"total": total, "core": _percentages(cores if isinstance(cores, CoreTable) else list(cores))}


def _percentages(rows: list[Any] | CoreTable) -> list[list[int] | None]:
    """Return each row of five percentages in whole numbers, None for a row that is none."""
    if isinstance(rows, CoreTable):
        whole: list[list[int] | None] = rows.table.tolist()
        for index in np.flatnonzero(rows.table[:, 0] == UNKNOWN):
            whole[index] = None
        return whole
    if _are_whole(rows):
        return rows  # the usual case, quickly
    try:
        table = np.asarray(rows)
        regular = table.ndim == 2 and table.shape[1] == 5 and table.dtype.kind in "iuf"
    except (ValueError, TypeError):
        regular = False
    if not regular:
        return [_percentages([row])[0] if _is_five(row) else None for row in rows]
    good = np.isfinite(table).all(axis=1) & (table >= 0).all(axis=1) & (table.sum(axis=1) <= MAX_PERCENT)
    if table.dtype.kind == "f":
        table = round_keeping_sum(np.where(good[:, None], table, 0.0))
    result: list[list[int] | None] = table.tolist()
    for index in np.flatnonzero(~good):
        result[index] = None
    return result


def _are_whole(rows: list[Any]) -> bool:
    """Say whether all rows are lists of five whole percentages; this is asked for every core of the cluster."""
    if set(map(type, rows)) != {list} or set(map(len, rows)) != {5}:
        return False
    numbers = list(chain.from_iterable(rows))
    return set(map(type, numbers)) == {int} and min(numbers) >= 0 and max(map(sum, rows)) <= MAX_PERCENT


def _is_five(row: Any) -> bool:
    return (
        isinstance(row, list | tuple | np.ndarray)
        and len(row) == 5
        and all(isinstance(part, int | float | np.number) for part in row)
    )


def pair_mb(first: str, second: str) -> Normaliser:
    """Return a normaliser for {first, second} in MiB where `second` is the total and `first` a part of it."""

    def normalise(value: Any) -> dict[str, int | None] | None:
        if not value:
            return None
        part, total = size_mb(_field(value, first)), size_mb(_field(value, second))
        if part is not None and total is not None and part > total * 1.01 + 1:
            raise ValueError(f"{first} {part} is more than {second} {total}")
        return None if part is None or total is None else {first: part, second: total}

    return normalise


def gpus(value: Any) -> dict[str, Any] | None:
    """Return {"gpu0": {"util", "memory": {"total", "used"}}}; a plain number is the util of an old back end."""
    if not value:
        return None
    if not _is_dictionary(value):
        raise ValueError(f"{_shown(value)} is not a dictionary of GPUs")
    return {identity(name): _gpu(gpu) for name, gpu in value.items()}


def _gpu(value: Any) -> dict[str, Any]:
    if not _is_dictionary(value):
        value = {"util": value}
    util = number(value.get("util"), 0, 101)
    memory = value.get("memory") or {}
    used, total = size_mb(memory.get("used")), size_mb(memory.get("total"))
    return {
        "util": None if util is None else min(100, round(util)),
        "memory": {"total": total, "used": used},
    }


def rates(*names: str) -> Normaliser:
    """Return a normaliser for {name: amount per second}."""

    def normalise(value: Any) -> dict[str, int | None] | None:
        if not value:
            return None if value is None else {}
        found = {name: number(_field(value, name), 0, MAX_RATE) for name in names}
        return {name: None if rate is None else round(rate) for name, rate in found.items()}

    return normalise


def layout(value: Any) -> dict[str, list[int]]:
    """Return {host: [index, …]} with whole indices from 0."""
    if not value:
        return {}
    if not _is_dictionary(value):
        raise ValueError(f"{_shown(value)} is not a dictionary of hosts")
    result = {}
    for host, indices in value.items():
        numbers = list(indices)
        if not all(type(index) is int and 0 <= index < MAX_CORES for index in numbers):
            raise ValueError(f"{_shown(numbers)} are not indices")
        result[identity(host)] = numbers
    return result


def per_host_mb(value: Any) -> dict[str, int]:
    """Return {host: MiB}; hosts whose value is unknown are left out."""
    if not value:
        return {}
    if not _is_dictionary(value):
        raise ValueError(f"{_shown(value)} is not a dictionary of hosts")
    sizes = {identity(host): size_mb(size) for host, size in value.items()}
    return {host: size for host, size in sizes.items() if size is not None}


def accounted_cores(value: Any) -> dict[str, dict[str, float]]:
    """Return {"cpuUsed": {host: busy cores in hundredths}}; {} when nothing is known of any host."""
    if not value:
        return {}
    if not _is_dictionary(value):
        raise ValueError(f"{_shown(value)} is not a dictionary of hosts")
    cores = {identity(host): number(busy, 0, MAX_CORES) for host, busy in value.items()}
    known = {host: round(busy, 2) for host, busy in cores.items() if busy is not None}
    return {"cpuUsed": known} if known else {}


def file_systems(value: Any) -> dict[str, Any]:
    """Return {file system: {"mds": {counter: rate}, "oss": {"read_bytes", "write_bytes", "iops"}}} per second."""
    if not value:
        return {}
    if not _is_dictionary(value):
        raise ValueError(f"{_shown(value)} is not a dictionary of file systems")
    result = {}
    for name, parts in value.items():
        mds, oss = _field(parts, "mds"), _field(parts, "oss") or {}
        result[identity(name)] = {
            "mds": {identity(key): number(rate, 0, MAX_RATE) for key, rate in mds.items()} if mds else {},
            "oss": {
                "read_bytes": number(oss.get("read_bytes"), 0, MAX_RATE),
                "write_bytes": number(oss.get("write_bytes"), 0, MAX_RATE),
                "iops": number(oss.get("iops"), 0, MAX_RATE),
            },
        }
    return result


def details(**fields: Normaliser) -> Normaliser:
    """Return a normaliser for a dictionary of optional fields; keys that are not known are left out."""
    texts_only = {key for key, check in fields.items() if check is text}

    def normalise(value: Any) -> dict[str, Any]:
        if not value:
            return {}
        if not _is_dictionary(value):
            raise ValueError(f"{_shown(value)} is not a dictionary")
        checked = {}
        for key, found in value.items():
            if found == "" and key in texts_only:
                continue  # most jobs have no dependency, no reason and no array: nothing to say is not said
            if found is not None and key in fields:
                checked[key] = fields[key](found)
        return checked

    return normalise


def percentages(value: Any) -> dict[str, float | None]:
    """Return {name: percent}."""
    if not _is_dictionary(value):
        raise ValueError(f"{_shown(value)} is not a dictionary of percentages")
    return {identity(name): number(share, 0, 100) for name, share in value.items()}


def texts(value: Any) -> list[str]:
    """Return a list of texts."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{_shown(value)} is not a list of texts")
    return [identity(part) for part in value]


def usage(value: Any) -> dict[str, Any]:
    """Return {"avail", "running", "users": {name: cores}} in whole cores."""
    cores = whole(0, MAX_CORES * 1024)
    users = _field(value, "users")
    if not _is_dictionary(users):
        raise ValueError(f"users {_shown(users)} is not a dictionary")
    return {
        "avail": cores(_field(value, "avail")) or 0,
        "running": cores(_field(value, "running")) or 0,
        "users": {identity(name): cores(count) or 0 for name, count in users.items()},
    }


def backfill(value: Any) -> dict[str, Any]:
    """Return {partition: {"cores": {"count", "tMin", "tMax"}}}, times in seconds or None."""
    if not _is_dictionary(value):
        raise ValueError(f"{_shown(value)} is not a dictionary of partitions")
    result: dict[str, Any] = {}
    for partition, sizes in value.items():
        if not _is_dictionary(sizes):
            raise ValueError(f"{_shown(sizes)} is not a dictionary of core counts")
        result[identity(partition)] = {
            str(int(size)): {
                "count": whole(0, MAX_CORES)(_field(slot, "count")),
                "tMin": number(_field(slot, "tMin"), 0, 1e12),
                "tMax": number(_field(slot, "tMax"), 0, 1e12),
            }
            for size, slot in sizes.items()
        }
    return result


def _is_dictionary(value: Any) -> bool:
    return type(value) is dict or isinstance(value, Mapping)  # the first is many times quicker


def _field(value: Any, key: str) -> Any:
    if not _is_dictionary(value):
        raise ValueError(f"{_shown(value)} is not a dictionary with {key!r}")
    if key not in value:
        raise ValueError(f"{_shown(value)} has no {key!r}")
    return value[key]


def _shown(value: Any) -> str:
    """Return the beginning of a value for a message, however large or odd it is."""
    try:
        shown = repr(value)
    except Exception as error:  # noqa: BLE001 - a value whose repr fails is still a value to complain about
        shown = f"<{type(value).__name__} whose repr fails: {type(error).__name__}>"
    return shown if len(shown) <= 80 else shown[:79] + "…"
