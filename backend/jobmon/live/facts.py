"""Keep what the rows of the month's and the year's chunks are about: whose jobs, how large, on which nodes.

live/facts/TIER/open and …/START stand beside the chunks of live/series of the same names; they are written whenever
these are, and expire with them (schema/facts).
"""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

from jobmon.errors import SpoolError
from jobmon.live import series
from jobmon.live.rows import Point
from jobmon.live.series import OPEN
from jobmon.live.summary import JOB_COLUMNS as JOB_ROW
from jobmon.live.summary import NODE_COLUMNS as NODE_ROW
from jobmon.live.summary import Row, Strings, Tables, columns_of
from jobmon.spool import reader

log = logging.getLogger("jobmon.live")

FORMAT = 1
FOLDER = "live/facts"
MONTH, YEAR = series.TIERS[1:]
LENGTHS = {tier.name: tier.span for tier in (MONTH, YEAR)}
JOB_TEXTS = ("name", "user", "partition", "account", "arrayTasks")
JOB_COLUMNS = ("id", *JOB_TEXTS, "cpus", "gpus", "nNodes", "timeLimit", "start", "end", "submit", "memReq", "memMax",
               "jobfsReq")  # fmt: skip
NODE_TEXTS = ("partitions",)
NODE_COLUMNS = ("name", "counted", "cpus", "gpus", "memTotal", "swapTotal", *NODE_TEXTS)
_STATE = JOB_ROW.index("state")
_START, _END = JOB_COLUMNS.index("start"), JOB_COLUMNS.index("end")
_MEMORY, _SWAP = NODE_COLUMNS.index("memTotal"), NODE_COLUMNS.index("swapTotal")
_job_facts = itemgetter(*(JOB_ROW.index(name) for name in JOB_COLUMNS))
_node_facts = itemgetter(*(NODE_ROW.index(name) for name in NODE_COLUMNS))

Documents = list[tuple[str, dict[str, Any]]]


@dataclass(slots=True)
class Span:
    """Hold the facts of one chunk, by id of job and name of node."""

    tier: str
    start: int
    until: int = 0
    """Epoch seconds of the newest snapshot that is in it."""
    jobs: dict[str, Row] = field(default_factory=dict)
    nodes: dict[str, Row] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """Return the first second after the span."""
        return self.start + LENGTHS[self.tier]

    def add(self, running: AbstractSet[str], tables: Tables) -> None:
        """Add the running jobs of a snapshot that are not there yet."""
        self.until = tables.timestamp
        for job_id in running - self.jobs.keys():
            self.jobs[job_id] = _job(tables.jobs[job_id])

    def renew(self, tables: Tables) -> None:
        """Bring up to date what `tables` still tells of; a job that waits again stays as it ran."""
        for job_id in self.jobs.keys() & tables.jobs.keys():
            if tables.jobs[job_id][_STATE] != "PENDING":
                self.jobs[job_id] = _job(tables.jobs[job_id])
        for row in tables.nodes:
            facts = _node_facts(row)
            self.nodes[facts[0]] = _with_sizes(facts, self.nodes.get(facts[0]))

    def merge(self, other: "Span") -> None:
        """Add what another span knows; of two that know the same job or node the later one is right."""
        older, newer = sorted((self, other), key=lambda span: span.until)
        self.jobs = older.jobs | newer.jobs
        self.nodes = older.nodes | {name: _with_sizes(row, older.nodes.get(name)) for name, row in newer.nodes.items()}
        self.until = newer.until

    def document(self) -> dict[str, Any]:
        """Return the span as its file holds it."""
        strings = Strings()
        return {
            "format": FORMAT,
            "tier": self.tier,
            "start": self.start,
            "span": LENGTHS[self.tier],
            "timestamp": self.until,
            "nodes": columns_of(NODE_COLUMNS, NODE_TEXTS, self.nodes.values(), strings),
            "jobs": columns_of(JOB_COLUMNS, JOB_TEXTS, self.jobs.values(), strings),
            "strings": list(strings.numbers),
        }


