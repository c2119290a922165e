"""A client of the ancestor's API 15 reads our files: every field it knows is there, in its type and unit."""

import gzip
import json
import subprocess
import sys

import pytest

NUMBER = (int, float)


@pytest.fixture(scope="module")
def spool(tmp_path_factory):
    data_path = tmp_path_factory.mktemp("spool")
    subprocess.run(
        [sys.executable, "-m", "jobmon", "run", "--once", "--set", "live.backend=simulated", "--set",
         "simulated.nodes=323", "--set", f"live.data_path={data_path}"],
        check=True, timeout=120,
    )  # fmt: skip
    return data_path


def load(spool, name):
    return json.loads(gzip.decompress((spool / name).read_bytes()))


@pytest.fixture(scope="module")
def snapshot(spool):
    return load(spool, "data.json.gz")


def integers(values):
    return all(type(value) is int for value in values)


def test_head_and_usage(snapshot):
    assert snapshot["api"] == 15
    assert type(snapshot["timestamp"]) is int
    usage = snapshot["usage"]
    assert 0 < usage["running"] <= usage["avail"]
    assert sum(usage["users"].values()) == usage["running"]


def test_nodes(snapshot):
    nodes = snapshot["nodes"]
    assert len(nodes) == 323
    seen = {"cpu": 0, "gpus": 0, "down": 0, "infiniband": 0, "lustre": 0, "jobfs": 0}
    for node in nodes.values():
        assert type(node["up"]) is bool
        assert type(node["isCounted"]) is bool
        assert integers([node["nCpus"], node["nGpus"]])
        seen["down"] += not node["up"]
        if node["cpu"] is not None:
            seen["cpu"] += 1
            assert integers(node["cpu"]["total"])
            assert len(node["cpu"]["total"]) == 5
            assert sum(node["cpu"]["total"]) <= 100
            assert all(core is None or (integers(core) and sum(core) <= 100) for core in node["cpu"]["core"])
        if node["mem"] is not None:
            assert integers([node["mem"]["used"], node["mem"]["total"]])
        if node["swap"] is not None:
            assert integers([node["swap"]["free"], node["swap"]["total"]])
        for name, gpu in (node["gpus"] or {}).items():
            seen["gpus"] += 1
            assert name.removeprefix("gpu").isdigit()
            assert gpu["util"] is None or 0 <= gpu["util"] <= 100
            assert set(gpu["memory"]) == {"total", "used"}
        if node["infiniband"]:
            seen["infiniband"] += 1
            assert set(node["infiniband"]) == {"bytes_in", "bytes_out", "pkts_in", "pkts_out"}
            assert all(value is None or isinstance(value, NUMBER) for value in node["infiniband"].values())
        for part in ("lustre", "jobfs"):
            if node[part]:
                seen[part] += 1
                assert set(node[part]) == {"read", "write"}
    assert all(seen.values()), f"the simulated cluster shows nothing of some kind: {seen}"


def test_jobs(snapshot):
    states = set()
    for job_id, job in snapshot["jobs"].items():
        assert all(part.isdigit() for part in job_id.split("_"))
        assert type(job["name"]) is type(job["username"]) is type(job["state"]) is str
        assert integers([job["nCpus"], job["nGpus"], job["runTime"], job["memMax"]])
        assert job["timeLimit"] is None or type(job["timeLimit"]) is int
        assert job["startTime"] is None or type(job["startTime"]) is int
        assert job["memReq"] is None or isinstance(job["memReq"], NUMBER)
        assert job["jobfsReq"] is None or isinstance(job["jobfsReq"], NUMBER)
        for key in ("layout", "gpuLayout", "mem", "jobfs", "lustre"):
            assert type(job[key]) is dict
        for host, indices in job["layout"].items():
            assert host in snapshot["nodes"]
            assert integers(indices)
        for host, indices in job["gpuLayout"].items():
            assert host in snapshot["nodes"]
            assert integers(indices)
        assert integers(job["mem"].values())
        assert integers(job["jobfs"].values())
        for system in job["lustre"].values():
            assert set(system["oss"]) == {"read_bytes", "write_bytes", "iops"}
            assert all(value is None or isinstance(value, NUMBER) for value in system["oss"].values())
            assert "mds" in system
        states.add(job["state"])
    assert {"RUNNING", "PENDING", "COMPLETED"} <= states
    assert "CANCELLED" not in states


def test_pending_jobs_have_no_layout_and_running_ones_have(snapshot):
    for job in snapshot["jobs"].values():
        if job["state"] == "PENDING":
            assert job["layout"] == {}
        elif job["state"] == "RUNNING":
            assert job["layout"] or job["layoutDown"]


def test_history(spool, snapshot):
    history = load(spool, "history.json.gz")["history"]
    assert history == {str(snapshot["timestamp"]): snapshot["usage"]}


def test_backfill(spool):
    backfill = load(spool, "backfill.json.gz")
    assert backfill
    for slots in backfill.values():
        for cores, slot in slots.items():
            assert int(cores) > 0
            assert slot["count"] > 0
            assert slot["tMin"] is None or slot["tMax"] is None or slot["tMin"] <= slot["tMax"]
