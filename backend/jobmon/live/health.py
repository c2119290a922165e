"""Say how the sources and the cycle are doing: for the page, for /metrics and in the log."""

import logging
import re
from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any

from prometheus_client import Counter, Gauge

from jobmon.model import Skipped, SourceHealth

log = logging.getLogger("jobmon.live")

CYCLES = Counter("jobmon_live_cycles", "Cycles of the live capability, by result.", ["result"])
LATE = Counter("jobmon_live_late_cycles", "Cycles that took longer than the interval.")
SECONDS = Gauge("jobmon_live_cycle_seconds", "Seconds that the last cycle took, by phase.", ["phase"])
SNAPSHOT_TIME = Gauge("jobmon_live_snapshot_timestamp_seconds", "Time of the newest snapshot.")
SNAPSHOT_BYTES = Gauge("jobmon_live_snapshot_bytes", "Compressed size of the newest snapshot.")
SKIPPED = Counter("jobmon_live_skipped_records", "Answers that were left out, by method of the back end.", ["method"])
STARTS = Gauge("jobmon_live_backend_starts", "How often the back end's process was started.")
SOURCE_UP = Gauge("jobmon_source_up", "1 when the last load of a source succeeded, else 0.", ["source"])
SOURCE_SUCCESS = Gauge("jobmon_source_last_success_timestamp_seconds", "Last good load of a source.", ["source"])
SOURCE_SECONDS = Gauge("jobmon_source_duration_seconds", "Seconds that the last load of a source took.", ["source"])
SOURCE_ERRORS = Gauge("jobmon_source_errors", "Failed loads of a source since its process started.", ["source"])
SOURCE_RECORDS = Gauge("jobmon_source_records", "Records of the last load of a source.", ["source"])
SOURCE_SKIPPED = Gauge("jobmon_source_skipped_records", "Records of the last load that were left out.", ["source"])
SOURCE_NODES = Gauge("jobmon_source_nodes", "Nodes of which a source told something fresh.", ["source"])
SOURCE_WARNING = Gauge("jobmon_source_warning", "1 when the answer of a source is odd, else 0.", ["source"])
SOURCE_GAUGES = (SOURCE_UP, SOURCE_SUCCESS, SOURCE_SECONDS, SOURCE_ERRORS, SOURCE_RECORDS, SOURCE_SKIPPED,
                 SOURCE_NODES, SOURCE_WARNING)  # fmt: skip


class SkippedLog:
    """Log each record that is left out once, until it is well again."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    def report(self, skipped: Collection[Skipped], total: int) -> None:
        """Log what is new and count everything; `total` can be more than what is named."""
        current = {(s.method, s.record) for s in skipped}
        for record in skipped:
            SKIPPED.labels(record.method).inc()
            if (record.method, record.record) not in self._known:
                of = f" of {record.record!r}" if record.record else ""
                log.warning("%s%s is left out: %s", record.method, of, record.error)
        if total > len(skipped):
            log.warning("%d more records were left out in this cycle", total - len(skipped))
        self._known = current


class SourcesLog:
    """Log once when a source fails, when its answer is odd, when it leaves something out, and when it is well again."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._failed: set[str] = set()

    def report(self, sources: Iterable[SourceHealth]) -> None:
        """Log what is new; numbers and names in a message may change without making it new."""
        sources = list(sources)
        for source in sources:
            if source.error and source.name not in self._failed:
                log.warning("%s failed: %s", source.name, source.error)
            elif not source.error and source.name in self._failed:
                log.warning("%s answers again", source.name)
        self._failed = {source.name for source in sources if source.error}
        told = {}
        for source in sources:
            for message in (*filter(None, [source.warning]), *source.reasons):
                told[(source.name, re.sub(r"\d+", "0", message.partition(" (")[0].partition(": ")[0]))] = message
        for key, message in told.items():
            if key not in self._told:
                log.warning("%s: %s", key[0], message)
        self._told = set(told)


def report_sources(sources: Iterable[SourceHealth], interval: float) -> None:
    """Put the state of the sources into /metrics, and warn of those that are slower than the interval."""
    for gauge in SOURCE_GAUGES:
        gauge.clear()  # a source that is gone, such as a back end's death, must not be told for ever
    for source in sources:
        SOURCE_UP.labels(source.name).set(0 if source.error else 1)
        SOURCE_SUCCESS.labels(source.name).set(source.last_success_at or 0)
        SOURCE_SECONDS.labels(source.name).set(source.duration_s or 0)
        SOURCE_ERRORS.labels(source.name).set(source.errors)
        SOURCE_RECORDS.labels(source.name).set(source.records)
        SOURCE_SKIPPED.labels(source.name).set(source.skipped)
        SOURCE_WARNING.labels(source.name).set(1 if source.warning else 0)
        if source.nodes is not None:
            SOURCE_NODES.labels(source.name).set(source.nodes)
        if source.duration_s is not None and source.duration_s > interval:
            log.warning("%s took %.1f s, longer than the interval of %g s", source.name, source.duration_s, interval)


def for_page(sources: Iterable[SourceHealth]) -> list[dict[str, Any]]:
    """Return the field `sources` of the summary."""
    return [
        {
            "name": s["name"],
            "lastSuccess": s["last_success_at"],
            "duration": None if s["duration_s"] is None else round(s["duration_s"], 4),
            "error": s["error"],
            "errors": s["errors"],
            "records": s["records"],
            "skipped": s["skipped"],
            "reasons": list(s["reasons"]),
            "nodes": s["nodes"],
            "warning": s["warning"],
        }
        for s in map(asdict, sources)
    ]
