"""Turn snapshots into the files of one folder: the contract's files, and what the page reads below live/."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson

from jobmon import clock
from jobmon.backends.child import Cycle
from jobmon.config import Settings
from jobmon.errors import SpoolError
from jobmon.live import cores, predictions, refresh, rows, summary
from jobmon.live.archive import Archive
from jobmon.live.endings import Endings
from jobmon.live.facts import FOLDER as FACTS
from jobmon.live.facts import Facts
from jobmon.live.past import STEP_S, Told
from jobmon.live.recent import SPAN_S, Recent
from jobmon.live.series import FOLDER, OPEN, Series
from jobmon.live.usage import Usage
from jobmon.spool import layout, reader

log = logging.getLogger("jobmon.live")

Page = tuple[str, bytes]
POINTING = frozenset({"live/summary", "live/latest", "live/predictions", "live/recent"})


class Publisher:
    """Keep what one folder tells: its archive, its series, and the tables of the snapshot before.

    `part` is the folder below the data path, "" for the data path itself.
    """

    def __init__(self, settings: Settings, part: str = "") -> None:
        self.part = part
        self.folder = Path(settings.live.data_path) / part
        if part:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._pages_folder = layout.pages(self.folder)
        self._prepared = False
        self.interval = settings.live.update_interval
        self.archive = Archive(settings.live.model_copy(update={"data_path": str(self.folder)}), clock.now())
        self.series = Series(self._pages_folder, self.interval)
        self.endings = Endings(self.folder, settings.web.site, self.interval)
        self._recent = Recent(self.endings.settings["warningWindow"])
        self._recent.remember(self.series.closed_since(clock.now() - SPAN_S))
        self._usage = Usage(self._pages_folder)
        self._facts = Facts(self._pages_folder)
        self.before: summary.Tables | None = None
        self._predictions = self._read_predictions()
        self._documents: dict[str, dict[str, Any]] = {}
        self._pages: list[tuple[str, dict[str, Any]]] = []
        self._shards = 0

    def prepare(self) -> None:
        """Make the folder of the pages; SettingsError when somebody else could write into it."""
        if not self._prepared:
            layout.make_pages(self.folder)
            self._prepared = True

    def publish(self, snapshot: dict[str, Any], cycle: Cycle, told: dict[str, Any]) -> int:
        """Write the contract's files and prepare the pages; return the bytes of the snapshot's file.

        `told` holds what the summary says of the daemon itself: its fields `cycle` and `sources`.
        """
        self.prepare()
        with ThreadPoolExecutor(1, "archive") as pool:  # packing and waiting for the disk leave the interpreter free
            published = pool.submit(self.archive.publish, snapshot, cycle.body, cycle.backfill)
            self._prepare(snapshot, told)
        return published.result()

    def pages(self) -> Iterator[list[Page]]:
        """Yield the files under live/ that changed: what does not change again, what grows, what points to both.

        A closed chunk that could not be written is offered again with the next cycle.
        """
        pages, self._pages = self._pages, []
        groups: dict[str, list[tuple[str, dict[str, Any]]]] = {"final": [], "growing": [], "pointing": []}
        for name, document in pages:
            kind = "growing" if name.endswith(f"/{OPEN}") else "pointing" if name in POINTING else "final"
            groups[kind].append((name, document))
        prefix = f"{self.part}/" if self.part else ""
        for group in groups.values():
            yield [
                (f"{prefix}{name}", orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
                for name, body in group
            ]
        lasting = [page for page in groups["final"] if page[0].startswith((FOLDER, FACTS))]
        self._pages += [page for page in lasting if not self._path(page[0]).exists()]

    def tell_sources(self, sources: list[dict[str, Any]]) -> None:
        """Publish the last documents again with what is wrong now, so that an old snapshot is not taken for calm."""
        for name in ("live/summary", "live/latest"):
            document = self._documents.get(name)
            if document is None:
                continue
            told = document["summary"] if name == "live/latest" else document
            told["sources"] = sources
            self._pages.append((name, document))

    def adopt(self, told: Told) -> None:
        """Take over a part of the past that somebody else wrote."""
        self.archive.adopt(told.usage)
        changed = self.series.adopt(told.closed, told.left)
        self._pages += [*self._facts.adopt(told.facts, changed), *changed]
        self._pages += self._usage.adopt(told.usage, STEP_S)

    def expire(self, now: float) -> None:
        """Remove snapshots and chunks that are too old, and shards that no node is in any more."""
        self.archive.purge(now)
        for name in self.series.expire(now):
            self._path(name.replace(FOLDER, FACTS, 1)).unlink(missing_ok=True)
            self._path(name).unlink(missing_ok=True)
        for shard in reader.times_on_disk(self._pages_folder / "live/cores", "{}.json.gz"):
            if shard >= self._shards:
                self._path(f"live/cores/{shard}").unlink(missing_ok=True)

    def _prepare(self, snapshot: dict[str, Any], told: dict[str, Any]) -> None:
        """Prepare the pages of a snapshot."""
        shard_of = cores.shards(snapshot["nodes"])
        tables = summary.tables(snapshot, shard_of, self.before)
        point = rows.draw(snapshot)
        self._pages += cores.documents(snapshot, shard_of)
        changed = self.series.add(point)
        self._pages += [*self._facts.add(tables, point, changed), *changed]
        self._pages += self._usage.add(snapshot["timestamp"], snapshot["usage"])
        self._pages += self.endings.add(tables, point)
        previous = self.before.timestamp if self.before else None
        common = summary.common_fields(snapshot, previous, self.interval, told["cycle"], self.series.index())
        common["sources"] = told["sources"]
        self._documents = {
            "live/summary": summary.summary(tables, common),
            "live/latest": summary.latest(self.before, tables, common, refresh.point(tables, point)),
            "live/recent": self._recent.document(self.series.day, point),
        }
        self._predictions = predictions.update(self._predictions, snapshot)
        self._pages += [*self._documents.items(), ("live/predictions", self._predictions)]
        self._shards = 1 + max(shard_of.values(), default=-1)
        self.before = tables

    def _path(self, name: str) -> Path:
        return layout.page(self.folder, name)

    def _read_predictions(self) -> dict[str, Any] | None:
        path = self._path("live/predictions")
        try:
            return predictions.restored(reader.read_json(path))
        except (SpoolError, ValueError, TypeError) as error:
            log.warning("%s: %s; predictions start anew", path, error)
            return None
