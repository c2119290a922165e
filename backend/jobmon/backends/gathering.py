"""Load several sources of metrics side by side, and keep an account of how each of them does.

No source can hold up another one, the scheduler or the cycle: one that does not come back within its time is reported
and left alone until it does. What a source told before stays until it is too old.
"""

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from jobmon import clock
from jobmon.errors import JobmonError
from jobmon.model import Skipped, SourceHealth, natural_key
from jobmon.telemetry.base import JobMetrics, Metrics, NodeMetrics, TelemetrySource

SHOWN = 3
"""Names that stand in a message before the dots."""
MAX_REASONS = 5


@dataclass(slots=True)
class _Loading:
    """Hold one load under way."""

    began: float
    thread: threading.Thread
    took_s: float | None = None
    """How long it took; None while it is under way."""
    metrics: Metrics | None = None
    error: str = ""


class Gathering:
    """Load sources; `timeout_s` is what each may take, `dead_after_s` the age at which a measurement counts no more."""

    def __init__(self, sources: Sequence[TelemetrySource], timeout_s: float, dead_after_s: float) -> None:
        self.sources = sources
        self._timeout_s = timeout_s
        self._dead_after_s = dead_after_s
        self._loading: dict[str, _Loading] = {}
        self._last: dict[str, Metrics] = {}
        self._health = {source.name: SourceHealth(source.name, None, None) for source in sources}

    @property
    def health(self) -> list[SourceHealth]:
        """Return how each source did in the last load."""
        return list(self._health.values())

    def start(self) -> None:
        """Begin to load every source that is not still busy with the load before."""
        for source in self.sources:
            busy = self._loading.get(source.name)
            if busy is None or busy.took_s is not None:
                self._loading[source.name] = _begin(source)

    def finish(self) -> tuple[dict[str, NodeMetrics], dict[str, JobMetrics]]:
        """Wait for the loads, and return what is known of nodes and jobs; the first source that knows a value wins."""
        for source in self.sources:
            loading = self._loading.get(source.name)
            if loading is not None:
                left_s = loading.began + self._timeout_s - clock.monotonic()
                loading.thread.join(max(0.0, left_s))
                self._judge(source.name, loading)
        now = clock.now()
        parts = [self._last[source.name] for source in self.sources if source.name in self._last]
        fresh = [{h: n for h, n in part.nodes.items() if now - n.read_at <= self._dead_after_s} for part in parts]
        jobs = [part.jobs for part in parts if now - part.loaded_at <= self._dead_after_s]
        return _merged_nodes(fresh), _merged_jobs(jobs)

    def warn(self, name: str, warning: str) -> None:
        """Add a warning to the health of a source."""
        health = self._health[name]
        self._health[name] = replace(health, warning="; ".join(filter(None, (health.warning, warning))))

    def _judge(self, name: str, loading: _Loading) -> None:
        before = self._health[name]
        metrics, took_s = loading.metrics, loading.took_s
        if metrics is None or took_s is None:
            waited_s = clock.monotonic() - loading.began
            self._health[name] = replace(
                before,
                duration_s=waited_s if took_s is None else took_s,
                error=loading.error or f"{name} has not answered for {waited_s:.0f} s",
                errors=before.errors + 1,
                warning="",
            )
            return
        self._last[name] = metrics
        silent = [h for h, n in metrics.nodes.items() if metrics.loaded_at - n.read_at > self._dead_after_s]
        warning = ""
        if silent:
            warning = f"{_count(silent, 'node')} told nothing new for {self._dead_after_s:g} s: {listed(silent)}"
        self._health[name] = SourceHealth(
            name=name,
            last_success_at=metrics.loaded_at,
            duration_s=took_s,
            errors=before.errors,
            records=metrics.records,
            skipped=len(metrics.skipped),
            reasons=reasons(metrics.skipped),
            nodes=len(metrics.nodes) - len(silent) if metrics.nodes else None,
            warning=warning,
        )


def _begin(source: TelemetrySource) -> _Loading:
    def load() -> None:
        try:
            loading.metrics = source.load()
        except JobmonError as error:
            loading.error = str(error)
        except Exception as error:  # noqa: BLE001 - a fault of one source must not cost the others; it is shown
            loading.error = f"{type(error).__name__}: {error}"
        loading.took_s = clock.monotonic() - loading.began

    thread = threading.Thread(target=load, name=f"telemetry-{source.name}", daemon=True)
    loading = _Loading(clock.monotonic(), thread)
    thread.start()
    return loading


def reasons(skipped: Iterable[Skipped]) -> tuple[str, ...]:
    """Return why records were left out, the most frequent reason first, each with a few of the records."""
    by_reason: dict[str, list[str]] = {}
    for record in skipped:
        by_reason.setdefault(f"{record.method}: {record.error}", []).append(record.record)
    counted = Counter({reason: len(records) for reason, records in by_reason.items()})
    return tuple(f"{reason} ({listed(by_reason[reason])})"[:400] for reason, _n in counted.most_common(MAX_REASONS))


def listed(names: Collection[str]) -> str:
    """Return the first names in their natural order, and how many more there are."""
    ordered = sorted(names, key=natural_key)
    more = len(ordered) - SHOWN
    return ", ".join(ordered[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _count(things: Collection[str], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


NODE_FIELDS = tuple(f.name for f in fields(NodeMetrics) if f.name != "read_at")
JOB_MAPPINGS = ("memory_mb", "cpu_cores", "filesystem", "disk_used_mb")


def _merged_nodes(parts: Sequence[Mapping[str, NodeMetrics]]) -> dict[str, NodeMetrics]:
    if len(parts) == 1:
        return dict(parts[0])
    merged: dict[str, NodeMetrics] = {}
    for part in parts:
        for host, node in part.items():
            known = merged.get(host)
            merged[host] = node if known is None else _completed(known, node)
    return merged


def _completed(known: NodeMetrics, more: NodeMetrics) -> NodeMetrics:
    """Return a node's metrics with what only the second source knows; per-core values go with their total."""
    missing = {
        name: getattr(more, name)
        for name in NODE_FIELDS
        if getattr(known, name) is None and name not in {"cpu", "cores"}
    }
    if known.cpu is None or (not known.cores and more.cores):
        missing |= {"cpu": more.cpu or known.cpu, "cores": more.cores}
    return replace(known, **missing)


def _merged_jobs(parts: Sequence[Mapping[str, JobMetrics]]) -> dict[str, JobMetrics]:
    merged: dict[str, JobMetrics] = {}
    for part in parts:
        for job_id, job in part.items():
            known = merged.get(job_id)
            if known is None:
                merged[job_id] = job
                continue
            filled = {name: getattr(job, name) for name in JOB_MAPPINGS if not getattr(known, name)}
            peaks = [peak for peak in (known.memory_max_mb, job.memory_max_mb) if peak is not None]
            merged[job_id] = replace(known, **filled, memory_max_mb=max(peaks, default=None))
    return merged
