"""Build the field `point` of live/latest: the newest numbers, in an order of rows that the page knows by itself.

The rows are those of the running jobs, by id, each with its hosts; names and indices need not be sent again.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobmon.live.chunk import Table, encode_columns
from jobmon.live.rows import RUNNING, Column, Point
from jobmon.live.summary import JOB_COLUMNS, Tables

_STATE, _HOSTS = JOB_COLUMNS.index("state"), JOB_COLUMNS.index("hosts")
_FIRST = slice(0, 1)


def point(now: Tables, drawn: Point) -> dict[str, Any]:
    """Return the numbers of `drawn` in the order of the rows of `now`; a host that is down is unknown."""
    names = [row[0] for row in now.nodes]
    running = {job_id: row for job_id, row in now.jobs.items() if row[_STATE] == RUNNING}
    keys = [(job_id, names[host]) for job_id in sorted(running, key=as_browsers_do) for host in running[job_id][_HOSTS]]
    return {
        "jobRows": len(keys),
        "nodeRows": len(names),
        "jobColumns": _columns(keys, drawn.job_keys, drawn.job_columns),
        "nodeColumns": _columns(names, drawn.hosts, drawn.node_columns),
    }


def as_browsers_do(text: str) -> bytes:
    """Return a key that sorts texts by UTF-16 units, as JavaScript compares them."""
    return text.encode("utf-16-be", "surrogatepass")


def _columns(wanted: list[Any], drawn: list[Any], columns: dict[str, Column]) -> dict[str, Any]:
    place = {key: row for row, key in enumerate(drawn)}
    rows: NDArray[np.int64] = np.fromiter((place.get(key, -1) for key in wanted), np.int64, len(wanted))
    table = Table(1)
    table.add(wanted, {name: np.append(column, np.nan)[rows] for name, column in columns.items()}, 0)
    return encode_columns(table, _FIRST)
