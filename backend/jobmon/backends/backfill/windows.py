"""Find when and where a request could start first, or say why it never will."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobmon.backends.backfill.occupancy import Share, Site, partitions_of, sites_of
from jobmon.model import ClusterState, Partition


@dataclass(frozen=True, slots=True)
class Request:
    """Say what a job would ask for; `partition` "" means any."""

    partition: str = ""
    cores: int = 1
    nodes: int = 1
    cores_per_node: int | None = None
    """Replaces `cores` when given."""
    memory_per_node_mb: float = 0
    gpus_per_node: int = 0
    walltime_s: float | None = 3600
    """None means without limit."""

    @property
    def per_node(self) -> int:
        """Return the cores needed on each node."""
        return self.cores_per_node or math.ceil(self.cores / max(1, self.nodes))


@dataclass(frozen=True, slots=True)
class Window:
    """Say when and where a request could start, or why it never can."""

    start_at: int | None
    """None means never, as far as is known."""
    nodes: tuple[str, ...] = ()
    partition: str = ""
    reason: str = ""
    """Why it does not start now; empty when it does."""
    longest_now_s: float | None = 0
    """How long the request could run if it started now: 0 when it does not fit now, None without a bound."""


def find_window(
    state: ClusterState, request: Request, now: float | None = None, sites: Mapping[str, Site] | None = None
) -> Window:
    """Return when and where the request could start first: now, when running jobs reach their limits, or never.

    `sites`, from `sites_of` for the same state and time, saves the work when several requests are looked at.
    """
    at = state.loaded_at if now is None else now
    asked = [p for p in partitions_of(state, None) if request.partition in {"", p.name}]
    if not asked:
        return Window(
            None, reason=f"there is no partition {request.partition}" if request.partition else "no partition"
        )
    known = sites_of(state, at) if sites is None else sites
    windows = [_window(known, partition, request, at) for partition in asked]
    best = min(windows, key=lambda w: math.inf if w.start_at is None else w.start_at)
    if best.start_at is None and len(windows) > 1:
        reasons = [f"{window.partition}: {window.reason}" for window in windows if window.reason]
        return replace(best, reason="; ".join(reasons))
    return best


def alternatives_now(state: ClusterState, request: Request, now: float | None = None, most: int = 3) -> list[Request]:
    """Return requests like this one that could start now, each with one thing changed: the least change first.

    Tried are another partition, a shorter walltime, less memory, fewer GPUs, fewer cores per node and fewer nodes.
    """
    at = state.loaded_at if now is None else now
    sites = sites_of(state, at)

    def starts(changed: Request) -> bool:
        return _starts_now(find_window(state, changed, at, sites))

    def largest(name: str, top: int, step: int = 1, least: int = 1) -> Request | None:
        """Return the request with the largest value below `top` that starts now, in multiples of `step`."""

        def with_value(value: int) -> Request:
            change: dict[str, Any] = {name: value * step}
            return replace(request, **change)

        fits, too_many = least // step - 1, math.ceil(top / step)
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if starts(with_value(middle)):
                fits = middle
            else:
                too_many = middle
        return with_value(fits) if fits * step >= least else None

    found: list[Request] = []
    elsewhere = find_window(state, replace(request, partition=""), at, sites)
    if request.partition and _starts_now(elsewhere):
        found.append(replace(request, partition=elsewhere.partition))
    longest = find_window(state, request, at, sites).longest_now_s or 0
    if longest >= 60 and longest < (request.walltime_s or math.inf):  # it is None only for what starts now
        found.append(replace(request, walltime_s=longest // 60 * 60))
    request = replace(request, cores_per_node=request.per_node)
    tries = [("memory_per_node_mb", int(request.memory_per_node_mb), 1024, 1024)]
    tries += [("gpus_per_node", request.gpus_per_node, 1, 1), ("cores_per_node", request.per_node, 1, 1)]
    tries += [("nodes", request.nodes, 1, 1)]
    for name, top, step, least in tries:
        if len(found) >= most or top <= least:
            continue
        changed = largest(name, top, step, least)
        if changed is not None:
            found.append(changed)
    return found[:most]


def nearest_now(state: ClusterState, request: Request, now: float | None = None) -> Request | None:
    """Return the request most like this one that could start now: itself, a shorter one, or one of fewer cores.

    None when not even one core per node could start. Walltimes are cut to whole minutes.
    """
    window = find_window(state, request, now)
    if _starts_now(window):
        return request
    longest = window.longest_now_s or 0
    if longest >= 60:  # it may be None only for requests that start now
        return replace(request, walltime_s=longest // 60 * 60, partition=window.partition)
    fits, too_many = 0, request.per_node
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if _starts_now(find_window(state, replace(request, cores_per_node=middle), now)):
            fits = middle
        else:
            too_many = middle
    return replace(request, cores_per_node=fits) if fits else None


def _starts_now(window: Window) -> bool:
    return window.start_at is not None and not window.reason


def _window(sites: Mapping[str, Site], partition: Partition, request: Request, now: float) -> Window:
    members = [sites[host] for host in partition.nodes if host in sites]
    refusal = _refusal(partition, members, request, now)
    if refusal:
        return Window(None, partition=partition.name, reason=refusal)
    walltime = math.inf if request.walltime_s is None else request.walltime_s
    openings: list[tuple[float, float, str]] = []  # a node, and the first and the last moment of a start there
    left: list[float] = []  # how long the request fits from now on, per node
    for site in members:
        if not _fits_empty(site, partition, request) or not site.serves(now):
            continue
        for begin, end in _free_spans(site, partition, request, now):
            if begin <= now:
                left.append(end - now)
            if math.isinf(end) or end - walltime >= begin:
                openings.append((begin, end if math.isinf(end) else end - walltime, site.node.name))
    longest = sorted(left, reverse=True)[request.nodes - 1] if len(left) >= request.nodes else 0
    longest_now = None if math.isinf(longest) else longest
    found = _first_common(openings, request.nodes)
    if found is None:
        reason = "no end is known of what holds its nodes, or no gap there is long enough"
        return Window(None, partition=partition.name, reason=reason, longest_now_s=longest_now)
    start, hosts = found
    reason = "" if start <= now else _delay(len(left), request, longest)
    return Window(math.ceil(start), hosts, partition.name, reason, longest_now)


def _refusal(partition: Partition, members: Sequence[Site], request: Request, now: float) -> str:
    """Return why the partition never starts such a job, looking at its limits and at its nodes as if empty."""
    if not partition.up:
        return f"partition {partition.name} is down"
    limit = partition.max_time_s
    if limit is not None and (request.walltime_s is None or request.walltime_s > limit):
        return f"partition {partition.name} allows at most {limit} s"
    if partition.max_nodes is not None and request.nodes > partition.max_nodes:
        return f"partition {partition.name} allows at most {partition.max_nodes} nodes"
    if partition.max_cpus_per_node is not None and request.per_node > partition.max_cpus_per_node:
        return f"partition {partition.name} allows at most {partition.max_cpus_per_node} cores per node"
    if partition.max_memory_per_node_mb is not None and request.memory_per_node_mb > partition.max_memory_per_node_mb:
        return f"partition {partition.name} allows at most {partition.max_memory_per_node_mb} MiB per node"
    needs: tuple[tuple[str, Callable[[Site], bool]], ...] = (
        (f"{request.per_node} cores", lambda s: s.node.cpus >= request.per_node),
        (f"{request.gpus_per_node} GPUs", lambda s: s.node.gpus >= request.gpus_per_node),
        (f"{request.memory_per_node_mb:g} MiB", lambda s: (s.node.memory_mb or math.inf) >= request.memory_per_node_mb),
    )
    for words, enough in needs:
        if not any(enough(site) for site in members):
            return f"no node of the partition has {words}"
    fitting = [site for site in members if _fits_empty(site, partition, request)]
    if len(fitting) < request.nodes:
        return f"only {len(fitting)} nodes of the partition are large enough, {request.nodes} are needed"
    serving = sum(site.serves(now) for site in fitting)
    if serving < request.nodes:
        return f"{len(fitting) - serving} of the {len(fitting)} nodes that are large enough are out of service"
    return ""


def _fits_empty(site: Site, partition: Partition, request: Request) -> bool:
    node = site.node
    cores = min(node.cpus, partition.max_cpus_per_node or node.cpus)
    memory = math.inf if node.memory_mb is None else node.memory_mb
    return cores >= request.per_node and node.gpus >= request.gpus_per_node and memory >= request.memory_per_node_mb


def _delay(fitting: int, request: Request, longest: float) -> str:
    if fitting >= request.nodes:
        return f"it fits now, but only for {longest:.0f} s"
    return f"{fitting} of {request.nodes} nodes have enough idle cores, memory and GPUs now"


def _free_spans(site: Site, partition: Partition, request: Request, now: float) -> list[tuple[float, float]]:
    """Return the times from `now` on in which the node has what the request needs, as [begin, end)."""
    quota = math.inf
    if partition.max_cpus_per_node is not None:
        quota = partition.max_cpus_per_node - sum(s.cores for s in site.held if s.partition == partition.name)
    level = [float(site.free_cores()), float(site.free_gpus()), site.free_memory(), quota, 0.0]
    changes: dict[float, list[float]] = {}

    def change(when: float, share: Share, sign: int) -> None:
        if not math.isinf(when):
            row = changes.setdefault(max(when, now), [0.0] * 5)
            mine = share.cores if share.partition == partition.name else 0
            for index, amount in enumerate((share.cores, share.gpus, share.memory or 0, mine)):
                row[index] += sign * amount

    for share in site.held:
        change(share.end, share, 1)
    for share in site.planned:
        change(share.start, share, -1)
        change(max(share.end, share.start), share, 1)
    for start, end in site.reserved:
        changes.setdefault(max(start, now), [0.0] * 5)[4] += 1
        if not math.isinf(end):
            changes.setdefault(end, [0.0] * 5)[4] -= 1
    need = (request.per_node, request.gpus_per_node, request.memory_per_node_mb, request.per_node)
    spans: list[tuple[float, float]] = []
    begin: float | None = None
    for when in sorted({now, *changes}):
        for index, amount in enumerate(changes.get(when, ())):
            level[index] += amount
        fits = level[4] == 0 and all(have >= want for have, want in zip(level, need, strict=False))
        if fits and begin is None:
            begin = when
        elif not fits and begin is not None:
            spans.append((begin, when))
            begin = None
    return [*spans, (begin, math.inf)] if begin is not None else spans


def _first_common(openings: Iterable[tuple[float, float, str]], wanted: int) -> tuple[float, tuple[str, ...]] | None:
    """Return the first moment at which `wanted` nodes are open, and these nodes in the order of their opening."""
    events = sorted([(begin, 0, order, host) for order, (begin, _, host) in enumerate(openings)])
    events += [(last, 1, order, host) for order, (_, last, host) in enumerate(openings) if not math.isinf(last)]
    events.sort()
    opened: dict[int, str] = {}
    for when, closes, order, host in events:
        if closes:
            opened.pop(order, None)
        else:
            opened[order] = host
            if len(opened) == wanted:
                return when, tuple(opened.values())
    return None
