"""A site with something of everything in it, served to whoever asks whatever they like."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batch_house import BatchHouse, housed
from finished_jobs import WARNING, ended
from jobmon import capabilities, clock, config
from jobmon.api.tokens import create_token
from jobmon.batch import limits
from jobmon.batch.tables import JOB
from jobmon.config import Settings
from jobmon.daemon.turn import Turn
from jobmon.engine import marks
from jobmon.live import api as live_api
from jobmon.live.capability import Live
from jobmon.live.finished import Finished
from jobmon.store import Store, open_store
from release_house import Releases
from release_site import ReleaseSite
from web_thread import Server

PEOPLE: Mapping[str, Any] = {"user": "ada", "operator": "olga"}
"""Who has a token, by role."""
WORKFLOW = """
[workflow.chain]
params = ["sample"]
[[workflow.chain.stage]]
name = "fetch"
command = ["echo", "{sample}"]
[[workflow.chain.stage.on]]
when = { rc = 0 }
hold = "look at it first"
next = ["fit"]
[[workflow.chain.stage]]
name = "fit"
command = ["true"]
"""


class Answers:
    """Look at all that an application answers."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.statuses: Counter[int] = Counter()
        self.done: set[tuple[str, str]] = set()
        """Method and path of what was answered with success."""
        self.broken: list[str] = []
        """What was answered with an error of the server."""
        self._problems: set[bytes] = set()

    @property
    def count(self) -> int:
        return self.statuses.total()

    def speaking(self, words: Sequence[str]) -> list[str]:
        """Return the problems that were told with any of some words."""
        return [text for text in (body.decode() for body in self._problems) if any(word in text for word in words)]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, and remember how."""
        status = 0

        async def noting(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                self.statuses[status] += 1
                if status < 300 and len(self.done) < 100_000:
                    self.done.add((scope["method"], scope["path"]))
                if status >= 500:
                    self.broken.append(f"{scope['method']} {scope['path']}?{scope['query_string']!r}: {status}")
            elif status >= 400 and len(self._problems) < 100_000:
                self._problems.add(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, noting)


@dataclass(frozen=True)
class StrangersSite:
    """Serve the whole application over a store and files that were made by what acts; nothing acts any more."""

    server: Server
    answers: Answers
    tokens: Mapping[str, str]


@contextmanager
def served(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, read: str) -> Iterator[StrangersSite]:
    """Make the site on a store, and serve it."""
    # accounts need not be there, for nothing is started
    monkeypatch.setattr("jobmon.batch.jobs.account", lambda user, settings: "")
    tokens = {role: create_token(folder / "tokens.json", name, role, None) for role, name in PEOPLE.items()}
    built = ReleaseSite(folder)
    with ExitStack() as closing:
        store = open_store(url, folder)
        closing.callback(store.close)
        house = closing.enter_context(housed(store, folder, monkeypatch, programs=str(built.programs), local_slots=2))
        settings = settings_of(house, url, folder, read)
        fill(house, store, built)
        publish(settings)
        routes = {name: declared.routes for name, declared in capabilities.ALL.items()}
        server = Server(settings, routes, people=live_api.LivePeople)
        answers = Answers(server.application)
        server.served = answers
        server.start()
        closing.callback(server.stop)
        yield StrangersSite(server, answers, tokens)


def settings_of(house: BatchHouse, url: str, folder: Path, read: str) -> Settings:
    """Return the settings of the web process that belong to those of the master."""
    batch = house.settings.batch.model_dump()
    return config.parse(
        {
            "live": {"data_path": house.settings.live.data_path, "backend": "simulated"},
            "simulated": {"nodes": 4, "running": 12, "pending": 6},
            "store": {"url": url},
            "web": {"port": 0, "read": read, "tokens_file": str(folder / "tokens.json")},
            "batch": {**batch, "user_jobs": 50, "user_notices": 50},
        },
        "test",
    )


def fill(house: BatchHouse, store: Store, built: ReleaseSite) -> None:
    """Let everything that can be asked for be there: of its own, of somebody else, ended and waiting."""
    built.workflows(house.folder / "workflows")
    house.workflow(WORKFLOW, "chain")
    built.git("tag", "v1")
    releases = Releases(house, built)
    releases.built("v1", "gcc")
    run = house.start("chain", sample="a")
    assert run is not None
    house.until(lambda: any(stage["status"] == "held" for stage in house.run(run)["stages"]))
    job = house.submit("echo", "said", name="said")
    house.until_ended(job)
    house.cron("nightly", "0 3 * * *", "true", misfire="all")
    house.cron("weekly", "@weekly", "true", enabled=False)
    house.turn(clock.now() + 86_400)
    waiting = [house.submit("true", notify=["email:ada@example.org"]) for _ in range(3)]
    with store.writing() as connection:
        connection.execute(JOB.update().where(JOB.c.job_id.in_([job, waiting[0]])).values(user=PEOPLE["user"]))
        limits.set_limit(connection, "long", {"max_running": 3})
        marks.add(connection, "maintenance", clock.now(), until=clock.now() + 3600, source="person:olga")
    finished = Finished(lambda: store)
    finished.add([ended("1", user="ada"), ended("2", user="bob", warnings=[WARNING])], "", clock.now())
    assert finished.health() is None


def publish(settings: Settings) -> None:
    """Write the files of a small cluster."""
    live = Live(settings)
    try:
        turn = Turn(live, Path(settings.live.data_path))
        assert turn.once(), turn.error
    finally:
        live.close()
