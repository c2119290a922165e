"""Read a real Slurm 26.05 through the real pyslurm, and compare with what Slurm's own commands say there."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from jobmon import config
from jobmon.schedulers.slurm.choose import open_reader
from slurm_forky import BuildError, Cluster, root

pytestmark = [pytest.mark.service, pytest.mark.timeout(1800)]

_DUMP = """
import dataclasses, json, types
from jobmon.schedulers.slurm.{module} import {reader}
reader = {reader}(types.SimpleNamespace(conf="", timeout=20, bin_path=""))
state = dataclasses.asdict(reader.load())
print(json.dumps({{"name": reader.name, **state}}, default=sorted))
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Run Slurm 26.05; a root that cannot be built here is a reason to skip, with CI=true as well."""
    try:
        place = root()
    except BuildError as error:
        pytest.skip(f"the Debian forky root cannot be built here: {error}")
    slurm = Cluster(place)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()


@pytest.fixture(scope="module")
def jobs(cluster: Cluster) -> dict[str, str]:
    """Submit jobs and wait until they are where they belong; returns name → id."""
    submit = cluster.submit
    ids = {
        "mpi": submit("-N2", "-n6", "--mem=500", "-J", "mpi"),
        "sweep": submit("--array=0-5%2", "-n1", "--mem-per-cpu=100", "-J", "sweep"),
        "train": submit("-pgpu", "--gres=gpu:a100:2", "-n2", "-c3", "--mem=1G", "-t", "UNLIMITED", "-J", "train"),
        "one": submit("-pgpu", "--gres=gpu:1", "--mem=100", "-t", "30", "-J", "one"),
        "waitgpu": submit("-pgpu", "--gres=gpu:4", "--mem=10", "-t", "30", "-J", "waitgpu"),
        "held": submit("--hold", "--mem=10", "-J", "held"),
        "bad": submit("--mem=10", "-J", "bad", script="exit 3"),
        "odd": submit("--hold", "--mem=10", "-J", "a|b  JobState=FAILED\té"),
    }
    ids["after"] = submit("-d", f"afterok:{ids['mpi']}", "--mem=10", "-J", "after")
    when = ["StartTime=now+2day", "Duration=60", "Flags=MAINT,IGNORE_JOBS"]
    cluster.run("scontrol", "create", "reservation", "ReservationName=maint", "Nodes=n1", "Users=root", *when)
    cluster.wait_for(lambda: cluster.run("squeue", "-h", "-t", "R").count("\n") == 5, "five running jobs")
    cluster.wait_for(lambda: " F " in cluster.run("squeue", "-h", "-t", "F"), "the bad job to fail")
    return ids


@pytest.fixture(scope="module")
def state(cluster: Cluster, jobs: dict[str, str]) -> dict[str, Any]:
    """Return what our reader says."""
    return load(cluster, "native", "NativeReader")


@pytest.fixture(scope="module")
def truth(cluster: Cluster, jobs: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return squeue's own JSON by job id."""
    return {str(job["job_id"]): job for job in json.loads(cluster.run("squeue", "--json", "--states=all"))["jobs"]}


def load(cluster: Cluster, module: str, reader: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.python(_DUMP.format(module=module, reader=reader)))
    return found


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> set[str]:
    """Return the fields in which two readers differ, those left out that the scheduler itself changes meanwhile."""
    different = {key for key, value in ours.items() if theirs[key] != value}
    # pyslurm sorts dependencies by kind and drops their state.
    moving = {"start_at", "planned_nodes", "reason"} if ours["state"] == "PENDING" else set()
    return different - {"dependency"} - moving


