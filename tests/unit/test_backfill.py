"""Run the hand-computed cases of tests/cases/backfill, and compare random clusters with a search second by second."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobmon.backends.backfill import Request, find_window, nearest_now, slots, slots_now
from jobmon.model import ClusterState, Job, Node, Partition, Reservation

CASES = Path(__file__).parents[1] / "cases" / "backfill"
NOW = 1_800_000_000


def _state(data: dict[str, Any]) -> ClusterState:
    """Build a state from a case; its times are seconds from now."""
    jobs: list[Job] = []
    for job in data.get("jobs", []):
        values: dict[str, Any] = {"name": "a job", "user": "vega", "state": "RUNNING", **job}
        for key in ("layout", "gpu_layout"):
            values[key] = {host: tuple(indices) for host, indices in job.get(key, {}).items()}
        for key in ("start_at", "end_at"):
            values[key] = job[key] + NOW if key in job else None
        jobs.append(Job(**{**values, "planned_nodes": tuple(job.get("planned_nodes", ()))}))
    return ClusterState(
        loaded_at=NOW,
        nodes=tuple(
            Node(
                **{
                    **n,
                    "states": frozenset(n.get("states", ["IDLE"])),
                    "partitions": tuple(n.get("partitions", ())),
                }
            )
            for n in data["nodes"]
        ),
        jobs=tuple(jobs),
        partitions=tuple(Partition(**{**p, "nodes": tuple(p.get("nodes", ()))}) for p in data.get("partitions", [])),
        reservations=tuple(
            Reservation(
                r["name"], tuple(r["nodes"]), r["start_at"] + NOW, r["end_at"] + NOW, frozenset(r.get("flags", ()))
            )
            for r in data.get("reservations", [])
        ),
    )


def test_there_are_cases() -> None:
    assert len(list(CASES.glob("*/case.json"))) >= 12


@pytest.mark.parametrize("folder", sorted(p.parent.name for p in CASES.glob("*/case.json")))
def test_case(folder: str) -> None:
    case = json.loads((CASES / folder / "case.json").read_text())
    state = _state(case)
    if "slots_now" in case:
        assert slots_now(state, NOW, only=case.get("only", ())) == case["slots_now"]
    if "slots" in case:
        assert slots(state, NOW, memory_per_core_mb=case.get("memory_per_core_mb", 0)) == case["slots"]
    for window in case.get("windows", []):
        found = find_window(state, Request(**window["request"]), NOW)
        start = None if found.start_at is None else found.start_at - NOW
        assert (start, list(found.nodes)) == (window["start_s"], window["nodes"]), (window["request"], found)
        if "reason" in window:
            assert found.reason == window["reason"]
        if "longest_now_s" in window:
            assert found.longest_now_s == window["longest_now_s"]


def test_without_a_time_the_state_s_own_counts() -> None:
    state = _state(
        {
            "nodes": [{"name": "n1", "cpus": 4, "partitions": ["a"]}],
            "reservations": [{"name": "r", "nodes": ["n1"], "start_at": 50, "end_at": 60}],
        }
    )
    assert slots_now(state) == {"a": {"4": {"count": 1, "tMin": 50.0, "tMax": 50.0}}}
    assert slots_now(state, NOW + 20) == {"a": {"4": {"count": 1, "tMin": 30.0, "tMax": 30.0}}}
    assert slots_now(state, NOW + 55) == {"a": {}}


# --- the property: a search second by second, written from the rules and not from the code --------------------------

HORIZON = 60  # seconds; everything of the small clusters has ended by then, except what never ends


def _small_cluster(rng: random.Random) -> ClusterState:
    nodes: list[Node] = []
    jobs: list[Job] = []
    reservations: list[Reservation] = []
    for number in range(rng.randint(1, 4)):
        name, cpus, gpus, memory = f"n{number}", rng.choice([2, 4, 8]), rng.choice([0, 0, 2]), rng.choice([800, 4000])
        free, free_gpus, free_memory = list(range(cpus)), list(range(gpus)), memory
        for _ in range(rng.randint(0, 3)):
            cores, devices, mem = rng.randint(1, 4), rng.randint(0, 1), rng.choice([100, 300])
            if cores > len(free) or devices > len(free_gpus) or mem > free_memory:
                continue
            jobs.append(
                Job(
                    id=str(len(jobs) + 1), name="j", user="vega", state="RUNNING", cpus=cores, gpus=devices,
                    partition=rng.choice(["p", "q"]),
                    layout={name: tuple(free[:cores])}, memory_request_mb=mem,
                    gpu_layout={name: tuple(free_gpus[:devices])} if devices else {},
                    end_at=rng.choice([None, NOW + rng.randint(1, 30), NOW + rng.randint(1, 30)]),
                )
            )  # fmt: skip
            free, free_gpus, free_memory = free[cores:], free_gpus[devices:], free_memory - mem
        states = frozenset({"IDLE", "DRAIN"} if rng.random() < 0.1 else {"MIXED"})
        nodes.append(
            Node(
                name, cpus, states, cpus - len(free), memory, memory - free_memory, gpus=gpus,
                gpus_allocated=gpus - len(free_gpus), partitions=("p",),
            )
        )  # fmt: skip
        if rng.random() < 0.4:
            begin = rng.randint(-5, 25)
            reservations.append(Reservation("r", (name,), NOW + begin, NOW + begin + rng.randint(1, 15)))
        if rng.random() < 0.4:
            jobs.append(
                Job(
                    id=str(len(jobs) + 1), name="j", user="vega", state="PENDING", cpus=rng.randint(1, cpus),
                    partition="p", start_at=NOW + rng.randint(-2, 25), planned_nodes=(name,), memory_request_mb=100,
                    time_limit_s=rng.choice([5, 10, None]),
                )
            )  # fmt: skip
    partition = Partition(
        "p",
        max_time_s=rng.choice([None, 20]),
        max_cpus_per_node=rng.choice([None, None, 3]),
        max_nodes=rng.choice([None, 2]),
    )
    return ClusterState(NOW, tuple(nodes), tuple(jobs), (partition,), tuple(reservations))


def _fits(state: ClusterState, node: Node, request: Request, second: int) -> bool:
    """Say whether the request has its place on the node during one second."""
    partition = state.partitions[0]
    if not node.available or any(
        node.name in r.nodes and r.start_at <= NOW + second < r.end_at for r in state.reservations
    ):
        return False
    cores, gpus, memory, same = node.cpus, node.gpus, node.memory_mb or 0, 0
    for job in state.jobs:
        if job.state == "RUNNING":
            here = node.name in job.layout and (job.end_at is None or NOW + second < job.end_at)
        else:
            begin = job.start_at or 0
            end = math.inf if job.time_limit_s is None else max(begin, NOW) + job.time_limit_s
            here = node.name in job.planned_nodes and begin <= NOW + second < end
        if here:
            cores, gpus, memory = cores - job.cpus, gpus - job.gpus, memory - int(job.memory_request_mb or 0)
            same += job.cpus if job.partition == "p" else 0
    quota = math.inf if partition.max_cpus_per_node is None else partition.max_cpus_per_node - same
    return (
        min(cores, quota) >= request.per_node and gpus >= request.gpus_per_node and memory >= request.memory_per_node_mb
    )


def _search(state: ClusterState, request: Request) -> int | None:
    partition = state.partitions[0]
    if partition.max_nodes is not None and request.nodes > partition.max_nodes:
        return None
    if partition.max_time_s is not None and (request.walltime_s is None or request.walltime_s > partition.max_time_s):
        return None
    last = 3 * HORIZON
    fits = {node.name: [_fits(state, node, request, s) for s in range(last)] for node in state.nodes}
    for start in range(HORIZON):
        end = last if request.walltime_s is None else start + int(request.walltime_s)
        if sum(all(seconds[start:end]) for seconds in fits.values()) >= request.nodes:
            return start
    return None


@pytest.mark.parametrize("seed", range(300))
def test_window_is_that_of_a_search_second_by_second(seed: int) -> None:
    rng = random.Random(seed)
    state = _small_cluster(rng)
    for _ in range(6):
        request = Request(
            "p", cores_per_node=rng.randint(1, 5), nodes=rng.randint(1, 3), gpus_per_node=rng.choice([0, 0, 1, 2]),
            memory_per_node_mb=rng.choice([0, 200, 700]), walltime_s=rng.choice([1, 5, 20, None]),
        )  # fmt: skip
        found = find_window(state, request, NOW)
        expected = _search(state, request)
        assert (None if found.start_at is None else found.start_at - NOW) == expected, (request, found)
        assert len(set(found.nodes)) == (request.nodes if expected is not None else 0)
        assert bool(found.reason) == (expected != 0)
        if expected is not None:
            end = 3 * HORIZON if request.walltime_s is None else expected + int(request.walltime_s)
            chosen = [node for node in state.nodes if node.name in found.nodes]
            assert all(_fits(state, node, request, s) for node in chosen for s in range(expected, end))


@pytest.mark.parametrize("seed", range(300, 400))
def test_a_slot_is_free_for_its_whole_window(seed: int) -> None:
    state = _small_cluster(random.Random(seed))
    for cores, row in slots_now(state, NOW)["p"].items():
        longest = math.inf if row["tMax"] is None else row["tMax"]
        request = Request("p", cores=int(cores), walltime_s=min(longest, 20))
        assert find_window(state, request, NOW).start_at == NOW


@pytest.mark.parametrize("seed", range(400, 550))
def test_the_nearest_request_starts_now_and_a_larger_one_would_not(seed: int) -> None:
    rng = random.Random(seed)
    state = _small_cluster(rng)
    request = Request("p", cores_per_node=rng.randint(2, 6), nodes=rng.randint(1, 2), walltime_s=10)
    found = nearest_now(state, request, NOW)
    if found == request or found is None:
        assert (_search(state, request) == 0) == (found == request)
        assert found or _search(state, replace(request, cores_per_node=1)) != 0
    else:
        assert _search(state, found) == 0
        assert _search(state, replace(found, cores_per_node=found.per_node + 1)) != 0


def test_a_request_that_is_too_long_is_shortened_to_whole_minutes() -> None:
    state = _state(
        {
            "nodes": [{"name": "n1", "cpus": 8, "partitions": ["p"]}],
            "reservations": [{"name": "r", "nodes": ["n1"], "start_at": 3630, "end_at": 9000}],
        }
    )
    found = nearest_now(state, Request(cores=4, walltime_s=7200), NOW)
    assert found == Request("p", cores=4, walltime_s=3600)
