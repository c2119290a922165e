"""Read the notations of Slurm's answers."""

import pytest

from jobmon.schedulers.slurm import facts, openapi, scontrol, text


@pytest.mark.parametrize(
    ("shown", "seconds"),
    [("2-00:00:00", 172800), ("1:00:00", 3600), ("0:05", 5), ("30:00", 1800), ("365-00:00:00", 31536000)],
)
def test_durations(shown: str, seconds: int) -> None:
    assert text.duration_s(shown) == seconds


@pytest.mark.parametrize("shown", ["UNLIMITED", "NOT_SET", "N/A", "", "NONE", "Partition_Limit"])
def test_no_limit_is_none_and_not_zero(shown: str) -> None:
    assert text.duration_s(shown) is None


@pytest.mark.parametrize("shown", ["soon", "INVALID", "1:2:3:4"])
def test_what_is_no_duration_is_an_error(shown: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        text.duration_s(shown)


def test_times_are_epochs_or_iso_in_utc() -> None:
    assert text.epoch("1795217517") == 1795217517
    assert text.epoch("2026-11-20T21:33:48") == 1795210428
    assert text.epoch("Unknown") is None
    assert text.epoch("N/A") is None


@pytest.mark.parametrize(
    ("shown", "mb"), [("500M", 500), ("62.50G", 64000), ("16000", 16000), ("1T", 1048576), ("2048K", 2), ("500Mc", 500)]
)
def test_memory(shown: str, mb: float) -> None:
    assert text.memory_mb(shown) == mb


def test_slurms_numbers_for_nothing_are_nothing() -> None:
    assert text.whole("4294967294") is None
    assert text.whole("UNLIMITED") is None
    assert text.whole("4-8") == 4
    assert openapi.whole(4294967295) is None
    assert openapi.whole({"set": True, "infinite": True, "number": 0}) is None
    assert openapi.whole({"set": False, "infinite": False, "number": 0}) is None
    assert openapi.whole({"set": True, "infinite": False, "number": 0}) == 0
    assert openapi.whole(True) is None


@pytest.mark.parametrize(
    ("shown", "count", "indices", "types"),
    [
        ("gpu:a100:3(IDX:0-2)", 3, (0, 1, 2), "a100"),
        ("gpu:2(IDX:0,2)", 2, (0, 2), ""),
        ("gpu:a100:10(IDX:0-7,10-11)", 10, (0, 1, 2, 3, 4, 5, 6, 7, 10, 11), "a100"),
        ("gpu:a100:4(S:0-1)", 4, (), "a100"),
        ("gpu:a100:1(IDX:0),gpu:v100:2(IDX:4-5)", 3, (0, 4, 5), "a100,v100"),
        ("gpu:1g.5gb:7(S:0)", 7, (), "1g.5gb"),
        ("gpu:a100:2(IDX:0-1),shard:a100:4(1/8,2/8),mps:200(IDX:0)", 2, (0, 1), "a100"),
        ("gpu:a100:0(IDX:N/A)", 0, (), "a100"),
        ("gpu:0", 0, (), ""),
        ("gpu", 1, (), ""),
        ("gres:gpu:a100:2", 2, (), "a100"),
        ("gres/gpu:a100:2", 2, (), "a100"),
        ("gres/gpu=4", 4, (), ""),
        ("craynetwork:4,bandwidth:lustre:no_consume:4G", 0, (), ""),
        ("(null)", 0, (), ""),
        ("N/A", 0, (), ""),
    ],
)
def test_gpus_among_the_generic_resources(shown: str, count: int, indices: tuple[int, ...], types: str) -> None:
    assert text.gpu_count(shown) == count
    assert text.gpu_indices(shown) == indices
    assert text.gpu_types(shown) == types


@pytest.mark.parametrize(
    ("words", "states"),
    [
        (["IDLE"], {"IDLE"}),
        (["MIXED+DRAIN"], {"MIXED", "DRAIN"}),
        (["DOWN*"], {"DOWN", "NOT_RESPONDING"}),
        (["idle~"], {"IDLE", "POWERED_DOWN"}),
        (["IDLE*+DRAIN"], {"IDLE", "NOT_RESPONDING", "DRAIN"}),
        (["allocated", "RESERVED"], {"ALLOCATED", "RESERVED"}),
        (["MIXED-"], {"MIXED", "PLANNED"}),
    ],
)
def test_node_states(words: list[str], states: set[str]) -> None:
    assert text.node_states(words) == states


def test_a_jobs_flag_is_shown_before_its_state() -> None:
    assert text.job_state(["COMPLETED", "COMPLETING"]) == "COMPLETING"
    assert text.job_state(["RUNNING", "CONFIGURING"]) == "CONFIGURING"
    assert text.job_state(["PENDING", "REQUEUED"]) == "REQUEUED"
    assert text.job_state(["RUNNING"]) == "RUNNING"
    with pytest.raises(ValueError, match="state"):
        text.job_state([])


def test_exit_codes_of_all_versions() -> None:
    assert text.exit_status("768") == (3, None)
    assert text.exit_status("9") == (0, 9)
    assert text.exit_status("3:0") == (3, None)
    assert text.exit_status("0:15") == (0, 15)
    new = {
        "status": ["SIGNALED"],
        "return_code": {"set": False, "number": 0},
        "signal": {"id": {"set": True, "number": 9}},
    }
    assert openapi.exit_status(new) == (0, 9)
    assert openapi.exit_status(256) == (1, None)


def test_a_reason_is_one_word() -> None:
    assert text.reason("ReqNodeNotAvail, UnavailableNodes:n[1-3]") == "ReqNodeNotAvail"
    assert text.reason("Nodes required for job are DOWN, DRAINED or reserved for jobs") == "Resources"
    assert text.reason("None") == ""
    assert text.reason("QOSMaxCpuPerUserLimit") == "QOSMaxCpuPerUserLimit"


def test_ids_as_people_type_them() -> None:
    assert facts.job_ids("12", "2", "0") == ("2_0", "2", "")
    assert facts.job_ids("2", "2", "3-9%3") == ("2", "2", "3-9%3")
    assert facts.job_ids("7", "7", "") == ("7", "", "")
    assert facts.job_ids("11", "11", "", "10+1") == ("10+1", "", "")


def test_memory_per_cpu_counts_on_the_node_with_most_cpus() -> None:
    assert facts.memory_per_node_mb(None, 100, 9, 2, {"n1": (0, 1), "n2": (0, 1, 2, 3, 4, 5, 6)}) == 700
    assert facts.memory_per_node_mb(None, 100, 9, 2, {}) == 500
    assert facts.memory_per_node_mb(500, None, 9, 2, {}) == 500
    assert facts.memory_per_node_mb(0, None, 9, 2, {}) is None


@pytest.mark.parametrize(
    ("requests", "count"),
    [
        (("cpu=6,gres/gpu=4,gres/gpu:a100=4", "", "", "", ""), 4),
        (("cpu=6", "gres:gpu:a100:2", "", "", ""), 6),
        (("cpu=6", "gres/gpu:a100:2,license/x:1", "", "cpu=4", ""), 6),
        (("", "", "gres:gpu:5", "", ""), 5),
        (("", "", "", "cpu=4,gres/gpu:1", ""), 8),
        (("", "N/A", "N/A", "N/A", "N/A"), 0),
    ],
)
def test_gpus_that_a_waiting_job_asks_for(requests: tuple[str, str, str, str, str], count: int) -> None:
    assert facts.requested_gpus(*requests, n_nodes=3, n_tasks=8) == count


def test_clocks_that_differ_are_no_suspension() -> None:
    assert facts.suspended_s(1000, 1100, 98) == 0
    assert facts.suspended_s(1000, 1100, 40) == 60
    assert facts.suspended_s(1000, 1100, 130) == 0
    assert facts.suspended_s(None, 1100, 40) == 0


def test_threads_of_a_core_are_cpus_where_slurm_counts_them() -> None:
    record = {"name": "n1", "cpus": 16, "sockets": 2, "cores": 4, "threads": 2, "state": ["MIXED"]}
    cores = [{"index": 0, "status": ["ALLOCATED"]}, {"index": 1, "status": ["UNALLOCATED"]}]
    resources = {"nodes": {"allocation": [{"name": "n1", "sockets": [{"index": 1, "cores": cores}]}]}}
    threaded = openapi.node(record)
    assert openapi.cpu_layout(resources, {"n1": threaded}) == {"n1": (8, 9)}
    cores_only = openapi.node(record | {"cpus": 8})
    assert openapi.cpu_layout(resources, {"n1": cores_only}) == {"n1": (4,)}


def test_a_job_that_appears_twice_with_different_layouts_is_doubtful() -> None:
    real = "JobId=1 JobName=a JOB_GRES=(null) Nodes=n1 CPU_IDs=0-1 Mem=1 GRES= MinCPUsNode=1 Comment=x"
    details, doubtful = scontrol.details(f"{real}\nJobId=1 JobName=a Nodes=n2 CPU_IDs=7 Mem=1 GRES= \n", {})
    assert doubtful == {"1"}
    assert details["1"].layout == {"n1": (0, 1)}
    assert scontrol.details(f"{real}\n{real}\n", {})[1] == set()


def test_layouts_of_several_groups_of_nodes() -> None:
    line = (
        "JobId=7 JobName=a JOB_GRES=gpu:a100:5   Nodes=n[1-2] CPU_IDs=0-1 Mem=1 GRES=gpu:a100:2(IDX:0-1)"
        "   Nodes=n4 CPU_IDs=0,4 Mem=1 GRES=gpu:a100:1(IDX:3) MinCPUsNode=1\n"
    )
    detail = scontrol.details(line, {})[0]["7"]
    assert detail.layout == {"n1": (0, 1), "n2": (0, 1), "n4": (0, 4)}
    assert detail.gpu_layout == {"n1": (0, 1), "n2": (0, 1), "n4": (3,)}
    assert detail.gpus == 5
