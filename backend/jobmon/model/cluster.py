"""Describe a cluster as its scheduler sees it.

Times are UTC epoch seconds, durations seconds, memory MiB. `None` always means "not known or not limited, see the
field", never zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jobmon.model.health import Skipped

# A node in one of these states or flags starts no new job.
UNAVAILABLE = frozenset(
    {
        "DOWN", "DRAIN", "DRAINED", "DRAINING", "ERROR", "FAIL", "FAILING", "FUTURE", "INVALID_REG", "MAINT",
        "NOT_RESPONDING", "NO_RESPOND", "PERFCTRS", "POWERED_DOWN", "POWERING_DOWN", "POWER_DOWN", "REBOOT",
        "REBOOT_ISSUED", "REBOOT_REQUESTED", "RESERVED", "UNKNOWN",
    }
)  # fmt: skip
# A node in one of these is not there at all.
DEAD = frozenset({"DOWN", "ERROR", "FUTURE", "NOT_RESPONDING", "NO_RESPOND", "POWERED_DOWN", "UNKNOWN"})


@dataclass(frozen=True, slots=True)
class Node:
    """Describe one node as the scheduler sees it."""

    name: str
    cpus: int
    states: frozenset[str] = frozenset()
    """Base state and flags in Slurm's words, upper case: {"IDLE", "DRAIN"}."""
    cpus_allocated: int = 0
    memory_mb: int | None = None
    memory_allocated_mb: int = 0
    memory_free_mb: int | None = None
    """Free memory as the node itself reported it, which jobs and the page cache have already used."""
    disk_mb: int | None = None
    gpus: int = 0
    gpu_type: str = ""
    gpus_allocated: int = 0
    sockets: int = 1
    cores_per_socket: int = 0
    threads_per_core: int = 1
    partitions: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    load: float | None = None
    reason: str = ""
    boot_at: int | None = None

    @property
    def up(self) -> bool:
        """Say whether the node is there."""
        return not self.states & DEAD

    @property
    def available(self) -> bool:
        """Say whether the node may start new jobs."""
        return not self.states & UNAVAILABLE

    @property
    def state(self) -> str:
        """Return the state in the scheduler's notation, base state first: "IDLE+DRAIN"."""
        base = [s for s in ("DOWN", "IDLE", "MIXED", "ALLOCATED", "ERROR", "FUTURE", "UNKNOWN") if s in self.states]
        return "+".join(base + sorted(self.states - set(base)))


@dataclass(frozen=True, slots=True)
class Job:
    """Describe one job, or one task of a job array, or the tasks of an array that still wait as one record."""

    id: str
    """What people type: "123", or "123_4" for a task of an array, "123" for the waiting rest of one."""
    name: str
    user: str
    state: str
    """Slurm's words: RUNNING, PENDING, COMPLETING, COMPLETED, CANCELLED, FAILED, TIMEOUT, OUT_OF_MEMORY, …"""
    cpus: int
    scheduler_id: str = ""
    """The scheduler's own id, which differs from `id` for array tasks that have started."""
    array_id: str = ""
    array_tasks: str = ""
    """The waiting tasks of an array as the scheduler writes them: "9-20%3"; empty for all other records."""
    account: str = ""
    qos: str = ""
    partition: str = ""
    """Partitions separated by commas while pending."""
    gpus: int = 0
    n_nodes: int = 1
    layout: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Host → CPU ids of the job there, as the scheduler numbers them."""
    gpu_layout: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Host → GPU indices of the job there; empty when the scheduler does not tell."""
    memory_request_mb: float | None = None
    """Requested memory per node; None when nothing was requested or it is the whole node's."""
    disk_request_mb: float | None = None
    time_limit_s: int | None = None
    """None means no limit."""
    submit_at: int | None = None
    eligible_at: int | None = None
    start_at: int | None = None
    """When it started; while pending, the scheduler's estimate, None without one."""
    end_at: int | None = None
    """When it ended; while running, when its limit ends it."""
    suspended_s: int = 0
    reason: str = ""
    """Why it waits or how it ended, in Slurm's words; empty for "None"."""
    priority: int | None = None
    dependency: str = ""
    reservation: str = ""
    features: str = ""
    planned_nodes: tuple[str, ...] = ()
    """Hosts that the scheduler has planned for a pending job."""
    exit_code: int | None = None
    signal: int | None = None

    def run_time_s(self, now: float) -> int:
        """Return how long it has run at `now`, suspensions taken away; 0 before it starts."""
        if self.start_at is None or self.state == "PENDING":
            return 0
        running = self.state in {"RUNNING", "SUSPENDED", "COMPLETING", "STOPPED"}
        end = now if running or self.end_at is None else min(now, self.end_at)
        return max(0, int(end) - self.start_at - self.suspended_s)


@dataclass(frozen=True, slots=True)
class Partition:
    """Describe a partition (queue) and its limits; None means no limit."""

    name: str
    nodes: tuple[str, ...] = ()
    up: bool = True
    default: bool = False
    max_time_s: int | None = None
    default_time_s: int | None = None
    max_nodes: int | None = None
    max_cpus_per_node: int | None = None
    max_memory_per_node_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """Describe a reservation of whole nodes or of cores on them."""

    name: str
    nodes: tuple[str, ...] = ()
    start_at: int = 0
    end_at: int = 0
    flags: frozenset[str] = frozenset()
    """Slurm's words, upper case: MAINT, IGNORE_JOBS, FLEX, DAILY, …"""
    users: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    partition: str = ""

    @property
    def maintenance(self) -> bool:
        """Say whether it is a maintenance reservation."""
        return "MAINT" in self.flags


@dataclass(frozen=True, slots=True)
class ClusterState:
    """Hold one complete answer of a scheduler; `loaded_at` is when the questions were asked."""

    loaded_at: float
    nodes: tuple[Node, ...] = ()
    jobs: tuple[Job, ...] = ()
    partitions: tuple[Partition, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    cluster: str = ""
    skipped: tuple[Skipped, ...] = ()
    """Records that could not be understood; the rest of the answer is complete without them."""
