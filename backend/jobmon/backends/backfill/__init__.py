"""Calculate what could start now and when a request could start, from the scheduler's own facts alone.

All functions are pure: they take a `ClusterState` and a time and return plain data. Times are epoch seconds.

Two readings of a planned job: `slots_now` takes a node as free until the first planned start on it, whatever that job
takes, so that its windows are never too long; `find_window` lets a planned job take its share of the node, as the
scheduler will.
"""

from jobmon.backends.backfill.slots import Slot, idle_slots, slots, slots_now
from jobmon.backends.backfill.windows import Request, Window, alternatives_now, find_window, nearest_now

__all__ = [
    "Request",
    "Slot",
    "Window",
    "alternatives_now",
    "find_window",
    "idle_slots",
    "nearest_now",
    "slots",
    "slots_now",
]
