"""The summary lists everything once; the latest file brings an open page from one snapshot to the next."""

from jobmon.live import cores, predictions, refresh, rows, summary

NODE = {"up": True, "cpu": None, "mem": {"used": 1, "total": 4000}, "swap": None, "gpus": None, "isCounted": True,
        "nCpus": 4, "nGpus": 0}  # fmt: skip
JOB = {
    "name": "burn", "username": "ada", "state": "RUNNING", "nCpus": 2, "nGpus": 0, "layout": {"n10": [0, 1]},
    "gpuLayout": {}, "timeLimit": 60, "runTime": 5, "startTime": 1000, "mem": {}, "memMax": 100, "memReq": 500,
    "lustre": {}, "jobfs": {}, "jobfsReq": None, "partition": "main",
}  # fmt: skip


def snapshot(time, jobs, nodes=("n10", "n9")):
    return {
        "timestamp": time,
        "usage": {"avail": 8, "running": 2, "users": {}},
        "nodes": {name: dict(NODE) for name in nodes},
        "jobs": jobs,
        "partitions": [{"name": "main", "up": True, "default": True, "maxTime": None, "maxNodes": None,
                        "nodes": ["n9", "n10"]}],
        "reservations": [],
    }  # fmt: skip


def tables(*args, **kwargs):
    taken = snapshot(*args, **kwargs)
    return summary.tables(taken, cores.shards(taken["nodes"]))


def common(now):
    return {"timestamp": now.timestamp, "previous": None, "series": {}}


def changed(before, after):
    document = summary.latest(before, after, common(after), {})
    return document["summary"]["jobs"]["id"], document["jobsGone"], document["summary"]


def test_nodes_are_sorted_by_letters_then_number_and_jobs_point_to_them():
    document = summary.summary(now := tables(1, {"7": JOB}), common(now))
    assert document["nodes"]["name"] == ("n9", "n10")
    assert document["jobs"]["hosts"] == ([1],)
    assert document["jobs"]["hostCores"] == ([2],)
    assert document["partitions"][0]["nodes"] == [0, 1]
    assert document["strings"][document["jobs"]["name"][0]] == "burn"


def test_a_running_job_with_a_node_down_still_has_that_node():
    job = JOB | {"layout": {}, "layoutDown": {"n10": [0, 1]}}
    document = summary.summary(now := tables(1, {"7": job}), common(now))
    assert document["jobs"]["hosts"] == ([1],)


def test_an_empty_cluster_has_empty_columns():
    document = summary.summary(now := tables(1, {}, nodes=()), common(now))
    assert document["jobs"]["id"] == []
    assert document["nodes"]["name"] == []


def test_only_what_changed_is_sent_again():
    before = tables(1, {"7": JOB, "8": JOB, "9": JOB})
    after = tables(2, {"7": JOB | {"runTime": 6}, "8": JOB | {"state": "COMPLETING"}, "10": JOB})
    ids, gone, part = changed(before, after)
    assert (ids, gone) == (("8", "10"), ["9"])
    assert "nodes" not in part
    assert "partitions" not in part


def test_what_drifts_is_not_sent_again_but_real_changes_are():
    pending = JOB | {"state": "PENDING", "startTime": 6000, "priority": 10, "layout": {}, "memMax": 0}
    before = tables(1, {"1": pending, "2": pending, "3": JOB, "4": JOB})
    after = tables(
        2,
        {
            "1": pending | {"priority": 11, "startTime": 6010},
            "2": pending | {"startTime": 9000},
            "3": JOB | {"memMax": 101},
            "4": JOB | {"memMax": 150},
        },
    )
    assert changed(before, after)[0] == ("2",)
    assert summary.latest(before, after, common(after), {})["memMax"] == {"4": 150}


def test_nodes_that_came_send_all_nodes():
    before, after = tables(1, {}), tables(2, {}, nodes=("n9", "n10", "n11"))
    assert changed(before, after)[2]["nodes"]["name"] == ("n9", "n10", "n11")


def test_a_node_that_changed_is_sent_alone():
    before, taken = tables(1, {}), snapshot(2, {})
    taken["nodes"]["n10"]["up"] = False
    after = summary.tables(taken, cores.shards(taken["nodes"]))
    assert changed(before, after)[2]["nodes"]["name"] == ("n10",)