def by_scheduler_id(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {job["scheduler_id"]: job for job in state["jobs"]}


def number(value: Any) -> Any:
    return value["number"] if isinstance(value, dict) else value


def allocated(job: dict[str, Any]) -> dict[str, list[int]]:
    """Return host → cores of squeue's JSON; the nodes have two sockets of four cores, one thread each."""
    parts = job.get("job_resources", {}).get("nodes", {}).get("allocation", [])
    return {
        part["name"]: [
            4 * socket["index"] + core["index"]
            for socket in part["sockets"]
            for core in socket["cores"]
            if "ALLOCATED" in core["status"]
        ]
        for part in parts
    }


def test_every_job_is_read_with_state_user_size_and_times(
    state: dict[str, Any], truth: dict[str, dict[str, Any]]
) -> None:
    ours = by_scheduler_id(state)
    assert ours.keys() == truth.keys()
    for job_id, theirs in truth.items():
        job = ours[job_id]
        assert job["name"] == theirs["name"]
        assert job["user"] == theirs["user_name"]
        assert [job["state"]] == theirs["job_state"]
        assert job["partition"] == theirs["partition"]
        assert job["cpus"] == number(theirs["cpus"])
        assert job["n_nodes"] == number(theirs["node_count"])
        assert job["submit_at"] == number(theirs["submit_time"])
        if job["state"] != "PENDING":
            assert job["start_at"] == number(theirs["start_time"])
        assert job["priority"] == number(theirs["priority"])
        if job["name"] != "waitgpu":  # its reason moves between Priority and Resources
            assert (job["reason"] or "None") == theirs["state_reason"]
        limit = None if theirs["time_limit"]["infinite"] else theirs["time_limit"]["number"] * 60
        assert job["time_limit_s"] == limit


def test_layouts_are_the_cores_of_squeue(state: dict[str, Any], truth: dict[str, dict[str, Any]]) -> None:
    running = [job for job in state["jobs"] if job["state"] == "RUNNING"]
    assert len(running) == 5
    for job in running:
        assert job["layout"] == allocated(truth[job["scheduler_id"]])
    assert state["skipped"] == []


def test_gpus_have_their_indices(state: dict[str, Any], truth: dict[str, dict[str, Any]], jobs: dict[str, str]) -> None:
    ours = by_scheduler_id(state)
    for name, count in (("train", 2), ("one", 1)):
        job = ours[jobs[name]]
        detail = truth[jobs[name]]["gres_detail"][0]
        first, _, last = detail.partition("IDX:")[2].rstrip(")").partition("-")
        assert job["gpu_layout"] == {"g1": list(range(int(first), int(last or first) + 1))}
        assert job["gpus"] == count == len(job["gpu_layout"]["g1"])
    assert ours[jobs["waitgpu"]]["gpus"] == 4
    node = next(node for node in state["nodes"] if node["name"] == "g1")
    assert (node["gpus"], node["gpu_type"], node["gpus_allocated"]) == (4, "a100", 3)


def test_array_tasks_have_the_ids_that_people_type(state: dict[str, Any], jobs: dict[str, str]) -> None:
    array = jobs["sweep"]
    tasks = {job["id"]: job for job in state["jobs"] if job["name"] == "sweep"}
    assert tasks.keys() == {f"{array}_0", f"{array}_1", array}
    assert tasks[array]["array_tasks"] == "2-5%2"
    assert tasks[f"{array}_0"]["array_id"] == array


def test_memory_exit_code_and_dependency(state: dict[str, Any], jobs: dict[str, str]) -> None:
    ours = by_scheduler_id(state)
    assert ours[jobs["mpi"]]["memory_request_mb"] == 500
    assert ours[jobs["train"]]["memory_request_mb"] == 1024
    assert ours[jobs["bad"]]["exit_code"] == 3
    assert ours[jobs["after"]]["dependency"].startswith(f"afterok:{jobs['mpi']}")
    assert ours[jobs["train"]]["end_at"] is None


def test_nodes_partitions_and_reservations(cluster: Cluster, state: dict[str, Any]) -> None:
    nodes = {node["name"]: node for node in state["nodes"]}
    shown = json.loads(cluster.run("scontrol", "show", "node", "--json"))["nodes"]
    assert nodes.keys() == {node["name"] for node in shown}
    for node in shown:
        ours = nodes[node["name"]]
        assert set(ours["states"]) - {"PLANNED"} == set(node["state"]) - {"PLANNED"}  # comes and goes
        assert (ours["cpus"], ours["cpus_allocated"]) == (node["cpus"], node["alloc_cpus"])
        assert (ours["memory_mb"], ours["memory_allocated_mb"]) == (node["real_memory"], node["alloc_memory"])
        assert ours["partitions"] == node["partitions"]
    partitions = {part["name"]: part for part in state["partitions"]}
    assert partitions["batch"]["nodes"] == ["n1", "n2"]
    assert partitions["batch"]["default"]
    assert partitions["batch"]["max_time_s"] == 2 * 86400
    assert partitions["gpu"]["max_time_s"] is None
    (reservation,) = state["reservations"]
    assert (reservation["name"], reservation["nodes"]) == ("maint", ["n1"])
    assert {"MAINT", "IGNORE_JOBS"} <= set(reservation["flags"])
    assert reservation["end_at"] - reservation["start_at"] == 3600
    assert state["cluster"] == "forky"
    assert "26.05" in state["name"]


def test_the_command_line_of_this_version_says_the_same(cluster: Cluster, state: dict[str, Any]) -> None:
    text = load(cluster, "cli", "CommandLineReader")
    ours, theirs = by_scheduler_id(state), by_scheduler_id(text)
    assert ours.keys() == theirs.keys()
    for job_id, job in ours.items():
        assert not differences(job, theirs[job_id]), (job, theirs[job_id])
    for kind in ("partitions", "reservations"):
        assert sorted(map(repr, state[kind])) == sorted(map(repr, text[kind]))


def test_slurmrestd_of_this_version_says_the_same(cluster: Cluster, state: dict[str, Any]) -> None:
    url, token = cluster.start_restd()
    reader = open_reader(
        config.SchedulerSettings(
            reader="slurmrestd", slurmrestd_url=url, slurmrestd_user="daemon", slurmrestd_token_file=str(token)
        )
    )
    rest = json.loads(json.dumps(dataclasses.asdict(reader.load()), default=sorted))
    assert "v0.0.45" in reader.name
    ours, theirs = by_scheduler_id(state), by_scheduler_id(rest)
    assert ours.keys() == theirs.keys()
    for job_id, job in ours.items():
        assert not differences(job, theirs[job_id]), (job, theirs[job_id])
    for kind in ("partitions", "reservations"):
        assert sorted(map(repr, state[kind])) == sorted(map(repr, rest[kind]))
    assert rest["skipped"] == []


def test_a_dead_controller_is_an_error_and_no_empty_cluster(cluster: Cluster) -> None:
    code = """
from jobmon.errors import SourceError
from jobmon.schedulers.slurm import native
import types
reader = native.NativeReader(types.SimpleNamespace(conf="%s"))
try:
    print("an answer:", len(reader.load().jobs))
except SourceError as error:
    print("SourceError", error)
"""
    nowhere = cluster.run_path / "nowhere.conf"
    conf = (cluster.run_path / "slurm.conf").read_text()
    nowhere.write_text(
        "".join("SlurmctldPort=1\n" if line.startswith("SlurmctldPort") else f"{line}\n" for line in conf.splitlines())
    )
    assert cluster.python(code % f"/{nowhere.relative_to(cluster.place)}").startswith("SourceError")
