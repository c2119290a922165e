"""Be the capability `batch`: jobs, crontab entries and workflows, run by whichever host is the master."""

import logging
import pwd
import threading
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from jobmon import clock
from jobmon.batch import crontab, master
from jobmon.batch.master import Master
from jobmon.config import Settings
from jobmon.engine import scheduler
from jobmon.engine.election import Election
from jobmon.engine.lease import state_of
from jobmon.errors import LeaseLostError, StoreError
from jobmon.store import Store, store_of

log = logging.getLogger("jobmon.batch")

Page = tuple[str, bytes]
TICK_S = 1.0
LOOK_S = 5.0
"""So often it is looked for what keeps the work from being done."""
PATIENCE = 3
"""After so many times the life of a lease without anybody who acts that is a trouble."""


class Batch:
    """Take part in the election of the master, and act when elected."""

    name = "batch"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.interval = TICK_S
        self._store: Store | None = None
        self._opening = threading.Lock()
        self._election: Election | None = None
        self._master: Master | None = None
        self._began = clock.monotonic()
        self._run_time_s = 0.0
        self._closed = False
        self._looked_at = float("-inf")
        self._trouble = ""

    def prepare(self) -> None:
        """Say which accounts in `[batch] users` there are not; their jobs are refused."""
        for user in self.settings.batch.users:
            try:
                pwd.getpwnam(user)
            except KeyError:
                log.warning("[batch] users: there is no account %r on this host; what it asks for is refused", user)

    def tick(self, now: float) -> None:
        """Act if this is the master; who has lost the role meanwhile has written nothing, and waits."""
        if self._closed:
            return
        if self._master is None or self._election is None:
            self._open()
        assert self._master is not None
        assert self._election is not None
        if self._election.error:
            raise StoreError(self._election.error)
        with self.store().reading() as connection:
            self._run_time_s = float(master.setting(connection, "run_time"))
            if clock.monotonic() - self._looked_at >= LOOK_S:
                self._looked_at = clock.monotonic()
                self._trouble = crontab.silent(connection, now) or self._unled(connection)
        if self.over:
            return
        if not self._election.elected.is_set():
            if not self._election.elected.wait(TICK_S * 0.9):
                return
            now = clock.now()  # it has just been elected, and what is due must not wait for the next tick
        try:
            self._master.turn(now)
        except LeaseLostError as error:
            log.warning("%s", error)

    def pages(self, now: float) -> Iterator[list[Page]]:
        """Yield nothing: what people may see of jobs depends on who asks, so the web addresses tell it."""
        yield from ()

    def status(self) -> str:
        """Return one line on what this process is."""
        if self._election is None:
            return "not begun"
        fence = self._election.lease.fence
        return "standby" if fence is None else f"master with fence {fence}"

    def trouble(self) -> str:
        """Return why nothing is submitted or fired although this process is well; empty when all is."""
        return self._trouble

    @property
    def over(self) -> bool:
        """Say whether the time that a process may run is up: the service manager starts a fresh one."""
        return 0 < self._run_time_s <= clock.monotonic() - self._began

    def leave(self) -> None:
        """Let another one act at once."""
        self._closed = True
        if self._master is not None:
            self._master.close()
        if self._election is not None:
            self._election.stop()

    def close(self) -> None:
        """Let go of the role and of the store."""
        self.leave()
        if self._store is not None:
            self._store.close()

    def store(self) -> Store:
        """Return the store; StoreError when it does not answer."""
        with self._opening:  # the first to ask may be the tick or an answer
            if self._store is None:
                self._store = store_of(self.settings)
            return self._store

    def _open(self) -> None:
        store = self.store()
        endpoint = self.settings.web.place if self.settings.web.enabled else ""
        election = Election(store, master.ROLE, self.settings.batch.lease_ttl, endpoint, self._preferred, self._tell)
        self._master = Master(self.settings, store, election, scheduler.scheduler_of(self.settings))
        self._election = election
        election.start()

    def _unled(self, connection: sa.Connection) -> str:
        """Say that nobody acts, once that has lasted longer than it may."""
        assert self._election is not None
        state = state_of(connection, master.ROLE)
        patience_s = PATIENCE * self.settings.batch.lease_ttl
        if self._election.elected.is_set() or (state is not None and state.now - state.expires_at <= patience_s):
            return ""
        waited_s = clock.monotonic() - self._began
        return "" if waited_s <= patience_s else "no host acts: jobs wait, and crontab entries do not fire"

    def _tell(self) -> dict[str, Any]:
        """Return what the page tells of this process, whoever serves it."""
        return {**(self._master.told() if self._master else {}), "run_time_left": self._run_time_left_s}

    @property
    def _run_time_left_s(self) -> float | None:
        """Return how long this process goes on; None for as long as it likes."""
        return max(0.0, self._run_time_s - (clock.monotonic() - self._began)) if self._run_time_s else None

    def _preferred(self) -> str:
        with self.store().reading() as connection:
            return master.setting(connection, "master")
