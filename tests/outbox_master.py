"""Be a master that sends what lies in its outbox, and those whom it tells."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from daemon_process import until
from fakes import http_server
from jobmon import clock
from jobmon.engine import outbox
from jobmon.engine.lease import Lease
from jobmon.engine.outbox import Message, Outbox, OutboxSettings, Summary, Target
from jobmon.engine.outbox_tables import OUTBOX
from jobmon.engine.tables import LEASE
from jobmon.store import Store

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC


class Master:
    """Be a process that holds the lease and sends; `round` waits for what it started, as no real one does."""

    def __init__(self, store: Store, settings: OutboxSettings, holder: str = "one") -> None:
        self.store = store
        self.lease = Lease(store, "batch", holder, ttl_s=60)
        assert self.lease.hold()
        self.outbox = Outbox(store, self.lease, settings)

    def tell(self, *messages: Message, at: float = NOON) -> None:
        with clock.replaced(lambda: at), self.lease.writing() as connection:
            outbox.add(connection, *messages)

    def round(self, now: float) -> None:
        self.outbox.deliver(now)
        until(lambda: self.outbox._busy() == 0, "all is sent")

    def summary(self) -> Summary:
        with self.store.reading() as connection:
            return outbox.summary(connection)

    def states(self) -> list[str]:
        with self.store.reading() as connection:
            return list(connection.scalars(sa.select(OUTBOX.c.state).order_by(OUTBOX.c.id)))


def taken_over(store: Store, settings: OutboxSettings) -> Master:
    """Return another master, after the first one has lost the lease without noticing."""
    with store.writing() as connection:
        connection.execute(LEASE.update().values(expires_at=1.0))
    return Master(store, settings, "other")


def written(path: Path, text: str) -> Target:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return Target("script", str(path))


class Hooks:
    """Hold what was posted; a path that ends with stuck gets its answer when the gate is opened."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.gate = threading.Event()
        self.url = ""


@contextmanager
def posting() -> Iterator[Hooks]:
    """Take what is posted."""
    kept = Hooks()

    class Hook(http_server.Quiet):
        def post(self) -> None:
            kept.got.append(json.loads(self.body()))
            if self.path.endswith("stuck"):
                kept.gate.wait(30)
            self.send(200, b"{}")

    with http_server.serving(Hook) as kept.url:
        yield kept
        kept.gate.set()
