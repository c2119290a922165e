"""Add up what each running job has used since its start, and judge it over the whole run.

One row per job and host, as in `rows.Point`; one step of arithmetic on columns per cycle. What happened while nobody
watched is not in the sums: `seen` says how much of the run was.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jobmon.live.rows import Point
from jobmon.live.scores import HOUR_S, Rule, evaluate

log = logging.getLogger("jobmon.live")

Array = npt.NDArray[np.float64]
Key = tuple[str, str]

PEAK_S = 300
"""The largest load counts as a mean over so many seconds."""
SUMS = ("seen", "known", "busy", "system", "wait", "gpuSeen", "gpuBusy", "windowSeen", "windowBusy")
"""Seconds that were observed; core-seconds known, busy, in system calls and waiting; GPU-seconds observed and busy."""
MOSTS = ("cpuPeak", "memMax", "gpuMem")
OF_RULE = ("fired", "judged", "observed", "score", "cost", "since", "until")
"""Seconds fired and judged, seconds times what was observed and scored, amount lost, first and last epoch seconds."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Be what the rules want to know of each row, shape (rows,), unknown is NaN: MiB, epoch seconds."""

    host_cpus: Array
    mem_req: Array
    start: Array


@dataclass(frozen=True, slots=True)
class Fired:
    """Tell how a rule fared over a run: epoch seconds, seconds on the host where it is most, mean, amount lost."""

    rule: Rule
    held: bool
    since: float
    until: float
    fired_s: float
    judged_s: float
    observed: float
    cost: float


@dataclass(frozen=True, slots=True)
class Totals:
    """Hold the sums of one job over its hosts, of `memMax`, `gpuMem` and `seen` the most, and the rules that fired."""

    sums: dict[str, float]
    fired: list[Fired]


NOTHING = Totals({}, [])
"""What is known of a job that nobody observed."""


