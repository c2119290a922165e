"""The files of the ancestor's contract survive restarts, lost and broken files, and clocks that are set."""

import gzip
import json

import orjson
import pytest

from jobmon.config import LiveSettings
from jobmon.errors import SpoolError
from jobmon.live.archive import INDEX, Archive

NOW = 1_700_000_000


def settings(tmp_path, **changes):
    return LiveSettings(data_path=str(tmp_path), **changes)


def publish(archive, time, cores=1):
    taken = {"timestamp": time, "usage": {"avail": 8, "running": cores, "users": {"ada": cores}}}
    archive.publish(taken, orjson.dumps(taken), {})


def history(tmp_path):
    return json.loads(gzip.decompress((tmp_path / "history.json.gz").read_bytes()))["history"]


def index(tmp_path):
    return [int(line) for line in (tmp_path / INDEX).read_text().splitlines()[1:]]


def test_history_goes_on_after_a_restart(tmp_path):
    publish(Archive(settings(tmp_path), NOW), NOW)
    publish(Archive(settings(tmp_path), NOW + 30), NOW + 30, cores=2)
    assert [entry["running"] for entry in history(tmp_path).values()] == [1, 2]
    assert index(tmp_path) == [NOW, NOW + 30]


@pytest.mark.parametrize("damage", [b"", b"half", gzip.compress(b'{"history": {"17'), gzip.compress(b"[]"), None])
def test_a_lost_or_broken_history_is_restored_from_the_snapshots(tmp_path, damage, caplog):
    archive = Archive(settings(tmp_path), NOW)
    for time in range(NOW, NOW + 300, 30):
        publish(archive, time)
    path = tmp_path / "history.json.gz"
    path.unlink() if damage is None else path.write_bytes(damage)
    publish(Archive(settings(tmp_path), NOW + 300), NOW + 300)
    assert list(map(int, history(tmp_path))) == list(range(NOW, NOW + 330, 30))
    assert damage is None or "history.json.gz" in caplog.text


def test_a_broken_snapshot_stays_out_of_the_restored_history_and_is_named(tmp_path, caplog):
    archive = Archive(settings(tmp_path), NOW)
    for time in (NOW, NOW + 30, NOW + 60):
        publish(archive, time)
    (tmp_path / "history.json.gz").unlink()
    (tmp_path / f"data{NOW + 30}.json.gz").write_bytes(b"\x1f\x8b broken")
    publish(Archive(settings(tmp_path), NOW + 90), NOW + 90)
    assert list(map(int, history(tmp_path))) == [NOW, NOW + 60, NOW + 90]
    assert f"data{NOW + 30}.json.gz" in caplog.text


def test_old_snapshots_are_purged_also_those_that_no_history_knows(tmp_path):
    for age in (100, 5000, 90_000, 200_000):
        (tmp_path / f"data{NOW - age}.json.gz").write_bytes(gzip.compress(b'{"usage": {}}'))
    (tmp_path / "database.json.gz").write_bytes(b"somebody else's")
    archive = Archive(settings(tmp_path), NOW)
    publish(archive, NOW)
    archive.purge(NOW)
    publish(archive, NOW + 30)
    left = sorted(path.name for path in tmp_path.glob("data*.json.gz"))
    stamped = [f"data{time}.json.gz" for time in (NOW - 5000, NOW - 100, NOW, NOW + 30)]
    assert left == sorted([*stamped, "data.json.gz", "database.json.gz"])
    assert index(tmp_path) == [NOW - 5000, NOW - 100, NOW, NOW + 30]


def test_a_file_that_somebody_removed_does_not_stop_the_purge(tmp_path):
    archive = Archive(settings(tmp_path, history_delete_age=10, history_length=10), NOW)
    publish(archive, NOW)
    (tmp_path / f"data{NOW}.json.gz").unlink()
    publish(archive, NOW + 30)
    archive.purge(NOW + 30)
    publish(archive, NOW + 60)
    assert index(tmp_path) == [NOW + 30, NOW + 60]
    assert list(map(int, history(tmp_path))) == [NOW + 60]


def test_a_crash_before_the_time_stamped_name_is_mended(tmp_path):
    publish(Archive(settings(tmp_path), NOW), NOW)
    stamped = tmp_path / f"data{NOW}.json.gz"
    stamped.unlink()
    (tmp_path / ".data.json.gz.x1.part").write_bytes(b"left behind")
    archive = Archive(settings(tmp_path), NOW + 30)
    assert archive.last["timestamp"] == NOW
    assert stamped.samefile(tmp_path / "data.json.gz")
    assert list(tmp_path.glob(".*.part")) == []


def test_a_clock_that_is_set_back_leaves_no_history_from_the_future(tmp_path):
    archive = Archive(settings(tmp_path), NOW)
    publish(archive, NOW)
    publish(archive, NOW - 3600)
    assert list(map(int, history(tmp_path))) == [NOW - 3600]
    publish(archive, NOW - 3570)
    assert list(map(int, history(tmp_path))) == [NOW - 3600, NOW - 3570]


def test_two_snapshots_of_one_second_are_one(tmp_path):
    archive = Archive(settings(tmp_path), NOW)
    publish(archive, NOW, cores=1)
    publish(archive, NOW, cores=5)
    assert history(tmp_path) == {str(NOW): {"avail": 8, "running": 5, "users": {"ada": 5}}}
    assert (tmp_path / "data.json.gz").samefile(tmp_path / f"data{NOW}.json.gz")


def test_other_file_names_are_obeyed_everywhere(tmp_path):
    named = settings(tmp_path, file_name_pattern="snap-{:}.json.gz", file_name_history="h.json.gz",
                     file_name_backfill="b.json.gz")  # fmt: skip
    publish(Archive(named, NOW), NOW)
    assert {path.name for path in tmp_path.iterdir()} == {
        "snap-.json.gz", f"snap-{NOW}.json.gz", "h.json.gz", "b.json.gz", INDEX,
    }  # fmt: skip
    assert (tmp_path / INDEX).read_text().splitlines()[0] == "snap-{}.json.gz\th.json.gz\tb.json.gz"


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    archive = Archive(settings(tmp_path), NOW)
    (tmp_path / "data.json.gz").mkdir()
    (tmp_path / "data.json.gz" / "in the way").touch()
    with pytest.raises(SpoolError, match=r"data.json.gz: cannot be written"):
        publish(archive, NOW)


def test_a_broken_newest_snapshot_is_told_and_passed_over(tmp_path, caplog):
    publish(Archive(settings(tmp_path), NOW), NOW)
    (tmp_path / "data.json.gz").write_bytes(b"broken")
    archive = Archive(settings(tmp_path), NOW + 30)
    assert archive.last is None
    publish(archive, NOW + 30)
    assert index(tmp_path) == [NOW, NOW + 30]
    assert "data.json.gz" in caplog.text
