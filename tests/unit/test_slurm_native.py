"""Read what the two interfaces of pyslurm return, with stand-ins of the same shape."""

from enum import Flag
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from jobmon.errors import SourceError
from jobmon.schedulers.slurm import native, native_objects

OLD_JOB = {
    "job_id": 12, "name": "sweep", "user_id": 0, "job_state": "RUNNING", "array_job_id": 2, "array_task_id": 0,
    "array_task_str": None, "num_cpus": 3, "num_nodes": 2, "num_tasks": 1, "partition": "batch", "account": "physics",
    "cpus_alloc_layout": {"n1": [0, 1], "n2": [4]}, "min_memory_cpu": 100, "min_memory_node": None,
    "time_limit": "UNLIMITED", "submit_time": 100, "eligible_time": 100, "start_time": 110, "end_time": 99999999,
    "run_time": 40, "suspend_time": 0, "state_reason": "None", "priority": 17, "tres_per_node": "gres:gpu:2",
    "tres_alloc_str": "cpu=3,mem=300M,node=2", "exit_code": "3:0",
}  # fmt: skip
OLD_NODE = {
    "name": "n1", "cpus": 8, "state": "MIXED+DRAIN", "alloc_cpus": 2, "real_memory": 16000, "alloc_mem": 200,
    "free_mem": 900, "tmp_disk": 0, "gres": ["gpu:a100:4(S:0-1)"], "gres_used": ["gpu:a100:2(IDX:0,3)"], "sockets": 2,
    "cores": 4, "threads": 1, "partitions": ["batch", "gpu"], "features_active": ["fast"], "cpu_load": 125,
    "reason": "bad disk", "boot_time": 50, "version": "20.11.9",
}  # fmt: skip
OLD_PARTITION = {
    "nodes": "n[1-2]", "state": "UP", "flags": {"Default": 1, "Shared": "NO"}, "max_time": 86400,
    "default_time": "NONE", "max_nodes": "UNLIMITED", "max_cpus_per_node": "UNLIMITED", "max_mem_per_node": 4000,
}  # fmt: skip
OLD_RESERVATION = {
    "node_list": "n1", "start_time": 500, "end_time": 900, "flags": "MAINT,IGNORE_JOBS", "users": ["root"],
    "accounts": [], "partition": "",
}  # fmt: skip


def old_module(**answers: Any) -> ModuleType:
    module = ModuleType("pyslurm")
    given = {
        "node": {"n1": OLD_NODE}, "job": {12: OLD_JOB}, "partition": {"batch": OLD_PARTITION},
        "reservation": {"maint": OLD_RESERVATION},
    } | answers  # fmt: skip
    for name, answer in given.items():
        setattr(module, name, lambda answer=answer: SimpleNamespace(get=lambda: _answer(answer)))
    return module


