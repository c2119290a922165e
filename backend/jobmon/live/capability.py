"""Be the capability `live`: one cycle per interval, from the back end to the published files."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from jobmon import clock
from jobmon.backends.child import BackendProcess, Cycle, CycleFailed
from jobmon.config import Settings
from jobmon.live import health, privacy, visibility
from jobmon.live.finished import Finished
from jobmon.live.mark_keeper import MarkKeeper, Shelf
from jobmon.live.past import Past
from jobmon.live.publisher import Page, Publisher
from jobmon.model import SourceHealth
from jobmon.spool import layout
from jobmon.store import store_of

log = logging.getLogger("jobmon.live")

DAY_S = 86_400


class Live:
    """Ask the back end, publish what it said, and keep the past."""

    name = "live"

    def __init__(self, settings: Settings, no_history: bool = False) -> None:
        self.settings = settings
        self.interval = settings.live.update_interval
        data_path = Path(settings.live.data_path)
        privacy.settle(data_path, settings.web)
        self._hides = settings.web.hides
        self._publisher = Publisher(settings, layout.STAFF if self._hides else "")
        """Publishes all there is: for everybody, or where something is to be hidden for the staff alone."""
        self._public = Publisher(settings) if self._hides else None
        self._mask = privacy.Mask(settings.web.names, privacy.key_of(data_path) if self._hides else b"")
        self._finished = Finished(lambda: store_of(settings))
        self._expired_at = 0.0
        shelves = [Shelf(data_path, notes=not self._hides)]
        shelves += [Shelf(data_path / layout.STAFF, notes=True)] if self._hides else []
        self._marks = MarkKeeper(lambda: store_of(settings), shelves)
        last = self._publisher.archive.last or {}
        known = {job: data["memMax"] for job, data in last.get("jobs", {}).items() if data.get("memMax")}
        self._process = BackendProcess(settings, no_history, known)
        self._skipped = health.SkippedLog()
        self._sources_log = health.SourcesLog()
        self._began: float | None = None
        self._collect_s = 0.0
        self._publish_s: float | None = None
        self._size: int | None = None
        self._late = 0
        self._sources: tuple[SourceHealth, ...] = ()
        self._past: Past | None = None
        # The simulated past is told into the folder that everybody reads: where something is hidden there is none.
        self._wants_past = settings.live.backend == "simulated" and settings.simulated.past > 0 and not self._hides

    def prepare(self) -> None:
        """Load the back end, as far as it does not take too long; SettingsError when that cannot be."""
        for publisher in filter(None, (self._publisher, self._public)):
            publisher.prepare()
        self._process.load()

    def tick(self, now: float) -> None:
        """Run one cycle; what fails is told on the page, and raised."""
        began = clock.monotonic()
        try:
            cycle = self._process.cycle()
        except CycleFailed as failure:
            health.CYCLES.labels("failed").inc()
            self._tell_failure(failure)
            self._marks.tell(None)
            raise
        finally:
            health.STARTS.set(self._process.starts)
        snapshot = cycle.snapshot
        self._process.mem_max = {job: data["memMax"] for job, data in snapshot["jobs"].items() if data["memMax"]}
        self._sources = cycle.sources
        self._skipped.report(cycle.skipped, cycle.skipped_count)
        self._sources_log.report(cycle.sources)
        health.report_sources(cycle.sources, self.interval)
        if self._wants_past:
            self._take_past(snapshot["timestamp"])
        self._marks.tell(snapshot)
        told = self._told(cycle)
        size = self._publisher.publish(snapshot, cycle, told)
        self._publisher.expire(now)
        if self._public is not None:
            shown = privacy.public(snapshot, self.settings.web, self._mask)
            brief = {**told, "sources": visibility.sources(told["sources"])}
            self._public.publish(shown, replace(cycle, snapshot=shown, body=orjson.dumps(shown)), brief)
            self._public.expire(now)
        self._finish_jobs(snapshot, now)
        self._began, self._collect_s, self._size = began, cycle.collect_s, size
        health.CYCLES.labels("ok").inc()
        health.SECONDS.labels("sources").set(cycle.sources_s)
        health.SECONDS.labels("collect").set(cycle.collect_s - cycle.sources_s)
        health.SNAPSHOT_TIME.set(snapshot["timestamp"])
        health.SNAPSHOT_BYTES.set(size)

    def pages(self, now: float) -> Iterator[list[Page]]:
        """Yield the files that changed, in groups to be written one after the other."""
        yield from self._publisher.pages()
        if self._public is not None:
            yield from self._public.pages()
        self._finish_cycle()

    def status(self) -> str:
        """Return one line on the last cycle."""
        before = self._publisher.before
        if before is None:
            return "no snapshot yet"
        return f"snapshot of {int(clock.now() - before.timestamp)} s ago, {len(before.jobs)} jobs"

    def trouble(self) -> str:
        """Return nothing: a cycle that brings no snapshot fails."""
        return ""

    @property
    def over(self) -> bool:
        """Say that the process may go on."""
        return False

    def leave(self) -> None:
        """Do nothing: there is no other one to act."""

    def close(self) -> None:
        """End the back end's process; may be called from any thread."""
        self._process.close()
        self._publisher.endings.keep()
        self._finished.close()
        self._marks.close()
        if self._past is not None:
            self._past.close()

    def _finish_jobs(self, snapshot: dict[str, Any], now: float) -> None:
        """Put into the store what ended with this snapshot, and once a day take out what is too old."""
        self._finished.add(self._publisher.endings.ended, snapshot.get("cluster", ""), now)
        is_due = not 0 <= now - self._expired_at < DAY_S
        if is_due and self._finished.expire(now - DAY_S * self.settings.live.jobs_keep):
            self._expired_at = now

    def _told(self, cycle: Cycle) -> dict[str, Any]:
        """Return what the summary says of the daemon: how it did, and the state of its sources."""
        facts = {
            "sources": round(cycle.sources_s, 4),
            "collect": round(cycle.collect_s - cycle.sources_s, 4),
            "publish": self._publish_s,
            "bytes": self._size,
            "late": self._late,
        }
        store = self._finished.health()
        return {"cycle": facts, "sources": health.for_page([*cycle.sources, *([store] if store else [])])}

    def _take_past(self, now: int) -> None:
        """Let the simulated cluster tell its past, and take over what it has told."""
        if self._past is None:
            self._past = Past(self.settings, now, {t for t in self._publisher.archive.times if t < now})
        while not self._past.ready.empty():
            self._publisher.adopt(self._past.ready.get())

    def _tell_failure(self, failure: CycleFailed) -> None:
        """Tell on the page what is wrong now."""
        sources = failure.sources or self._sources
        if not any(source.error for source in sources):
            known = next((s for s in self._sources if s.name == "back end"), None)
            broken = SourceHealth("back end", None, None, str(failure), (known.errors if known else 0) + 1)
            sources = (*(s for s in sources if s.name != "back end"), broken)
        self._sources = sources
        health.report_sources(sources, self.interval)
        told = health.for_page(sources)
        self._publisher.tell_sources(told)
        if self._public is not None:
            self._public.tell_sources(visibility.sources(told))

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
