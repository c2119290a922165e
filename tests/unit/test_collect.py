"""One bad answer costs one value; the rest of the snapshot is there."""

import math

import pytest

from jobmon.backends.base import BackendBase
from jobmon.backends.collect import Collector
from jobmon.config import LiveSettings
from jobmon.model import ClusterState, Partition

SETTINGS = LiveSettings(data_path="/nowhere")
CORE = [90, 0, 5, 1, 4]


class Site(BackendBase):
    """A cluster of three nodes and two jobs; tests override what they break."""

    def hostnames(self):
        return ["n1", "n2", "n3"]

    def job_ids(self):
        return ["1", "2_7"]

    def n_cpus(self, name):
        return 4

    def cpu_usage(self, name):
        return {"total": CORE, "core": [CORE] * 4}

    def mem(self, name):
        return {"used": 1000.2, "total": 4000}

    def job_username(self, job_id):
        return "ada"

    def job_state(self, job_id):
        return "RUNNING"

    def job_ncpus(self, job_id):
        return 2

    def job_layout(self, job_id):
        return {"n1": [0, 1]} if job_id == "1" else {"n2": (2, 3)}


def collect(site, **options):
    collector = Collector(site(False), **options)
    return collector.collect(1_700_000_000, SETTINGS), collector


def test_a_snapshot_has_every_field_of_the_contract():
    snapshot, collector = collect(Site)
    assert snapshot["api"] == 15
    assert snapshot["timestamp"] == 1_700_000_000
    assert snapshot["nodes"]["n1"] == {
        "up": True, "cpu": {"total": CORE, "core": [CORE] * 4}, "mem": {"used": 1001, "total": 4000}, "swap": None,
        "gpus": None, "infiniband": None, "lustre": None, "jobfs": None, "isCounted": True, "nCpus": 4, "nGpus": 0,
    }  # fmt: skip
    assert snapshot["jobs"]["2_7"] == {
        "name": "", "username": "ada", "state": "RUNNING", "nCpus": 2, "nGpus": 0, "layout": {"n2": [2, 3]},
        "gpuLayout": {}, "timeLimit": None, "runTime": 0, "startTime": None, "mem": {}, "memMax": 0, "memReq": None,
        "lustre": {}, "jobfs": {}, "jobfsReq": None,
    }  # fmt: skip
    assert snapshot["usage"] == {"avail": 12, "running": 4, "users": {"ada": 4}}
    assert collector.skipped == []


def test_a_method_that_raises_for_one_host_costs_that_value_of_that_host():
    class Raises(Site):
        def cpu_usage(self, name):
            if name == "n2":
                raise RuntimeError("no such series")
            return super().cpu_usage(name)

    snapshot, collector = collect(Raises)
    assert snapshot["nodes"]["n2"]["cpu"] is None
    assert snapshot["nodes"]["n2"]["mem"] == {"used": 1001, "total": 4000}
    assert snapshot["nodes"]["n1"]["cpu"] is not None
    [skipped] = collector.skipped
    assert (skipped.method, skipped.record) == ("cpu_usage", "n2")
    assert "RuntimeError: no such series (test_collect.py:" in skipped.error


NONSENSE_CPU = [
    "busy",
    17,
    {"total": [1, 2, 3]},
    {"core": []},
    {"total": [math.nan, 0, 0, 0, 0], "core": []},
    {"total": [-1, 0, 0, 0, 101], "core": []},
    {"total": [9000, 0, 0, 0, 0], "core": []},
    {"total": CORE, "core": "many"},
]


@pytest.mark.parametrize("answer", NONSENSE_CPU, ids=repr)
def test_a_cpu_usage_that_makes_no_sense_is_unknown_and_named(answer):
    class Nonsense(Site):
        def cpu_usage(self, name):
            return answer if name == "n1" else super().cpu_usage(name)

    snapshot, collector = collect(Nonsense)
    assert snapshot["nodes"]["n1"]["cpu"] is None
    assert snapshot["nodes"]["n2"]["cpu"]["total"] == CORE
    assert [(s.method, s.record) for s in collector.skipped] == [("cpu_usage", "n1")]


@pytest.mark.parametrize("core", [None, [1, 2], "x", [math.inf, 0, 0, 0, 0], [-5, 0, 0, 0, 0], [200, 0, 0, 0, 0]])
def test_one_core_that_makes_no_sense_is_unknown_and_the_others_stay(core):
    class OneCore(Site):
        def cpu_usage(self, name):
            return {"total": CORE, "core": [CORE, core, CORE, CORE]}

    snapshot, _ = collect(OneCore)
    assert snapshot["nodes"]["n1"]["cpu"]["core"] == [CORE, None, CORE, CORE]