def test_shards_hold_whole_nodes_and_about_as_many_cores_as_they_should():
    nodes = {f"n{i}": NODE | {"nCpus": 1000} for i in range(10)}
    assert list(cores.shards(nodes).values()) == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert cores.shards({"fat": NODE | {"nCpus": 9000}, "n1": NODE}) == {"fat": 0, "n1": 1}
    assert cores.shards({}) == {}


def test_a_shard_tells_cores_gpus_and_whose_they_are():
    taken = snapshot(1, {"7": JOB | {"gpuLayout": {"n10": [1]}}})
    taken["nodes"]["n10"] |= {
        "cpu": {"total": [0] * 5, "core": [[80, 5, 10, 1, 4], None]},
        "gpus": {"gpu1": {"util": 50, "memory": {"used": 1, "total": 2}}},
        "nGpus": 2,
    }
    [(name, document)] = cores.documents(taken, cores.shards(taken["nodes"]))
    assert name == "live/cores/0"
    assert document["nodes"]["n10"] == {
        "cores": [[85, 10, 1], None],
        "gpus": [{"util": None, "memUsed": None, "memTotal": None}, {"util": 50, "memUsed": 1, "memTotal": 2}],
        "jobs": {"7": ["0-1", "1"]},
        "load": None,
        "pressure": None,
    }
    assert document["nodes"]["n9"] == {"cores": None, "gpus": [], "jobs": {}, "load": None, "pressure": None}


def test_predictions_are_kept_until_the_job_starts_and_judged_by_the_first():
    waiting = JOB | {"state": "PENDING", "startTime": 5000}
    known = predictions.update(None, snapshot(1000, {"1": waiting, "2": waiting, "3": waiting | {"startTime": None}}))
    assert known["waiting"] == {"1": [1000, 5000, 5000], "2": [1000, 5000, 5000]}
    known = predictions.update(known, snapshot(2000, {"1": waiting | {"startTime": 4000}, "2": waiting}))
    assert known["waiting"]["1"] == [1000, 5000, 4000]
    started = JOB | {"startTime": 5300}
    known = predictions.update(known, snapshot(5400, {"1": started, "4": started}))
    assert known["started"] == [["1", 1000, 5000, 4000, 5300]]
    assert known["waiting"] == {}
    assert known["accuracy"] == {"jobs": 1, "medianError": 300, "within10min": 1.0}


def test_predictions_do_not_grow_without_end():
    known = None
    for cycle in range(3):
        jobs = {str(i): JOB | {"state": "PENDING", "startTime": 10**9} for i in range(cycle * 600, cycle * 600 + 600)}
        known = predictions.update(known, snapshot(1000 + cycle, jobs))
        running = {job_id: JOB | {"startTime": 1000 + cycle} for job_id in jobs}
        known = predictions.update(known, snapshot(1000 + cycle, running))
    assert len(known["started"]) == predictions.MAX_STARTED


def test_the_newest_point_is_in_the_order_that_the_page_knows():
    nodes = {name: dict(NODE) for name in ("n10", "n9")}
    nodes["n10"]["cpu"] = {"total": [0] * 5, "core": [[30, 0, 0, 0, 70], [50, 0, 0, 0, 50]]}
    blank = {"infiniband": None, "lustre": None, "jobfs": None}
    jobs = {
        "9": JOB | {"layout": {"n10": [0]}},
        "10": JOB | {"layout": {"n10": [1]}, "layoutDown": {"n9": [0]}},
        "11": JOB | {"state": "PENDING", "layout": {}},
    }
    taken = snapshot(1, jobs) | {"nodes": {name: node | blank for name, node in nodes.items()}}
    point = refresh.point(summary.tables(taken, cores.shards(taken["nodes"])), rows.draw(taken))
    assert (point["jobRows"], point["nodeRows"]) == (3, 2)
    user = point["jobColumns"]["user"]
    assert dict(zip(user["rows"].tolist(), user["values"].tolist(), strict=True)) == {0: 50, 2: 30}
    assert point["nodeColumns"]["cores"]["values"].tolist() == [0, 2]
