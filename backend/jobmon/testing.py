"""Hold a site's back end to its contract: `jobmon backend test NAME`, or `check_backend` in a site's own tests."""

import difflib
import inspect
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from jobmon import clock, config
from jobmon.backends.base import BackendBase
from jobmon.backends.collect import METHODS, Collector
from jobmon.model import Skipped, SourceHealth

STATES = frozenset(
    {
        "BOOT_FAIL", "CANCELLED", "COMPLETED", "COMPLETING", "CONFIGURING", "DEADLINE", "FAILED", "NODE_FAIL",
        "OUT_OF_MEMORY", "PENDING", "PREEMPTED", "REQUEUED", "REQUEUE_HOLD", "RESIZING", "REVOKED", "RUNNING",
        "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED", "SUSPENDED", "TIMEOUT",
    }
)  # fmt: skip
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """Say what is wrong with a back end, and how to mend it."""

    level: Literal["error", "warning"]
    method: str
    text: str


def check_backend(backend_class: type[BackendBase]) -> list[Finding]:
    """Return what is wrong with a back end: its class, one cycle of it, and what that cycle brought; [] is good."""
    findings = check_class(backend_class)
    collector = Collector(backend_class(True))
    try:
        collector.backend.init()
        snapshot = collector.collect(clock.now_s(), config.current().live)
        collector.backfill()
    except Exception as error:  # noqa: BLE001 - whatever a site's code raises is the finding
        method = METHODS[collector.progress.cells[0]]
        return [*findings, Finding("error", method, f"raised {type(error).__name__}: {error}")]
    sources = collector.one("sources", lambda: list(collector.backend.sources()), [])
    return [*findings, *check_skipped(collector.skipped), *check_sources(sources), *check_snapshot(snapshot)]


def describe_source(source: SourceHealth) -> str:
    """Return in a line how one source did."""
    if source.error or source.duration_s is None:
        return f"{source.name}: failed"
    nodes = "" if source.nodes is None else f"{source.nodes} nodes, "
    left_out = f", {source.skipped} left out" if source.skipped else ""
    return f"{source.name}: {nodes}{source.records} records in {source.duration_s:.2f} s{left_out}"


def check_sources(sources: Iterable[SourceHealth]) -> list[Finding]:
    """Return which sources failed, gave an odd answer or left something out."""
    findings = []
    for source in sources:
        findings += [Finding("error", source.name, source.error)] if source.error else []
        findings += [Finding("warning", source.name, source.warning)] if source.warning else []
        findings += [Finding("warning", source.name, f"left out {reason}") for reason in source.reasons]
    return findings


def check_class(backend_class: type[BackendBase]) -> list[Finding]:
    """Return misspelled methods and methods that take other arguments than the contract says."""
    findings = []
    contract = dict(inspect.getmembers(BackendBase, inspect.isfunction))
    for name, value in inspect.getmembers(backend_class, inspect.isfunction):
        if name in contract:
            if value is not contract[name] and not name.startswith("__"):
                findings += _check_arguments(name, value, contract[name])
        elif not name.startswith("_") and (near := difflib.get_close_matches(name, contract, 1, 0.8)):
            findings.append(Finding("error", name, f"is not called by jobmon; is {near[0]} meant?"))
    return findings


def check_skipped(skipped: Iterable[Skipped]) -> list[Finding]:
    """Return one finding per method whose answers were left out, with some of the records."""
    by_method: dict[str, list[Skipped]] = {}
    for record in skipped:
        by_method.setdefault(record.method, []).append(record)
    findings = []
    for method, records in by_method.items():
        named = ", ".join(r.record for r in records[:EXAMPLES] if r.record)
        more = f" and {len(records) - EXAMPLES} more" if len(records) > EXAMPLES else ""
        of = f" for {named}{more}" if named else ""
        findings.append(Finding("error", method, f"failed{of}: {records[0].error}"))
    return findings


def check_snapshot(snapshot: dict[str, Any]) -> list[Finding]:
    """Return what does not fit together in a snapshot."""
    nodes, jobs = snapshot["nodes"], snapshot["jobs"]
    findings = []
    if not nodes:
        findings.append(Finding("error", "hostnames", "returned no nodes: the page will be empty"))
    if nodes and not any(node["nCpus"] for node in nodes.values()):
        findings.append(
            Finding("warning", "n_cpus", "is 0 for every node: override it, or no core is ever free or used")
        )
    unknown = Counter(job["state"] for job in jobs.values() if job["state"] not in STATES)
    if unknown:
        states = ", ".join(unknown)
        findings.append(Finding("warning", "job_state", f"returned {states}: use Slurm's words, such as RUNNING"))
    findings += _check_layouts(nodes, jobs)
    return findings


def _check_layouts(nodes: dict[str, Any], jobs: dict[str, Any]) -> list[Finding]:
    findings = []
    outside: list[str] = []
    differing: list[str] = []
    owners: dict[tuple[str, int], str] = {}
    shared: list[str] = []
    for job_id, job in jobs.items():
        if job["state"] != "RUNNING":
            continue
        layout = job["layout"] | job.get("layoutDown", {})
        for host, cores in layout.items():
            if any(core >= (nodes[host]["nCpus"] or 0) for core in cores):
                outside.append(f"{job_id} on {host}")
            for core in cores:
                other = owners.setdefault((host, core), job_id)
                if other != job_id:
                    shared.append(f"{host} core {core}: {other} and {job_id}")
        if job["nCpus"] < sum(map(len, layout.values())):
            differing.append(f"{job_id}: {job['nCpus']} and {sum(map(len, layout.values()))}")
    for places, method, text in (
        (outside, "job_layout", "names core indices that n_cpus does not allow"),
        (differing, "job_ncpus", "is less than the cores in job_layout"),
        (shared, "job_layout", "gives one core to two jobs"),
    ):
        if places:
            findings.append(Finding("warning", method, f"{text}: {', '.join(places[:EXAMPLES])}"))
    return findings


def _check_arguments(name: str, found: Any, wanted: Any) -> list[Finding]:
    expected = len(inspect.signature(wanted).parameters)
    try:
        inspect.signature(found).bind(*range(expected))
    except TypeError:
        arguments = ", ".join(inspect.signature(wanted).parameters)
        return [Finding("error", name, f"must take ({arguments})")]
    return []
