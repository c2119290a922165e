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


class SchedulerSettings(Protocol):
    """Say which settings of the table `[scheduler]` a reader looks at."""

    @property
    def reader(self) -> str:
        """Return "auto", "pyslurm", "cli" or "slurmrestd"."""

    @property
    def timeout(self) -> int:
        """Return how many seconds one load may take."""

    @property
    def bin_path(self) -> str:
        """Return the directory of Slurm's commands; "" means PATH."""

    @property
    def conf(self) -> str:
        """Return the path of slurm.conf; "" means Slurm's own default."""

    @property
    def slurmrestd_url(self) -> str:
        """Return "http://host:port" or "unix:/path"; "" means there is none."""

    @property
    def slurmrestd_user(self) -> str:
        """Return the user in whose name the token was made; "" for none."""

    @property
    def slurmrestd_token_file(self) -> str:
        """Return the path of the file that holds the token, read anew for each load; "" for none."""

    @property
    def slurmrestd_api(self) -> str:
        """Return the API version, such as "v0.0.41"; "" means the newest that both sides know."""
