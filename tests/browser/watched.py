"""A simulated cluster that the daemon's own code has watched for a while, served as it would be."""

import gzip
import time
from dataclasses import dataclass
from pathlib import Path

from browser.page_files import HOSTILE
from daemon_process import until
from jobmon import config
from jobmon.daemon.turn import Turn
from jobmon.engine import marks
from jobmon.engine.marks import Declared
from jobmon.live import api
from jobmon.live.capability import Live
from web_thread import Server

STEP_S = 60
POINTS = 50


@dataclass
class Watched:
    """Be such a cluster: its address, its data path, and the times of its snapshots."""

    url: str
    folder: Path
    times: list[int]
    live: Live


class Cluster:
    """Watch a small cluster for most of an hour, in a few seconds."""

    def __init__(self, folder: Path, page: Path, points: int = POINTS, **web: object) -> None:
        values = {
            "live": {"backend": "simulated", "data_path": str(folder), "update_interval": STEP_S, "cycle_timeout": 60},
            "simulated": {"nodes": 30, "past": 0},
            "web": {"port": 0, **web},
        }
        settings = config.use(config.parse(values, "test"))
        self._live = Live(settings)
        turn = Turn(self._live, folder)
        process = self._live._process
        ask = process.cycle
        now = int(time.time())
        times = [now - STEP_S * (points - 1 - k) for k in range(points)]
        for at in times:
            process.cycle = lambda at=at: ask(at)
            assert turn.once(), turn.error
        process.cycle = ask
        self._declare(times)
        self._server = Server(settings, {"live": api.routes}, page=page, people=api.LivePeople)
        self._server.start()
        self.watched = Watched(self._server.url, folder, times, self._live)

    def _declare(self, times: list[int]) -> None:
        """Declare a maintenance, a moment and one that a browser could take for markup, and wait for the file."""
        store = self._live._finished.store()
        maintenance = Declared("power maintenance", times[len(times) // 2], times[len(times) * 3 // 4], "12 nodes")
        marks.follow(store, "reservation", [maintenance], times[-1])
        with store.writing() as connection:
            marks.add(connection, "kernel 6.1", times[len(times) // 5], note="all nodes\nat once", source="person:ann")
            marks.add(connection, HOSTILE, times[-3], note=HOSTILE, source="person:ann")
        self._live._marks.tell(None)
        folder = self._live.settings.live.data_path
        files = [Path(folder) / "pages/live/marks.json.gz", Path(folder) / "staff/pages/live/marks.json.gz"]
        until(lambda: any(f.exists() and b"kernel" in gzip.decompress(f.read_bytes()) for f in files), "the marks")

    def close(self) -> None:
        """Stop the server and the back end."""
        self._server.stop()
        self._live.close()
