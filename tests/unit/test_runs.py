"""What a job has used since its start, what it wasted, and which request would have fitted."""

import numpy as np
import orjson
import pytest

from jobmon.live import rows, summary
from jobmon.live.endings import SHARDS, Endings, shard_of

START = 1_800_000_000
STEP = 30


def node(busy, cores=8, used=1000, gpu=None):
    per_core = [[busy, 0, 0, 0, 100 - busy]] * cores
    return {
        "up": True, "isCounted": True, "nCpus": cores, "nGpus": 1 if gpu is not None else 0,
        "cpu": {"total": [busy, 0, 0, 0, 100 - busy], "core": per_core}, "mem": {"used": used, "total": 65_536},
        "swap": None, "infiniband": None, "lustre": None, "jobfs": None,
        "gpus": None if gpu is None else {"gpu0": {"util": gpu, "memory": {"used": 500, "total": 16_000}}},
    }  # fmt: skip


def job(state="RUNNING", cores=4, memory=32_768, used=1024, gpus=0, **extra):
    layout = {"n1": list(range(cores))} if state == "RUNNING" else {}
    return {
        "name": "fit", "username": "ada", "state": state, "nCpus": cores, "nGpus": gpus, "layout": layout,
        "gpuLayout": {"n1": [0]} if gpus and layout else {}, "timeLimit": 60, "runTime": 0, "startTime": START,
        "submitTime": START - 100, "mem": {"n1": used} if layout else {}, "memMax": 0, "memReq": memory, "lustre": {},
        "jobfs": {}, "jobfsReq": None, "partition": "main", "account": "sky", **extra,
    }  # fmt: skip


