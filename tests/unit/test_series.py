"""Metrics go into chunks and come out the same, across restarts, gaps and clock steps."""

import numpy as np
import orjson
import pytest

from jobmon.live import chunk, rows
from jobmon.live.series import Series
from jobmon.spool import writer

START = 1_700_006_400  # the beginning of a day
NODE = {
    "up": True, "mem": {"used": 1000, "total": 4000}, "swap": {"free": 90, "total": 100}, "gpus": None,
    "infiniband": None, "lustre": None, "jobfs": None, "isCounted": True, "nCpus": 4, "nGpus": 0,
}  # fmt: skip


def node(*user, **changes):
    cores = [None if u is None else [u, 0, 10, 2, 88 - u] for u in user]
    known = [core for core in cores if core]
    total = np.mean(known, axis=0).astype(int).tolist() if known else [0, 0, 0, 0, 100]
    return {**NODE, "cpu": {"total": total, "core": cores}, **changes}


def job(layout, **changes):
    return {"state": "RUNNING", "layout": layout, "gpuLayout": {}, "mem": {}, "lustre": {}, "jobfs": {}, **changes}


def snapshot(time, nodes, jobs):
    return {"timestamp": time, "nodes": nodes, "jobs": jobs}


def values(point, name):
    column = point.job_columns[name]
    return {key: None if np.isnan(v) else v for key, v in zip(point.job_keys, column.tolist(), strict=True)}


def test_a_job_is_the_mean_of_its_own_cores_on_each_host():
    point = rows.draw(
        snapshot(START, {"n1": node(80, 60, 0, 0), "n2": node(40, 40, 40, 40)}, {"7": job({"n1": [0, 1], "n2": [3]})})
    )
    assert values(point, "user") == {("7", "n1"): 70, ("7", "n2"): 40}
    assert values(point, "system") == {("7", "n1"): 10, ("7", "n2"): 10}
    assert values(point, "known") == {("7", "n1"): 2, ("7", "n2"): 1}
    assert point.node_columns["cores"].tolist() == [2, 1]


def test_unknown_cores_do_not_count_and_unknown_hosts_are_unknown():
    nodes = {"n1": node(80, None, 0, 0), "n2": node(50) | {"cpu": None}}
    point = rows.draw(
        snapshot(START, nodes, {"7": job({"n1": [0, 1], "n2": [0], "gone": [0, 1]}), "8": job({"n1": [9]})})
    )
    assert values(point, "user") == {("7", "n1"): 80, ("7", "n2"): None, ("7", "gone"): None, ("8", "n1"): None}
    assert values(point, "known") == {("7", "n1"): 1, ("7", "n2"): 0, ("7", "gone"): 0, ("8", "n1"): 0}


def test_gpus_are_means_over_the_job_s_own_gpus_on_the_node():
    gpu = {f"gpu{i}": {"util": u, "memory": {"used": 100, "total": 900}} for i, u in enumerate((90, 10, None))}
    nodes = {"g1": node(50, gpus=gpu, nGpus=3), "g2": node(50)}
    jobs = {
        "1": job({"g1": [0]}, gpuLayout={"g1": [0]}),
        "2": job({"g1": [0], "g2": [0]}, gpuLayout={"g1": [1, 2]}),
        "3": job({"g1": [0]}, gpuLayout={"g1": [2]}),
        "4": job({"g1": [0]}, gpuLayout={"g1": [7]}),
    }
    point = rows.draw(snapshot(START, nodes, jobs))
    assert values(point, "gpuUtil") == {
        ("1", "g1"): 90, ("2", "g1"): 10, ("2", "g2"): None, ("3", "g1"): None, ("4", "g1"): None,
    }  # fmt: skip
    assert point.gpus.tolist() == [1, 2, 0, 1, 1]


def test_a_host_in_mem_but_not_in_the_layout_does_no_harm():
    point = rows.draw(snapshot(START, {"n1": node(1)}, {"7": job({"n1": [0]}, mem={"n1": 500, "elsewhere": 9})}))
    assert values(point, "mem") == {("7", "n1"): 500}


def test_file_system_rates_of_a_job_are_counted_once():
    lustre = {"a": {"mds": {}, "oss": {"read_bytes": 2048, "write_bytes": 0, "iops": 3}}}
    point = rows.draw(
        snapshot(START, {"n1": node(1), "n2": node(1)}, {"7": job({"n1": [0], "n2": [0]}, lustre=lustre)})
    )
    assert values(point, "fsRead") == {("7", "n1"): 2, ("7", "n2"): None}


