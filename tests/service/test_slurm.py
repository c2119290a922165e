"""Read a real Slurm with real jobs through the command line and slurmrestd, and compare with Slurm's own words."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobmon import config
from jobmon.backends.slurm import Backend
from jobmon.errors import SourceError
from jobmon.model import ClusterState, Job, expand_hostlist, expand_indices
from jobmon.schedulers.base import SchedulerReader
from jobmon.schedulers.slurm.choose import open_reader
from slurm_cluster import CPU_NODES, CPUS, GPU_NODES, GPUS, MEMORY_MB, REST_USER, SlurmCluster

pytestmark = pytest.mark.service

READERS = ("cli", "slurmrestd v0.0.37", "slurmrestd v0.0.38", "slurmrestd on a unix socket")
EVIL = "evil\nJobId=999 JobName=x JobState=RUNNING JOB_GRES=(null)   Nodes=n3 CPU_IDs=0-7 Mem=1 GRES= MinCPUsNode=1"


def scheduler(slurm: SlurmCluster, reader: str, timeout: int = 10) -> config.SchedulerSettings:
    """Return the settings that lead to one reader."""
    kind, _, detail = reader.partition(" ")
    values: dict[str, object] = {"reader": kind, "conf": str(slurm.conf), "timeout": timeout}
    if detail.startswith("on"):
        values |= {"slurmrestd_url": slurm.start_restd_on_socket()}
    elif kind == "slurmrestd":
        values |= {
            "slurmrestd_url": slurm.start_restd(),
            "slurmrestd_user": REST_USER,
            "slurmrestd_token_file": str(slurm.token_file()),
            "slurmrestd_api": detail,
        }
    return config.SchedulerSettings.model_validate(values)


@pytest.fixture(scope="module")
def jobs(slurm: SlurmCluster) -> Iterator[dict[str, str]]:
    """Fill the cluster with jobs of every kind and wait until each is where it belongs; returns name → id."""
    submit = slurm.submit
    ids = {
        "bad": submit("--mem=10", script="exit 3"),
        "killed": submit("--mem=10", script="kill -9 $$"),
        "fine": submit("--mem=10", script="true"),
    }
    for name in ("bad", "killed"):
        slurm.wait_state(ids[name], "FAILED")
    slurm.wait_state(ids["fine"], "COMPLETED")
    ids |= {
        "mpi": submit("-N2", "-n6", "--mem=500", "-t", "4:00:00", "-J", "mpi"),
        "sweep": submit("--array=0-9%3", "-n1", "--mem-per-cpu=100", "-J", "sweep", "-A", "physics"),
        "train": submit("-pgpu", "-N2", "--gres=gpu:a100:2", "--mem=100", "-c3", "-t", "50"),
        "infer": submit("-pgpu", "--gres=gpu:1", "--mem=2G", "-t", "UNLIMITED"),
        "percpu": submit("-pgpu", "-N1", "-n3", "--mem-per-cpu=250", "-t", "30"),
        "evil": submit("--mem=10", "-wn2", "-J", EVIL),
        "odd": submit("--mem=10", "-wn2", "-J", "a|b\x1fc\td  JobState=FAILED é💥 =x"),
        "paused": submit("--mem=10", "-wn4"),
        "cancelled": submit("--mem=10", "-wn4"),
        "held": submit("--hold", "--mem=10"),
        "later": submit("--begin=now+1hour", "--mem=10"),
        "too long": submit("-pshort", "-t", "2:00:00", "--mem=10"),
        "too wide": submit("-pshort", "-N2", "--mem=10", "-t", "5"),
    }
    # A comment cannot be told from fields either, and comes behind the layout of a job that is not the victim's.
    fake = f"x\nJobId={ids['mpi']} JobName=mpi   Nodes=n4 CPU_IDs=7 Mem=1 GRES= MinCPUsNode=1"
    ids["liar"] = submit("--mem=10", "-wn2", f"--comment={fake}")
    for name in ("mpi", "train", "infer", "percpu", "evil", "odd", "paused", "cancelled", "liar"):
        slurm.wait_state(ids[name], "RUNNING")
    ids |= {
        "after": submit("-d", f"afterok:{ids['mpi']}", "--mem=10"),
        "whole": submit("-N4", "--exclusive", "-t", "30"),
        "gpus later": submit("-pgpu", "-N2", "--gres=gpu:4", "--mem=10", "-t", "30"),
    }
    slurm.run("scontrol", "suspend", ids["paused"])
    slurm.run("scancel", ids["cancelled"])
    when = ["StartTime=now+1day", "Duration=60", "Flags=MAINT,IGNORE_JOBS"]
    slurm.run("scontrol", "create", "reservation", "ReservationName=maint", "Nodes=n1,g1", "Users=root", *when)
    slurm.run("scontrol", "update", "NodeName=n3", "State=DRAIN", "Reason=bad disk State=IDLE, see #42")
    slurm.wait_state(ids["cancelled"], "CANCELLED")
    slurm.wait_for(lambda: slurm.squeue(ids["whole"], "r") != "None", "a reason to wait")
    slurm.wait_for(lambda: slurm.run("squeue", "-h", "-t", "R", "-n", "sweep").count("\n") == 3, "three array tasks")
    yield ids
    slurm.run("scontrol", "delete", "ReservationName=maint")
    slurm.run("scontrol", "update", "NodeName=n3", "State=RESUME")
    slurm.cancel_all()


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest, slurm: SlurmCluster) -> SchedulerReader:
    return open_reader(scheduler(slurm, str(request.param)))


@pytest.fixture
def state(reader: SchedulerReader, jobs: dict[str, str]) -> ClusterState:
    return reader.load()


def by_scheduler_id(state: ClusterState) -> dict[str, Job]:
    return {job.scheduler_id: job for job in state.jobs}


def column(slurm: SlurmCluster, letter: str, *options: str) -> dict[str, str]:
    """Return job id → one field, as squeue prints it."""
    lines = slurm.run("squeue", "-h", "-a", "-t", "all", *options, "-o", f"%A@@%{letter}").split("\n")
    return dict(line.split("@@", 1) for line in lines if "@@" in line)


def words(slurm: SlurmCluster, *command: str) -> dict[str, str]:
    """Return the fields of one record of scontrol whose values hold no blanks, the first of each name."""
    found: dict[str, str] = {}
    for word in slurm.run("scontrol", *command).split():
        key, equals, value = word.partition("=")
        if equals:
            found.setdefault(key, value)
    return found


# --- jobs ----------------------------------------------------------------------------------------------------------


def test_every_job_has_the_state_that_squeue_says(slurm: SlurmCluster, state: ClusterState) -> None:
    ours = {job_id: job.state for job_id, job in by_scheduler_id(state).items()}
    assert ours == column(slurm, "T")
    assert {"RUNNING", "PENDING", "SUSPENDED", "FAILED", "CANCELLED", "COMPLETED"} <= set(ours.values())


def test_ids_are_those_that_squeue_shows(slurm: SlurmCluster, state: ClusterState, jobs: dict[str, str]) -> None:
    array = jobs["sweep"]
    shown = column(slurm, "i")
    for job_id, job in by_scheduler_id(state).items():
        assert job.id == (array if "[" in shown[job_id] else shown[job_id])
    waiting = next(job for job in state.jobs if job.id == array)
    assert f"{array}_[{waiting.array_tasks}]" == shown[waiting.scheduler_id] == f"{array}_[3-9%3]"
    tasks = {job.id for job in state.jobs if job.array_id == array}
    assert tasks == {array, f"{array}_0", f"{array}_1", f"{array}_2"}


def test_sizes_owners_partitions_and_accounts(slurm: SlurmCluster, state: ClusterState) -> None:
    users, partitions, accounts = (column(slurm, letter) for letter in "uPa")
    cpus, nodes, priorities = (column(slurm, letter) for letter in "CDQ")
    for job_id, job in by_scheduler_id(state).items():
        assert job.user == users[job_id]
        assert job.partition == partitions[job_id]
        assert job.account == accounts[job_id].replace("(null)", "")
        assert job.cpus == int(cpus[job_id])
        assert job.n_nodes == int(nodes[job_id])
        assert job.priority == int(priorities[job_id])


def test_times_are_those_of_scontrol(slurm: SlurmCluster, state: ClusterState) -> None:
    slurm.env["SLURM_TIME_FORMAT"] = "%s"
    try:
        for job_id, job in by_scheduler_id(state).items():
            theirs = words(slurm, "show", "job", job_id) if job.id == job_id else {}
            for ours, field in ((job.submit_at, "SubmitTime"), (job.start_at, "StartTime")):
                if field in theirs and not (job.state == "PENDING" and field == "StartTime"):
                    assert ours == int(theirs[field]), (job, field)
    finally:
        del slurm.env["SLURM_TIME_FORMAT"]


def test_limits(state: ClusterState, jobs: dict[str, str]) -> None:
    ours = by_scheduler_id(state)
    assert ours[jobs["mpi"]].time_limit_s == 4 * 3600
    assert ours[jobs["train"]].time_limit_s == 50 * 60
    assert ours[jobs["infer"]].time_limit_s is None
    assert ours[jobs["infer"]].end_at is None
    mpi = ours[jobs["mpi"]]
    assert mpi.start_at is not None
    assert mpi.end_at == mpi.start_at + 4 * 3600


def test_layouts_are_the_cpu_ids_of_scontrol(
    slurm: SlurmCluster, reader: SchedulerReader, state: ClusterState, jobs: dict[str, str]
) -> None:
    ours = by_scheduler_id(state)
    running = [job for job in state.jobs if job.state == "RUNNING"]
    assert len(running) >= 10
    for job in running:
        expected: dict[str, tuple[int, ...]] = {}
        # The detail of a job is indented; what its name and comment hold is not.
        for line in slurm.run("scontrol", "-d", "show", "job", job.scheduler_id).split("\n"):
            if line.startswith("     Nodes="):
                fields = dict(word.split("=", 1) for word in line.split())
                expected |= dict.fromkeys(expand_hostlist(fields["Nodes"]), expand_indices(fields["CPU_IDs"]))
        if "v0.0.37" in reader.name and not job.layout:
            # This API tells sockets and cores apart, so that a job over two sockets of a node is ambiguous.
            assert any(len({cpu // 4 for cpu in cpus}) > 1 for cpus in expected.values())
            assert job.id in {record.record for record in state.skipped}
        else:
            assert job.layout == expected, job
    if "v0.0.37" not in reader.name:
        assert set(ours[jobs["mpi"]].layout) == {"n1", "n2"}
        assert not state.skipped


def test_a_name_cannot_pass_for_fields(state: ClusterState, reader: SchedulerReader, jobs: dict[str, str]) -> None:
    ours = by_scheduler_id(state)
    assert "999" not in ours
    assert ours[jobs["evil"]].name == EVIL
    assert set(ours[jobs["evil"]].layout) == {"n2"}
    assert ours[jobs["odd"]].name == "a|b\x1fc\td  JobState=FAILED é💥 =x"
    assert ours[jobs["odd"]].state == "RUNNING"
    if "v0.0.37" not in reader.name:
        assert "n4" not in ours[jobs["mpi"]].layout


def test_gpu_indices(slurm: SlurmCluster, state: ClusterState, jobs: dict[str, str]) -> None:
    ours = by_scheduler_id(state)
    train, infer = ours[jobs["train"]], ours[jobs["infer"]]
    assert {host: len(indices) for host, indices in train.gpu_layout.items()} == {"g1": 2, "g2": 2}
    assert train.gpus == 4
    assert infer.gpus == 1
    (host, indices), *_ = infer.gpu_layout.items()
    assert f"(IDX:{indices[0]})" in slurm.run("scontrol", "-d", "show", "job", jobs["infer"])
    assert not set(indices) & set(train.gpu_layout.get(host, ()))
    assert ours[jobs["gpus later"]].gpus == 8
    assert ours[jobs["mpi"]].gpu_layout == {}


def test_memory_requests_are_per_node(state: ClusterState, jobs: dict[str, str], reader: SchedulerReader) -> None:
    ours = by_scheduler_id(state)
    assert ours[jobs["mpi"]].memory_request_mb == 500
    assert ours[jobs["infer"]].memory_request_mb == 2048
    assert ours[jobs["percpu"]].memory_request_mb == 750
    assert ours[jobs["whole"]].memory_request_mb is None


def test_waiting_jobs_say_why(state: ClusterState, jobs: dict[str, str]) -> None:
    ours = by_scheduler_id(state)
    expected = {
        "held": "JobHeldUser",
        "later": "BeginTime",
        "too long": "PartitionTimeLimit",
        "too wide": "PartitionNodeLimit",
        "after": "Dependency",
    }
    assert {name: ours[jobs[name]].reason for name in expected} == expected
    assert ours[jobs["whole"]].reason in {"Resources", "ReqNodeNotAvail", "Priority"}
    assert next(job for job in state.jobs if job.array_tasks).reason == "JobArrayTaskLimit"
    assert ours[jobs["mpi"]].reason == ""
    assert ours[jobs["after"]].dependency == f"afterok:{jobs['mpi']}(unfulfilled)"
    assert ours[jobs["later"]].start_at == ours[jobs["later"]].eligible_at
    assert ours[jobs["held"]].start_at is None
    assert ours[jobs["held"]].layout == {}


def test_how_jobs_ended(state: ClusterState, jobs: dict[str, str]) -> None:
    ours = by_scheduler_id(state)
    assert (ours[jobs["bad"]].exit_code, ours[jobs["bad"]].signal) == (3, None)
    assert (ours[jobs["killed"]].exit_code, ours[jobs["killed"]].signal) == (0, 9)
    assert (ours[jobs["fine"]].exit_code, ours[jobs["fine"]].signal) == (0, None)
    assert ours[jobs["bad"]].end_at is not None
    assert ours[jobs["mpi"]].exit_code is None


def test_a_suspended_job_does_not_grow_older(
    slurm: SlurmCluster, reader: SchedulerReader, jobs: dict[str, str]
) -> None:
    slurm.wait_for(
        lambda: _suspended(reader, jobs).suspended_s > 3, "the suspension to be longer than two clocks differ"
    )
    job = _suspended(reader, jobs)
    used = column(slurm, "M")[jobs["paused"]]
    minutes, seconds = used.split(":")
    assert job.run_time_s(time.time()) == pytest.approx(int(minutes) * 60 + int(seconds), abs=3)


def _suspended(reader: SchedulerReader, jobs: dict[str, str]) -> Job:
    return by_scheduler_id(reader.load())[jobs["paused"]]


@pytest.mark.parametrize("reader", ["cli", "slurmrestd v0.0.38"], indirect=True)
def test_a_completing_job_keeps_its_nodes(slurm: SlurmCluster, reader: SchedulerReader, jobs: dict[str, str]) -> None:
    job_id = slurm.submit("--mem=10", "-wn4", script="trap '' TERM; while :; do sleep 0.2; done")
    slurm.wait_state(job_id, "RUNNING")
    before = by_scheduler_id(reader.load())[job_id]
    slurm.run("scancel", job_id)
    job = by_scheduler_id(reader.load())[job_id]
    assert job.state in {"COMPLETING", "CANCELLED"}
    if job.state == "COMPLETING":
        assert job.layout == before.layout
    slurm.wait_state(job_id, "CANCELLED")
    assert by_scheduler_id(reader.load())[job_id].layout == {}


# --- nodes, partitions, reservations -------------------------------------------------------------------------------


def test_nodes_are_those_of_scontrol(slurm: SlurmCluster, state: ClusterState, reader: SchedulerReader) -> None:
    nodes = {node.name: node for node in state.nodes}
    assert set(nodes) == {*CPU_NODES, *GPU_NODES}
    for name, node in nodes.items():
        theirs = words(slurm, "show", "node", name)
        expected = {word.rstrip("*~#!%$@^-") for word in theirs["State"].split("+")}
        if "v0.0.37" in reader.name:
            expected &= node.states  # older interfaces do not tell all flags
        assert node.states >= expected - {"PLANNED"}
        assert (node.cpus, node.memory_mb) == (CPUS, MEMORY_MB)
        assert (node.sockets, node.cores_per_socket, node.threads_per_core) == (2, 4, 1)
        assert node.cpus_allocated == int(theirs["CPUAlloc"])
        assert node.memory_allocated_mb == int(theirs["AllocMem"])
        assert ",".join(node.partitions) == theirs["Partitions"]
        assert ",".join(node.features) == theirs["ActiveFeatures"]
    assert (nodes["g1"].gpus, nodes["g1"].gpu_type, nodes["n1"].gpus) == (GPUS, "a100", 0)
    assert sum(nodes[name].gpus_allocated for name in GPU_NODES) == 5


def test_a_drained_node_says_why(state: ClusterState) -> None:
    node = next(node for node in state.nodes if node.name == "n3")
    assert node.reason == "bad disk State=IDLE, see #42"
    assert "DRAIN" in node.states
    assert not node.available
    assert node.up


def test_partitions_and_their_limits(state: ClusterState) -> None:
    partitions = {partition.name: partition for partition in state.partitions}
    batch, gpu, short = (partitions[name] for name in ("batch", "gpu", "short"))
    assert (batch.nodes, batch.default, batch.up) == (CPU_NODES, True, True)
    assert (batch.max_time_s, batch.max_nodes) == (2 * 86400, None)
    assert (gpu.max_time_s, gpu.default) == (None, False)
    assert set(short.nodes) == {"n1", "n2", "g1"}
    assert (short.max_time_s, short.max_nodes, short.max_cpus_per_node) == (1800, 1, None)


def test_reservations(state: ClusterState) -> None:
    (reservation,) = state.reservations
    assert reservation.name == "maint"
    assert set(reservation.nodes) == {"n1", "g1"}
    assert reservation.maintenance
    assert reservation.users == ("root",)
    assert reservation.end_at - reservation.start_at == 3600


def test_the_name_tells_version_and_reader(reader: SchedulerReader, state: ClusterState, slurm: SlurmCluster) -> None:
    version = slurm.run("squeue", "--version").split()[-1]
    assert reader.name.startswith(f"slurm {version} (")
    assert state.cluster == "loopback"


# --- a sick controller -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READERS)
def test_a_frozen_controller_is_an_error_and_what_was_known_stays(
    slurm: SlurmCluster, jobs: dict[str, str], name: str
) -> None:
    backend = _backend(scheduler(slurm, name, timeout=2))
    known = backend.job_ids()
    assert jobs["mpi"] in known
    with slurm.frozen_controller():
        with pytest.raises(SourceError):
            backend.pre_update()
        assert backend.job_ids() == known
        (health,) = backend.sources()
        assert health.error
        assert health.errors == 1
        assert health.last_success_at is not None
    backend.pre_update()
    (health,) = backend.sources()
    assert (health.error, health.errors) == ("", 1)
    assert health.records >= len(backend.job_ids()) + len(backend.hostnames())


def test_a_dead_controller_is_an_error_and_its_return_is_noticed(slurm: SlurmCluster, jobs: dict[str, str]) -> None:
    readers = [open_reader(scheduler(slurm, name, timeout=3)) for name in READERS]
    before = {job.id for job in readers[0].load().jobs}
    for reader in readers:
        reader.load()
    slurm.kill_controller()
    try:
        with ThreadPoolExecutor() as pool:
            for attempt in [pool.submit(reader.load) for reader in readers]:
                with pytest.raises(SourceError):
                    attempt.result()
    finally:
        slurm.start_controller()
    slurm.wait_for(lambda: _answers(readers[0]), "the controller to know its nodes again")
    for reader in readers:
        assert before <= {job.id for job in reader.load().jobs}


def _answers(reader: SchedulerReader) -> bool:
    try:
        return all(node.up for node in reader.load().nodes)
    except SourceError:
        return False


def test_a_token_that_has_run_out_is_an_error(slurm: SlurmCluster, jobs: dict[str, str]) -> None:
    settings = scheduler(slurm, "slurmrestd v0.0.38")
    reader = open_reader(settings)
    reader.load()
    token = Path(settings.slurmrestd_token_file)
    token.write_text(token.read_text()[:-8])
    with pytest.raises(SourceError, match="HTTP"):
        reader.load()


# --- choice and back end -------------------------------------------------------------------------------------------


def test_auto_takes_the_command_line_where_there_is_no_pyslurm(
    slurm: SlurmCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    reader = open_reader(scheduler(slurm, "auto"))
    assert "command line" in reader.name
    assert "pyslurm is not installed" in caplog.text


def test_auto_takes_slurmrestd_where_there_are_no_commands(slurm: SlurmCluster, tmp_path: Path) -> None:
    settings = scheduler(slurm, "slurmrestd on a unix socket").model_copy(
        update={"reader": "auto", "bin_path": str(tmp_path)}
    )
    reader = open_reader(settings)
    assert reader.load().nodes
    assert "slurmrestd v0.0.38" in reader.name


def test_the_back_end_answers_for_nodes_and_jobs(slurm: SlurmCluster, jobs: dict[str, str]) -> None:
    backend = _backend(scheduler(slurm, "cli"), nodes=["n"], column_order_cpus=["n1"])
    assert backend.hostnames() == list(CPU_NODES)
    assert jobs["train"] not in backend.job_ids()
    scontrol = by_scheduler_id(open_reader(scheduler(slurm, "cli")).load())[jobs["mpi"]].layout
    layout = backend.job_layout(jobs["mpi"])
    assert layout is not None
    assert layout["n2"] == scontrol["n2"]
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    assert layout["n1"] == tuple(sorted(order[i] for i in scontrol["n1"]))
    details = backend.job_details(jobs["held"])
    assert details is not None
    assert (details["reason"], details["partition"]) == ("JobHeldUser", "batch")
    assert backend.job_time_limit(jobs["mpi"]) == 240
    assert backend.cpu_usage("n1") is None
    assert json.dumps(backend.node_details("n3"))


def _backend(settings: config.SchedulerSettings, **live: list[str]) -> Backend:
    config.use(config.Settings(scheduler=settings, live=config.LiveSettings.model_validate(live)))
    backend = Backend()
    backend.init()
    backend.pre_update()
    return backend


@pytest.fixture(autouse=True)
def _default_settings() -> Iterator[None]:
    settings = config.current()
    yield
    config.use(settings)
