"""Work out what holds the nodes: running jobs to their limits, planned jobs, reservations."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from jobmon.model import ClusterState, Job, Node, Partition

HOLDING = frozenset(
    {"RUNNING", "COMPLETING", "CONFIGURING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED"}
)
"""A job in one of these states holds its cores."""
OVERDUE_S = 60
"""A job beyond its limit is taken to end this much later."""
_EXPECTED = frozenset({"MAINT", "RESERVED"})  # states that end with their reservation


@dataclass(slots=True)
class Share:
    """Be what one job takes of one node from `start` to `end`; `memory` None is not known."""

    start: float
    end: float
    cores: int
    gpus: int
    memory: float | None
    partition: str


@dataclass(slots=True)
class Site:
    """Be one node with all that holds or will hold it."""

    node: Node
    held: list[Share] = field(default_factory=list)
    planned: list[Share] = field(default_factory=list)
    reserved: list[tuple[float, float]] = field(default_factory=list)

    def free_cores(self) -> int:
        """Return the cores that no job holds now."""
        return self.node.cpus - max(self.node.cpus_allocated, sum(s.cores for s in self.held))

    def free_gpus(self) -> int:
        """Return the GPUs that no job holds now."""
        return self.node.gpus - max(self.node.gpus_allocated, sum(s.gpus for s in self.held))

    def free_memory(self) -> float:
        """Return the MiB that no job has asked for; infinity when the node's memory is not known."""
        if self.node.memory_mb is None:
            return math.inf
        return self.node.memory_mb - max(self.node.memory_allocated_mb, sum(s.memory or 0 for s in self.held))

    def free_until(self) -> float:
        """Return the first start of a reservation or a planned job: may be past; infinity without one."""
        return min([start for start, _ in self.reserved] + [s.start for s in self.planned], default=math.inf)

    def serves(self, now: float) -> bool:
        """Say whether the node takes jobs, now or when the reservation that keeps it from them has ended."""
        if self.node.available:
            return True
        otherwise = Node(self.node.name, self.node.cpus, self.node.states - _EXPECTED)
        return otherwise.available and any(start <= now for start, _ in self.reserved)


def partitions_of(state: ClusterState, given: Iterable[Partition] | None) -> list[Partition]:
    """Return the partitions with their nodes; those that name no nodes get the nodes that name them."""
    members: dict[str, list[str]] = {}
    for node in state.nodes:
        for name in node.partitions:
            members.setdefault(name, []).append(node.name)
    known = list(state.partitions if given is None else given)
    if not known:
        known = [Partition(name) for name in members]
    return [p if p.nodes else replace(p, nodes=tuple(members.get(p.name, ()))) for p in known]


def sites_of(state: ClusterState, now: float) -> dict[str, Site]:
    """Return each node with what holds it now and later, by name."""
    sites = {node.name: Site(node) for node in state.nodes}
    for job in state.jobs:
        if job.state in HOLDING:
            _hold(sites, job, now)
        elif job.planned_nodes and job.start_at and job.state == "PENDING":
            _plan(sites, job, now)
    for reservation in state.reservations:
        end = reservation.end_at if reservation.end_at > reservation.start_at else math.inf
        if end > now:
            for host in reservation.nodes:
                if host in sites:
                    sites[host].reserved.append((reservation.start_at, end))
    for site in sites.values():
        _share_out_memory(site)
    return sites


def _hold(sites: Mapping[str, Site], job: Job, now: float) -> None:
    end = math.inf if job.end_at is None else job.end_at if job.end_at > now else now + OVERDUE_S
    if job.state == "COMPLETING":
        end = now + OVERDUE_S
    for host, cores in job.layout.items():
        if host in sites:
            gpus = len(job.gpu_layout.get(host, ())) if job.gpu_layout else math.ceil(job.gpus / len(job.layout))
            sites[host].held.append(Share(now, end, len(cores), gpus, job.memory_request_mb, job.partition))


def _plan(sites: Mapping[str, Site], job: Job, now: float) -> None:
    start = float(job.start_at or now)
    end = math.inf if job.time_limit_s is None else max(start, now) + job.time_limit_s
    many = len(job.planned_nodes)
    for host in job.planned_nodes:
        if host in sites:
            cores, gpus = math.ceil(job.cpus / many), math.ceil(job.gpus / many)
            sites[host].planned.append(Share(start, end, cores, gpus, job.memory_request_mb, job.partition))


def _share_out_memory(site: Site) -> None:
    """Give jobs that name no memory what is left of the node's allocation, or their cores' part of it when planned."""
    unknown = [share for share in site.held if share.memory is None]
    if unknown:
        rest = max(0.0, site.node.memory_allocated_mb - sum(s.memory or 0 for s in site.held))
        for share in unknown:
            share.memory = rest / len(unknown)
    for share in site.planned:
        if share.memory is None:
            share.memory = (site.node.memory_mb or 0) * share.cores / max(1, site.node.cpus)
