"""Keep what people have asked for, with its result."""

from typing import Any

import sqlalchemy as sa

from jobmon import clock
from jobmon.batch.tables import AUDIT


def add(connection: sa.Connection, who: str, what: str, target: str, result: str) -> int:
    """Write down what somebody asked for, and return its number; `target` is "job 7" or "cron nightly"."""
    values = {"at": clock.now(), "who": who, "what": what, "target": target[:200], "result": result[:500]}
    key = connection.execute(AUDIT.insert().values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def listing(connection: sa.Connection, limit: int = 200) -> list[dict[str, Any]]:
    """Return what was asked for, the newest first."""
    query = sa.select(AUDIT).order_by(AUDIT.c.todo_id.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]
