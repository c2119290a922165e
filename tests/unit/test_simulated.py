"""Look at the simulated cluster as its readers do: it is the same each time, adds up, and shows its troubles."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest

from jobmon import clock, config
from jobmon.backends.backfill import slots_now
from jobmon.backends.base import BackendBase
from jobmon.backends.collect import Collector
from jobmon.backends.simulated import Backend
from jobmon.backends.simulation import Simulation, State
from jobmon.config import SimulatedSettings
from jobmon.model import Job
from jobmon.testing import check_backend

T = 1_795_000_000
HOLDING = {"RUNNING", "COMPLETING"}


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return Simulation(SimulatedSettings(nodes=323))


@pytest.fixture(scope="module")
def lesser() -> Simulation:
    """Be quicker where many moments are looked at."""
    return Simulation(SimulatedSettings(nodes=100))


@pytest.fixture(scope="module")
def state(simulation: Simulation) -> State:
    return simulation.at(T)


@pytest.fixture
def small() -> Iterator[Backend]:
    before = config.current()
    config.use(config.parse({"simulated": {"nodes": 40, "seed": 3}}, "test"))
    yield Backend()
    config.use(before)


def _running(state: State) -> list[Job]:
    return [job for job in state.jobs.values() if job.state == "RUNNING"]


def _pending(state: State) -> list[Job]:
    return [job for job in state.jobs.values() if job.state == "PENDING"]


# --- always the same -------------------------------------------------------------------------------------------------


def test_the_same_seed_and_moment_give_the_same_cluster_whatever_was_asked_before(state: State) -> None:
    other = Simulation(SimulatedSettings(nodes=323))
    other.at(T + 86_400)
    other.at(T - 7 * 86_400)
    assert other.at(T) == state


def test_another_seed_gives_another_cluster(state: State) -> None:
    other = Simulation(SimulatedSettings(nodes=323, seed=2)).at(T)
    assert other.jobs != state.jobs
    assert other.readings.cpu != state.readings.cpu


# --- it adds up ------------------------------------------------------------------------------------------------------


def test_the_size_is_that_of_the_cluster_it_stands_for(state: State) -> None:
    cores = sum(node.cpus for node in state.nodes.values())
    running = _running(state)
    assert len(state.nodes) == 323
    assert 16_000 < cores < 17_000
    assert 1900 < len(running) < 2150
    assert 330 < len(_pending(state)) < 470
    assert 0.85 < sum(job.cpus for job in running) / cores < 0.95
    assert 40 <= len({job.user for job in running}) <= 45


@pytest.mark.parametrize("hours", [0, 5, 31])
def test_no_two_jobs_have_the_same_core_or_gpu(lesser: Simulation, hours: int) -> None:
    state = lesser.at(T + 3600 * hours)
    cores: Counter[tuple[str, int]] = Counter()
    gpus: Counter[tuple[str, int]] = Counter()
    for job in state.jobs.values():
        if job.state in HOLDING:
            cores.update((host, core) for host, indices in job.layout.items() for core in indices)
            gpus.update((host, gpu) for host, indices in job.gpu_layout.items() for gpu in indices)
            assert job.cpus == sum(len(indices) for indices in job.layout.values())
            assert job.gpus == sum(len(indices) for indices in job.gpu_layout.values())
            assert job.n_nodes == len(job.layout)
    assert set(cores.values()) == {1}
    assert set(gpus.values()) == {1}
    assert all(0 <= core < state.nodes[host].cpus for host, core in cores)
    assert all(0 <= gpu < state.nodes[host].gpus for host, gpu in gpus)
    for node in state.nodes.values():
        assert node.cpus_allocated == sum(host == node.name for host, _ in cores)
        assert node.gpus_allocated == sum(host == node.name for host, _ in gpus)
        assert node.memory_allocated_mb <= (node.memory_mb or 0)
        assert node.up or not node.cpus_allocated


def test_a_job_keeps_to_its_times_and_its_partition(state: State) -> None:
    limits = {p.name: p.max_time_s for p in state.cluster.partitions}
    members = {p.name: set(p.nodes) for p in state.cluster.partitions}
    for job in state.jobs.values():
        assert job.submit_at is not None
        assert job.submit_at <= T
        assert job.time_limit_s is not None
        assert 0 < job.time_limit_s <= (limits[job.partition] or 0)
        if job.state != "PENDING":
            assert job.start_at is not None
            assert job.submit_at <= job.start_at <= T
            assert set(job.layout) <= members[job.partition]
        if job.state in HOLDING:
            assert job.run_time_s(T) <= job.time_limit_s
        if job.state == "RUNNING":
            assert job.end_at == (job.start_at or 0) + job.time_limit_s
    runs = sorted(job.run_time_s(T) for job in _running(state))
    assert runs[0] < 600
    assert runs[-1] > 86_400


def test_a_waiting_job_has_no_cores_and_a_reason(state: State) -> None:
    pending = _pending(state)
    assert not any(job.layout or job.gpu_layout or job.end_at for job in pending)
    assert {job.reason for job in pending} >= {
        "Resources",
        "Priority",
        "Dependency",
        "JobHeldUser",
        "QOSMaxCpuPerUserLimit",
        "ReqNodeNotAvail, Reserved for maintenance",
        "BeginTime",
        "JobArrayTaskLimit",
    }
    estimates = [job.start_at for job in pending if job.start_at]
    assert 10 < len(estimates) < len(pending) / 2
    assert min(estimates) > T
    planned = [job for job in pending if job.planned_nodes]
    assert planned
    assert all(set(job.planned_nodes) <= set(state.nodes) and job.start_at for job in planned)


def test_jobs_that_have_ended_are_listed_with_how_they_ended_for_five_minutes(lesser: Simulation) -> None:
    found: Counter[str] = Counter()
    for moment in range(0, 7200, 300):
        for job in lesser.at(T + moment).jobs.values():
            if job.state not in {"RUNNING", "PENDING", "COMPLETING"}:
                found[job.state] += 1
                assert job.end_at is not None
                assert T + moment - 300 < job.end_at <= T + moment
                if job.state == "TIMEOUT":
                    assert job.run_time_s(T + moment) == job.time_limit_s
    assert set(found) == {"COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "CANCELLED"}
    assert found["COMPLETED"] > sum(found.values()) / 2


def test_arrays_have_one_record_for_what_waits_and_one_for_each_task(state: State) -> None:
    rest = {job.id: job for job in state.jobs.values() if job.array_tasks}
    tasks = [job for job in state.jobs.values() if "_" in job.id]
    assert rest
    assert len(tasks) > 50
    for job in tasks:
        array, _, number = job.id.partition("_")
        assert job.array_id == array
        assert job.scheduler_id.isdigit()
        if array in rest:
            waiting = rest[array].array_tasks.partition("%")[0].split(",")
            spans = [tuple(int(n) for n in part.split("-")) for part in waiting]
            assert not any(span[0] <= int(number) <= span[-1] for span in spans)
            assert (rest[array].user, rest[array].name) == (job.user, job.name)
    assert all(job.state == "PENDING" and "_" not in job.id for job in rest.values())


def test_ids_grow_with_the_time_of_submission(lesser: Simulation) -> None:
    ids: dict[int, int] = {}
    for moment in range(0, 86_400, 7200):
        for job in lesser.at(T + moment).jobs.values():
            number = int(job.array_id or job.id)
            assert ids.setdefault(number, job.submit_at or 0) == job.submit_at
    submitted = [ids[number] for number in sorted(ids)]
    assert all(later >= earlier - 1 for earlier, later in pairwise(submitted))
    assert max(ids) < 2**26


# --- from one moment to the next -------------------------------------------------------------------------------------


def test_twenty_cycles_are_one_story(lesser: Simulation) -> None:
    before = lesser.at(T)
    changed = cores = 0
    for cycle in range(1, 21):
        now = lesser.at(T + 30 * cycle)
        for job_id, job in before.jobs.items():
            later = now.jobs.get(job_id)
            if job.state == "RUNNING":
                assert later is not None, "a job vanished instead of ending"
                assert later.state not in {"PENDING"}
                assert (later.layout, later.user, later.name) == (job.layout, job.user, job.name)
                assert later.start_at == job.start_at
                if later.state == "RUNNING":
                    assert later.run_time_s(T + 30 * cycle) == job.run_time_s(T + 30 * cycle - 30) + 30
                    assert now.readings.job_mem_max.get(job_id, 0) >= before.readings.job_mem_max.get(job_id, 0)
            elif job.state == "PENDING" and later is not None and later.state == "RUNNING" and not job.array_tasks:
                assert (later.submit_at, later.cpus, later.user) == (job.submit_at, job.cpus, job.user)
        for host, usage in now.readings.cpu.items():
            earlier = before.readings.cpu.get(host)
            if usage and earlier:
                cores += len(usage["core"])
                changed += sum(a != b for a, b in zip(usage["core"], earlier["core"], strict=True))
        before = now
    assert changed / cores < 0.06, "steady jobs must read nearly the same in each cycle"
    assert set(before.jobs) != set(lesser.at(T).jobs)


# --- its troubles can be seen ----------------------------------------------------------------------------------------


def _of(simulation: Simulation, state: State, habit: str) -> list[Job]:
    from jobmon.backends.simulation.people import HABITS

    users = {
        simulation.people.names[who]
        for index, known in enumerate(HABITS)
        if known.name == habit
        for who in simulation.people.pools[index]
    }
    names = next(known.names for known in HABITS if known.name == habit)
    found = [j for j in _running(state) if j.user in users and j.name in names and j.run_time_s(state.at) > 3600]
    assert found, f"nobody shows {habit}"
    return found


def _mean(state: State, job: Job, column: int) -> float:
    cores = [
        usage["core"][core][column]
        for host, indices in job.layout.items()
        if (usage := state.readings.cpu.get(host)) is not None
        for core in indices
        if usage["core"][core] is not None
    ]
    return sum(cores) / len(cores) if cores else -1


def _mostly(answers: list[bool]) -> bool:
    return sum(answers) > 0.9 * len(answers)


def test_good_jobs_fill_their_cores(simulation: Simulation, state: State) -> None:
    assert _mostly([_mean(state, job, 0) >= 98 for job in _of(simulation, state, "good")])


def test_wasteful_jobs_leave_most_of_their_cores_idle(simulation: Simulation, state: State) -> None:
    assert _mostly([_mean(state, job, 4) > 70 for job in _of(simulation, state, "wasteful")])


def test_io_bound_jobs_wait_at_times(lesser: Simulation) -> None:
    states = [lesser.at(T + 900 * n) for n in range(4)]
    waits = [_mean(s, job, 3) for s in states for job in _of(lesser, s, "io")]
    assert min(w for w in waits if w >= 0) > 1
    assert max(waits) > 30


def test_jobs_with_too_many_system_calls_show_them(simulation: Simulation, state: State) -> None:
    assert _mostly([_mean(state, job, 2) > 30 for job in _of(simulation, state, "calls")])


def test_memory_is_asked_for_and_not_used(simulation: Simulation, state: State) -> None:
    jobs = _of(simulation, state, "memory")
    known = [job for job in jobs if job.id in state.readings.job_mem_max]
    assert _mostly([state.readings.job_mem_max[job.id] < 0.1 * (job.memory_request_mb or 0) for job in known])


def test_swapping_jobs_fill_swap(simulation: Simulation, state: State) -> None:
    for job in _of(simulation, state, "swap"):
        (host,) = job.layout
        swap, mem = state.readings.swap.get(host), state.readings.mem.get(host)
        if swap and mem:
            assert swap["free"] < 0.8 * swap["total"]
            assert mem["used"] > 0.9 * mem["total"]


def test_gpus_are_used_by_some_and_forgotten_by_others(simulation: Simulation, state: State) -> None:
    for habit, low, high in (("gpu", 75, 100), ("idle_gpu", 0, 10)):
        utils = [
            gpus[f"gpu{index}"]["util"]
            for job in _of(simulation, state, habit)
            for host, indices in job.gpu_layout.items()
            if (gpus := state.readings.gpus.get(host))
            for index in indices
        ]
        assert utils
        assert all(low <= util <= high for util in utils)


def test_parallel_jobs_span_nodes_and_talk(simulation: Simulation, state: State) -> None:
    jobs = _of(simulation, state, "mpi")
    assert max(job.n_nodes for job in jobs) >= 4
    for job in jobs:
        rates = [flow["bytes_in"] for host in job.layout if (flow := state.readings.infiniband.get(host))]
        assert min(rates) > 50_000_000


def test_some_nodes_and_metrics_are_missing(state: State) -> None:
    down = [node for node in state.nodes.values() if not node.up]
    drained = [node for node in state.nodes.values() if node.up and not node.available]
    silent = [node for node in state.nodes.values() if node.up and state.readings.cpu.get(node.name) is None]
    assert down
    assert drained
    assert all(node.reason for node in [*down, *drained])
    assert silent
    assert any(node.cpus_allocated for node in drained)
    assert any(None in usage["core"] for usage in state.readings.cpu.values() if usage)
    assert any(job.id not in state.readings.job_mem for job in _running(state))


def test_percentages_and_sizes_are_possible(state: State) -> None:
    for host, usage in state.readings.cpu.items():
        assert usage is not None
        for row in [usage["total"], *usage["core"]]:
            assert row is None or (min(row) >= 0 and 99 <= sum(row) <= 100), (host, row)
    for mem in state.readings.mem.values():
        assert mem is not None
        assert 0 < mem["used"] <= mem["total"]


def test_maintenance_is_ahead(lesser: Simulation) -> None:
    for day in range(6):
        state = lesser.at(T + 86_400 * day)
        (maintenance,) = state.cluster.reservations
        assert maintenance.maintenance
        assert 0.9 * 86_400 < maintenance.start_at - state.at < 3.4 * 86_400


# --- sizes and the back end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nodes", [1, 2, 3, 7, 25])
def test_tiny_clusters_work(nodes: int) -> None:
    state = Simulation(SimulatedSettings(nodes=nodes, seed=5)).at(T)
    assert len(state.nodes) == nodes
    assert _running(state)


def test_numbers_of_jobs_and_cores_can_be_asked_for() -> None:
    state = Simulation(SimulatedSettings(nodes=50, cores=16, running=120, pending=300)).at(T)
    assert {node.cpus for node in state.nodes.values()} == {16}
    assert 100 <= len(_running(state)) <= 140
    assert 240 <= len(_pending(state)) <= 360


def test_the_big_size_can_be_built() -> None:
    state = Simulation(SimulatedSettings(nodes=1500, cores=128, running=10_000, pending=40_000)).at(T)
    assert len(state.nodes) == 1500
    assert 9000 < len(_running(state)) < 11_000
    assert 36_000 < len(_pending(state)) < 44_000
    assert 0.8 < sum(job.cpus for job in _running(state)) / (1500 * 128) < 0.95
    assert slots_now(state.cluster)


def test_the_back_end_answers_everything_and_nothing_is_skipped(small: Backend) -> None:
    collector = Collector(small)
    with clock.replaced(lambda: float(T)):
        data = collector.collect(T, config.current().live)
    assert collector.skipped == []
    assert data["cluster"] == "demo"
    assert len(data["nodes"]) == 40
    assert data["usage"]["running"] == sum(j["nCpus"] for j in data["jobs"].values() if j["state"] == "RUNNING")
    assert 0.8 < data["usage"]["running"] / data["usage"]["avail"] < 1
    assert all(source.error == "" and source.last_success_at == T for source in small.sources())
    assert [source.name for source in small.sources()] == ["simulated scheduler", "simulated metrics"]
    methods = [name for name in vars(BackendBase) if not name.startswith("_")]
    inherited = {name for name in methods if getattr(Backend, name) is getattr(BackendBase, name)}
    # its jobs are alone on their cores, which tell what they do
    assert inherited == {"init", "write_influx", "core_usage", "calculate_backfill", "job_cpu"}


@pytest.mark.usefixtures("small")
def test_the_back_end_keeps_the_contract() -> None:
    assert check_backend(Backend) == []


def test_the_back_end_can_be_taken_to_any_moment(small: Backend) -> None:
    small.at(T - 86_400)
    first = small.job_ids()
    small.at(T)
    assert small.job_ids() != first
    small.at(T - 86_400)
    assert small.job_ids() == first
    state = small.cluster_state()
    assert state.loaded_at == T - 86_400
    assert [job.id for job in state.jobs] == first