def test_fractions_are_rounded_so_that_the_sum_stays():
    class Fractions(Site):
        def cpu_usage(self, name):
            return {"total": [33.4, 33.3, 33.3, 0, 0], "core": [[0.5, 0.5, 0.5, 0.5, 98.0], [12.6, 0, 0, 0, 87.4]]}

    cpu = collect(Fractions)[0]["nodes"]["n1"]["cpu"]
    assert cpu["total"] == [34, 33, 33, 0, 0]
    assert [sum(core) for core in cpu["core"]] == [100, 100]
    assert cpu["core"][1] == [13, 0, 0, 0, 87]


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("mem", {"used": -1, "total": 10}),
        ("mem", {"used": 20, "total": 10}),
        ("mem", {"used": "lots", "total": 10}),
        ("mem", {"total": 10}),
        ("mem", {"used": 1e30, "total": 1e31}),
        ("swap", {"free": math.nan, "total": 10}),
        ("gpus", {"gpu0": {"util": 4000}}),
        ("gpus", ["gpu0"]),
        ("infiniband", {"bytes_in": -3, "bytes_out": 0, "pkts_in": 0, "pkts_out": 0}),
        ("lustre", {"read": 1}),
        ("jobfs", {"read": math.inf, "write": 0}),
        ("n_cpus", -4),
        ("n_cpus", "four"),
        ("n_gpus", 10**9),
        ("node_up", "yes"),
    ],
)
def test_absurd_metrics_of_a_node_are_unknown(method, answer):
    site = type("Absurd", (Site,), {method: lambda self, name: answer})
    snapshot, collector = collect(site)
    key = {"n_cpus": "nCpus", "n_gpus": "nGpus", "node_up": "up"}.get(method, method)
    assert not snapshot["nodes"]["n1"][key]
    assert {s.method for s in collector.skipped} == {method}


@pytest.mark.parametrize(
    ("method", "answer", "key", "kept"),
    [
        ("job_layout", {"n1": ["a"]}, "layout", {}),
        ("job_layout", {"n1": [-1]}, "layout", {}),
        ("job_layout", ["n1"], "layout", {}),
        ("job_mem", {"n1": math.nan}, "mem", {}),
        ("job_mem", {"n1": None, "n2": 5}, "mem", {"n2": 5}),
        ("job_time_limit", -1, "timeLimit", None),
        ("job_run_time", math.inf, "runTime", 0),
        ("job_start_time", "noon", "startTime", None),
        ("job_name", 7, "name", ""),
        ("job_username", None, "username", "unknown"),
        ("job_lustre", {"fs": 3}, "lustre", {}),
        ("job_details", "pending", "name", ""),
    ],
)
def test_absurd_facts_of_a_job_are_unknown_and_the_job_stays(method, answer, key, kept):
    site = type("Absurd", (Site,), {method: lambda self, job_id: answer})
    snapshot, _ = collect(site)
    assert snapshot["jobs"]["1"][key] == kept
    assert snapshot["jobs"]["1"]["state"] == "RUNNING"


def test_old_plain_gpu_numbers_are_utilisations():
    site = type("Old", (Site,), {"gpus": lambda self, name: {"gpu0": 40.4, "gpu1": {"util": 7, "memory": None}}})
    assert collect(site)[0]["nodes"]["n1"]["gpus"] == {
        "gpu0": {"util": 40, "memory": {"total": None, "used": None}},
        "gpu1": {"util": 7, "memory": {"total": None, "used": None}},
    }


def test_hosts_that_do_not_exist_leave_the_layout():
    site = type("Ghosts", (Site,), {"job_layout": lambda self, job_id: {"n1": [0], "ghost": [1]}})
    snapshot, collector = collect(site)
    assert snapshot["jobs"]["1"]["layout"] == {"n1": [0]}
    assert "ghost" in collector.skipped[0].error


def test_hosts_that_are_down_leave_the_layout_of_a_running_job_but_are_told():
    class Down(Site):
        def node_up(self, name):
            return name != "n1"

        def job_layout(self, job_id):
            return {"n1": [0, 1], "n2": [0, 1]}

    job = collect(Down)[0]["jobs"]["1"]
    assert job["layout"] == {"n2": [0, 1]}
    assert job["layoutDown"] == {"n1": [0, 1]}