def _answer(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_dictionaries_are_read() -> None:
    state, version = native.read(old_module())
    (job,), (node,), (partition,), (reservation,) = state.jobs, state.nodes, state.partitions, state.reservations
    assert version == "20.11.9"
    assert (job.id, job.scheduler_id, job.array_id, job.user) == ("2_0", "12", "2", "root")
    assert job.layout == {"n1": (0, 1), "n2": (4,)}
    assert (job.memory_request_mb, job.time_limit_s, job.end_at, job.gpus) == (200, None, None, 4)
    assert (job.reason, job.priority, job.account) == ("", 17, "physics")
    assert (node.state, node.gpus, node.gpus_allocated, node.gpu_type) == ("MIXED+DRAIN", 4, 2, "a100")
    assert (node.load, node.partitions, node.features) == (1.25, ("batch", "gpu"), ("fast",))
    assert (partition.nodes, partition.default, partition.max_time_s) == (("n1", "n2"), True, 86400)
    assert (partition.default_time_s, partition.max_nodes, partition.max_memory_per_node_mb) == (None, None, 4000)
    assert (reservation.maintenance, reservation.nodes, reservation.users) == (True, ("n1",), ("root",))


def test_a_waiting_array_of_dictionaries_is_one_record() -> None:
    waiting = OLD_JOB | {
        "job_id": 2, "job_state": "PENDING", "array_task_id": None, "array_task_str": "1-9%3", "cpus_alloc_layout": {},
        "state_reason": "ReqNodeNotAvail,_UnavailableNodes:n3", "start_time": 0,
    }  # fmt: skip
    state, _ = native.read(old_module(job={2: waiting}))
    assert (state.jobs[0].id, state.jobs[0].array_tasks, state.jobs[0].start_at) == ("2", "1-9%3", None)
    assert state.jobs[0].reason == "ReqNodeNotAvail"


def test_an_exit_code_of_dictionaries_is_not_believed() -> None:
    ended = OLD_JOB | {"job_state": "FAILED"}
    state, _ = native.read(old_module(job={12: ended}))
    assert state.jobs[0].exit_code is None


@pytest.mark.parametrize("kind", ["node", "job", "partition", "reservation"])
def test_a_silent_slurm_is_an_error(kind: str) -> None:
    with pytest.raises(SourceError, match="Unable to contact"):
        native.read(old_module(**{kind: ValueError("Unable to contact slurm controller", 1800)}))


def test_no_nodes_is_an_error_and_a_bad_job_is_named() -> None:
    with pytest.raises(SourceError, match="without nodes"):
        native.read(old_module(node={}))
    state, _ = native.read(old_module(job={12: OLD_JOB, 13: {"job_id": 13}}))
    assert [job.id for job in state.jobs] == ["2_0"]
    assert [record.record for record in state.skipped] == ["jobs 13"]
    with pytest.raises(SourceError, match="form we do not know"):
        native.read(old_module(job={13: {"job_id": 13}}))


class Flags(Flag):
    MAINTENANCE = 1
    DAILY = 2


class RPCError(Exception):
    pass


def new_module(job: Any = None, error: Exception | None = None) -> ModuleType:
    module = ModuleType("pyslurm")
    node = SimpleNamespace(
        name="n1", state="MIXED", total_cpus=16, effective_cpus=16, allocated_cpus=2, real_memory=16000, cluster="c",
        allocated_memory=100, free_memory=900, temporary_disk=None, configured_gres={"gpu:a100": 4}, allocated_gres={},
        sockets=2, cores_per_socket=4, threads_per_core=2, partitions=["batch"], active_features=[], cpu_load=0.5,
        reason=None, boot_time=5, slurm_version="25.11.2",
    )  # fmt: skip
    partition = SimpleNamespace(
        name="batch", nodes="n[1-2]", state="UP", is_default=True, max_time=60, default_time=None,
        max_nodes="UNLIMITED", max_cpus_per_node="UNLIMITED", max_memory_per_node="UNLIMITED",
    )  # fmt: skip
    reservation = SimpleNamespace(
        name="maint", nodes="n1", start_time=5, end_time=9, flags=Flags.MAINTENANCE | Flags.DAILY, users=[],
        accounts=[], partition=None,
    )  # fmt: skip

    def load() -> dict[int, Any]:
        if error:
            raise error
        return {12: job or new_job()}

    module.Nodes = SimpleNamespace(load=lambda: {"n1": node})  # type: ignore[attr-defined]
    module.Jobs = SimpleNamespace(load=load)  # type: ignore[attr-defined]
    module.Partitions = SimpleNamespace(load=lambda: {"batch": partition})  # type: ignore[attr-defined]
    module.Reservations = SimpleNamespace(load=lambda: {"maint": reservation})  # type: ignore[attr-defined]
    module.RPCError = RPCError  # type: ignore[attr-defined]
    return module


def new_job(cpu_ids: str = "0,4", cpus: int = 4, **changes: Any) -> Any:
    per_node = {"n1": {"cpu_ids": cpu_ids, "gres": {"gpu:a100": {"count": 2, "indexes": "0,3"}}, "memory": 100}}
    values = SimpleNamespace(
        id=12, name="a", user_id=0, state="RUNNING", array_id=2, array_task_id=None, array_tasks_waiting=None,
        array_tasks_parallel=None, heterogeneous_id=None, heterogeneous_offset=None, cpus=cpus, num_nodes=1, ntasks=1,
        account=None, qos=None, partition="batch", memory_per_node=None, memory_per_cpu=100, time_limit=60,
        temporary_disk_per_node=None, submit_time=1, eligible_time=1, start_time=2, end_time=3602, suspend_time=None,
        run_time=10, state_reason="None", priority=1, dependencies=None, reservation=None, constraints=[],
        scheduled_nodes=None, exit_code=0, exit_code_signal=0, get_resource_layout_per_node=lambda: per_node,
    )  # fmt: skip
    vars(values).update(changes)
    return values


def test_objects_are_read() -> None:
    state, version = native.read(new_module())
    (job,), (node,), (reservation,) = state.jobs, state.nodes, state.reservations
    assert (version, state.cluster) == ("25.11.2", "c")
    # pyslurm takes the task 0 for none.
    assert (job.id, job.array_id) == ("2_0", "2")
    # Two cores of two threads each are four CPUs.
    assert job.layout == {"n1": (0, 1, 8, 9)}
    assert (job.gpu_layout, job.gpus, job.memory_request_mb) == ({"n1": (0, 3)}, 2, 400)
    assert (node.gpus, node.gpus_allocated) == (4, 2)
    assert reservation.flags == {"MAINT", "DAILY"}


def test_ids_that_are_cpus_already_are_taken_as_they_are() -> None:
    state, _ = native.read(new_module(new_job("0-1,8-9", 4)))
    assert state.jobs[0].layout == {"n1": (0, 1, 8, 9)}


def test_a_list_of_cpus_that_was_cut_off_is_unknown() -> None:
    ids = ",".join(str(n) for n in range(0, 90, 2))[:127]
    state, _ = native.read(new_module(new_job(ids)))
    assert state.jobs[0].layout == {}
    assert state.skipped[0].record == "2_0"


def test_an_error_of_pyslurm_is_an_error_of_the_source() -> None:
    with pytest.raises(SourceError, match="RPCError: Unable to contact"):
        native.read(new_module(error=RPCError("Unable to contact slurm controller")))


def test_generic_resources_of_any_form() -> None:
    assert native_objects.gres_text({"gpu:a100": 4}) == "gpu:a100:4"
    assert native_objects.gres_text(None) == ""
    counted = SimpleNamespace(count=2, indexes=[0, 1])
    assert native_objects.gres_text({"gpu": counted}) == "gpu:2(IDX:0,1)"
    assert native_objects.gres_text(SimpleNamespace(gres={"gpu": counted})) == "gpu:2(IDX:0,1)"
