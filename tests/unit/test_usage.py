"""The use of cores over time: bins, means, restarts, a past that is told later."""

import orjson
import pytest

from jobmon.live.usage import Usage
from jobmon.spool import writer

DAY = 20_000 * 86_400


def used(running, **users):
    return {"avail": 100, "running": running, "users": users}


def write(folder, documents):
    for name, body in documents:
        writer.write(folder / f"{name}.json.gz", writer.compress(orjson.dumps(body)))


@pytest.fixture
def usage(tmp_path):
    return Usage(tmp_path)


def test_the_first_snapshot_is_told_at_once_and_the_next_when_a_bin_ends(usage):
    first = dict(usage.add(DAY, used(10, ada=10)))
    assert set(first) == {"live/usage/day", "live/usage/month", "live/usage/year"}
    assert first["live/usage/day"]["running"] == [10]
    assert usage.add(DAY + 30, used(30, ada=30)) == []
    day = dict(usage.add(DAY + 300, used(0)))["live/usage/day"]
    assert day["times"] == [DAY, DAY + 300]
    assert day["running"] == [20, 0]
    assert day["users"] == {"ada": [20, 0]}


def test_a_user_who_was_there_for_a_part_of_a_bin_counts_for_that_part(usage):
    usage.add(DAY, used(8, ada=8))
    usage.add(DAY + 30, used(0))
    documents = dict(usage.add(DAY + 300, used(0)))
    assert documents["live/usage/day"]["users"]["ada"] == [4, 0]
    assert documents["live/usage/month"]["users"]["ada"] == [2]


def test_a_gap_is_absent_and_not_zero(usage):
    usage.add(DAY, used(10))
    day = dict(usage.add(DAY + 3000, used(10)))["live/usage/day"]
    assert day["times"] == [DAY, DAY + 3000]


def test_a_restart_goes_on_with_the_files(tmp_path):
    before = Usage(tmp_path)
    write(tmp_path, before.add(DAY, used(10, ada=10)))
    write(tmp_path, before.add(DAY + 300, used(20, bob=20)))
    documents = dict(Usage(tmp_path).add(DAY + 600, used(30)))
    assert documents["live/usage/day"]["running"] == [10, 20, 30]
    assert documents["live/usage/day"]["users"] == {"ada": [10, 0, 0], "bob": [0, 20, 0]}
    assert documents["live/usage/year"]["running"] == [20]


@pytest.mark.parametrize(
    "content", [b"[]", b"{}", b'{"format":1,"times":[1],"avail":[],"running":[],"users":{}}', b"x"]
)
def test_a_broken_file_starts_anew_and_is_told(tmp_path, caplog, content):
    writer.write(tmp_path / "live/usage/day.json.gz", writer.compress(content))
    assert dict(Usage(tmp_path).add(DAY, used(1)))["live/usage/day"]["running"] == [1]
    assert "live/usage/day" in caplog.text


def test_what_is_old_is_dropped_from_the_day_and_stays_in_the_month(usage):
    usage.add(DAY, used(10))
    documents = dict(usage.add(DAY + 2 * 86_400, used(20)))
    assert documents["live/usage/day"]["running"] == [20]
    assert documents["live/usage/month"]["running"] == [10, 20]


def test_a_past_that_is_told_later_fills_what_is_missing(usage):
    usage.add(DAY + 3600, used(50))
    told = {DAY: used(10, ada=10), DAY + 600: used(20), DAY + 3600: used(99)}
    documents = dict(usage.adopt(told, 600))
    assert documents["live/usage/day"]["times"] == [DAY + t for t in (0, 300, 600, 900, 3600)]
    assert documents["live/usage/day"]["running"] == [10, 10, 20, 20, 50]
    assert documents["live/usage/month"]["running"] == [15, 50]
