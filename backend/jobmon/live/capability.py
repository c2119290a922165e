"""Be the capability `live`: one cycle per interval, from the back end to the published files."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from jobmon import clock
from jobmon.backends.child import BackendProcess, Cycle, CycleFailed
from jobmon.config import Settings
from jobmon.errors import SpoolError
from jobmon.live import cores, health, predictions, rows, summary
from jobmon.live.archive import Archive
from jobmon.live.chunk import Chunk
from jobmon.live.series import OPEN, TIERS, Series
from jobmon.model import SourceHealth
from jobmon.spool import reader, writer

log = logging.getLogger("jobmon.live")

Page = tuple[str, bytes]
PAST_STEP_S = 600
PAST_FINE_S = 1200
"""The simulated past has a snapshot every ten minutes, and in its last twenty minutes one per interval."""


class Live:
    """Ask the back end, publish what it said, and keep the past."""

    name = "live"

    def __init__(self, settings: Settings, no_history: bool = False) -> None:
        self.settings = settings
        self.interval = settings.live.update_interval
        self._archive = Archive(settings.live, clock.now())
        self._series = Series(self._archive.folder, self.interval)
        last = self._archive.last or {}
        known = {job: data["memMax"] for job, data in last.get("jobs", {}).items() if data.get("memMax")}
        self._process = BackendProcess(settings, no_history, known)
        self._skipped = health.SkippedLog()
        self._before: summary.Tables | None = None
        self._began: float | None = None
        self._collect_s = 0.0
        self._publish_s: float | None = None
        self._size: int | None = None
        self._late = 0
        self._predictions = self._read_predictions()
        self._sources: tuple[SourceHealth, ...] = ()
        self._documents: dict[str, dict[str, Any]] = {}
        self._pages: list[tuple[str, dict[str, Any]]] = []
        self._shards = 0
        self._wants_past = settings.live.backend == "simulated" and settings.simulated.past > 0

    def tick(self, now: float) -> None:
        """Run one cycle; what fails is told on the page, and raised."""
        began = clock.monotonic()
        try:
            cycle = self._process.cycle()
        except CycleFailed as failure:
            health.CYCLES.labels("failed").inc()
            self._tell_failure(failure)
            raise
        finally:
            health.STARTS.set(self._process.starts)
        snapshot: dict[str, Any] = orjson.loads(cycle.snapshot)
        self._process.mem_max = {job: data["memMax"] for job, data in snapshot["jobs"].items() if data["memMax"]}
        self._sources = cycle.sources
        self._skipped.report(cycle.skipped, cycle.skipped_count)
        health.report_sources(cycle.sources, self.interval)
        if self._wants_past:
            self._wants_past = False
            self._publish(snapshot, cycle, with_point=False)
            self._write_early()
            self._fill_past(snapshot["timestamp"])
            began = clock.monotonic() - cycle.collect_s
        size, shards = self._publish(snapshot, cycle)
        self._archive.purge(now)
        self._expire(now, shards)
        self._began, self._collect_s, self._size = began, cycle.collect_s, size
        health.CYCLES.labels("ok").inc()
        health.SECONDS.labels("collect").set(cycle.collect_s)
        health.SNAPSHOT_TIME.set(snapshot["timestamp"])
        health.SNAPSHOT_BYTES.set(size)

    def pages(self, now: float) -> Iterator[Page]:
        """Yield the files under live/ that changed, as (name, JSON), in the order in which to write them.

        Each is written before the next is asked for; a closed chunk that could not be written is offered again.
        """
        pages, self._pages = self._pages, []
        for name, document in pages:
            yield name, orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"
            if "/series/" in name and not name.endswith(f"/{OPEN}") and not self._path(name).exists():
                self._pages.append((name, document))
        self._finish_cycle()

    def routes(self) -> None:
        """Offer no routes of its own: everything is in files."""
        return

    def status(self) -> str:
        """Return one line on the last cycle."""
        if self._before is None:
            return "no snapshot yet"
        return f"snapshot of {int(clock.now() - self._before.timestamp)} s ago, {len(self._before.jobs)} jobs"

    def close(self) -> None:
        """End the back end's process; may be called from any thread."""
        self._process.close()

    def _publish(self, snapshot: dict[str, Any], cycle: Cycle, with_point: bool = True) -> tuple[int, int]:
        """Write the contract's files and prepare the pages; return the bytes of the snapshot's file and the shards."""
        size = self._archive.publish(snapshot, cycle.snapshot, cycle.backfill)
        shard_of = cores.shards(snapshot["nodes"])
        tables = summary.tables(snapshot, shard_of)
        point = rows.draw(snapshot)
        pages: list[tuple[str, dict[str, Any]]] = list(cores.documents(snapshot, shard_of))
        if with_point:
            pages += self._series.add(point)
        single = Chunk(TIERS[0].name, point.time // TIERS[0].span * TIERS[0].span, TIERS[0].span)
        single.add(point)
        cycle_facts = {
            "collect": round(cycle.collect_s, 4),
            "publish": self._publish_s,
            "bytes": self._size,
            "late": self._late,
        }
        previous = self._before.timestamp if self._before else None
        common = summary.common_fields(snapshot, previous, self.interval, cycle_facts, self._series.index())
        common["sources"] = health.for_page(cycle.sources)
        self._documents = {
            "live/summary": summary.summary(tables, common),
            "live/latest": summary.latest(self._before, tables, common, single.encode()),
        }
        self._predictions = predictions.update(self._predictions, snapshot)
        pages += [*self._documents.items(), ("live/predictions", self._predictions)]
        self._pages += pages
        self._before = tables
        return size, 1 + max(shard_of.values(), default=-1)

    def _fill_past(self, now: int) -> None:
        """Let the simulated cluster tell of its past, oldest first."""
        start = now - int(self.settings.simulated.past * 3600)
        times = [
            *range(start, now - PAST_FINE_S, PAST_STEP_S),
            *range(now - PAST_FINE_S, now, max(1, int(self.interval))),
        ]
        known = {t for t in self._archive.times if t < now}
        todo = [t for t in times if not any(abs(t - k) < self.interval for k in known)] if known else times
        log.info("telling the past %g hours: %d snapshots", self.settings.simulated.past, len(todo))
        for at in todo:
            cycle = self._process.cycle(at)
            snapshot = orjson.loads(cycle.snapshot)
            self._archive.keep_past(snapshot, cycle.snapshot)
            if at > self._series.last_time:
                changed = self._series.add(rows.draw(snapshot))
                self._pages += [(name, document) for name, document in changed if not name.endswith(f"/{OPEN}")]
                self._write_early()
        log.info("the past is told")
        self._before = None  # the present is published once more, with its past

    def _write_early(self) -> None:
        """Write the pages that are ready now, without waiting for the end of the tick."""
        for name, body in self.pages(clock.now()):
            writer.write(self._path(name), writer.compress(body))

    def _tell_failure(self, failure: CycleFailed) -> None:
        """Publish the last documents again with what is wrong now, so that an old snapshot is not taken for calm."""
        sources = failure.sources or self._sources
        if not any(source.error for source in sources):
            known = next((s for s in self._sources if s.name == "back end"), None)
            broken = SourceHealth("back end", None, None, str(failure), (known.errors if known else 0) + 1)
            sources = (*(s for s in sources if s.name != "back end"), broken)
        self._sources = sources
        health.report_sources(sources, self.interval)
        for name, document in self._documents.items():
            told = document["summary"] if name == "live/latest" else document
            told["sources"] = health.for_page(sources)
            self._pages.append((name, document))

    def _path(self, name: str) -> Path:
        return self._archive.folder / f"{name}.json.gz"

    def _expire(self, now: float, shards: int) -> None:
        """Remove chunks that are too old, and shards that no node is in any more."""
        for name in self._series.expire(now):
            self._path(name).unlink(missing_ok=True)
        for shard in reader.times_on_disk(self._archive.folder / "live/cores", "{}.json.gz"):
            if shard >= shards:
                self._path(f"live/cores/{shard}").unlink(missing_ok=True)

    def _finish_cycle(self) -> None:
        """Take the cycle's time, now that everything is written."""
        if self._began is None:
            return
        took, self._began = clock.monotonic() - self._began, None
        self._publish_s = round(took - self._collect_s, 4)
        health.SECONDS.labels("publish").set(self._publish_s)
        if took > self.interval:
            self._late += 1
            health.LATE.inc()
            log.warning("the cycle took %.1f s, longer than the interval of %g s", took, self.interval)

    def _read_predictions(self) -> dict[str, Any] | None:
        path = self._path("live/predictions")
        try:
            known: dict[str, Any] | None = reader.read_json(path)
            return known if known is None or known["format"] == predictions.FORMAT else None
        except (SpoolError, KeyError, TypeError) as error:
            log.warning("%s: %s; predictions start anew", path, error)
            return None
