"""Be the capability `live`: one cycle per interval, from the back end to the published files."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson

from jobmon import clock
from jobmon.backends.child import BackendProcess, Cycle, CycleFailed
from jobmon.config import Settings
from jobmon.errors import SpoolError
from jobmon.live import cores, health, predictions, refresh, rows, summary
from jobmon.live.archive import Archive
from jobmon.live.past import Past
from jobmon.live.series import FOLDER, OPEN, Series
from jobmon.model import SourceHealth
from jobmon.spool import reader

log = logging.getLogger("jobmon.live")

Page = tuple[str, bytes]
POINTING = frozenset({"live/summary", "live/latest", "live/predictions"})


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
        self._past: Past | None = None
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
        snapshot = cycle.snapshot
        self._process.mem_max = {job: data["memMax"] for job, data in snapshot["jobs"].items() if data["memMax"]}
        self._sources = cycle.sources
        self._skipped.report(cycle.skipped, cycle.skipped_count)
        health.report_sources(cycle.sources, self.interval)
        if self._wants_past:
            self._take_past(snapshot["timestamp"])
        size, shards = self._publish(snapshot, cycle)
        self._archive.purge(now)
        self._expire(now, shards)
        self._began, self._collect_s, self._size = began, cycle.collect_s, size
        health.CYCLES.labels("ok").inc()
        health.SECONDS.labels("sources").set(cycle.sources_s)
        health.SECONDS.labels("collect").set(cycle.collect_s - cycle.sources_s)
        health.SNAPSHOT_TIME.set(snapshot["timestamp"])
        health.SNAPSHOT_BYTES.set(size)

    def pages(self, now: float) -> Iterator[list[Page]]:
        """Yield the files under live/ that changed: what does not change again, what grows, what points to both.

        A closed chunk that could not be written is offered again with the next cycle.
        """
        pages, self._pages = self._pages, []
        groups: dict[str, list[tuple[str, dict[str, Any]]]] = {"final": [], "growing": [], "pointing": []}
        for name, document in pages:
            kind = "growing" if name.endswith(f"/{OPEN}") else "pointing" if name in POINTING else "final"
            groups[kind].append((name, document))
        for group in groups.values():
            yield [(name, orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n") for name, body in group]
        self._pages += [page for page in groups["final"] if FOLDER in page[0] and not self._path(page[0]).exists()]
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
        if self._past is not None:
            self._past.close()

    def _publish(self, snapshot: dict[str, Any], cycle: Cycle) -> tuple[int, int]:
        """Write the contract's files and prepare the pages; return the bytes of the snapshot's file and the shards."""
        with ThreadPoolExecutor(1, "archive") as pool:  # packing and waiting for the disk leave the interpreter free
            published = pool.submit(self._archive.publish, snapshot, cycle.body, cycle.backfill)
            shards = self._prepare(snapshot, cycle)
        return published.result(), shards

    def _prepare(self, snapshot: dict[str, Any], cycle: Cycle) -> int:
        """Prepare the pages of a snapshot; return the number of shards of cores."""
        shard_of = cores.shards(snapshot["nodes"])
        tables = summary.tables(snapshot, shard_of, self._before)
        point = rows.draw(snapshot)
        pages: list[tuple[str, dict[str, Any]]] = list(cores.documents(snapshot, shard_of))
        pages += self._series.add(point)
        cycle_facts = {
            "sources": round(cycle.sources_s, 4),
            "collect": round(cycle.collect_s - cycle.sources_s, 4),
            "publish": self._publish_s,
            "bytes": self._size,
            "late": self._late,
        }
        previous = self._before.timestamp if self._before else None
        common = summary.common_fields(snapshot, previous, self.interval, cycle_facts, self._series.index())
        common["sources"] = health.for_page(cycle.sources)
        self._documents = {
            "live/summary": summary.summary(tables, common),
            "live/latest": summary.latest(self._before, tables, common, refresh.point(tables, point)),
        }
        self._predictions = predictions.update(self._predictions, snapshot)
        pages += [*self._documents.items(), ("live/predictions", self._predictions)]
        self._pages += pages
        self._before = tables
        return 1 + max(shard_of.values(), default=-1)

    def _take_past(self, now: int) -> None:
        """Let the simulated cluster tell its past, and take over what it has told."""
        if self._past is None:
            self._past = Past(self.settings, now, {t for t in self._archive.times if t < now})
        while not self._past.ready.empty():
            told = self._past.ready.get()
            self._archive.adopt(told.usage)
            self._pages += self._series.adopt(told.closed, told.left)

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
            return predictions.restored(reader.read_json(path))
        except (SpoolError, ValueError, TypeError) as error:
            log.warning("%s: %s; predictions start anew", path, error)
            return None
