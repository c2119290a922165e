"""Submit jobs exactly once: held, recorded, released, claimed on the node; and follow them to their end.

A capability keeps its jobs in a table of its own, to which `attempts.columns()` adds what is needed here.
"""

from jobmon.engine.submission.attempts import ACTIVE, ENDED, Attempt, Work, columns
from jobmon.engine.submission.submitter import Submitter

__all__ = ["ACTIVE", "ENDED", "Attempt", "Submitter", "Work", "columns"]
