"""Say what jobmon asks of a batch system."""

from typing import Protocol

from jobmon.model import ClusterState


class SchedulerReader(Protocol):
    """Read a batch system: one question per cycle, however many people watch."""

    @property
    def name(self) -> str:
        """Return what the health display shows: "slurm 22.05.8 (command line)"."""

    def load(self) -> ClusterState:
        """Return everything the scheduler knows now, jobs that ended within its memory included.

        A record that cannot be understood is left out and named in `skipped`. Raise SourceError when the scheduler
        did not answer, answered with an error, or answered only in part: a sick scheduler must never look like an
        empty cluster. The call returns within the time given in the settings.
        """
