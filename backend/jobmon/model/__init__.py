"""Hold the nouns that every layer shares: frozen dataclasses, standard library only."""

from jobmon.model.cluster import ClusterState, Job, Node, Partition, Reservation
from jobmon.model.health import Skipped, SourceHealth
from jobmon.model.hosts import compress_indices, expand_hostlist, expand_indices, natural_key

__all__ = [
    "ClusterState",
    "Job",
    "Node",
    "Partition",
    "Reservation",
    "Skipped",
    "SourceHealth",
    "compress_indices",
    "expand_hostlist",
    "expand_indices",
    "natural_key",
]
