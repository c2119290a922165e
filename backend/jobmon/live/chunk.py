"""Hold a span of time as columns, and turn it into the chunk format and back (schema/chunk.schema.json)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobmon.live.rows import Point

FORMAT = 1


@dataclass
class Table:
    """Hold rows that are named by keys and columns of points; unknown is NaN."""

    capacity: int
    """The number of points that columns have room for; it grows when needed."""
    rows: dict[Any, int] = field(default_factory=dict)
    columns: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, keys: list[Any], values: dict[str, NDArray[np.float64]], point: int) -> NDArray[np.int64]:
        """Put one value per key into each column at `point`; return the row of each key."""
        rows = self.rows
        index = np.fromiter((rows.setdefault(key, len(rows)) for key in keys), np.int64, len(keys))
        while point >= self.capacity:
            self.capacity *= 2
        for name, column in values.items():
            held = self.columns.get(name)
            if held is None or held.shape[0] < len(rows) or held.shape[1] < self.capacity:
                grown = np.full((max(64, len(rows) * 5 // 4), self.capacity), np.nan)
                if held is not None:
                    grown[: held.shape[0], : held.shape[1]] = held
                held = self.columns[name] = grown
            held[index, point] = column
        return index

    def forget(self, point: int) -> None:
        """Make everything from `point` on unknown."""
        for column in self.columns.values():
            column[:, point:] = np.nan

    def part(self, name: str, points: slice) -> NDArray[np.float64]:
        """Return a column's values, row by row."""
        return self.columns[name][: len(self.rows), points]


@dataclass
class Chunk:
    """Hold the points of one span of a tier."""

    tier: str
    start: int
    span: int
    times: list[int] = field(default_factory=list)
    jobs: Table = field(default_factory=lambda: Table(24))
    nodes: Table = field(default_factory=lambda: Table(24))
    shape: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """(job, host) → cores and GPUs of the job there."""

    @property
    def end(self) -> int:
        """Return the first second after the span."""
        return self.start + self.span

    def add(self, point: Point) -> None:
        """Add a point; one at the same time or before the last replaces what was there from then on."""
        while self.times and self.times[-1] >= point.time:
            self.times.pop()
        position = len(self.times)
        self.jobs.forget(position)
        self.nodes.forget(position)
        self.times.append(point.time)
        self.jobs.add(point.job_keys, point.job_columns, position)
        self.nodes.add(point.hosts, point.node_columns, position)
        self.shape.update(zip(point.job_keys, zip(point.cores.tolist(), point.gpus.tolist(), strict=True), strict=True))

    def mean(self, first: float, last: float) -> Point | None:
        """Return the means of the points with first ≤ time < last as one point at `first`; None without any."""
        inside = [position for position, time in enumerate(self.times) if first <= time < last]
        if not inside:
            return None
        points = slice(inside[0], inside[-1] + 1)
        job_columns = {name: _mean(self.jobs.part(name, points)) for name in self.jobs.columns}
        present = ~np.isnan(job_columns["known"]) if "known" in job_columns else np.zeros(0, bool)
        keys = [key for key, there in zip(self.jobs.rows, present, strict=False) if there]
        shape = np.array([self.shape[key] for key in keys], np.int64).reshape(-1, 2)
        return Point(
            time=int(first),
            job_keys=keys,
            cores=shape[:, 0],
            gpus=shape[:, 1],
            job_columns={name: column[present] for name, column in job_columns.items()},
            hosts=list(self.nodes.rows),
            node_columns={name: _mean(self.nodes.part(name, points)) for name in self.nodes.columns},
        )

    def encode(self) -> dict[str, Any]:
        """Return the chunk as its file holds it."""
        jobs: dict[str, int] = {}
        hosts = {host: index for index, host in enumerate(self.nodes.rows)}
        job_of = [jobs.setdefault(job, len(jobs)) for job, _ in self.jobs.rows]
        host_of = [hosts.setdefault(host, len(hosts)) for _, host in self.jobs.rows]
        shapes = [self.shape[key] for key in self.jobs.rows]
        points = slice(0, len(self.times))
        return {
            "format": FORMAT,
            "tier": self.tier,
            "start": self.start,
            "span": self.span,
            "times": self.times,
            "hosts": list(hosts),
            "jobs": list(jobs),
            "jobRows": {
                "job": job_of,
                "host": host_of,
                "cores": [cores for cores, _ in shapes],
                "gpus": [gpus for _, gpus in shapes],
                "columns": encode_columns(self.jobs, points),
            },
            "nodeRows": {
                "host": list(range(len(self.nodes.rows))),
                "columns": encode_columns(self.nodes, points),
            },
        }


