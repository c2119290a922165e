"""Let the simulated cluster tell of its past in the background, while the present is already shown.

It writes snapshots and closed chunks as if they had been published then; what it made is handed over to the cycle,
which alone knows history and index.
"""

import logging
import queue
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from jobmon.backends.child import BackendProcess
from jobmon.config import Settings
from jobmon.errors import JobmonError
from jobmon.live import rows, summary
from jobmon.live.chunk import Chunk
from jobmon.live.facts import Facts, Span
from jobmon.live.series import OPEN, Series
from jobmon.spool import layout, writer

log = logging.getLogger("jobmon.live")

STEP_S = 600
HAND_OVER = 12
"""So many snapshots are handed over at a time."""


@dataclass(frozen=True, slots=True)
class Told:
    """Hold what is new: usage by time of snapshot, closed chunks by tier, and at the end the chunks left open."""

    usage: dict[int, dict[str, Any]]
    closed: list[tuple[str, int]]
    left: list[Chunk] = field(default_factory=list)
    facts: list[Span] = field(default_factory=list)
    """What the chunks left open are about."""


class Past:
    """Tell the hours before `now` once; `ready` holds what the cycle can take over."""

    def __init__(self, settings: Settings, now: int, known: set[int]) -> None:
        self.ready: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self._settings = settings
        self._process = BackendProcess(settings, no_history=True)
        first = now - int(settings.simulated.past * 3600)
        near = {t // STEP_S for t in known}
        # what is younger than the last whole step is told by the cycle itself
        self._times = [t for t in range(first // STEP_S * STEP_S, now - STEP_S, STEP_S) if t // STEP_S not in near]
        self._thread = threading.Thread(target=self._tell, name="past", daemon=True)
        if self._times:
            self._thread.start()

    def close(self) -> None:
        """Stop telling."""
        self._process.close()

    def _tell(self) -> None:
        log.info("telling the past %g hours: %d snapshots", self._settings.simulated.past, len(self._times))
        try:
            self._publish()
            log.info("the past is told")
        except JobmonError as error:
            log.warning("the past ends here: %s", error)
        finally:
            self._process.close()

    def _publish(self) -> None:
        live = self._settings.live
        folder = Path(live.data_path)
        pages = layout.pages(folder)
        series = Series(pages, self._settings.live.update_interval, restore=False)
        facts = Facts(pages, restore=False)
        usage: dict[int, dict[str, Any]] = {}
        closed: list[tuple[str, int]] = []
        for count, at in enumerate(self._times, 1):
            cycle = self._process.cycle(at)
            snapshot = cycle.snapshot
            stamped = folder / live.file_name_pattern.format(at)
            writer.write(stamped, writer.compress(cycle.body + b"\n"))
            usage[at] = snapshot["usage"]
            point = rows.draw(snapshot)
            chunks = series.add(point)
            tables = summary.tables(snapshot, dict.fromkeys(snapshot["nodes"], 0))
            for name, document in [*facts.add(tables, point, chunks), *chunks]:
                _, kind, tier, start = name.split("/")
                if start == OPEN:
                    continue
                body = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"
                writer.write(layout.page(folder, name), writer.compress(body))
                if kind == "series":
                    closed.append((tier, int(start)))
            if count % HAND_OVER == 0:
                self.ready.put(Told(usage, closed))
                usage, closed = {}, []
        self.ready.put(Told(usage, closed, series.left(), facts.left()))