class Runs:
    """Keep the sums of all running jobs; `interval` is the seconds between snapshots."""

    def __init__(self, rules: Iterable[Rule], settings: Mapping[str, float], interval: float) -> None:
        self.rules = [rule for rule in rules if rule.of == "job"]
        self._constants = {name: np.asarray(value, dtype=np.float64) for name, value in settings.items()}
        self._grace_s = 60 * settings["graceTime"]
        self._interval = interval
        self.time: int | None = None
        self._window = 0
        self.keys: list[Key] = []
        self.columns = self._empty(0)

    def add(self, point: Point, facts: Facts) -> None:
        """Add one snapshot; jobs that are not in it keep their sums until `drop`."""
        self._align(point.job_keys)
        rows = len(point.job_keys)
        elapsed = self._interval if self.time is None else float(point.time - self.time)
        # After a gap nobody knows what was in between: only the time of one snapshot is counted.
        step = self._interval if not 0 < elapsed <= 3 * self._interval else elapsed
        self.time = point.time
        self._close_window(point.time)
        own = {name: column[:rows] for name, column in self.columns.items()}  # views: later rows are jobs that left
        values = self._values(point, facts, own)
        known, busy = values["known"][:, 0], values["busy"][:, 0]
        there = (known > 0) & ~np.isnan(busy)
        cores = np.where(there, known, 0.0)
        own["seen"] += np.where(there, step, 0)
        own["known"] += cores * step
        own["busy"] += cores * np.where(there, busy, 0) / 100 * step
        own["system"] += cores * np.nan_to_num(values["system"][:, 0]) / 100 * step
        own["wait"] += cores * np.nan_to_num(values["wait"][:, 0]) / 100 * step
        own["windowSeen"] += np.where(there, step, 0)
        own["windowBusy"] += cores * np.where(there, busy, 0) / 100 * step
        gpu = values["gpuUtil"][:, 0]
        own["gpuSeen"] += np.where(np.isnan(gpu), 0, point.gpus * step)
        own["gpuBusy"] += np.nan_to_num(gpu) / 100 * point.gpus * step
        np.fmax(own["gpuMem"], point.job_columns["gpuMem"], out=own["gpuMem"])
        settled = point.time - facts.start > self._grace_s
        for rule in self.rules:
            self._judge(rule, values, own, settled, step, point.time)

    def drop(self, jobs: Iterable[str]) -> None:
        """Forget jobs that have ended."""
        gone = frozenset(jobs)
        if not gone:
            return
        kept = [row for row, (job, _) in enumerate(self.keys) if job not in gone]
        self.keys = [self.keys[row] for row in kept]
        self.columns = {name: column[kept] for name, column in self.columns.items()}

    def rows_of(self) -> dict[str, list[int]]:
        """Return the rows of each job."""
        found: dict[str, list[int]] = {}
        for row, (job, _) in enumerate(self.keys):
            found.setdefault(job, []).append(row)
        return found

    def totals(self, of: Mapping[str, Sequence[int]], fraction: float) -> dict[str, Totals]:
        """Return the sums of some jobs over their rows; `fraction` of the judged time makes a rule hold."""
        jobs = [job for job, rows in of.items() if rows]
        if not jobs:
            return {}
        rows = np.array([row for job in jobs for row in of[job]], np.int64)
        starts = np.cumsum([0, *(len(of[job]) for job in jobs[:-1])])

        def by_job(ufunc: np.ufunc, column: npt.NDArray[Any]) -> list[Any]:
            return list(ufunc.reduceat(column[rows], starts).tolist())

        sums = {name: by_job(np.add, self.columns[name]) for name in (*SUMS, "cpuPeak")}
        sums |= {name: by_job(np.maximum, self.columns[name]) for name in ("memMax", "gpuMem", "seen")}
        found = {job: Totals({name: column[k] for name, column in sums.items()}, []) for k, job in enumerate(jobs)}
        for rule in self.rules:
            own = {part: self.columns[f"{rule.id}.{part}"] for part in OF_RULE}
            fired = np.add.reduceat(own["fired"][rows], starts)
            if not fired.any():
                continue
            held = (own["judged"] > 0) & (own["fired"] > fraction * own["judged"]) & (own["score"] >= own["judged"])
            columns = [
                by_job(np.logical_or, held),
                by_job(np.minimum, np.where(own["since"] > 0, own["since"], np.inf)),
                *(by_job(np.maximum, own[part]) for part in ("until", "fired", "judged")),
                np.divide(np.add.reduceat(own["observed"][rows], starts), np.where(fired > 0, fired, 1)).tolist(),
                by_job(np.add, own["cost"]),
            ]
            for k in np.flatnonzero(fired).tolist():
                found[jobs[k]].fired.append(Fired(rule, *(column[k] for column in columns)))
        return found

    def document(self) -> dict[str, Any]:
        """Return everything, to go on with after a restart."""
        return {"time": self.time, "keys": self.keys, "columns": self.columns}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on with what `document` returned; one that does not fit raises ValueError, KeyError or TypeError."""
        keys: list[Key] = [(str(job), str(host)) for job, host in document["keys"]]
        columns = {name: _column(document["columns"].get(name), len(keys)) for name in self.columns}
        self.time, self.keys, self.columns = int(document["time"]), keys, columns

    def _values(self, point: Point, facts: Facts, own: Mapping[str, Array]) -> dict[str, Array]:
        series = {name: point.job_columns[name][:, None] for name in ("known", "user", "system", "wait", "gpuUtil")}
        np.fmax(own["memMax"], point.job_columns["mem"], out=own["memMax"])
        most: dict[str, float] = {}
        for (job, _), value in zip(point.job_keys, own["memMax"].tolist(), strict=True):
            most[job] = max(most.get(job, 0.0), value)
        mem_max = np.array([most[job] or np.nan for job, _ in point.job_keys], dtype=np.float64)
        cores = point.cores.astype(np.float64)
        full = np.where(np.isnan(facts.host_cpus), np.nan, cores >= facts.host_cpus)
        return self._constants | series | {
            "busy": series["user"] + series["system"],
            "cores": cores[:, None],
            "gpus": point.gpus.astype(np.float64)[:, None],
            "hostCpus": facts.host_cpus[:, None],
            "memReq": facts.mem_req[:, None],
            "memMax": mem_max[:, None],
            "full": full[:, None],
        }  # fmt: skip

    def _judge(
        self, rule: Rule, values: Mapping[str, Array], own: Mapping[str, Array], settled: npt.NDArray[np.bool_],
        step: float, now: int,
    ) -> None:  # fmt: skip
        rows = len(settled)

        def column(formula: Any) -> Array:
            return np.broadcast_to(evaluate(formula, values), (rows, 1))[:, 0]

        amount, when = column(rule.score), column(rule.when)
        fires = settled & ~np.isnan(when) & (when != 0) & np.isfinite(amount) & (amount > 0)
        own[f"{rule.id}.judged"] += np.where(settled & ~(np.isnan(when) | np.isnan(amount)), step, 0)
        own[f"{rule.id}.fired"] += np.where(fires, step, 0)
        own[f"{rule.id}.score"] += np.where(fires, amount, 0) * step
        own[f"{rule.id}.observed"] += np.where(fires, np.nan_to_num(column(rule.observed)), 0) * step
        if rule.waste_unit:
            lost = column(rule.waste)
            own[f"{rule.id}.cost"] += np.where(fires & np.isfinite(lost), lost, 0) * step / HOUR_S
        since, until = own[f"{rule.id}.since"], own[f"{rule.id}.until"]
        since[fires & (since == 0)] = now
        until[fires] = now

    def _close_window(self, now: int) -> None:
        """Take over the means of the five minutes that have ended."""
        if now // PEAK_S == self._window:
            return
        self._window = now // PEAK_S
        seen, busy = self.columns["windowSeen"], self.columns["windowBusy"]
        enough = seen >= PEAK_S / 2
        mean = np.divide(busy, seen, out=np.zeros_like(busy), where=enough)
        np.maximum(self.columns["cpuPeak"], mean, out=self.columns["cpuPeak"])
        seen[:], busy[:] = 0, 0

    def _align(self, keys: Sequence[Key]) -> None:
        """Bring the rows into the order of a point's; rows that are not in it come behind."""
        if self.keys[: len(keys)] == keys:
            return
        place = {key: row for row, key in enumerate(self.keys)}
        wanted = set(keys)
        left = [key for key in self.keys if key not in wanted]
        order = [*keys, *left]
        source = np.fromiter((place.get(key, -1) for key in order), np.int64, len(order))
        empty = self._empty(1)
        self.columns = {name: np.append(column, empty[name])[source] for name, column in self.columns.items()}
        self.keys = order

    def _empty(self, rows: int) -> dict[str, Array]:
        names = [*SUMS, *MOSTS, *(f"{rule.id}.{part}" for rule in self.rules for part in OF_RULE)]
        return {name: np.zeros(rows) for name in names}


def _column(values: Any, rows: int) -> Array:
    if values is None:
        return np.zeros(rows)
    column = np.array(values, dtype=np.float64)
    if column.shape != (rows,) or not np.isfinite(column).all():
        raise ValueError("holds columns that do not fit")
    return column
