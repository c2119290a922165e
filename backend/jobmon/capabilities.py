"""List the capabilities: the daemon, the web application and the menu read this one list."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from jobmon.api.routes import Routes
from jobmon.batch.capability import Batch
from jobmon.config import Settings
from jobmon.errors import SettingsError
from jobmon.live.capability import Live


class Capability(Protocol):
    """Do one thing that jobmon exists for; each runs in a thread of its own."""

    name: str
    """The same word everywhere: folder, table of the settings, spool folder, page."""
    interval: float
    """Seconds from one tick to the next."""

    def tick(self, now: float) -> None:
        """Do what is due; raise what failed."""

    def pages(self, now: float) -> Iterable[Sequence[tuple[str, bytes]]]:
        """Yield groups of files that its page reads and that changed, as (name below the data path, JSON).

        Files of one group are written side by side; a group is written before the next is asked for.
        """

    def routes(self) -> Routes | None:
        """Return its own HTTP routes, None without any."""

    def status(self) -> str:
        """Return one line on how it is doing."""

    @property
    def over(self) -> bool:
        """Say whether the process is to end, although nothing is wrong; its service manager starts another one."""

    def leave(self) -> None:
        """Let another host act from now on; called after the last tick."""

    def close(self) -> None:
        """Let go of processes and connections; a running tick ends soon. May be called from any thread."""


ALL: dict[str, Callable[[Settings], Capability]] = {
    "live": Live,
    "batch": Batch,
}


def create(settings: Settings, only: Sequence[str] = ()) -> list[Capability]:
    """Return the capabilities, or those named in `only`."""
    unknown = [name for name in only if name not in ALL]
    if unknown:
        raise SettingsError(f"--only {','.join(only)}: there is no {unknown[0]}; known: {', '.join(ALL)}")
    return [make(settings) for name, make in ALL.items() if not only or name in only]
