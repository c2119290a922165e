"""Run jobs, crontab entries and workflows: exactly once, on whichever host is the master."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobmon.batch.submitting import submit

__all__ = ["submit"]


def __getattr__(name: str) -> Any:
    """Import what programs submit with when they ask for it: the command line would take a second longer."""
    if name != "submit":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jobmon.batch.submitting import submit

    return submit
