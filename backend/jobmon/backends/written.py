"""Write what only jobmon knows into the site's InfluxDB: the most memory of each job, and how the cycle went."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from jobmon import clock
from jobmon.config import Settings
from jobmon.errors import JobmonError
from jobmon.model import ClusterState, SourceHealth
from jobmon.telemetry.base import JobMetrics
from jobmon.telemetry.influxdb.writing import Point, Writer

log = logging.getLogger("jobmon.backend")


class Written:
    """Remember what was written, so that only what is new is written again."""

    def __init__(self, settings: Settings) -> None:
        self._writer = Writer(settings.influxdb, settings.telemetry.timeout)
        self._peaks: dict[str, float] = {}
        self.health = SourceHealth("influxdb (writing)", None, None)

    def write(self, state: ClusterState, jobs: Mapping[str, JobMetrics], sources: Iterable[SourceHealth]) -> None:
        """Write one cycle; what fails is shown with the sources and not tried again."""
        began, now = clock.monotonic(), clock.now()
        new = {job: peak for job, metrics in jobs.items() if (peak := _peak(metrics)) > self._peaks.get(job, 0.0)}
        states = Counter(job.state for job in state.jobs)
        points = [
            *(Point("jobmon_job", {"job": job}, {"memory_max_mb": peak}, now) for job, peak in new.items()),
            Point("jobmon_cycle", {}, {"nodes": len(state.nodes), "running": states["RUNNING"],
                                       "pending": states["PENDING"]}, now),
            *(Point("jobmon_source", {"source": source.name}, {
                "duration_s": source.duration_s, "records": source.records, "skipped": source.skipped,
                "errors": source.errors, "nodes": source.nodes,
                "age_s": None if source.last_success_at is None else max(0.0, now - source.last_success_at),
            }, now) for source in sources if source is not self.health),
        ]  # fmt: skip
        errors = self.health.errors
        try:
            self._writer.write(points)
        except JobmonError as error:
            if not self.health.error:
                log.warning("%s", error)
            took_s = clock.monotonic() - began
            self.health = SourceHealth(self.health.name, self.health.last_success_at, took_s, str(error), errors + 1)
            return
        self._peaks = {job: self._peaks.get(job, 0.0) for job in jobs} | new
        took_s = clock.monotonic() - began
        self.health = SourceHealth(self.health.name, now, took_s, errors=errors, records=len(points))


def _peak(metrics: JobMetrics) -> float:
    return max([metrics.memory_max_mb or 0.0, *metrics.memory_mb.values()])
