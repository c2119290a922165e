"""The back end "local", over a source with invented groups of processes, recorded hosts, and this machine."""

import logging
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobmon import config
from jobmon.backends.collect import Collector
from jobmon.backends.local import Backend
from jobmon.backends.local_jobs import MAX_JOBS, apportion, choose, choose_cores
from jobmon.errors import SourceError
from jobmon.telemetry.base import CpuShares, Gpu, Memory, Metrics, NodeMetrics
from jobmon.telemetry.procfs import Source
from jobmon.telemetry.procfs.groups import Group

IDLE, BUSY, HALF = CpuShares(0, 0, 0, 0, 100), CpuShares(95, 0, 3, 0, 2), CpuShares(40, 0, 10, 0, 50)
WARN_UTIL = 80
"""The threshold of the rule for idle cores (live/rules.json)."""


def a_group(number: int, **changes: Any) -> Group:
    group = Group(
        id=f"{number}-abcd", name=f"program{number}", uid=0, start_ticks=number, start_at=1_000_000 + number,
        members=frozenset({(number, number)}), allowed=frozenset(), cores=0.0, cores_minute=0.0, memory_mb=100.0,
        memory_max_mb=120.0, noticed_at=0.0, counted_cpu_s=None, history=(),
    )  # fmt: skip
    return replace(group, **changes)


def a_node(*cores: CpuShares | None, **changes: Any) -> NodeMetrics:
    node = NodeMetrics(
        read_at=1_003_600, n_cores=len(cores), cpu=CpuShares(10, 0, 0, 0, 90), cores=cores, memory=Memory(1000, 4000)
    )
    return replace(node, **changes)


class InventedSource(Source):
    """A source that answers what it is told."""

    def __init__(self, node: NodeMetrics, *groups: Group) -> None:
        super().__init__(host="here")
        self.node, self.told, self.error = node, groups, ""

    def prepare(self) -> None:
        self.load()

    def load(self) -> Metrics:
        if self.error:
            raise SourceError(self.error)
        self.groups = {group.name: group for group in self.told}
        return Metrics(self.node.read_at, {self.host: self.node}, {}, ())

    def running_on(self, group: Group) -> tuple[int, ...]:
        return ()


def snapshot(source: Source) -> dict[str, Any]:
    collector = Collector(Backend(source=source))
    result = collector.collect(1_003_600, config.LiveSettings())
    assert collector.skipped == []
    return result


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobmon.clock.monotonic", lambda: 100.0)


def test_a_job_is_told_as_it_is_and_asks_for_nothing() -> None:
    job = snapshot(InventedSource(a_node(BUSY, IDLE), a_group(7, cores=0.98, cores_minute=0.97)))["jobs"]["7-abcd"]
    expected = {
        "name": "program7", "username": "root", "state": "RUNNING", "nCpus": 1, "nGpus": 0, "layout": {"here": [0]},
        "timeLimit": None, "runTime": 60, "startTime": 1_000_007, "mem": {"here": 100}, "memMax": 120, "memReq": None,
    }  # fmt: skip
    assert {key: job[key] for key in expected} == expected
    assert job["partition"] == "local"


def test_the_node_is_told_with_its_unknown_parts_unknown() -> None:
    node = a_node(BUSY, None, gpus={"gpu0": Gpu(None), "gpu1": Gpu(30, 1, 2)}, load=1.5)
    told = snapshot(InventedSource(node, a_group(7)))["nodes"]["here"]
    assert told["cpu"]["core"] == [[95, 0, 3, 0, 2], None]
    assert told["mem"] == {"used": 1000, "total": 4000}
    assert told["swap"] is told["infiniband"] is told["jobfs"] is None
    assert told["gpus"]["gpu0"]["util"] is None
    assert told["gpus"]["gpu1"] == {"util": 30, "memory": {"used": 1, "total": 2}}
    assert told["partitions"] == ["local"]
    assert (told["nCpus"], told["nGpus"], told["load"], told["up"]) == (2, 2, 1.5, True)


@pytest.mark.parametrize("seed", range(20))
def test_no_job_is_accused_of_idle_cores_and_the_sums_never_exceed_the_machine(seed: int) -> None:
    draw = random.Random(seed)
    cores = [
        draw.choice([BUSY, IDLE, HALF, None, CpuShares(80, 0, 4, 0, 16), CpuShares(70, 0, 5, 0, 25)]) for _ in range(8)
    ]
    groups = [a_group(n, cores=draw.uniform(0, 4), cores_minute=draw.uniform(0, 4), uid=n % 3) for n in range(1, 20)]
    data = snapshot(InventedSource(a_node(*cores), *groups))
    taken: list[int] = []
    for job in data["jobs"].values():
        for number in job["layout"]["here"]:
            core = cores[number]
            assert core is not None
            assert core.busy >= WARN_UTIL
            taken.append(number)
    assert len(taken) == len(set(taken))
    usage = data["usage"]
    assert usage["running"] == sum(usage["users"].values()) <= usage["avail"] == 8
    assert usage["running"] == sum(job["nCpus"] for job in data["jobs"].values())


def test_idle_sessions_have_no_cores_but_are_there() -> None:
    data = snapshot(InventedSource(a_node(IDLE, IDLE), a_group(1), a_group(2)))
    assert [job["layout"] for job in data["jobs"].values()] == [{"here": []}, {"here": []}]
    assert data["usage"] == {"avail": 2, "running": 0, "users": {}}