def test_cancelled_jobs_are_left_out_and_a_job_without_a_state_is_named():
    states = {"1": "CANCELLED by 0", "2_7": None}
    site = type("States", (Site,), {"job_state": lambda self, job_id: states[job_id]})
    snapshot, collector = collect(site)
    assert snapshot["jobs"] == {}
    assert [(s.method, s.record) for s in collector.skipped] == [("job_state", "2_7")]


def test_names_that_are_none_or_twice_there_are_named():
    site = type("Names", (Site,), {"hostnames": lambda self: ["n1", "", None, "n1", "a" * 300, "n2"]})
    snapshot, collector = collect(site)
    assert list(snapshot["nodes"]) == ["n1", "n2"]
    assert len(collector.skipped) == 4


def test_texts_are_bounded_and_printable_whatever_they_hold():
    hostile = "<img src=x onerror=alert(1)>\x00\n\x1b[31m" + "x" * 5000 + "\ud800"
    site = type("Hostile", (Site,), {"job_name": lambda self, job_id: hostile})
    name = collect(site)[0]["jobs"]["1"]["name"]
    assert len(name) <= 1024
    assert name.startswith("<img src=x onerror=alert(1)>\ufffd\ufffd\ufffd[31m")
    assert name.isprintable() or "\ufffd" in name
    name.encode()


def test_what_pre_update_raises_is_passed_on():
    def pre_update(self):
        raise ConnectionError("controller is away")

    site = type("Away", (Site,), {"pre_update": pre_update})
    with pytest.raises(ConnectionError, match="controller is away"):
        collect(site)


@pytest.mark.parametrize("answer", [None, {}, {"avail": "all"}, {"avail": 1, "running": 1, "users": []}])
def test_a_core_usage_that_makes_no_sense_is_counted_by_us(answer):
    site = type("Usage", (Site,), {"core_usage": lambda self, data, silent=False: answer})
    assert collect(site)[0]["usage"] == {"avail": 12, "running": 4, "users": {"ada": 4}}


def test_a_node_that_is_not_counted_adds_its_cores_while_it_hosts_a_running_job():
    site = type("Counted", (Site,), {"is_counted": lambda self, name: name == "n3"})
    assert collect(site)[0]["usage"]["avail"] == 12
    idle = type("Idle", (site,), {"job_ids": list})
    assert collect(idle)[0]["usage"]["avail"] == 4


def test_settings_choose_nodes_and_what_counts():
    settings = LiveSettings(data_path="/nowhere", nodes=["n1", "n3"], core_count_nodes=["n1"])
    snapshot = Collector(Site(False)).collect(1, settings)
    assert list(snapshot["nodes"]) == ["n1", "n3"]
    assert [node["isCounted"] for node in snapshot["nodes"].values()] == [True, False]


def test_the_largest_memory_of_a_job_is_remembered():
    memory = {"1": {"n1": 500}}
    site = type("Memory", (Site,), {"job_mem": lambda self, job_id: memory.get(job_id)})
    _, collector = collect(site, mem_max={"1": 300, "gone": 9})
    memory["1"] = {"n1": 100}
    assert collector.collect(2, SETTINGS)["jobs"]["1"]["memMax"] == 500
    assert "gone" not in collector.mem_max


def test_what_is_quarantined_is_not_called():
    def cpu_usage(self, name):
        assert name != "n2", "was called"
        return {"total": CORE, "core": []}

    site = type("Hangs", (Site,), {"cpu_usage": cpu_usage})
    snapshot, collector = collect(site, quarantined={("cpu_usage", "n2"), ("mem", "*")})
    assert snapshot["nodes"]["n2"]["cpu"] is None
    assert snapshot["nodes"]["n1"]["cpu"] is not None
    assert snapshot["nodes"]["n1"]["mem"] is None
    assert collector.skipped == []


def test_a_backfill_that_makes_no_sense_is_empty_and_named():
    site = type("Bad", (Site,), {"calculate_backfill": lambda self: {"main": {4: {"count": 1}}}})
    _, collector = collect(site)
    assert collector.backfill() == {}
    assert collector.skipped[-1].method == "calculate_backfill"


def test_partitions_name_only_nodes_that_are_there():
    state = ClusterState(loaded_at=1.0, partitions=(Partition("main", ("n1", "x9"), max_time_s=7200),))
    site = type("State", (Site,), {"cluster_state": lambda self: state})
    [partition] = collect(site)[0]["partitions"]
    assert (partition["nodes"], partition["maxTime"]) == (["n1"], 120)
