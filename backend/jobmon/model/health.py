"""Describe how a source of data is doing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skipped:
    """Name one record that was left out, and why."""

    method: str
    """The back end's method or the source's parser that failed: "cpu_usage", "squeue"."""
    record: str
    """The record's identity: a host name, a job id, or the beginning of a line."""
    error: str


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """Describe the last load of one source; times in epoch seconds, `duration_s` in seconds."""

    name: str
    """"slurm (command line)", "procfs", …"""
    last_success_at: float | None
    duration_s: float | None
    error: str = ""
    """Why the last load failed; empty when it succeeded."""
    errors: int = 0
    """Failed loads since the start of the process that holds the source."""
    records: int = 0
    skipped: int = 0
    """Records of the last load that could not be understood."""
    reasons: tuple[str, ...] = ()
    """Why records were left out, the most frequent first: "memory: more memory is used … (12: cn001, cn002, …)"."""
    nodes: int | None = None
    """Nodes of which the source told something that is not too old; None for a source that tells of none."""
    warning: str = ""
    """What is odd about an answer that did come: half of the nodes are missing, a clock is wrong."""
