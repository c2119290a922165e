"""Run jobs, crontab entries and workflows: exactly once, on whichever host is the master."""

from jobmon.batch.submitting import submit

__all__ = ["submit"]
