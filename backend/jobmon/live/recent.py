"""Publish the last half hour of the running jobs in one small file, for the first view of the page (live/recent).

It has the form of a chunk: every snapshot of the scores' window, and before that means over two minutes of what the
lists draw as lines. Jobs that have ended are not in it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobmon.live.chunk import FORMAT, Chunk, Table, encode_columns
from jobmon.live.rows import Point

TIER = "recent"
SPAN_S = 1800
BIN_S = 120
JOB_COLUMNS = ("known", "user", "system", "wait", "mem", "gpuUtil")
NODE_COLUMNS = ("user", "system", "mem", "swap", "gpuUtil")
FULL_ONLY = frozenset({"wait", "swap"})
"""Columns that only the scores and the present read."""

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """Hold some points, rows by key; columns have shape (rows, times)."""

    times: list[int]
    jobs: dict[Any, int]
    nodes: dict[Any, int]
    job_columns: Columns
    node_columns: Columns


class Recent:
    """Follow the open chunk of the day; `window_s` is what the scores look at."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._open: Chunk | None = None
        self._closed: list[tuple[Part, Part]] = []
        """The chunks before the open one, in full and thinned; in full only as long as that is needed."""

    def remember(self, chunks: Iterable[Chunk]) -> None:
        """Take over closed chunks of before a restart, oldest first."""
        for chunk in chunks:
            self._closed.append(_parts(chunk))

    def document(self, chunk: Chunk, point: Point) -> dict[str, Any]:
        """Return the file after `point` was added to the day's open chunk."""
        if self._open is not None and self._open.start < chunk.start:
            self._closed.append(_parts(self._open))
        self._open = chunk
        now = point.time
        self._forget(now)
        border = now - self._window_s
        parts = []
        for full, thin in self._closed:
            parts.append(_between(thin, now - SPAN_S, border))
            parts.append(_between(full, border, now))
        parts.append(_between(_slim(chunk), border, now))
        hosts = {host: row for row, host in enumerate(point.hosts)}
        jobs: dict[str, int] = {}
        job_of = [jobs.setdefault(job, len(jobs)) for job, _ in point.job_keys]
        times = [time for part in parts for time in part.times]
        points = slice(0, len(times))
        return {
            "format": FORMAT,
            "tier": TIER,
            "start": times[0] if times else now,
            "span": SPAN_S,
            "times": times,
            "hosts": point.hosts,
            "jobs": list(jobs),
            "jobRows": {
                "job": job_of,
                "host": [hosts[host] for _, host in point.job_keys],
                "cores": point.cores,
                "gpus": point.gpus,
                "columns": encode_columns(
                    _table(point.job_keys, [(part.jobs, part.job_columns, part.times) for part in parts]), points
                ),
            },
            "nodeRows": {
                "host": list(range(len(hosts))),
                "columns": encode_columns(
                    _table(point.hosts, [(part.nodes, part.node_columns, part.times) for part in parts]), points
                ),
            },
        }

    def _forget(self, now: int) -> None:
        kept = []
        for full, thin in self._closed:
            if thin.times and thin.times[-1] > now - SPAN_S:
                kept.append((full if full.times and full.times[-1] > now - self._window_s else _NOTHING, thin))
        self._closed = kept


_NOTHING = Part([], {}, {}, {}, {})


def _parts(chunk: Chunk) -> tuple[Part, Part]:
    full = _slim(chunk)
    full = Part(full.times, full.jobs, full.nodes, _copied(full.job_columns), _copied(full.node_columns))
    bins: dict[int, list[int]] = {}
    for position, time in enumerate(full.times):
        bins.setdefault(time // BIN_S, []).append(position)
    groups = list(bins.values())
    return full, Part(
        [full.times[group[-1]] for group in groups],
        full.jobs,
        full.nodes,
        _means(full.job_columns, groups),
        _means(full.node_columns, groups),
    )


def _slim(chunk: Chunk) -> Part:
    """Return the columns of a chunk that are needed, as views."""
    points = slice(0, len(chunk.times))
    return Part(
        list(chunk.times),
        chunk.jobs.rows,
        chunk.nodes.rows,
        {name: chunk.jobs.part(name, points) for name in JOB_COLUMNS if name in chunk.jobs.columns},
        {name: chunk.nodes.part(name, points) for name in NODE_COLUMNS if name in chunk.nodes.columns},
    )


def _copied(columns: Mapping[str, NDArray[Any]]) -> Columns:
    return {name: column.astype(np.float32) for name, column in columns.items()}


def _means(columns: Columns, groups: list[list[int]]) -> Columns:
    """Return the means over groups of points, of what is known."""
    result: Columns = {}
    for name, column in columns.items():
        if name in FULL_ONLY:
            continue
        parts = []
        for group in groups:
            some = column[:, group]
            known = ~np.isnan(some)
            count = known.sum(axis=1)
            total = np.where(known, some, 0).sum(axis=1)
            parts.append(np.divide(total, count, out=np.full(len(some), np.nan, np.float32), where=count > 0))
        result[name] = np.stack(parts, axis=1) if parts else column[:, :0]
    return result


def _between(part: Part, after: float, until: float) -> Part:
    """Return the points with after < time ≤ until."""
    inside = [position for position, time in enumerate(part.times) if after < time <= until]
    if not inside:
        return _NOTHING
    points = slice(inside[0], inside[-1] + 1)
    return Part(
        part.times[points],
        part.jobs,
        part.nodes,
        {name: column[:, points] for name, column in part.job_columns.items()},
        {name: column[:, points] for name, column in part.node_columns.items()},
    )


def _table(keys: list[Any], parts: list[tuple[dict[Any, int], Columns, list[int]]]) -> Table:
    """Return one table of the rows `keys` over all points of the parts."""
    length = sum(len(times) for _, _, times in parts)
    table = Table(max(1, length), {key: row for row, key in enumerate(keys)})
    at = 0
    for rows, columns, times in parts:
        if not times:
            continue
        source = np.fromiter((rows.get(key, -1) for key in keys), np.int64, len(keys))
        there = source >= 0
        for name, column in columns.items():
            into = table.columns.setdefault(name, np.full((len(keys), max(1, length)), np.nan))
            into[there, at : at + len(times)] = column[source[there]]
        at += len(times)
    return table
