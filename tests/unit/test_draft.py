"""What all sources of metrics share: numbers put together, columns of cores, rates of counters, names of hosts."""

import pytest

from jobmon.telemetry.base import CpuShares, JobMetrics, Memory, Network
from jobmon.telemetry.cores import CoreColumns, CoreTable
from jobmon.telemetry.draft import Draft
from jobmon.telemetry.hosts import HostNames
from jobmon.telemetry.rates import Rates

NOW = 1_800_000_000.0


@pytest.fixture
def draft() -> Draft:
    return Draft(HostNames(), NOW)


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("cn001", "cn001"),
        ("cn001.cluster.example:9100", "cn001"),
        ("cn001:9100", "cn001"),
        ("10.1.2.3:9100", "10.1.2.3"),
        ("10.1.2.3", "10.1.2.3"),
        (".x", None),
        ("", None),
        ("a\nb", None),
        ("x" * 5000, None),
    ],
)
def test_the_usual_names(written: str, name: str | None) -> None:
    assert HostNames().name(written) == name


def test_a_pattern_of_the_sites_own_and_aliases_before_and_after_it() -> None:
    names = HostNames(r"node-(\w+)", {"node-a17.x": "cn017", "b1": "gpu1"})
    assert names.name("node-a17.x") == "cn017"
    assert names.name("rack3/node-b1:80") == "gpu1"
    assert names.name("rack3/node-c9:80") == "c9"
    assert names.name("switch") is None
    assert HostNames(aliases={"10.1.2.3": "cn3"}).name("10.1.2.3:9100") == "cn3"
    assert HostNames("cn[0-9]+").name("the-cn12-node") == "cn12"


# --- rates -----------------------------------------------------------------------------------------------------------


def test_a_rate_is_that_of_the_samples_own_times() -> None:
    rates = Rates()
    assert rates.add("a", 100, 1000) is None
    assert rates.add("a", 110, 1500) == 50
    assert rates.add("a", 110, 1500) == 50  # the same sample again
    assert rates.add("a", 105, 9999) == 50  # a late one
    assert rates.add("a", 130, 1500) == 0


def test_a_reset_and_a_gap_are_unknown() -> None:
    rates = Rates(max_gap_s=60)
    rates.add("a", 0, 1000)
    assert rates.add("a", 10, 5) is None
    assert rates.add("a", 20, 105) == 10
    assert rates.add("a", 100, 905) is None
    assert rates.add_all("a", [(110, 1905), (120, 0), (130, 500)]) == 75  # without the reset in the middle


def test_what_is_gone_is_forgotten() -> None:
    rates = Rates()
    rates.add("old", 10, 1)
    rates.add("new", 100, 1)
    rates.forget(before=50)
    assert len(rates) == 1
    assert rates.add("old", 110, 11) is None


# --- cores -----------------------------------------------------------------------------------------------------------


def test_shares_are_whole_percent_that_sum_up(draft: Draft) -> None:
    for mode, share in {"user": 33.4, "nice": 33.3, "irq": 20.0, "softirq": 13.3}.items():
        draft.put_core("n1", 1, mode, share)
    node = draft.metrics().nodes["n1"]
    assert node.cores == (None, CpuShares(34, 33, 33, 0, 0))
    assert node.cpu == CpuShares(34, 33, 33, 0, 0)
    assert (len(node.cores), node.n_cores) == (2, 2)
    assert node.cores[1:] == [CpuShares(34, 33, 33, 0, 0)]


def test_stolen_time_is_part_of_the_second_and_of_no_share(draft: Draft) -> None:
    for mode, share in {"user": 30.0, "idle": 30.0, "steal": 40.0, "guest": 30.0}.items():
        draft.put_core("n1", 0, mode, share)
    assert draft.metrics().nodes["n1"].cores == (CpuShares(50, 0, 0, 0, 50),)


@pytest.mark.parametrize("shares", [{"user": 20.0}, {"user": 100.0, "idle": 80.0}, {"steal": 100.0}])
def test_what_does_not_add_up_is_unknown(draft: Draft, shares: dict[str, float]) -> None:
    for mode, share in shares.items():
        draft.put_core("n1", 0, mode, share)
        draft.put_cpu("n1", mode, share)
    metrics = draft.metrics()
    assert metrics.nodes["n1"].cores == (None,)
    assert metrics.nodes["n1"].cpu is None
    assert (metrics.skipped == ()) == ("steal" in shares)


def test_columns_of_nothing() -> None:
    assert CoreColumns().tables(0) == ([], [])
    tables, odd = CoreColumns().tables(2)
    assert [len(CoreTable(table)) for table in tables] == [0, 0]
    assert odd == []


# --- the draft -------------------------------------------------------------------------------------------------------


def test_half_of_a_pair_is_unknown(draft: Draft) -> None:
    draft.put("n1", "memory_total", 100)
    draft.put("n1", "swap_free", 1)
    draft.put("n1", "disk_read", 1)
    draft.put("n1", "infiniband_in", 1)
    draft.put("n1", "network_in", 1)
    draft.put("n1", "network_out", 2)
    node = draft.metrics().nodes["n1"]
    assert (node.memory, node.swap, node.disk) == (None, None, None)
    assert node.network == Network(1, 2, None, None)


def test_memory_that_cannot_be_is_unknown_and_named(draft: Draft) -> None:
    for host, available in {"n1": 150, "n2": 40}.items():
        draft.put(host, "memory_total", 100)
        draft.put(host, "memory_available", available)
    metrics = draft.metrics()
    assert metrics.nodes["n1"].memory is None
    assert metrics.nodes["n2"].memory == Memory(60, 100)
    assert [(s.method, s.record) for s in metrics.skipped] == [("memory", "n1")]


def test_a_fault_is_named_once_however_often_it_comes(draft: Draft) -> None:
    for number in range(20_000):
        draft.put(f"n{number % 15_000}", "load", -1)
    skipped = draft.metrics().skipped
    assert len(skipped) == len({record.record for record in skipped}) == 10_000


def test_a_job_on_two_hosts(draft: Draft) -> None:
    draft.put_job("7", "n1:9306", "memory_max", 10)
    draft.put_job("7", "n2", "memory_max", 30)
    draft.put_job("7", "n1", "cpu", 1.5)
    draft.put_job("7", "n1", "cpu", 0.5, add=True)
    draft.put_job("7", "n1", "disk_used", float("nan"))
    assert draft.metrics().jobs["7"] == JobMetrics({}, 30, {"n1": 2.0})
