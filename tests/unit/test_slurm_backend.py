"""Ask the slurm back end what the daemon asks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobmon import clock, config
from jobmon.backends.slurm import Backend
from jobmon.errors import SourceError

TESTS = Path(__file__).parents[1]
NOW = 1795218442


@pytest.fixture(autouse=True)
def _own_settings_and_time() -> Iterator[None]:
    before = config.current()
    with clock.replaced(lambda: NOW):
        yield
    config.use(before)


def backend(**live: Any) -> Backend:
    scheduler = {
        "reader": "cli",
        "bin_path": str(TESTS / "fakes/slurm_commands"),
        "conf": str(TESTS / "cases/slurm/22.05-mixed"),
    }
    config.use(config.parse({"scheduler": scheduler, "live": {"backend": "slurm", **live}}, "test"))
    found = Backend()
    found.init()
    found.pre_update()
    return found


def test_a_job_is_described_in_the_units_of_the_snapshot() -> None:
    slurm = backend()
    assert slurm.job_name("22") == "mpi"
    assert slurm.job_username("22") == "alice"
    assert slurm.job_state("22") == "RUNNING"
    assert (slurm.job_ncpus("22"), slurm.job_ngpus("25")) == (6, 1)
    assert slurm.job_layout("22") == {"n1": (0, 1, 2, 4, 5), "n2": (0,)}
    assert slurm.job_gpu_layout("25") == {"g2": (0,)}
    assert slurm.job_time_limit("22") == 240
    assert slurm.job_time_limit("25") is None
    assert slurm.job_run_time("22") == pytest.approx(7 / 60)
    assert slurm.job_run_time("43") == pytest.approx(1 / 60)
    assert slurm.job_run_time("31") == 0
    assert slurm.job_start_time("31") == 1795222035
    assert slurm.job_mem_request("26") == 1000
    assert slurm.job_details("37") == {
        "partition": "batch",
        "account": "",
        "reason": "NonZeroExitCode",
        "priority": 4294901728,
        "submitTime": 1795218435,
        "endTime": 1795218435,
        "nNodes": 1,
        "arrayTasks": "",
        "dependency": "",
        "exitCode": 3,
        "signal": None,
    }
    assert (slurm.job_details("23") or {})["arrayTasks"] == "3-9%3"


def test_a_node_is_described_and_its_metrics_are_unknown() -> None:
    slurm = backend()
    assert slurm.hostnames() == ["g1", "g2", "n1", "n2", "n3", "n4"]
    assert (slurm.n_cpus("n1"), slurm.n_gpus("g1"), slurm.node_up("n3")) == (8, 4, True)
    details = slurm.node_details("n3")
    assert details is not None
    assert (details["state"], details["reason"]) == ("IDLE+DRAIN", "bad disk State=IDLE, see #42")
    assert (details["partitions"], details["features"]) == (["batch"], ["cpu", "n3"])
    assert slurm.cpu_usage("n1") is None
    assert slurm.mem("n1") is None
    assert slurm.cluster_name() == "loopback"


def test_only_the_nodes_of_the_settings_and_their_jobs_are_shown() -> None:
    slurm = backend(nodes=["g*"])
    assert slurm.hostnames() == ["g1", "g2"]
    shown = set(slurm.job_ids())
    assert {"25", "26", "24", "34", "33"} <= shown
    assert not {"22", "23_0", "30", "35+1"} & shown
    slurm = backend(nodes=["n1"])
    assert slurm.job_layout("22") == {"n1": (0, 1, 2, 4, 5)}
    # It runs elsewhere, though its partition has this node.
    assert "29" not in slurm.job_ids()


def test_column_ordered_nodes_have_the_even_cores_first() -> None:
    slurm = backend(column_order_cpus=["n1"])
    # Slurm's 0, 1, 2, 4, 5 of eight are the system's 0, 2, 4 on one socket and 1, 3 on the other.
    assert slurm.job_layout("22") == {"n1": (0, 1, 2, 3, 4), "n2": (0,)}
    assert slurm.job_layout("23_0") == {"n1": (6,)}
    assert slurm.job_layout("23_1") == {"n1": (5,)}


def test_a_silent_slurm_keeps_what_was_known_and_says_so() -> None:
    slurm = backend()
    jobs = slurm.job_ids()
    (health,) = slurm.sources()
    assert (health.error, health.errors, health.records, health.last_success_at) == ("", 0, 53, NOW)
    config.use(config.parse({"scheduler": {"reader": "cli", "bin_path": "/nonexistent"}}, "test"))
    slurm._reader._settings = config.current().scheduler  # type: ignore[union-attr]
    for attempt in (1, 2):
        with pytest.raises(SourceError):
            slurm.pre_update()
        (health,) = slurm.sources()
        assert "bin_path" in health.error
        assert (health.errors, health.last_success_at) == (attempt, NOW)
    assert slurm.job_ids() == jobs
    assert slurm.cluster_state() is not None


def test_a_slurm_that_is_silent_at_the_start_is_asked_again() -> None:
    config.use(config.parse({"scheduler": {"reader": "cli", "bin_path": "/nonexistent"}}, "test"))
    slurm = Backend()
    slurm.init()
    with pytest.raises(SourceError):
        slurm.pre_update()
    assert slurm.job_ids() == []
    assert slurm.cluster_state() is None
    (health,) = slurm.sources()
    assert health.errors == 1
    good = backend()
    config.use(config.current())
    slurm.pre_update()
    assert slurm.job_ids() == good.job_ids()
