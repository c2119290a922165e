"""Invent the nodes and partitions of a cluster of a given size."""

import random
from dataclasses import dataclass

from jobmon.model import Partition

HOUR_S = 3600
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Model:
    """Describe a type of node; `share` is its part of all nodes."""

    prefix: str
    share: float
    cores: int
    memory_mb: int
    sockets: int = 2
    gpus: int = 0
    gpu_type: str = ""
    gpu_memory_mb: int = 0
    partitions: tuple[str, ...] = ("batch", "short")
    features: tuple[str, ...] = ()


MODELS = (
    Model("cn", 0.46, 52, 384_000, features=("cascadelake", "ib")),
    Model("old", 0.26, 36, 192_000, features=("skylake", "ib")),
    Model("gpu", 0.08, 64, 512_000, 2, 2, "a100", 40_960, ("gpu",), ("milan", "ib")),
    Model("dgx", 0.06, 48, 768_000, 2, 4, "h100", 81_920, ("gpu",), ("genoa", "ib")),
    Model("fat", 0.06, 64, 2_048_000, partitions=("bigmem", "short"), features=("milan", "ib")),
    Model("fatter", 0.03, 128, 4_096_000, partitions=("bigmem", "short"), features=("genoa", "ib")),
    Model("vis", 0.03, 36, 192_000, partitions=("interactive",), features=("skylake",)),
)
DEAD_REASONS = ("Not responding", "Not responding", "fan failure, part ordered")
DRAIN_REASONS = ("ECC errors on DIMM A3", "Kill task failed", "burn-in after repair", "InfiniBand link down")


@dataclass(frozen=True, slots=True)
class Machine:
    """Describe one node and what is wrong with it."""

    name: str
    model: Model
    cores: int
    memory_mb: int
    first_core: int
    first_gpu: int
    fate: str = ""
    """ "dead", "drained" (empty), "draining" (its jobs go on), "silent" (no metrics), "gap" (one core unreadable)."""
    reason: str = ""

    @property
    def takes_jobs(self) -> bool:
        """Say whether jobs run on it."""
        return self.fate not in {"dead", "drained"}


def build(nodes: int, cores: int, seed: int) -> tuple[Machine, ...]:
    """Return the machines: a mix of models, or with `cores` the same mix with that many cores each."""
    rng = random.Random(f"machines {seed}")
    fates = _fates(nodes, rng)
    counts = _counts(nodes)
    machines: list[Machine] = []
    first_core = first_gpu = 0
    for model, count in zip(MODELS, counts, strict=True):
        width = max(3, len(str(count)))
        for number in range(1, count + 1):
            size = cores or model.cores
            fate = fates.get(len(machines), "")
            reasons = DEAD_REASONS if fate == "dead" else DRAIN_REASONS if fate.startswith("drain") else ("",)
            machines.append(
                Machine(
                    name=f"{model.prefix}{number:0{width}d}",
                    model=model,
                    cores=size,
                    memory_mb=model.memory_mb * size // model.cores,
                    first_core=first_core,
                    first_gpu=first_gpu,
                    fate=fate,
                    reason=rng.choice(reasons),
                )
            )
            first_core += size
            first_gpu += model.gpus
    return tuple(machines)


def partitions(machines: tuple[Machine, ...]) -> tuple[Partition, ...]:
    """Return the partitions that have nodes."""
    limits = {"batch": 7 * DAY_S, "short": 4 * HOUR_S, "gpu": 2 * DAY_S, "bigmem": 7 * DAY_S, "interactive": 8 * HOUR_S}
    found = []
    for name, limit in limits.items():
        members = tuple(m.name for m in machines if name in m.model.partitions)
        if members:
            found.append(Partition(name, members, default=name == "batch", max_time_s=limit, default_time_s=HOUR_S))
    return tuple(found)


def _counts(nodes: int) -> list[int]:
    counts = [round(model.share * nodes) for model in MODELS]
    if nodes >= 3:
        counts[2] = max(1, counts[2])  # GPUs are what people want to see
    counts[0] = max(0, counts[0] + nodes - sum(counts))
    for index in reversed(range(len(counts))):  # rounding up must not add nodes to a tiny cluster
        counts[index] -= min(counts[index], max(0, sum(counts) - nodes))
    return counts


def _fates(nodes: int, rng: random.Random) -> dict[int, str]:
    """Return {index of the node: fate}; small clusters are spared."""
    wanted = {"dead": 0.012, "drained": 0.012, "draining": 0.006, "silent": 0.006, "gap": 0.01}
    fated = [fate for fate, share in wanted.items() for _ in range(max(1, round(share * nodes)) if nodes >= 20 else 0)]
    return dict(zip(rng.sample(range(nodes), len(fated)), fated, strict=True))