def test_only_running_jobs_have_rows():
    jobs = {"1": job({}, state="PENDING"), "2": job({"n1": [0]}, state="COMPLETED"), "3": job({"n1": [0]})}
    assert rows.draw(snapshot(START, {"n1": node(1)}, jobs)).job_keys == [("3", "n1")]


def test_an_empty_cluster_has_no_rows():
    point = rows.draw(snapshot(START, {}, {}))
    assert point.job_keys == []
    held = chunk.Chunk("day", START, 600)
    held.add(point)
    assert chunk.decode(plain(held.encode())).times == [START]


def plain(document):
    return orjson.loads(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))


def decoded(document):
    held = chunk.decode(document)
    points = slice(0, len(held.times))
    return {
        key: {name: held.jobs.part(name, points)[row].tolist() for name in held.jobs.columns}
        for key, row in held.jobs.rows.items()
    }


def test_a_chunk_comes_back_as_it_went_with_gaps_and_late_rows():
    held = chunk.Chunk("day", START, 600)
    user = [None, 10, 50, None, 20]
    for position, value in enumerate(user):
        nodes = {"n1": node(value), "n2": node(33)}
        jobs = {"1": job({"n1": [0]})}
        if position >= 3:
            jobs["2"] = job({"n2": [0]}, mem={"n2": 7})
        held.add(rows.draw(snapshot(START + 30 * position, nodes, jobs)))
    found = decoded(plain(held.encode()))
    assert [None if np.isnan(v) else v for v in found["1", "n1"]["user"]] == user
    assert [None if np.isnan(v) else v for v in found["2", "n2"]["mem"]] == [None, None, None, 7, 7]
    assert "gpuUtil" not in found["1", "n1"]


def test_a_chunk_read_back_goes_on_growing():
    held = chunk.Chunk("day", START, 600)
    held.add(rows.draw(snapshot(START, {"n1": node(10)}, {"1": job({"n1": [0]})})))
    held = chunk.decode(plain(held.encode()))
    for position in range(1, 40):  # more than there is room for at first
        nodes = {"n1": node(10 + position), "n2": node(1)}
        held.add(rows.draw(snapshot(START + position, nodes, {"1": job({"n1": [0]}), "2": job({"n2": [0]})})))
    found = decoded(plain(held.encode()))
    assert found["1", "n1"]["user"] == [10 + position for position in range(40)]


BROKEN = [None, [], {}, {"format": 2}, {"format": 1, "tier": "day"}, 7]


@pytest.mark.parametrize("document", BROKEN, ids=repr)
def test_what_is_not_a_chunk_is_told(document):
    with pytest.raises(ValueError, match=r"chunk|format"):
        chunk.decode(document)


def feed(series, times, user=lambda t: 50):
    written = {}
    for time in times:
        nodes = {"n1": node(user(time))}
        for name, document in series.add(rows.draw(snapshot(time, nodes, {"1": job({"n1": [0]})}))):
            written[name] = plain(document)
    return written


