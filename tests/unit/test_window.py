"""Will it run now? From what was published last, without asking the scheduler."""

import orjson
import pytest

import asgi
from jobmon.live import summary, window_api

NOW = 1_800_000_000


def node(cpus=8, memory=16_384, gpus=0, state="IDLE", up=True):
    return {"up": up, "isCounted": True, "nCpus": cpus, "nGpus": gpus, "mem": {"used": 0, "total": memory},
            "swap": None, "state": state, "partitions": ["main"]}  # fmt: skip


def job(layout, limit=60, memory=None, state="RUNNING", **extra):
    cpus = sum(map(len, layout.values()))
    return {"name": "a", "username": "vega", "state": state, "nCpus": cpus or 1, "nGpus": 0, "layout": layout,
            "gpuLayout": {}, "timeLimit": limit, "runTime": 0, "startTime": NOW, "memReq": memory, "memMax": 0,
            "jobfsReq": None, **extra}  # fmt: skip


def snapshot(nodes, jobs=None, partitions=None, reservations=()):
    main = {"name": "main", "up": True, "default": True, "maxTime": 1440, "maxNodes": None, "maxCpusPerNode": None,
            "maxMemPerNode": None, "nodes": list(nodes)}  # fmt: skip
    return {"timestamp": NOW, "nodes": nodes, "jobs": jobs or {}, "partitions": [main] if partitions is None else
            partitions, "reservations": list(reservations)}  # fmt: skip


def published(snap):
    """Return the summary of a snapshot as it is read from its file."""
    common = summary.common_fields(snap | {"usage": {"avail": 0, "running": 0}}, None, 30, {}, {}) | {"sources": []}
    return orjson.loads(orjson.dumps(summary.summary(summary.tables(snap, dict.fromkeys(snap["nodes"], 0)), common)))


@pytest.fixture
def ask():
    def ask(snap, **parameters):
        app = asgi.application(window_api.router(lambda: published(snap) if snap else None))
        return asgi.get(app, "/window", parameters)

    return ask


def test_a_request_that_fits_starts_now_and_is_a_line_to_copy(ask):
    found = ask(snapshot({"n1": node()}), cores=4, memory=8192, walltime=90).json()
    assert found["now"]
    assert found["startAt"] == NOW
    assert found["nodes"] == ["n1"]
    assert found["line"] == (
        "--nodes=1 --ntasks-per-node=1 --cpus-per-task=4 --mem=8G --time=01:30:00 --partition=main"
    )
    assert found["alternatives"] == []


def test_cores_that_are_held_are_free_when_their_job_ends_and_fewer_start_now(ask):
    full = snapshot({"n1": node()}, {"1": job({"n1": list(range(6))}, limit=30)})
    found = ask(full, cores=4).json()
    assert not found["now"]
    assert found["startAt"] == NOW + 1800
    assert found["reason"]
    assert [(a["changed"], "--cpus-per-task=2" in a["line"]) for a in found["alternatives"]] == [
        ("with 2 cores per node", True)
    ]


def test_memory_that_others_have_asked_for_is_not_free(ask):
    held = snapshot({"n1": node()}, {"1": job({"n1": [0]}, memory=12_288.0)})
    found = ask(held, cores=1, memory=8192).json()
    assert not found["now"]
    assert found["alternatives"][0]["changed"] == "with 4G of memory per node"


def test_a_shorter_job_fits_before_a_maintenance(ask):
    planned = {"name": "upgrade", "start": NOW + 7200, "end": NOW + 90_000, "maintenance": True, "nodes": ["n1"]}
    found = ask(snapshot({"n1": node()}, reservations=[planned]), cores=1, walltime=600).json()
    assert not found["now"]
    assert found["startAt"] == NOW + 90_000
    assert found["alternatives"][0] == {
        "changed": "for 02:00:00 at most",
        "line": "--nodes=1 --ntasks-per-node=1 --cpus-per-task=1 --time=02:00:00",
    }


def test_a_planned_job_keeps_its_node(ask):
    planned = job({}, limit=600, state="PENDING", nCpus=8, startTime=NOW + 600, plannedNodes=["n1"])
    found = ask(snapshot({"n1": node()}, {"7": planned}), cores=8, walltime=60).json()
    assert not found["now"]
    assert found["alternatives"][0]["changed"] == "for 00:10:00 at most"


def test_gpus_and_nodes_count(ask):
    nodes = {"g1": node(gpus=2), "g2": node(gpus=2)}
    found = ask(snapshot(nodes, {"1": job({"g1": [0]}, nGpus=1, gpuLayout={"g1": [0]})}), gpus=2, nodes=2).json()
    assert not found["now"]
    changed = [a["changed"] for a in found["alternatives"]]
    assert changed == ["with 1 GPU per node", "on 1 node"]


def test_what_never_fits_says_why(ask):
    found = ask(snapshot({"n1": node()}), cores=64).json()
    assert found["startAt"] is None
    assert "64 cores" in found["reason"]


def test_a_node_that_is_down_or_drained_takes_nothing(ask):
    found = ask(snapshot({"n1": node(state="IDLE+DRAIN"), "n2": node(up=False)}), cores=1).json()
    assert not found["now"]


def test_a_back_end_without_partitions_is_one_partition(ask):
    nodes = {"n1": node() | {"partitions": [], "state": ""}}
    assert ask(snapshot(nodes, partitions=[]), cores=8).json()["now"]


@pytest.mark.parametrize("wrong", [{"cores": 0}, {"cores": "x"}, {"walltime": -1}, {"partition": "p" * 300}])
def test_a_wrong_request_is_refused(ask, wrong):
    answer = ask(snapshot({"n1": node()}), **wrong)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_before_the_first_snapshot_there_is_no_answer(ask):
    assert ask(None).status_code == 503
