"""The simulated cluster has a past as soon as it has a present."""

import gzip
import json
import time

import pytest

from jobmon import config
from jobmon.daemon.turn import Turn
from jobmon.live.capability import Live
from jobmon.spool import layout


@pytest.mark.timeout(180)
def test_the_past_is_told_behind_the_present_and_once_only(tmp_path):
    def read(name):
        path = layout.page(tmp_path, name) if "/" in name else tmp_path / f"{name}.json.gz"
        return json.loads(gzip.decompress(path.read_bytes()))

    values = {
        "live": {"backend": "simulated", "data_path": str(tmp_path)},
        "simulated": {"nodes": 8, "past": 3},
    }
    live = Live(config.parse(values, "test"))
    turn = Turn(live, tmp_path)
    try:
        assert turn.once(), turn.error
        now = read("data")["timestamp"]
        deadline = time.monotonic() + 120
        while len(read("history")["history"]) < 18 and time.monotonic() < deadline:
            time.sleep(1)
            assert turn.once(), turn.error
        times = sorted(map(int, read("history")["history"]))
        series = read("live/summary")["series"]
    finally:
        live.close()
    assert now - 3 * 3600 - 600 <= times[0] <= now - 3 * 3600 + 600
    assert len(series["day"]["closed"]) >= 17
    for start in series["day"]["closed"]:
        assert read(f"live/series/day/{start}")["times"][0] // 600 * 600 == start
    assert all((tmp_path / f"data{t}.json.gz").exists() for t in times)

    again = Live(config.parse(values, "test"))
    try:
        assert Turn(again, tmp_path).once()
        told_again = set(map(int, read("history")["history"])) - set(times)
        assert all(t >= times[-1] for t in told_again), "only the present was added"
    finally:
        again.close()
