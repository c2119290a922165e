"""Several sources at once: none holds up another, each is accounted for, what is too old counts no more."""

import threading
import time
from collections.abc import Callable

import pytest

from jobmon import clock
from jobmon.backends.gathering import Gathering, listed, reasons
from jobmon.errors import SourceError
from jobmon.model import Skipped
from jobmon.telemetry.base import CpuShares, JobMetrics, Memory, Metrics, NodeMetrics

BUSY = CpuShares(100, 0, 0, 0, 0)


class Fake:
    """Answer what it is told to."""

    def __init__(self, name: str, answer: Callable[[], Metrics]) -> None:
        self.name = name
        self.answer = answer

    def load(self) -> Metrics:
        return self.answer()


def node(at: float | None = None, **values: object) -> NodeMetrics:
    return NodeMetrics(read_at=clock.now() if at is None else at, **values)  # type: ignore[arg-type]


def told(
    nodes: dict[str, NodeMetrics], jobs: dict[str, JobMetrics] | None = None, skipped: tuple[Skipped, ...] = ()
) -> Metrics:
    return Metrics(clock.now(), nodes, jobs or {}, skipped, records=len(nodes))


def gather(gathering: Gathering) -> tuple[dict[str, NodeMetrics], dict[str, JobMetrics]]:
    gathering.start()
    return gathering.finish()


def test_what_the_first_does_not_know_the_second_adds() -> None:
    one = Fake("one", lambda: told({"n1": node(load=1.0, memory=Memory(1, 2))}, {"7": JobMetrics({"n1": 5.0}, 9.0)}))
    other = Fake("other", lambda: told(
        {"n1": node(load=9.0, cpu=BUSY, cores=(BUSY,)), "n2": node(load=2.0)},
        {"7": JobMetrics({"n1": 6.0}, 12.0, {"n1": 1.5}), "8": JobMetrics({"n2": 1.0})},
    ))  # fmt: skip
    nodes, jobs = gather(Gathering([one, other], 5, 60))
    assert (nodes["n1"].load, nodes["n1"].memory, nodes["n1"].cores) == (1.0, Memory(1, 2), (BUSY,))
    assert nodes["n2"].load == 2.0
    assert jobs["7"] == JobMetrics({"n1": 5.0}, 12.0, {"n1": 1.5})
    assert sorted(jobs) == ["7", "8"]


def test_a_source_that_hangs_costs_its_own_time_once_and_comes_back() -> None:
    release = threading.Event()
    loads = []

    def hang() -> Metrics:
        loads.append(1)
        release.wait(10)
        return told({"n2": node()})

    gathering = Gathering([Fake("slow", hang), Fake("well", lambda: told({"n1": node()}))], 1.0, 60)
    began = time.monotonic()
    for cycle in range(3):
        nodes, _jobs = gather(gathering)
        assert sorted(nodes) == ["n1"]
        slow, well = gathering.health
        assert slow.error.startswith("slow has not answered for")
        assert (slow.errors, slow.last_success_at, well.error) == (cycle + 1, None, "")
    assert time.monotonic() - began < 2.5  # the time of one load, not of three
    assert len(loads) == 1
    release.set()
    time.sleep(0.1)
    gather(gathering)
    assert gathering.health[0].error == ""
    assert sorted(gather(gathering)[0]) == ["n1", "n2"]


def test_what_a_dead_source_told_stays_until_it_is_too_old() -> None:
    def dead() -> Metrics:
        raise SourceError("refused")

    source = Fake("source", lambda: told({"n1": node()}, {"7": JobMetrics({"n1": 1.0})}))
    gathering = Gathering([source], 5, 60)
    began = clock.now()
    gather(gathering)
    source.answer = dead
    with clock.replaced(lambda: began + 50):
        nodes, jobs = gather(gathering)
    assert (sorted(nodes), sorted(jobs)) == (["n1"], ["7"])
    with clock.replaced(lambda: began + 70):
        assert gather(gathering) == ({}, {})
    health = gathering.health[0]
    assert (health.error, health.errors, health.last_success_at) == ("refused", 2, pytest.approx(began, abs=1))


def test_a_fault_in_a_source_is_shown_and_does_not_cost_the_others() -> None:
    def broken() -> Metrics:
        raise ZeroDivisionError("division by zero")

    gathering = Gathering([Fake("broken", broken), Fake("well", lambda: told({"n1": node()}))], 5, 60)
    assert sorted(gather(gathering)[0]) == ["n1"]
    assert gathering.health[0].error == "ZeroDivisionError: division by zero"


def test_nodes_that_fell_silent_are_unknown_and_named() -> None:
    long_ago = clock.now() - 100
    gathering = Gathering(
        [Fake("source", lambda: told({f"n{i}": node(long_ago if i > 1 else None) for i in range(6)}))], 5, 60
    )
    assert sorted(gather(gathering)[0]) == ["n0", "n1"]
    health = gathering.health[0]
    assert health.warning == "4 nodes told nothing new for 60 s: n2, n3, n4 and 1 more"
    assert health.nodes == 2


def test_reasons_are_told_with_a_few_names() -> None:
    skipped = [Skipped("memory", f"n{i}", "is absurd") for i in (10, 9, 2, 1)] + [
        Skipped("load", "n1", "is not a number")
    ]
    assert reasons(skipped) == ("memory: is absurd (n1, n2, n9 and 1 more)", "load: is not a number (n1)")
    assert listed(["n3"]) == "n3"
