"""The half hour of the first view: the scores' window in full, thinned before, and only what runs now."""

from itertools import pairwise

import numpy as np
import pytest

from jobmon.live import chunk
from jobmon.live.recent import Recent
from jobmon.live.rows import Point
from jobmon.live.series import Series

START = 1_800_000_000 // 600 * 600
STEP = 30


def point(time, jobs=("1",), user=50.0, mem=1000.0):
    keys = [(job, "n1") for job in jobs]
    columns = {"known": 4.0, "user": user, "system": 1.0, "wait": 2.0, "mem": mem, "gpuMem": 7.0}
    return Point(
        time=time,
        job_keys=keys,
        cores=np.full(len(keys), 4),
        gpus=np.zeros(len(keys), np.int64),
        job_columns={name: np.full(len(keys), value) for name, value in columns.items()},
        hosts=["n1"],
        node_columns={"user": np.array([user]), "mem": np.array([mem]), "netIn": np.array([1.0])},
    )


@pytest.fixture
def watch(tmp_path):
    series, recent = Series(tmp_path, STEP), Recent(600)

    def watch(points):
        for one in points:
            series.add(one)
            document = recent.document(series.day, one)
        return document

    return watch


def values(document, table, column):
    """Return {time: value} of the first row, unknown left out."""
    held = document[table]["columns"][column]
    at = list(np.arange(len(document["times"]))) if held["rows"] is None else held["rows"]
    assert at[0] == 0
    numbers = list(held["values"])[: len(document["times"])]
    found, total = {}, 0
    for time, step in zip(document["times"], numbers, strict=True):
        if step is not None:
            total += int(step)
            found[time] = total
    return found


def test_the_window_is_in_full_and_the_time_before_thinned(watch):
    document = watch(point(START + STEP * k, user=float(k)) for k in range(71))
    now = START + STEP * 70
    times = document["times"]
    assert times == sorted(set(times))
    assert [t for t in times if t > now - 600] == [now - STEP * k for k in range(19, -1, -1)]
    before = [t for t in times if t <= now - 600]
    assert before[0] > now - 1800
    assert all(b - a == 120 for a, b in pairwise(before))
    user = values(document, "jobRows", "user")
    assert user[now] == 70
    # Four snapshots of two minutes as one mean, at the time of the last of them.
    last = before[-1]
    position = (last - START) // STEP
    assert user[last] == round(np.mean([position - 3, position - 2, position - 1, position]))


def test_it_has_only_what_lists_and_scores_read(watch):
    document = watch(point(START + STEP * k) for k in range(50))
    assert set(document["jobRows"]["columns"]) == {"known", "user", "system", "wait", "mem"}
    assert set(document["nodeRows"]["columns"]) == {"user", "mem"}
    assert min(values(document, "jobRows", "wait")) > document["times"][-1] - 600


def test_jobs_that_have_ended_are_left_out_and_new_ones_begin_when_they_did(watch):
    points = [point(START + STEP * k, jobs=("1", "2")) for k in range(20)]
    points += [point(START + STEP * k, jobs=("2", "3")) for k in range(20, 30)]
    document = watch(points)
    assert document["jobs"] == ["2", "3"]
    column = document["jobRows"]["columns"]["user"]
    points_of = len(document["times"])
    third = list(column["values"])[points_of:]
    assert sum(value is not None for value in third) == 10


def test_a_restart_goes_on_with_the_chunks_on_disk(tmp_path):
    series = Series(tmp_path, STEP)
    documents = {}
    for k in range(50):
        documents |= dict(series.add(point(START + STEP * k)))
    closed = [chunk.decode(body) for name, body in documents.items() if not name.endswith("open") and "/day/" in name]
    recent = Recent(600)
    recent.remember(closed)
    document = recent.document(series.day, point(START + STEP * 49))
    assert document["times"][0] < START + STEP * 49 - 1200


def test_the_first_point_is_there_at_once(watch):
    assert watch([point(START)])["times"] == [START]