class Cluster:
    """Play snapshots into an `Endings`, and collect what ended and what was published."""

    def __init__(self, folder, site=""):
        self.endings = Endings(folder, site, STEP)
        self.ended = []
        self.runs = {}
        self.time = START

    def show(self, nodes, jobs, after=STEP):
        self.time += after
        snapshot = {"timestamp": self.time, "nodes": nodes, "jobs": jobs, "usage": {}}
        tables = summary.tables(snapshot, dict.fromkeys(nodes, 0))
        for name, document in self.endings.add(tables, rows.draw(snapshot)):
            self.runs[name] = orjson.loads(orjson.dumps(document))
        self.ended += self.endings.ended

    def run(self, minutes, nodes, jobs):
        for _ in range(minutes * 60 // STEP):
            self.show(nodes, jobs)

    def of(self, job_id):
        return self.runs[f"live/runs/{shard_of(job_id)}"]["runs"][job_id]


@pytest.fixture
def cluster(tmp_path):
    return Cluster(tmp_path)


def test_a_job_that_wastes_cores_and_memory_is_told_what_fits(cluster):
    cluster.run(30, {"n1": node(25)}, {"1": job()})
    cluster.show({"n1": node(0)}, {"1": job("COMPLETED", endTime=START + 1800)})
    (ended,) = cluster.ended
    assert ended["state"] == "COMPLETED"
    assert ended["cpu"] == 25
    assert ended["cpuPeak"] == 1.0
    assert ended["memMax"] == 1024
    assert ended["seen"] == 1800
    assert ended["wait"] == 100
    assert ended["walltimeUsed"] == 50
    assert ended["used"]["core-h"] == 2
    warnings = {warning["rule"]: warning for warning in ended["warnings"]}
    assert set(warnings) == {"cpuUtil", "memUtil"}
    assert all(warning["held"] for warning in warnings.values())
    # It is judged after five minutes of grace: 25 minutes with three of four cores idle.
    assert warnings["cpuUtil"]["fired"] == 1500
    assert ended["waste"]["core-h"] == pytest.approx(1.25)
    assert warnings["cpuUtil"]["text"] == "The job uses 25 % of its 4 cores; below 80 % is a waste."
    assert ended["fit"] == {"cores": 2, "nodes": 1, "gpus": 0, "memory": 2048}
    assert ended["fitText"] == "Ask for 2 cores and 2 GiB instead of 4 cores and 32 GiB."
    assert ended["fitLine"] == "--nodes=1 --ntasks-per-node=1 --cpus-per-task=2 --mem=2G"


def test_a_good_job_is_left_alone(cluster):
    cluster.run(20, {"n1": node(95)}, {"1": job(memory=2048, used=1800)})
    cluster.show({"n1": node(0)}, {"1": job("COMPLETED", memory=2048)})
    (ended,) = cluster.ended
    assert ended["warnings"] == []
    assert ended["waste"] == {}
    assert ended["fit"] is None
    assert (ended["fitText"], ended["fitLine"]) == ("", "")


def test_a_rule_that_fired_for_a_short_time_costs_but_is_no_warning(cluster):
    cluster.run(20, {"n1": node(95)}, {"1": job(memory=None)})
    cluster.run(5, {"n1": node(10)}, {"1": job(memory=None)})
    cluster.show({"n1": node(0)}, {"1": job("COMPLETED", memory=None)})
    (warning,) = cluster.ended[0]["warnings"]
    assert not warning["held"]
    assert warning["cost"] == pytest.approx(0.3, rel=0.05)
    assert cluster.ended[0]["waste"] == {}
    assert START + 1200 < warning["since"] < warning["until"] <= START + 1500


def test_an_idle_gpu_is_told(cluster):
    cluster.run(15, {"n1": node(95, gpu=1)}, {"1": job(memory=None, gpus=1)})
    cluster.show({"n1": node(0, gpu=0)}, {"1": job("COMPLETED", memory=None, gpus=1)})
    (ended,) = cluster.ended
    assert ended["gpu"] == 1
    assert ended["fitText"] == "Ask for no GPU instead of 1 GPU."
    assert "--gres" not in ended["fitLine"]


def test_what_is_not_known_accuses_nobody(cluster):
    dark = node(0) | {"cpu": None}
    cluster.run(15, {"n1": dark}, {"1": job(memory=None, mem={})})
    cluster.show({"n1": dark}, {"1": job("FAILED", memory=None)})
    (ended,) = cluster.ended
    assert ended["cpu"] is None
    assert ended["memMax"] is None
    assert ended["seen"] == 0
    assert ended["warnings"] == []


def test_a_gap_is_not_counted_as_seen(cluster):
    cluster.run(10, {"n1": node(50)}, {"1": job()})
    cluster.show({"n1": node(50)}, {"1": job()}, after=7200)
    cluster.show({"n1": node(0)}, {"1": job("COMPLETED")})
    assert cluster.ended[0]["seen"] == 630


def test_a_job_that_the_scheduler_forgot_has_ended(cluster):
    cluster.run(1, {"n1": node(50)}, {"1": job()})
    cluster.show({"n1": node(50)}, {})
    assert [(e["id"], e["state"], e["end"]) for e in cluster.ended] == [("1", "ENDED", cluster.time)]


def test_an_ended_job_is_told_once_and_a_completing_one_not_yet(cluster):
    cluster.run(1, {"n1": node(50)}, {"1": job()})
    cluster.show({"n1": node(50)}, {"1": job("COMPLETING")})
    assert cluster.ended == []
    for _ in range(3):
        cluster.show({"n1": node(50)}, {"1": job("COMPLETED")})
    assert len(cluster.ended) == 1
    assert cluster.ended[0]["cpu"] == 50


def test_a_restart_goes_on_with_the_sums(tmp_path):
    before = Cluster(tmp_path)
    before.run(10, {"n1": node(50)}, {"1": job()})
    before.endings.keep()
    after = Cluster(tmp_path)
    after.time = before.time
    after.run(10, {"n1": node(50)}, {"1": job()})
    after.show({"n1": node(0)}, {"1": job("COMPLETED")})
    assert after.ended[0]["seen"] == 1200


@pytest.mark.parametrize("content", [b"{}", b"[1]", b'{"time":1,"keys":[["1","n1"]],"columns":{"seen":[1,2]}}'])
def test_broken_sums_start_anew_and_are_told(tmp_path, caplog, content):
    from jobmon.spool import writer

    writer.write(tmp_path / "state/runs.json.gz", writer.compress(content))
    cluster = Cluster(tmp_path)
    cluster.run(1, {"n1": node(50)}, {"1": job()})
    assert "counted from now on" in caplog.text


def test_every_running_job_is_published_within_two_minutes(cluster):
    jobs = {str(number): job(cores=1, layout={"n1": [number % 8]}) for number in range(40)}
    cluster.run(2, {"n1": node(50)}, jobs)
    found = {job_id for shard in cluster.runs.values() for job_id in shard["runs"]}
    assert found == set(jobs)
    assert all(document["timestamp"] >= START + STEP for document in cluster.runs.values())


def test_a_site_may_judge_more_mildly(tmp_path):
    (tmp_path / "site.json").write_text('{"warnUtil": 20, "warnMem": "no number"}')
    cluster = Cluster(tmp_path, str(tmp_path / "site.json"))
    cluster.run(20, {"n1": node(25)}, {"1": job(memory=None)})
    cluster.show({"n1": node(0)}, {"1": job("COMPLETED", memory=None)})
    assert cluster.ended[0]["warnings"] == []


def test_a_shard_is_found_as_the_page_finds_it():
    for job_id in ("123", "123_4", "é😀"):
        units = np.frombuffer(job_id.encode("utf-16-le"), np.uint16)
        assert shard_of(job_id) == int(units.sum()) % SHARDS
