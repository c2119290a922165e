"""Say what jobmon asks of a source of metrics, and in what form the answer comes.

A source answers for all nodes and jobs in one go. It converts units here, at the edge, and nowhere else: percent, MiB,
bytes per second, epoch seconds. `None` means "not known now", an empty mapping "there are none"; neither is zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from jobmon.model import Skipped


class CpuShares(NamedTuple):
    """Say what a core, or all cores together, did with the time they had, in percent; the sum is 100."""

    user: float
    nice: float
    system: float
    """The kernel's own time, that for interrupts included."""
    wait: float
    idle: float

    @property
    def busy(self) -> float:
        """Return the part that worked: user, nice and system."""
        return self.user + self.nice + self.system


@dataclass(frozen=True, slots=True)
class Memory:
    """Hold the memory of a node in MiB; `used_mb` is without what the kernel would give back (caches)."""

    used_mb: float
    total_mb: float


@dataclass(frozen=True, slots=True)
class Swap:
    """Hold the swap space of a node in MiB; both 0 on a node without."""

    free_mb: float
    total_mb: float


@dataclass(frozen=True, slots=True)
class Gpu:
    """Hold the load of one GPU: `util` in percent, memory in MiB."""

    util: float | None
    memory_used_mb: float | None = None
    memory_total_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """Hold the traffic of a node, InfiniBand if that carries some, else its physical Ethernet; all per second."""

    bytes_in: float
    bytes_out: float
    packets_in: float | None
    packets_out: float | None


def busier(infiniband: Network | None, ethernet: Network | None) -> Network | None:
    """Return InfiniBand if it carries something or is all that is known: a card without traffic hides nothing."""
    if infiniband is not None and (ethernet is None or infiniband.bytes_in + infiniband.bytes_out > 0):
        return infiniband
    return ethernet


@dataclass(frozen=True, slots=True)
class Transfer:
    """Hold reading and writing in bytes per second."""

    read: float
    write: float


@dataclass(frozen=True, slots=True)
class SharedTransfer:
    """Hold what a job moves in a shared file system: bytes and operations per second."""

    read: float | None = None
    write: float | None = None
    operations: float | None = None
    """Reading and writing calls."""
    metadata: float | None = None
    """Operations of the metadata server: open, close, stat and so on."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """Hold the share of the last 10 s, in percent, in which some task had to wait for the resource."""

    cpu: float | None = None
    memory: float | None = None
    io: float | None = None


@dataclass(frozen=True, slots=True)
class NodeMetrics:
    """Hold what a source knows about one node."""

    read_at: float
    """When the node was measured, which may be long before it was asked."""
    n_cores: int | None = None
    """Cores that are online."""
    cpu: CpuShares | None = None
    cores: Sequence[CpuShares | None] = ()
    """One entry per core, the index is the one in job layouts; None for a core that is offline or could not be read."""
    memory: Memory | None = None
    swap: Swap | None = None
    gpus: Mapping[str, Gpu] | None = None
    """"gpu0", "gpu1", … in the order of the indices in job layouts."""
    network: Network | None = None
    filesystem: Transfer | None = None
    """The shared file systems together."""
    disk: Transfer | None = None
    """The node's own disks together."""
    pressure: Pressure | None = None
    load: float | None = None
    """Load average of the last minute."""
    boot_at: int | None = None


@dataclass(frozen=True, slots=True)
class JobMetrics:
    """Hold what a source knows about one job."""

    memory_mb: Mapping[str, float] = field(default_factory=dict)
    """Host → memory of the job there now."""
    memory_max_mb: float | None = None
    """The most that it ever held on one host."""
    cpu_cores: Mapping[str, float] = field(default_factory=dict)
    """Host → cores that the job kept busy on average since the load before: 1.5 is one core and a half."""
    filesystem: Mapping[str, SharedTransfer] = field(default_factory=dict)
    """Name of a shared file system → what the job moves there."""
    disk_used_mb: Mapping[str, float] = field(default_factory=dict)
    """Host → local scratch space that the job holds."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Hold one complete answer of a source; `loaded_at` is when it was asked."""

    loaded_at: float
    nodes: Mapping[str, NodeMetrics] = field(default_factory=dict)
    jobs: Mapping[str, JobMetrics] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()
    """Records that could not be understood; the rest of the answer is complete without them."""
    records: int = 0
    """Numbers and other records that the source told."""


class TelemetrySource(Protocol):
    """Read metrics of nodes and jobs: one load per cycle, however many readers there are."""

    @property
    def name(self) -> str:
        """Return what the health display shows: "procfs"."""

    def load(self) -> Metrics:
        """Return everything the source knows now.

        A record that cannot be understood is left out and named in `skipped`; a node or a job that the source does not
        know is simply absent. Raise SourceError when the source did not answer or answered with an error: a sick source
        must never look like idle nodes. The call returns within the time given in the settings.
        """
