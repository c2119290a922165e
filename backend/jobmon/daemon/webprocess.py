"""Keep the web process, and answer on the control socket how the daemon is doing."""

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from jobmon.api.access import Access
from jobmon.control import Answer
from jobmon.daemon.place import Place
from jobmon.daemon.turn import Turn
from jobmon.processes import HandOver, Keeper

MODULE = "jobmon.web.process"
JSON = "application/json"
IDLE_S = 60.0


class WebProcess:
    """Serve the page of a place in a process of its own; whatever becomes of that, the daemon goes on."""

    def __init__(self, only: Sequence[str], on_ready: Callable[[], None]) -> None:
        self._only = list(only)
        self._on_ready = on_ready
        self._keeper: Keeper | None = None
        self._access: Access | None = None

    def prepare(self, place: Place) -> None:
        """Let the first one load while the capabilities are made, which must come before it serves their files."""
        if place.listeners and self._keeper is None:
            self._keeper = Keeper("the web process", MODULE, self._on_ready)
            self._keeper.prepare(list(place.listeners.values()))

    def serve(self, place: Place) -> None:
        """Serve a place from now on: the process before, if there is one, leaves when the new one answers."""
        if not place.listeners:
            self.stop()
            return
        if self._keeper is None:
            self._keeper = Keeper("the web process", MODULE, self._on_ready)
        self._access = place.access
        sockets = list(place.listeners.values())
        message = {
            "settings": place.settings.model_dump(mode="json", exclude_unset=True),
            "only": self._only,
            "sockets": [one.fileno() for one in sockets],
        }
        self._keeper.start(HandOver(message, sockets))

    def turn(self) -> float:
        """See how it is doing; return after how long to look again at the latest."""
        return self._keeper.turn() if self._keeper is not None else IDLE_S

    @property
    def wires(self) -> list[socket.socket]:
        """Return what can be read when there is news."""
        return self._keeper.wires if self._keeper is not None else []

    @property
    def tried(self) -> bool:
        """Say whether the page is served, or could not be, or is not wanted."""
        return self._keeper is None or self._keeper.ready or bool(self._keeper.error)

    @property
    def error(self) -> str:
        """Return why the page is not served as it should be; empty when it is."""
        trouble = self._access.trouble() if self._access is not None else ""
        return (self._keeper.error or trouble) if self._keeper is not None else ""

    def health(self) -> dict[str, Any] | None:
        """Return the state for /healthz; None when no page is wanted."""
        keeper = self._keeper
        if keeper is None:
            return None
        status = "failing" if self.error else "ok" if keeper.ready else "starting"
        return {"status": status, "error": self.error, "starts": keeper.starts, "pid": keeper.pid}

    def stop(self) -> None:
        """End it."""
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None


def health(turns: Sequence[Turn], web: WebProcess) -> dict[str, Any]:
    """Return the body of /healthz; its "status" is "ok" when every capability is, and the page is served."""
    states = {turn.capability.name: turn.health() for turn in turns}
    page = web.health()
    well = all(state["status"] == "ok" for state in states.values()) and (page is None or page["status"] == "ok")
    return {"status": "ok" if well else "unavailable", "capabilities": states, **({"web": page} if page else {})}


def answers(turns: Callable[[], Sequence[Turn]], web: WebProcess) -> Mapping[str, Callable[[], Answer]]:
    """Return what the control socket answers."""

    def told() -> Answer:
        found = health(turns(), web)
        return (200 if found["status"] == "ok" else 503), JSON, orjson.dumps(found) + b"\n"

    return {"/healthz": told, "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest())}