def test_chunks_close_at_their_span_and_means_go_up_the_tiers(tmp_path):
    series = Series(tmp_path, 30)
    written = feed(series, range(START, START + 3 * 7200, 30), user=lambda t: 40 + (t // 30) % 2 * 20)
    assert sorted(n for n in written if n.startswith("live/series/day/"))[0] == f"live/series/day/{START}"
    assert len(series.closed["day"]) == 3 * 12 - 1
    assert series.closed["month"] == [START, START + 7200]
    assert written[f"live/series/day/{START}"]["times"] == list(range(START, START + 600, 30))
    month = written[f"live/series/month/{START}"]
    assert month["times"] == list(range(START, START + 7200, 300))
    assert decoded(month)["1", "n1"]["user"] == [50] * 24
    year = written["live/series/year/open"]
    assert len(year["times"]) == 5
    assert decoded(year)["1", "n1"]["user"] == [50] * 5


def save(tmp_path, written):
    for name, document in written.items():
        writer.write(tmp_path / f"{name}.json.gz", writer.compress(orjson.dumps(document)))


def test_a_restart_in_the_middle_of_a_chunk_continues_it(tmp_path):
    save(tmp_path, feed(Series(tmp_path, 30), range(START, START + 450, 30)))
    series = Series(tmp_path, 30)
    written = feed(series, range(START + 450, START + 630, 30))
    assert written[f"live/series/day/{START}"]["times"] == list(range(START, START + 600, 30))
    assert written["live/series/month/open"]["times"] == [START, START + 300]
    assert series.index()["day"]["closed"] == [START]


@pytest.mark.parametrize("damage", [b"", b"not gzip", writer.compress(b'{"format": 1'), writer.compress(b"{}")])
def test_a_broken_open_chunk_is_told_and_the_series_goes_on(tmp_path, caplog, damage):
    save(tmp_path, feed(Series(tmp_path, 30), range(START, START + 90, 30)))
    path = tmp_path / "live/series/day/open.json.gz"
    path.write_bytes(damage)
    written = feed(Series(tmp_path, 30), [START + 90])
    assert written["live/series/day/open"]["times"] == [START + 90]
    assert "open.json.gz" in caplog.text


def test_a_clock_that_steps_back_replaces_what_was_ahead(tmp_path, caplog):
    series = Series(tmp_path, 30)
    feed(series, range(START, START + 300, 30))
    written = feed(series, [START + 100])
    assert written["live/series/day/open"]["times"] == [START, START + 30, START + 60, START + 90, START + 100]
    written = feed(series, [START - 5000])
    assert written["live/series/day/open"]["times"] == [START - 5000]
    assert "stepped back" in caplog.text


def test_a_gap_leaves_no_points_in_between(tmp_path):
    series = Series(tmp_path, 30)
    feed(series, [START])
    written = feed(series, [START + 40_000])
    assert written[f"live/series/day/{START}"]["times"] == [START]
    assert written["live/series/month/open"]["times"] == [START]


def test_old_chunks_expire_each_tier_by_its_own_age(tmp_path):
    series = Series(tmp_path, 30)
    feed(series, range(START, START + 3 * 7200, 30))
    assert series.expire(START + 7200 * 3) == []
    expired = series.expire(START + 2 * 86400)
    assert f"live/series/day/{START}" in expired
    assert not [name for name in expired if "month" in name]
    assert series.index()["day"]["closed"] == []


def test_large_values_keep_three_digits_and_small_ones_stay():
    point = rows.draw(snapshot(START, {"n1": node(1, mem={"used": 123_457, "total": 200_000})}, {}))
    assert abs(point.node_columns["mem"][0] - 123_457) <= 512
    point = rows.draw(snapshot(START, {"n1": node(1, mem={"used": 101, "total": 200_000})}, {}))
    assert point.node_columns["mem"][0] == 101


def test_a_series_takes_over_what_another_one_made_of_the_past(tmp_path):
    present = Series(tmp_path, 30)
    feed(present, range(START + 9000, START + 9300, 30))
    past = Series(tmp_path, 30, restore=False)
    written = feed(past, range(START, START + 9000, 600))
    closed = [(name.split("/")[2], int(name.split("/")[3])) for name in written if not name.endswith("/open")]
    changed = dict(present.adopt(closed, past.left()))
    assert changed.keys() == {f"live/series/day/{START + 8400}"}
    assert present.index()["day"]["closed"] == list(range(START, START + 9000, 600))
    assert present.index()["month"]["closed"] == [START]
    written = feed(present, [START + 9300])
    assert written["live/series/month/open"]["times"] == [START + 7200, START + 7800, START + 9000]
    assert written["live/series/day/open"]["times"][0] == START + 9000


def test_a_job_that_changes_nodes_has_a_row_on_each_for_its_time_there():
    held = chunk.Chunk("day", START, 600)
    nodes = {"n1": node(10), "n2": node(60)}
    held.add(rows.draw(snapshot(START, nodes, {"1": job({"n1": [0]})})))
    held.add(rows.draw(snapshot(START + 30, nodes, {"1": job({"n2": [0]})})))
    found = decoded(plain(held.encode()))
    assert [None if np.isnan(v) else v for v in found["1", "n1"]["user"]] == [10, None]
    assert [None if np.isnan(v) else v for v in found["1", "n2"]["user"]] == [None, 60]


@pytest.mark.parametrize("job_id", ["35+1", "7_4", "../../etc/passwd", "a b\t<b>", "🦀", "x" * 255])
def test_ids_may_hold_any_character(job_id):
    held = chunk.Chunk("day", START, 600)
    held.add(rows.draw(snapshot(START, {"n1": node(10)}, {job_id: job({"n1": [0]})})))
    assert list(decoded(plain(held.encode()))) == [(job_id, "n1")]
