"""List the capabilities: the daemon, the web process and the menu read this one list.

What a capability needs is imported when it is asked for: the daemon does not load what answers, nor the web process
what acts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from jobmon.api.context import Context
from jobmon.api.people import People
from jobmon.api.routes import Routes
from jobmon.config import Settings
from jobmon.errors import SettingsError


class Capability(Protocol):
    """Do one thing that jobmon exists for; each runs in a thread of its own."""

    name: str
    """The same word everywhere: folder, table of the settings, spool folder, page."""
    interval: float
    """Seconds from one tick to the next."""

    def prepare(self) -> None:
        """Load what the settings name, before any capability acts; SettingsError when that cannot be."""

    def tick(self, now: float) -> None:
        """Do what is due; raise what failed."""

    def pages(self, now: float) -> Iterable[Sequence[tuple[str, bytes]]]:
        """Yield groups of files that its page reads and that changed, as (name below the data path, JSON).

        Files of one group are written side by side; a group is written before the next is asked for.
        """

    def status(self) -> str:
        """Return one line on how it is doing."""

    def trouble(self) -> str:
        """Return in a sentence what keeps it from its work although its ticks go well; empty when nothing does."""

    @property
    def over(self) -> bool:
        """Say whether the process is to end, although nothing is wrong; its service manager starts another one."""

    def leave(self) -> None:
        """Let another host act from now on; called after the last tick."""

    def close(self) -> None:
        """Let go of processes and connections; a running tick ends soon. May be called from any thread."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Say what a capability is made of."""

    create: Callable[[Settings], Capability]
    """Makes what acts, in the daemon."""
    routes: Callable[[Context], Routes]
    """Makes its addresses below /api/NAME, in the web process."""
    check: Callable[[Settings, Settings], None]
    """Raises an error when it could not work with the first settings instead of the second; changes nothing."""
    people: Callable[[Context], People] | None = None
    """Makes what knows whose jobs are whose, where it publishes jobs of people."""


def _live(settings: Settings) -> Capability:
    from jobmon.live.capability import Live

    return Live(settings)


def _live_routes(context: Context) -> Routes:
    from jobmon.live import api

    return api.routes(context)


def _live_people(context: Context) -> People:
    from jobmon.live import api

    return api.LivePeople(context)


def _live_check(settings: Settings, before: Settings) -> None:
    from jobmon.live.checking import check

    check(settings, before)


def _batch(settings: Settings) -> Capability:
    from jobmon.batch.capability import Batch

    return Batch(settings)


def _batch_routes(context: Context) -> Routes:
    from jobmon.batch import api

    return api.routes(context)


def _batch_check(settings: Settings, before: Settings) -> None:
    from jobmon.batch.checking import check

    check(settings, before)


ALL: Mapping[str, Declared] = {
    "live": Declared(_live, _live_routes, _live_check, _live_people),
    "batch": Declared(_batch, _batch_routes, _batch_check),
}


def chosen(only: Sequence[str] = ()) -> dict[str, Declared]:
    """Return the capabilities by name, or those named in `only`."""
    unknown = [name for name in only if name not in ALL]
    if unknown:
        raise SettingsError(f"--only {','.join(only)}: there is no {unknown[0]}; known: {', '.join(ALL)}")
    return {name: declared for name, declared in ALL.items() if not only or name in only}


def create(settings: Settings, only: Sequence[str] = ()) -> list[Capability]:
    """Return what acts of the capabilities, or of those named in `only`."""
    return [declared.create(settings) for declared in chosen(only).values()]


def check(settings: Settings, before: Settings, only: Sequence[str] = ()) -> None:
    """See whether the capabilities could work with settings instead of those before; the error says what is wrong."""
    for declared in chosen(only).values():
        declared.check(settings, before)
