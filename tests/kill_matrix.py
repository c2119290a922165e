"""Kill, freeze and mislead masters at every point, and count: each tick one row, each command one line."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import postgres
from jobmon.batch.master import change_setting
from jobmon.batch.tables import FIRE
from jobmon.config import SchedulerSettings
from jobmon.engine.tables import CANDIDATE, LEASE
from jobmon.schedulers.acting import Scheduler
from jobmon.schedulers.local import LocalScheduler
from jobmon.schedulers.slurm.acting import SlurmScheduler
from jobmon.store import Store, open_store
from kill_work import Count, Work
from outbox_master import Hooks, posting

TESTS = Path(__file__).parent
POINTS = tuple(f"C{number}" for number in range(1, 14))
DIE_S = 60.0
LEFT_S = 60.0
"""So long a held twin may be there until the master's next looks have found and cancelled it."""

SETTINGS = """
[live]
data_path = "{data}"
[web]
enabled = false
[store]
url = "{url}"
[batch]
scheduler = "{scheduler}"
shared_path = "{root}/attempts"
lease_ttl = {ttl}
local_slots = 8
[scheduler]
conf = "{conf}"
[mail]
bundle = 0
per_day = 100000
"""


@dataclass
class Matrix:
    """Hold masters of one store and one scheduler; each has a folder of its own, as on hosts of their own."""

    root: Path
    url: str
    scheduler: str
    acting: Scheduler
    hooks: Hooks
    away: Callable[[], AbstractContextManager[None]]
    """Takes the store away for as long as it is open."""
    ttl_s: float = 2.0
    conf: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    takeovers_s: list[float] = field(default_factory=list)
    planned_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store: Store = open_store(self.url, self.root)
        self.work = Work(self.root, self.store, self.acting, self.hooks)

    # --- masters ---------------------------------------------------------------------------------------------------

    def start(self, point: str = "none", within: tuple[str, ...] = (), url: str = "") -> subprocess.Popen[bytes]:
        """Start a master that meets its fate at a point, perhaps `within` another host's network."""
        number = len(self.processes)
        settings = self.root / f"{number}.toml"
        # Local jobs are one machine's, so all masters look at the same folder of them.
        (self.root / f"data{number}").mkdir()
        (self.root / f"data{number}" / "batch").symlink_to(self.root / "shared", target_is_directory=True)
        (self.root / "shared").mkdir(exist_ok=True)
        settings.write_text(SETTINGS.format(data=self.root / f"data{number}", url=url or self.url, ttl=self.ttl_s,
                                            scheduler=self.scheduler, root=self.root, conf=self.conf))  # fmt: skip
        log = (self.root / f"{number}.log").open("wb")
        process = subprocess.Popen(
            [*within, sys.executable, str(TESTS / "doomed.py"), point, "--",
             "run", "--only", "batch", "--config", str(settings)],
            env={**os.environ, "DOOM": str(self.root / f"{number}.doom"), "PYTHONPATH": f"{TESTS.parent / 'backend'}"},
            stdout=log, stderr=log,
        )  # fmt: skip
        log.close()
        self.processes.append(process)
        return process

    def doom(self, process: subprocess.Popen[bytes]) -> float | None:
        """Return when a master met its fate; None when it has not."""
        path = self.root / f"{self.processes.index(process)}.doom"
        return float(path.read_text()) if path.exists() and path.read_text() else None

    def lease(self) -> Any:
        with self.store.reading() as connection:
            return connection.execute(sa.select(LEASE)).one_or_none()

    def acts(self, process: subprocess.Popen[bytes]) -> bool:
        """Say whether this one is the master."""
        row = self.lease()
        return row is not None and f":{process.pid}:" in row.holder and row.expires_at > time.time()

    def stands_by(self, process: subprocess.Popen[bytes]) -> bool:
        """Say whether this one takes part in the election."""
        with self.store.reading() as connection:
            holders = connection.execute(sa.select(CANDIDATE.c.holder)).scalars()
            return any(f":{process.pid}:" in holder for holder in holders)

    def stop(self, process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
        """End a master, whatever state it is in."""
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(how)
        process.wait(30)

    def stop_all(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(30)

    # --- fates -----------------------------------------------------------------------------------------------------

    def meet(self, point: str) -> None:
        """Let one master act and meet its fate, with two others standing by; then let them go on for a while."""
        doomed = self.start(point if point != "C13" else "none")
        wait_for(lambda: self.acts(doomed), f"{point}: the doomed one to act")
        heirs = [self.start(), self.start()]
        wait_for(lambda: all(self.stands_by(heir) for heir in heirs), f"{point}: two to stand by")
        if point == "C13":
            self._take_store_away([doomed, *heirs])
            return
        (self.root / f"{self.processes.index(doomed)}.doom").touch()
        died_at = float(wait_for(lambda: self.doom(doomed), f"{point}: its fate") or 0) if point != "C9" else 0.0
        if point in {"C8", "C9"}:
            time.sleep(3)  # nobody dies; the twins have to be dealt with
            before = time.time()
            self.stop(doomed)
            self._heir(heirs, before, self.planned_s)
        else:
            self._heir(heirs, died_at, self.takeovers_s)
        if point == "C7":
            time.sleep(self.ttl_s)
            doomed.send_signal(signal.SIGCONT)  # it wakes up as if nothing had happened
            time.sleep(1)
        self.stop(doomed)
        time.sleep(1.5)
        for heir in heirs:
            self.stop(heir)

    def _take_store_away(self, masters: list[subprocess.Popen[bytes]]) -> None:
        """Nobody can act meanwhile, jobs go on; afterwards somebody acts again, and makes up for what was due."""
        time.sleep(1)
        with self.away():
            time.sleep(2 * self.ttl_s)
        wait_for(lambda: any(self.acts(one) for one in masters), "somebody to act when the store is back")
        time.sleep(1.5)
        for one in masters:
            assert one.poll() is None, "a store that goes away ends no daemon"
            self.stop(one)

    def _heir(self, heirs: list[subprocess.Popen[bytes]], since: float, times: list[float]) -> None:
        wait_for(lambda: any(self.acts(heir) for heir in heirs), "somebody to take over")
        times.append(self.lease().acquired_at - since)

    def hand_over(self, run_time_s: int, times: int) -> float:
        """Let two masters end when their time is up, and be started again; return how late the latest tick was."""
        with self.store.writing() as connection:
            change_setting(connection, "run_time", str(run_time_s))
        pair = [self.start()]
        wait_for(lambda: self.acts(pair[0]), "the first to act")
        began, ends = time.time(), 0
        time.sleep(run_time_s / 2)  # who starts together ends together, and nobody is there for a moment
        pair.append(self.start())
        while ends < times:
            for place, one in enumerate(pair):
                if one.poll() is not None:
                    assert one.returncode == 0, f"a daemon whose time is up ended with {one.returncode}"
                    ends += 1
                    pair[place] = self.start()  # as a service manager does
            time.sleep(0.1)
        with self.store.writing() as connection:
            change_setting(connection, "run_time", "0")
        ended = time.time()
        for one in pair:
            self.stop(one)
        late = sa.func.max(FIRE.c.fired_at - FIRE.c.scheduled_for)
        with self.store.reading() as connection:
            return float(
                connection.execute(sa.select(late).where(FIRE.c.scheduled_for.between(began, ended))).scalar_one()
            )

    def finish(self) -> Count:
        """Stop the ticking, let everything end, and count."""
        self.work.end()
        last = self.start()
        wait_for(lambda: self.acts(last), "the last one to act")
        wait_for(lambda: not self.work.unfinished(), "all jobs to end", 120)
        end = time.monotonic() + LEFT_S
        while (self.work.left() or self.work.untold()) and time.monotonic() < end:
            time.sleep(0.5)
        self.stop(last)
        return self.work.count(self.takeovers_s, self.planned_s)


@contextmanager
def masters(folder: Path, store: str, conf: str = "", ttl_s: float = 2.0, also: str = "") -> Iterator[Matrix]:
    """Make a combination: the store "sqlite" or "postgresql", with local jobs or those of the Slurm of `conf`."""
    with ExitStack() as stack:
        hooks = stack.enter_context(posting())
        if store == "sqlite":
            path = folder / "store.sqlite"
            url, away = f"sqlite:///{path}", lambda: locked(path)
        else:
            server = stack.enter_context(postgres.server(also))
            url, away = server.url, server.away
        acting = (
            SlurmScheduler(SchedulerSettings(conf=conf)) if conf else LocalScheduler(folder / "shared" / "local", 8)
        )
        made = Matrix(folder, url, acting.name, acting, hooks, away, ttl_s, conf)
        stack.callback(made.store.close)
        stack.callback(made.stop_all)
        made.work.add_entry()
        yield made


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep everybody else from writing to a SQLite store."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("BEGIN EXCLUSIVE")
    yield
    connection.close()


def wait_for(what: Callable[[], Any], name: str, seconds: float = DIE_S) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:g} s: {name}")