class Facts:
    """Take each snapshot after the series did, and say which files to write."""

    def __init__(self, pages: Path, restore: bool = True) -> None:
        self._folder = pages / FOLDER
        self._spans: dict[tuple[str, int], Span] = {}
        if restore:
            self._restore()

    def add(self, tables: Tables, point: Point, chunks: Documents) -> Documents:
        """Add a snapshot; return the files that belong to `chunks`, what the series writes of it."""
        running = {job for job, _ in point.job_keys}
        for tier, length in LENGTHS.items():
            start = tables.timestamp // length * length
            self._keep(tier, 0, start)  # later ones are there when the clock stepped back
            if (tier, start) not in self._spans:
                self._finish(tier, running, tables)
                self._spans[tier, start] = Span(tier, start)
            self._spans[tier, start].add(running, tables)
        return self._documents(chunks, tables)

    def left(self) -> list[Span]:
        """Return the spans that are not closed."""
        return list(self._spans.values())

    def adopt(self, left: Iterable[Span], chunks: Documents) -> Documents:
        """Take over spans of the past; return the files that belong to `chunks`, what the series writes of it."""
        for span in left:
            held = self._spans.setdefault((span.tier, span.start), span)
            if held is not span:
                held.merge(span)
        return self._documents(chunks, None)

    def _documents(self, chunks: Documents, tables: Tables | None) -> Documents:
        documents: Documents = []
        for name, chunk in chunks:
            tier, start = chunk["tier"], chunk["start"]
            span = self._spans.get((tier, start))
            if span is None:
                continue
            if tables is not None and tables.timestamp < span.end:
                span.renew(tables)
            last = name.rpartition("/")[2]
            documents.append((f"{FOLDER}/{tier}/{last}", span.document()))
            if last == OPEN:
                self._keep(tier, start)
        return documents

    def _finish(self, tier: str, running: AbstractSet[str], tables: Tables) -> None:
        """Bring the spans before the one that begins up to date for the last time; series close them a little later."""
        for span in self._spans.values():
            if span.tier == tier:
                jobs = ((job_id, tables.jobs[job_id]) for job_id in running)
                began = {job_id for job_id, row in jobs if (_job_facts(row)[_START] or span.end) < span.end}
                span.add(began, tables)  # after a restart some may be missing
                span.renew(tables)

    def _keep(self, tier: str, first: int, last: float = math.inf) -> None:
        """Forget the spans of a tier that begin before `first` or after `last`."""
        self._spans = {
            key: span for key, span in self._spans.items() if span.tier != tier or first <= span.start <= last
        }

    def _restore(self) -> None:
        for tier in LENGTHS:
            span = self._read(tier, OPEN)
            if span is not None:
                self._spans[tier, span.start] = span
        newest = max((span.start for span in self._spans.values() if span.tier == MONTH.name), default=None)
        if newest is not None:
            self._restore_day(newest)

    def _restore_day(self, newest: int) -> None:
        """Add to the year's span what only the month's know: the year's file is written once in an hour."""
        start = newest // YEAR.span * YEAR.span
        day = self._spans.setdefault((YEAR.name, start), Span(YEAR.name, start))
        written = day.until
        for begin in reader.times_on_disk(self._folder / MONTH.name, "{}.json.gz"):
            closed = self._read(MONTH.name, str(begin)) if begin >= start and begin + MONTH.span > written else None
            if closed is not None:
                day.merge(closed)
        day.merge(self._spans[MONTH.name, newest])

    def _read(self, tier: str, name: str) -> Span | None:
        path = self._folder / tier / f"{name}.json.gz"
        try:
            document = reader.read_json(path)
            return None if document is None else decode(document)
        except (SpoolError, ValueError) as error:
            log.warning("%s: %s; what jobs of before were is not known any more", path, error)
            return None


def decode(document: Any) -> Span:
    """Return the span that a file holds; ValueError when it is not one."""
    try:
        if document["format"] != FORMAT:
            raise ValueError(f"has format {document['format']}, this program knows {FORMAT}")
        strings = document["strings"]
        span = Span(document["tier"], document["start"], document["timestamp"])
        span.jobs = _rows(document["jobs"], JOB_COLUMNS, JOB_TEXTS, strings)
        span.nodes = _rows(document["nodes"], NODE_COLUMNS, NODE_TEXTS, strings)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"holds no facts: {type(error).__name__}: {error}") from error
    return span


def _rows(
    table: Mapping[str, Sequence[Any]], names: Sequence[str], texts: Sequence[str], strings: Sequence[str]
) -> dict[str, Row]:
    columns = [[strings[index] for index in table[name]] if name in texts else table[name] for name in names]
    return {row[0]: row for row in zip(*columns, strict=True)}


def _job(row: Row) -> Row:
    """Return the facts of a job; the end of one that runs is a guess and left out."""
    facts: Row = _job_facts(row)
    return facts if row[_STATE] != "RUNNING" or facts[_END] is None else (*facts[:_END], None, *facts[_END + 1 :])


def _with_sizes(row: Row, before: Row | None) -> Row:
    """Return a node's facts with the sizes that are unknown now, as while it is down, taken from before."""
    if before is None or None not in (row[_MEMORY], row[_SWAP]):
        return row
    sizes = {place: before[place] if row[place] is None else row[place] for place in (_MEMORY, _SWAP)}
    return tuple(sizes.get(place, value) for place, value in enumerate(row))
