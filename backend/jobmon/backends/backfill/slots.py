"""Count the slots that are free now, per partition and number of cores."""

import fnmatch
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jobmon.backends.backfill.occupancy import Site, partitions_of, sites_of
from jobmon.model import ClusterState, Partition

BLOCKED_MB_PER_CORE = 100
"""With no more free memory than this per idle core, a node takes no further job."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Describe what one node could give to a job that starts now."""

    node: str
    cores: int
    gpus: int
    memory_mb: float | None
    """None when the node's memory is not known."""
    window_s: float | None
    """How long it stays free; None without a bound."""


def slots_now(
    state: ClusterState,
    now: float | None = None,
    partitions: Iterable[Partition] | None = None,
    only: Sequence[str] = (),
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return {partition: {cores: {"count", "tMin", "tMax"}}}: how many slots of exactly that many idle cores there are.

    "tMin" and "tMax" are the shortest and the longest window in seconds; tMax None: at least one has no bound, tMin
    None: none has one. `only` holds names or shell patterns of the partitions to show; empty means all.
    """
    detailed = slots(state, now, partitions, only)
    return {
        name: {cores: {key: row[key] for key in ("count", "tMin", "tMax")} for cores, row in rows.items()}
        for name, rows in detailed.items()
    }


def slots(
    state: ClusterState,
    now: float | None = None,
    partitions: Iterable[Partition] | None = None,
    only: Sequence[str] = (),
    memory_per_core_mb: float = 0,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what `slots_now` does, with "gpus" {number: slots} and "memMin" and "memMax" in MiB (None: not known).

    With `memory_per_core_mb` a slot has no more cores than its memory can carry.
    """
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for name, found in idle_slots(state, now, partitions, only, memory_per_core_mb).items():
        by_cores: dict[int, list[Slot]] = {}
        for slot in found:
            by_cores.setdefault(slot.cores, []).append(slot)
        result[name] = {str(cores): _row(by_cores[cores]) for cores in sorted(by_cores)}
    return result


def _row(same: Sequence[Slot]) -> dict[str, Any]:
    bounded = [slot.window_s for slot in same if slot.window_s is not None]
    memory = [slot.memory_mb for slot in same if slot.memory_mb is not None]
    gpus: dict[str, int] = {}
    for count in sorted(slot.gpus for slot in same):
        gpus[str(count)] = gpus.get(str(count), 0) + 1
    return {
        "count": len(same),
        "tMin": float(min(bounded)) if bounded else None,
        "tMax": float(max(bounded)) if len(bounded) == len(same) else None,
        "gpus": gpus,
        "memMin": min(memory, default=None),
        "memMax": max(memory, default=None),
    }


def idle_slots(
    state: ClusterState,
    now: float | None = None,
    partitions: Iterable[Partition] | None = None,
    only: Sequence[str] = (),
    memory_per_core_mb: float = 0,
) -> dict[str, list[Slot]]:
    """Return the slots of each partition that is shown, in the order of its nodes; none if it is down."""
    at = state.loaded_at if now is None else now
    sites = sites_of(state, at)
    result: dict[str, list[Slot]] = {}
    for partition in partitions_of(state, partitions):
        if only and not any(fnmatch.fnmatchcase(partition.name, pattern) for pattern in only):
            continue
        members = (sites[host] for host in partition.nodes if host in sites) if partition.up else ()
        found = (_slot(site, partition, at, memory_per_core_mb) for site in members)
        result[partition.name] = [slot for slot in found if slot is not None]
    return result


def _slot(site: Site, partition: Partition, now: float, memory_per_core_mb: float) -> Slot | None:
    idle, until = site.free_cores(), site.free_until()
    if not site.node.available or idle <= 0 or until <= now:
        return None
    memory = site.free_memory()
    if memory / idle <= BLOCKED_MB_PER_CORE:
        return None
    if partition.max_memory_per_node_mb:
        memory = min(memory, partition.max_memory_per_node_mb)
    if partition.max_cpus_per_node:
        idle = min(idle, partition.max_cpus_per_node - sum(s.cores for s in site.held if s.partition == partition.name))
    if memory_per_core_mb > 0 and memory < idle * memory_per_core_mb:
        idle = int(memory // memory_per_core_mb)
    if idle <= 0:
        return None
    window = until - now if partition.max_time_s is None else min(until - now, partition.max_time_s)
    return Slot(
        node=site.node.name,
        cores=idle,
        gpus=max(0, site.free_gpus()),
        memory_mb=None if math.isinf(memory) else memory,
        window_s=None if math.isinf(window) else window,
    )
