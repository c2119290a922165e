"""Follow the running jobs: add up what they use, publish that in shards, and notice which have ended."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from jobmon.errors import SpoolError
from jobmon.live import scores
from jobmon.live.rows import Point
from jobmon.live.run_summary import summarise
from jobmon.live.runs import NOTHING, Facts, Runs, Totals
from jobmon.live.summary import JOB_COLUMNS, NODE_COLUMNS, Row, Tables
from jobmon.spool import reader, writer

log = logging.getLogger("jobmon.live")

FORMAT = 1
SHARDS = 32
SHARDS_PER_CYCLE = 4
KEEP_S = 300
"""So often the sums are kept on disk, for a restart."""
STATE = "state/runs.json.gz"
UNENDED = frozenset(
    {
        "PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT",
        "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD",
    }
)  # fmt: skip
GONE = "ENDED"
"""State of a job that the scheduler forgot before it told how it ended."""
_JOB = {name: index for index, name in enumerate(JOB_COLUMNS)}
_CPUS = NODE_COLUMNS.index("cpus")


class Endings:
    """Take each snapshot; `ended` holds the summaries of the jobs that ended with it."""

    def __init__(self, data_path: Path, site: str, interval: float) -> None:
        rules, settings = scores.load_rules()
        self.settings = scores.site_settings(settings, site)
        self._fit = scores.load_fit()
        self.runs = Runs(rules, self.settings, interval)
        self._path = data_path / STATE
        self._kept: int | None = None
        self._shard = 0
        self._before: Tables | None = None
        self._told: set[tuple[str, int]] = set()
        self.ended: list[dict[str, Any]] = []
        self._restore()

    def add(self, tables: Tables, point: Point) -> Iterator[tuple[str, dict[str, Any]]]:
        """Add a snapshot; yield (name, document) of the shards to write now."""
        self.runs.add(point, _facts(tables, point))
        self.ended = list(self._find_ended(tables))
        self.runs.drop(summary["id"] for summary in self.ended)
        first, rows = self._before is None, self.runs.rows_of()
        self._before = tables
        self._keep(tables.timestamp)
        count = SHARDS if first else SHARDS_PER_CYCLE
        shards = {(self._shard + k) % SHARDS for k in range(count)}
        self._shard = (self._shard + count) % SHARDS
        runs: dict[int, dict[str, Any]] = {shard: {} for shard in shards}
        chosen = {job: of for job, of in rows.items() if job in tables.jobs and shard_of(job) in shards}
        totals = self.runs.totals(chosen, self.settings["warningFraction"])
        for job_id in chosen:
            runs[shard_of(job_id)][job_id] = self._summary(tables.jobs[job_id], tables, totals[job_id])
        for shard, summaries in runs.items():
            yield f"live/runs/{shard}", {"format": FORMAT, "timestamp": tables.timestamp, "runs": summaries}

    def keep(self) -> None:
        """Keep the sums on disk now."""
        if self.runs.time is None:
            return
        body = orjson.dumps(self.runs.document(), option=orjson.OPT_SERIALIZE_NUMPY)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            writer.write(self._path, writer.compress(body))
        except (SpoolError, OSError) as error:
            log.error("%s; a restart would forget what the running jobs have used", error)

    def _keep(self, now: int) -> None:
        if self._kept is None or not 0 <= now - self._kept < KEEP_S:
            if self._kept is not None:
                self.keep()
            self._kept = now

    def _find_ended(self, tables: Tables) -> Iterator[dict[str, Any]]:
        rows = self.runs.rows_of()
        listed: set[tuple[str, int]] = set()
        for job_id, row in tables.jobs.items():
            if row[_JOB["state"]] in UNENDED:
                continue
            key = (job_id, row[_JOB["start"]] or 0)
            listed.add(key)
            if key not in self._told and row[_JOB["start"]]:
                yield self._summary(row, tables, self._totals(job_id, rows))
        self._told = listed
        if self._before is None:
            for job_id in rows.keys() - tables.jobs.keys():
                self.runs.drop([job_id])  # it ended while nobody watched, and is not known any more
            return
        for job_id in rows.keys() - tables.jobs.keys():
            gone = list(self._before.jobs.get(job_id, ()))
            if gone:
                gone[_JOB["state"]], gone[_JOB["end"]] = GONE, tables.timestamp
                yield self._summary(tuple(gone), self._before, self._totals(job_id, rows))
            else:
                self.runs.drop([job_id])

    def _totals(self, job_id: str, rows: Mapping[str, Sequence[int]]) -> Totals:
        of = {job_id: rows.get(job_id, ())}
        return self.runs.totals(of, self.settings["warningFraction"]).get(job_id, NOTHING)

    def _summary(self, row: Row, tables: Tables, totals: Totals) -> dict[str, Any]:
        hosts = [tables.nodes[index][0] for index in row[_JOB["hosts"]]]
        return summarise(row, hosts, totals, self._fit, self.settings, tables.timestamp)

    def _restore(self) -> None:
        try:
            document: Mapping[str, Any] | None = reader.read_json(self._path)
            if document is not None:
                self.runs.restore(document)
        except (SpoolError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s: %s; what running jobs have used is counted from now on", self._path, error)


def shard_of(job_id: str) -> int:
    """Return the number of the file that holds a job: the page works it out in the same way."""
    units = job_id.encode("utf-16-le", "surrogatepass")
    return sum(units[0::2], 256 * sum(units[1::2])) % SHARDS


def _facts(tables: Tables, point: Point) -> Facts:
    cpus = {row[0]: float(row[_CPUS]) for row in tables.nodes}
    request = {job: tables.jobs[job][_JOB["memReq"]] for job, _ in point.job_keys}
    start = {job: tables.jobs[job][_JOB["start"]] for job, _ in point.job_keys}
    return Facts(
        host_cpus=np.array([cpus.get(host) or np.nan for _, host in point.job_keys], dtype=np.float64),
        mem_req=np.array([request[job] or np.nan for job, _ in point.job_keys], dtype=np.float64),
        start=np.array([start[job] or np.nan for job, _ in point.job_keys], dtype=np.float64),
    )