def test_quiet_groups_are_left_out_but_never_all() -> None:
    node = a_node(IDLE)
    quiet = [a_group(n, noticed_at=None, memory_mb=n) for n in range(1, 6)]
    assert list(snapshot(InventedSource(node, *quiet))["jobs"]) == ["5-abcd"]
    assert list(snapshot(InventedSource(node, *quiet, a_group(9)))["jobs"]) == ["9-abcd"]


def test_beyond_fifty_the_smallest_are_summed() -> None:
    groups = [a_group(n, cores_minute=n / 100, memory_mb=10) for n in range(1, 61)]
    source = InventedSource(a_node(IDLE), *groups)
    source.load()
    jobs = choose(source, source.node, 100.0)
    assert len(jobs) == MAX_JOBS
    assert next(iter(jobs)) == "60-abcd"
    other = jobs["other"]
    assert other.name == "11 smaller sessions and services"
    assert other.memory_mb == 110
    assert other.cores_minute == pytest.approx(sum(range(1, 12)) / 100)
    assert other.start_at == 1_000_001


@pytest.mark.parametrize(
    ("avail", "demand", "taken"),
    [
        (8, {"a": 3.02, "b": 0.0}, {"a": 3, "b": 0}),
        (2, {"a": 1.9, "b": 0.01}, {"a": 2, "b": 0}),
        (2, {"a": 0.3, "b": 0.2, "c": 0.1}, {"a": 1, "b": 0, "c": 0}),
        (2, {"a": 5.0}, {"a": 2}),
        (2, {"a": 0.9, "b": 0.9, "c": 0.9}, {"a": 1, "b": 1, "c": 0}),
        (4, {"a": 1.2, "b": 1.3, "c": 1.4}, {"a": 1, "b": 1, "c": 2}),
        (4, {"a": 0.1}, {"a": 0}),
        (4, {}, {}),
    ],
)
def test_whole_cores_add_up_to_what_is_busy(avail: int, demand: dict[str, float], taken: dict[str, int]) -> None:
    assert apportion(avail, demand) == taken


def test_cores_are_those_it_was_seen_on_and_may_use() -> None:
    free = {0: CpuShares(90, 0, 0, 0, 10), 1: BUSY, 2: BUSY, 3: BUSY}
    assert choose_cores(2, free, (0, 1, 2), (0,)) == (0, 1)
    assert choose_cores(2, free, (), ()) == (1, 2)
    assert choose_cores(0, free, (), (0,)) == ()
    assert choose_cores(3, free, (3,), (0,)) == (3,)


def test_backfill_offers_what_is_idle_now() -> None:
    backend = Backend(source=InventedSource(a_node(BUSY, IDLE, IDLE, IDLE), a_group(1, cores=1.0, cores_minute=1.0)))
    backend.pre_update()
    assert backend.calculate_backfill() == {"local": {"3": {"count": 1, "tMin": None, "tMax": None}}}


def test_backfill_takes_off_work_that_is_no_jobs_own_core() -> None:
    backend = Backend(source=InventedSource(a_node(HALF, HALF), a_group(1)))
    backend.pre_update()
    assert list(backend.calculate_backfill()["local"]) == ["1"]


def test_a_failed_reading_is_reported_and_nothing_is_made_up(caplog: pytest.LogCaptureFixture) -> None:
    source = InventedSource(a_node(BUSY), a_group(1))
    backend = Backend(source=source)
    backend.pre_update()
    source.error = "/proc is gone"
    for _ in range(2):
        with pytest.raises(SourceError):
            backend.pre_update()
    (health,) = backend.sources()
    assert (health.error, health.errors, health.last_success_at) == ("/proc is gone", 2, 1_003_600)
    assert backend.job_ids() == []
    assert backend.cpu_usage("here") is backend.mem("here") is None
    assert backend.cluster_state() is None
    source.error = ""
    backend.pre_update()
    (health,) = backend.sources()
    assert (health.error, health.errors) == ("", 2)
    with caplog.at_level(logging.WARNING):
        source.error = "/proc is gone"
        Backend(source=source).init()
    assert "/proc is gone" in caplog.text


def test_a_record_that_cannot_be_read_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    proc = tmp_path / "proc"
    for pid in ("7", "8"):
        (proc / pid).mkdir(parents=True)
        (proc / pid / "stat").write_text("broken" if pid == "8" else f"7 (sh) S {'0 ' * 30}")
        (proc / pid / "status").write_text("VmRSS: 1 kB\n")
    (proc / "stat").write_text("cpu 1 2 3 4\ncpu0 1 2 3 4\n")
    backend = Backend(source=Source(proc, tmp_path / "sys", "here", sleep=lambda seconds: None))
    with caplog.at_level(logging.WARNING):
        backend.pre_update()
        backend.pre_update()
    assert caplog.text.count("process 8") == 1
    (health,) = backend.sources()
    assert health.skipped > 0
    assert backend.job_ids()


def test_this_machine_shows_a_busy_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        backend = Backend()
        backend.init()
        time.sleep(0.5)
        data = Collector(backend).collect(int(time.time()), config.LiveSettings())
    finally:
        child.kill()
        child.wait()
    host = backend.hostnames()[0]
    assert data["cluster"] == host
    assert data["nodes"][host]["nCpus"] > 0
    assert 0 <= data["usage"]["running"] <= data["usage"]["avail"] == data["nodes"][host]["nCpus"]
    (group,) = [group for group in backend._source.groups.values() if child.pid in group.pids]
    assert group.cores > 0.1
    assert data["jobs"][group.id]["state"] == "RUNNING"
    (health,) = backend.sources()
    assert health.records > 2
    assert health.skipped == 0
