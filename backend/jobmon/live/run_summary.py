"""Tell of one job what it has used and wasted, and what request would have fitted (schema/runs)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jobmon.backends.backfill import Request
from jobmon.live.runs import Fired, Totals
from jobmon.live.scores import Formula, Rule, evaluate
from jobmon.live.summary import JOB_COLUMNS, Row
from jobmon.live.window import line

_JOB = {name: index for index, name in enumerate(JOB_COLUMNS)}
MOST_HOSTS = 64
Fit = Mapping[str, tuple[str, Formula]]


def summarise(
    row: Row, hosts: Sequence[str], totals: Totals, fit: Fit, settings: Mapping[str, float], now: int
) -> dict[str, Any]:
    """Return the summary of one job.

    `row` is its row of the summary's table with `hosts` its hosts by name, `totals` what was observed of it; `now` is
    the epoch seconds until which a running job has run.
    """
    sums = totals.sums
    job = {name: row[index] for name, index in _JOB.items()}
    running = job["state"] == "RUNNING"
    start, submit = job["start"], job["submit"]
    end = None if running else job["end"] or now
    lasted = (end or now) - start if start else None
    known = sums.get("known", 0.0)
    memory = max(sums.get("memMax", 0.0), float(job["memMax"] or 0)) or None
    warnings = [_warning(fired, job, memory, settings) for fired in totals.fired]
    busy_gpus = _share(sums.get("gpuBusy"), sums.get("gpuSeen"), job["gpus"])
    values = {
        "cores": job["cpus"], "gpus": job["gpus"], "nodes": max(1, len(hosts)), "memReq": job["memReq"],
        "cpuPeak": sums.get("cpuPeak") or None, "memMax": memory, "gpuBusy": busy_gpus,
    }  # fmt: skip
    fitting = _fit(fit, values, {warning["rule"] for warning in warnings if warning["held"]})
    return {
        "id": job["id"],
        "name": job["name"],
        "user": job["user"],
        "account": job["account"],
        "partition": job["partition"],
        "state": job["state"],
        "exitCode": job["exitCode"],
        "nNodes": job["nNodes"] or len(hosts) or None,
        "cpus": job["cpus"],
        "gpus": job["gpus"],
        "memReq": job["memReq"],
        "timeLimit": job["timeLimit"],
        "submit": submit,
        "start": start,
        "end": end,
        "hosts": list(hosts[:MOST_HOSTS]),
        "seen": round(sums.get("seen", 0)),
        "wait": start - submit if start and submit and start >= submit else None,
        "cpu": _share(sums.get("busy"), known, 100),
        "cpuPeak": _rounded(values["cpuPeak"], 2),
        "system": _share(sums.get("system"), known, 100),
        "ioWait": _share(sums.get("wait"), known, 100),
        "memMax": _rounded(memory, 0),
        "gpu": _share(sums.get("gpuBusy"), sums.get("gpuSeen"), 100),
        "gpuMem": _rounded(sums.get("gpuMem") or None, 0),
        "walltimeUsed": _share(lasted, 60 * (job["timeLimit"] or 0), 100),
        "used": {
            "core-h": round((lasted or 0) * job["cpus"] / 3600, 3),
            "GPU-h": round((lasted or 0) * job["gpus"] / 3600, 3),
        },
        "waste": _waste(warnings),
        "warnings": warnings,
        **fitting,
    }


def _warning(
    fired: Fired, job: Mapping[str, Any], memory: float | None, settings: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "rule": fired.rule.id,
        "held": bool(fired.held),
        "since": int(fired.since),
        "until": int(fired.until),
        "fired": round(fired.fired_s),
        "seen": round(fired.judged_s),
        "observed": round(fired.observed, 2),
        "cost": round(fired.cost, 4),
        "unit": fired.rule.waste_unit,
        "text": _sentence(fired.rule, fired.observed, job, memory, settings),
    }


def _sentence(
    rule: Rule, observed: float, job: Mapping[str, Any], memory: float | None, settings: Mapping[str, float]
) -> str:
    words = {
        "observed": memory_words(memory or observed) if rule.observed_unit == "MiB" else _number(observed),
        "threshold": f"{settings[rule.threshold]:g}",
        "cores": f"{job['cpus']:,}",
        "gpus": f"{job['gpus']:,}",
        "memReq": memory_words(job["memReq"]),
    }
    text = rule.sentence
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", value)
    return text


def _fit(fit: Fit, values: Mapping[str, Any], held: set[str]) -> dict[str, Any]:
    """Return the fields `fit`, `fitText` and `fitLine`: what would have fitted, where a rule held and it is less."""
    if not held:
        return {"fit": None, "fitText": "", "fitLine": ""}
    arrays = {name: np.array(np.nan if value is None else value, dtype=np.float64) for name, value in values.items()}
    asked = {"cores": values["cores"], "memory": values["memReq"], "gpus": values["gpus"]}
    less: dict[str, int] = {}
    for part, (rule, formula) in fit.items():
        value = float(evaluate(formula, arrays)) if rule in held else math.nan
        if math.isfinite(value) and asked[part] and value < asked[part]:
            less[part] = int(value)
    if not less:
        return {"fit": None, "fitText": "", "fitLine": ""}
    per_node = math.ceil(values["cores"] / values["nodes"])
    cores = less.get("cores", values["cores"])
    nodes = min(values["nodes"], math.ceil(cores / per_node)) or 1
    gpus = less.get("gpus", values["gpus"])
    memory = less.get("memory", values["memReq"])
    request = Request(
        nodes=nodes,
        cores_per_node=math.ceil(cores / nodes),
        memory_per_node_mb=float(memory or 0),
        gpus_per_node=math.ceil(gpus / nodes),
        walltime_s=None,
    )
    here = [_counted(less["cores"], "core")] if "cores" in less else []
    before = [_counted(values["cores"], "core")] if "cores" in less else []
    if "memory" in less:
        each = " per node" if values["nodes"] > 1 else ""
        here.append(f"{memory_words(less['memory'])}{each}")
        before.append(memory_words(values["memReq"]))
    if "gpus" in less:
        here.append(_counted(less["gpus"], "GPU") if less["gpus"] else "no GPU")
        before.append(_counted(values["gpus"], "GPU"))
    return {
        "fit": {"cores": cores, "nodes": nodes, "gpus": gpus, "memory": memory},
        "fitText": f"Ask for {_listed(here)} instead of {_listed(before)}.",
        "fitLine": line(request),
    }


def _waste(warnings: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the loss by unit over the warnings that held."""
    total: dict[str, float] = {}
    for warning in warnings:
        if warning["held"] and warning["unit"]:
            total[warning["unit"]] = round(total.get(warning["unit"], 0) + warning["cost"], 4)
    return total


def memory_words(mebibytes: float | None) -> str:
    """Write memory as people read it: "3.2 GiB"."""
    if mebibytes is None:
        return "an unknown amount"
    size, units = float(mebibytes), ["MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{_number(size)} {units[0]}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 or value == int(value) else f"{value:.1f}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _share(part: float | None, whole: float | None, times: float) -> float | None:
    return None if part is None or not whole else round(times * part / whole, 2)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits) if digits else round(value)
