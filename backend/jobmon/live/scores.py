"""Score how well jobs use what they asked for: the daemon's twin of the page's `lib/scores.ts`.

The rules are data (rules.json); tests/cases/scores holds the meaning of every number, and both twins to it. Unknown is
NaN and goes through every operator, except that `and` with a false operand is false and `or` with a true one is true; a
score that is unknown or not finite is no score.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from jobmon import reading
from jobmon.errors import SettingsError

log = logging.getLogger("jobmon.live")

Array = npt.NDArray[np.float64]
Formula = float | str | list[Any]

RULES_FILE = Path(__file__).with_name("rules.json")
VARIABLES: Mapping[str, frozenset[str]] = {
    "job": frozenset(
        "cores known user system wait busy gpus gpuUtil memReq memMax hostCpus full".split()  # noqa: SIM905 - reads better
    ),
    "node": frozenset({"swapUsed", "swapTotal"}),
}
FIT_VARIABLES = frozenset({"cores", "gpus", "nodes", "memReq", "cpuPeak", "memMax", "gpuBusy"})
HOUR_S = 3600.0
MOST_SITE = 1 << 20


@dataclass(frozen=True, slots=True)
class Rule:
    """Be one entry of rules.json; `waste_unit` is "" when it wastes nothing."""

    id: str
    of: str
    when: Formula
    score: Formula
    waste_unit: str
    waste: Formula
    observed: Formula
    observed_unit: str
    threshold: str
    title: str
    sentence: str
    advice: str


@dataclass(frozen=True, slots=True)
class JobRows:
    """Hold one row per job and host that it holds; numbers have shape (rows,), series (rows, times), unknown is NaN.

    `mem_req` and `mem_max` are in MiB, `start` in epoch seconds. Series: known user system wait mem gpuUtil; one
    that is left out is unknown.
    """

    job: Sequence[str]
    user: Sequence[str]
    host: Sequence[str]
    cores: Array
    gpus: Array
    host_cpus: Array
    mem_req: Array
    mem_max: Array
    start: Array
    series: Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class NodeRows:
    """Hold one row per node; `swap_total` in MiB has shape (rows,), the series "swap" (MiB used) (rows, times)."""

    host: Sequence[str]
    swap_total: Array
    series: Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Scores:
    """Hold what was found: only rules that hold are in `jobs` and `nodes`; every user with a row is in `badness`."""

    jobs: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    """Job → host → rule → score."""
    nodes: dict[str, dict[str, int]] = field(default_factory=dict)
    """Host → rule → score."""
    warned_jobs: frozenset[str] = frozenset()
    badness: dict[str, int] = field(default_factory=dict)
    waste: dict[str, dict[str, float]] = field(default_factory=dict)
    """Job → unit (core-h, GPU-h, GiB-h) → amount within the window."""


def load_rules(file: Path = RULES_FILE) -> tuple[list[Rule], dict[str, float]]:
    """Return the rules and the default settings; a formula that names something unknown is a SettingsError."""
    table = orjson.loads(file.read_bytes())
    settings: dict[str, float] = table["settings"]
    rules = []
    for entry in table["rules"]:
        waste = entry["waste"] or {"unit": "", "formula": 0}
        words = (entry[key] for key in ("observed", "observedUnit", "threshold", "title", "sentence", "advice"))
        rule = Rule(entry["id"], entry["of"], entry["when"], entry["score"], waste["unit"], waste["formula"], *words)
        known = VARIABLES[rule.of] | settings.keys()
        for formula in (rule.when, rule.score, rule.waste, rule.observed):
            _check(formula, known, f"{file.name}: rule {rule.id}")
        rules.append(rule)
    return rules, settings


def load_fit(file: Path = RULES_FILE) -> dict[str, tuple[str, Formula]]:
    """Return what part of a request (cores, memory, gpus) follows from which rule and formula."""
    table = orjson.loads(file.read_bytes())["fit"]
    found = {part: (entry["rule"], entry["formula"]) for part, entry in table.items() if part != "about"}
    for part, (_, formula) in found.items():
        _check(formula, FIT_VARIABLES, f"{file.name}: fit of {part}")
    return found


def site_settings(settings: Mapping[str, float], site: str) -> dict[str, float]:
    """Return the thresholds with those that a site.json gives in their place, as the page does.

    A file that is missing or broken changes nothing; the log says so.
    """
    if not site:
        return dict(settings)
    try:
        given = orjson.loads(reading.whole(site, MOST_SITE, follow=True))
    except (OSError, ValueError) as error:
        log.warning("%s: cannot be read, jobs are judged by the standard thresholds: %s", site, error)
        return dict(settings)
    given = given if isinstance(given, dict) else {}
    own = {key: value for key, value in given.items() if isinstance(value, int | float) and not isinstance(value, bool)}
    return {key: float(own.get(key, value)) for key, value in settings.items()}


def evaluate(formula: Formula, values: Mapping[str, Array]) -> Array:
    """Return the value of a formula for all rows and snapshots at once; `values` gives each name an array."""
    if isinstance(formula, str):
        return values[formula]
    if isinstance(formula, int | float):
        return np.asarray(formula, dtype=np.float64)
    operator = _OPERATORS[formula[0]]
    with np.errstate(all="ignore"):  # dividing by zero gives a value that is not finite, which is no score
        return operator([evaluate(operand, values) for operand in formula[1:]])


def score(
    rules: Iterable[Rule],
    settings: Mapping[str, float],
    now: float,
    times: Sequence[int],
    jobs: JobRows,
    nodes: NodeRows,
) -> Scores:
    """Judge the snapshots of the window before `now`; `times` are ascending, `jobs` are the jobs to judge."""
    when = np.asarray(times, dtype=np.float64)
    inside = (now - when >= 0) & (now - when < settings["warningWindow"])
    window = when[inside]
    steps = _steps(window)
    constants = {name: np.asarray(value, dtype=np.float64) for name, value in settings.items()}
    job_values = constants | _job_values(jobs, inside, _memory_seen(jobs, when <= now))
    node_values = constants | {
        "swapTotal": nodes.swap_total[:, None],
        "swapUsed": _column(nodes.series, "swap", len(nodes.host), inside),
    }
    grace_s = 60 * settings["graceTime"]
    start = np.where(jobs.start > 0, jobs.start, np.nan)
    counts = window - start[:, None] > grace_s

    found = Scores()
    for rule in rules:
        if rule.of == "node":
            always = np.ones((len(nodes.host), len(window)), dtype=bool)
            _, held = _judge(rule, node_values, always, settings["warningFraction"])
            for row, value in held.items():
                found.nodes.setdefault(nodes.host[row], {})[rule.id] = value
            continue
        fires, held = _judge(rule, job_values, counts, settings["warningFraction"])
        for row, value in held.items():
            found.jobs.setdefault(jobs.job[row], {}).setdefault(jobs.host[row], {})[rule.id] = value
        if rule.waste_unit and held:
            amount = np.broadcast_to(evaluate(rule.waste, job_values), fires.shape)
            lost = np.where(fires & np.isfinite(amount), amount * steps / HOUR_S, 0).sum(axis=1)
            for row in held:
                units = found.waste.setdefault(jobs.job[row], {})
                units[rule.waste_unit] = units.get(rule.waste_unit, 0.0) + float(lost[row])
    return _with_people(found, jobs, now - start > grace_s)


def _judge(
    rule: Rule, values: Mapping[str, Array], counts: npt.NDArray[np.bool_], fraction: float
) -> tuple[npt.NDArray[np.bool_], dict[int, int]]:
    """Return at which snapshots a rule fires per row, and the score of each row for which it holds."""
    snapshots = counts.shape[1]
    amount = np.broadcast_to(evaluate(rule.score, values), counts.shape)
    fires = counts & _is_true(evaluate(rule.when, values)) & np.isfinite(amount) & (amount > 0)
    if not snapshots:
        return fires, {}
    mean = np.floor(np.where(fires, amount, 0).sum(axis=1) / snapshots)
    holds = (fires.sum(axis=1) > math.floor(fraction * snapshots)) & (mean > 0)
    return fires, {row: int(mean[row]) for row in np.flatnonzero(holds).tolist()}


def _job_values(jobs: JobRows, inside: npt.NDArray[np.bool_], memory: Array) -> dict[str, Array]:
    columns = {
        name: _column(jobs.series, name, len(jobs.job), inside)
        for name in ("known", "user", "system", "wait", "gpuUtil")
    }
    return columns | {
        "busy": columns["user"] + columns["system"],
        "cores": jobs.cores[:, None],
        "gpus": jobs.gpus[:, None],
        "hostCpus": jobs.host_cpus[:, None],
        "memReq": jobs.mem_req[:, None],
        "memMax": memory[:, None],
        "full": _compare(np.greater_equal, [jobs.cores[:, None], jobs.host_cpus[:, None]]),
    }


def _column(series: Mapping[str, Array], name: str, rows: int, inside: npt.NDArray[np.bool_]) -> Array:
    column = series.get(name)
    return column[:, inside] if column is not None else np.full((rows, int(inside.sum())), np.nan)


def _memory_seen(jobs: JobRows, past: npt.NDArray[np.bool_]) -> Array:
    """Return per row the most MiB that its job is known to have used on one node; NaN when nothing is known."""
    most = np.where(jobs.mem_max > 0, jobs.mem_max, -np.inf)
    if "mem" in jobs.series:
        seen = jobs.series["mem"][:, past]
        most = np.maximum(most, np.where(seen > 0, seen, -np.inf).max(axis=1, initial=-np.inf))
    of_job: dict[str, float] = defaultdict(lambda: -math.inf)
    for job, value in zip(jobs.job, most.tolist(), strict=True):
        of_job[job] = max(of_job[job], value)
    result = np.array([of_job[job] for job in jobs.job], dtype=np.float64)
    return np.where(np.isfinite(result), result, np.nan)


def _steps(window: Array) -> Array:
    """Return for how many seconds each snapshot stands."""
    if len(window) < 2:
        return np.zeros(len(window))
    steps = np.diff(window)
    return np.concatenate(([np.median(steps)], steps))


def _with_people(found: Scores, jobs: JobRows, past_grace: npt.NDArray[np.bool_]) -> Scores:
    """Add which jobs are warned, and how bad each user is."""
    warned = set(found.jobs)
    badness = dict.fromkeys(jobs.user, 0)
    for job, user in dict(zip(jobs.job, jobs.user, strict=True)).items():
        badness[user] += sum(value for host in found.jobs.get(job, {}).values() for value in host.values())
    users_on: dict[str, set[str]] = defaultdict(set)
    for row in np.flatnonzero(past_grace).tolist():
        host = jobs.host[row]
        if host in found.nodes:
            warned.add(jobs.job[row])
            users_on[host].add(jobs.user[row])
    for host, users in users_on.items():
        for user in users:
            badness[user] += sum(found.nodes[host].values())
    return Scores(found.jobs, found.nodes, frozenset(warned), badness, found.waste)


def _is_true(value: Array) -> npt.NDArray[np.bool_]:
    true: npt.NDArray[np.bool_] = ~np.isnan(value) & (value != 0)
    return true


def _compare(operator: np.ufunc, operands: Sequence[Array]) -> Array:
    left, right = operands
    return np.where(np.isnan(left) | np.isnan(right), np.nan, operator(left, right))


def _and(operands: Sequence[Array]) -> Array:
    false = reduce(np.logical_or, [operand == 0 for operand in operands])
    unknown = reduce(np.logical_or, [np.isnan(operand) for operand in operands])
    return np.where(false, 0.0, np.where(unknown, np.nan, 1.0))


def _not(operands: Sequence[Array]) -> Array:
    (value,) = operands
    return np.where(np.isnan(value), np.nan, value == 0)


def _or(operands: Sequence[Array]) -> Array:
    return _not([_and([_not([operand]) for operand in operands])])


def _if(operands: Sequence[Array]) -> Array:
    condition, then, otherwise = operands
    return np.where(np.isnan(condition), np.nan, np.where(condition != 0, then, otherwise))


_OPERATORS: Mapping[str, Callable[[Sequence[Array]], Array]] = {
    "+": lambda operands: reduce(np.add, operands),
    "*": lambda operands: reduce(np.multiply, operands),
    "-": lambda operands: np.subtract(*operands),
    "/": lambda operands: np.divide(*operands),
    "min": lambda operands: reduce(np.minimum, operands),
    "max": lambda operands: reduce(np.maximum, operands),
    "ceil": lambda operands: np.ceil(operands[0]),
    "<": lambda operands: _compare(np.less, operands),
    ">": lambda operands: _compare(np.greater, operands),
    ">=": lambda operands: _compare(np.greater_equal, operands),
    "and": _and,
    "or": _or,
    "not": _not,
    "if": _if,
}
_OPERANDS = {"-": 2, "/": 2, "<": 2, ">": 2, ">=": 2, "not": 1, "ceil": 1, "if": 3}


def _check(formula: Formula, known: Iterable[str], where: str) -> None:
    if isinstance(formula, str):
        if formula not in known:
            raise SettingsError(f"{where}: there is no variable or setting {formula!r}")
    elif isinstance(formula, list):
        if not formula or formula[0] not in _OPERATORS:
            raise SettingsError(f"{where}: there is no operator {formula[0] if formula else ''!r}")
        wanted = _OPERANDS.get(formula[0])
        if len(formula) < 2 or wanted not in {None, len(formula) - 1}:
            raise SettingsError(
                f"{where}: {formula[0]} takes {wanted or 'at least 1'} operands, not {len(formula) - 1}"
            )
        for operand in formula[1:]:
            _check(operand, known, where)