def decode(document: Any) -> Chunk:
    """Return the chunk that a file holds; ValueError when it is not one."""
    try:
        if document["format"] != FORMAT:
            raise ValueError(f"has format {document['format']}, this program knows {FORMAT}")
        chunk = Chunk(document["tier"], document["start"], document["span"], list(document["times"]))
        hosts, jobs, job_rows = document["hosts"], document["jobs"], document["jobRows"]
        keys = [(jobs[job], hosts[host]) for job, host in zip(job_rows["job"], job_rows["host"], strict=True)]
        chunk.shape = dict(zip(keys, zip(job_rows["cores"], job_rows["gpus"], strict=True), strict=True))
        _decode_columns(chunk.jobs, keys, job_rows["columns"], len(chunk.times))
        node_keys = [hosts[host] for host in document["nodeRows"]["host"]]
        _decode_columns(chunk.nodes, node_keys, document["nodeRows"]["columns"], len(chunk.times))
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"is not a chunk: {type(error).__name__}: {error}") from error
    return chunk


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0).sum(axis=1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def encode_columns(table: Table, points: slice) -> dict[str, Any]:
    """Return a table's columns as files hold them; columns and rows that are unknown throughout are left out."""
    encoded = {}
    for name in table.columns:
        values = np.rint(table.part(name, points))
        known = ~np.isnan(values)
        has_some = known.any(axis=1)
        if not has_some.any():
            continue
        rows = None if has_some.all() else np.flatnonzero(has_some)
        if rows is not None:
            values, known = values[rows], known[rows]
        flat = _differences(values, known).astype(np.int64).ravel()
        numbers: Any = np.ascontiguousarray(flat)
        if not known.all():
            numbers = flat.tolist()
            for position in np.flatnonzero(~known.ravel()).tolist():
                numbers[position] = None
        encoded[name] = {"rows": rows, "values": numbers}
    return encoded


def _differences(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return each known value minus the last known one of its row, the first minus zero; 0 where unknown."""
    filled = _last_known(np.where(known, values, 0), known)
    before = np.concatenate([np.zeros((len(filled), 1)), filled[:, :-1]], axis=1)
    return np.where(known, values - before, 0)


def _last_known(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Carry each row's last known value forward; 0 before the first."""
    position = np.where(known, np.arange(values.shape[1]), -1)
    position = np.maximum.accumulate(position, axis=1)
    carried = np.take_along_axis(values, np.maximum(position, 0), axis=1)
    return np.where(position >= 0, carried, 0)


def _decode_columns(table: Table, keys: list[Any], columns: dict[str, Any], points: int) -> None:
    table.rows = {key: row for row, key in enumerate(keys)}
    if len(table.rows) != len(keys):
        raise ValueError("names a row twice")
    for name, column in columns.items():
        rows = range(len(keys)) if column["rows"] is None else column["rows"]
        values = np.array(column["values"], dtype=np.float64).reshape(len(rows), points)
        known = ~np.isnan(values)
        decoded = np.where(known, np.cumsum(np.where(known, values, 0), axis=1), np.nan)
        held = np.full((max(64, len(keys)), max(table.capacity, points)), np.nan)
        held[list(rows), :points] = decoded
        table.columns[name] = held
        table.capacity = held.shape[1]
