"""Put jobs that have ended into the store, once each, and find them again."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from jobmon import clock
from jobmon.errors import StoreError
from jobmon.live.tables import JOB
from jobmon.model import SourceHealth
from jobmon.store import Store

log = logging.getLogger("jobmon.live")

MOST_WAITING = 200_000
"""So many ended jobs are kept in memory while the store does not take them."""
BATCH = 500
MOST_IDS = 200_000
EXPIRE_S = 2.0
TOGETHER = 5000
"""So many jobs are written or removed in one transaction: others wait for it."""
SORTS = {
    "end": JOB.c.end_at,
    "waste": JOB.c.waste_core_h,
    "gpuWaste": JOB.c.waste_gpu_h,
    "memoryWaste": JOB.c.waste_gib_h,
    "cores": JOB.c.cores,
}


@dataclass(frozen=True, slots=True)
class Search:
    """Say which finished jobs are wanted; None and empty mean all. Times are epoch seconds."""

    user: str = ""
    state: str = ""
    partition: str = ""
    since: int | None = None
    until: int | None = None
    text: str = ""
    """Part of the id, the name or the account."""
    warned: bool = False
    sort: str = "end"
    limit: int = 100
    offset: int = 0


class Finished:
    """Write what ended; what the store does not take is kept and offered again."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open = open_store
        self._store: Store | None = None
        self._waiting: list[dict[str, Any]] = []
        self._errors = 0
        self._error = ""
        self._last: float | None = None

    def store(self) -> Store:
        """Return the store, opened when it is asked for first; one that does not answer is a StoreError."""
        if self._store is None:
            self._store = self._open()
        return self._store

    def add(self, summaries: Iterable[dict[str, Any]], cluster: str, now: float) -> None:
        """Store these and what is left of before; a store that fails is told by `health`, never raised."""
        self._waiting += [_row(summary, cluster) for summary in summaries]
        try:
            store = self.store()
            if not self._waiting:
                return
            while self._waiting:
                with store.writing() as connection:
                    for first in range(0, min(len(self._waiting), TOGETHER), BATCH):
                        connection.execute(_insert(store, self._waiting[first : first + BATCH]))
                del self._waiting[:TOGETHER]
        except StoreError as error:
            if str(error) != self._error:
                log.error("%s; jobs that end are kept until it works again, %d now", error, len(self._waiting))
            self._error, self._errors = str(error), self._errors + 1
            if len(self._waiting) > MOST_WAITING:
                log.error("the oldest %d ended jobs are lost", len(self._waiting) - MOST_WAITING)
                del self._waiting[:-MOST_WAITING]
            return
        self._error, self._last = "", now

    def expire(self, before: float) -> bool:
        """Remove jobs that ended before that time; False when there were too many to remove all at once."""
        old = sa.select(JOB.c.number).where(JOB.c.end_at < int(before)).order_by(JOB.c.end_at).limit(TOGETHER)
        count, until = 0, clock.monotonic() + EXPIRE_S
        try:
            while True:
                with self.store().writing() as connection:
                    portion = connection.execute(JOB.delete().where(JOB.c.number.in_(old))).rowcount
                count += portion
                if portion < TOGETHER or clock.monotonic() > until:
                    break
        except StoreError as error:
            log.error("%s; old finished jobs stay", error)
            return True
        if count:
            log.info("%d finished jobs were old and are forgotten", count)
        return portion < TOGETHER

    def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            self._store.close()

    def health(self) -> SourceHealth | None:
        """Return the state of the store for the page; None while all is well."""
        if not self._error:
            return None
        return SourceHealth("store", self._last, None, self._error, self._errors)


def find(store: Store, search: Search) -> tuple[list[dict[str, Any]], int]:
    """Return the summaries of a page of finished jobs, and how many there are in all."""
    where = _conditions(search)
    order = SORTS[search.sort]
    query = sa.select(JOB.c.summary).where(*where).order_by(order.desc(), JOB.c.number.desc())
    with store.searching() as connection:
        total = connection.execute(sa.select(sa.func.count()).select_from(JOB).where(*where)).scalar_one()
        found = connection.execute(query.limit(search.limit).offset(search.offset)).scalars().all()
    return [orjson.loads(text) for text in found], int(total)


def find_one(store: Store, job_id: str) -> dict[str, Any] | None:
    """Return the summary of the job of that id that ended last; None when there is none."""
    query = sa.select(JOB.c.summary).where(JOB.c.id == job_id).order_by(JOB.c.end_at.desc()).limit(1)
    with store.searching() as connection:
        text = connection.execute(query).scalar_one_or_none()
    return None if text is None else orjson.loads(text)


def ids_of(store: Store, user: str) -> set[str]:
    """Return the ids of a user's finished jobs; of very many those that ended last."""
    query = sa.select(JOB.c.id).where(JOB.c.user == user).order_by(JOB.c.end_at.desc()).limit(MOST_IDS)
    with store.searching() as connection:
        return set(connection.execute(query).scalars())


def _conditions(search: Search) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    for column, value in ((JOB.c.user, search.user), (JOB.c.state, search.state), (JOB.c.partition, search.partition)):
        if value:
            conditions.append(column == value)
    if search.since is not None:
        conditions.append(JOB.c.end_at >= search.since)
    if search.until is not None:
        conditions.append(JOB.c.end_at <= search.until)
    if search.warned:
        conditions.append(JOB.c.warned)
    if search.text:
        columns = (JOB.c.id, JOB.c.name, JOB.c.account)
        conditions.append(sa.or_(*(column.icontains(search.text, autoescape=True) for column in columns)))
    return conditions


def _row(summary: Mapping[str, Any], cluster: str) -> dict[str, Any]:
    """Return the row of a job; PostgreSQL takes no NUL in texts."""
    summary = {name: value.replace("\x00", "") if isinstance(value, str) else value for name, value in summary.items()}
    waste = summary["waste"]
    return {
        "cluster": cluster,
        "id": summary["id"],
        "start_at": summary["start"] or 0,
        "end_at": summary["end"] or 0,
        "user": summary["user"],
        "name": summary["name"],
        "account": summary["account"],
        "partition": summary["partition"],
        "state": summary["state"],
        "cores": summary["cpus"],
        "warned": any(warning["held"] for warning in summary["warnings"]),
        "waste_core_h": waste.get("core-h", 0.0),
        "waste_gpu_h": waste.get("GPU-h", 0.0),
        "waste_gib_h": waste.get("GiB-h", 0.0),
        "summary": orjson.dumps(summary).decode(),
    }


def _insert(store: Store, rows: Sequence[Mapping[str, Any]]) -> sa.Executable:
    """Return a statement that leaves alone the jobs that are there already."""
    make = postgresql.insert if store.engine.dialect.name == "postgresql" else sqlite.insert
    return make(JOB).values(rows).on_conflict_do_nothing(index_elements=["cluster", "id", "start_at"])
