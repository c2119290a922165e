"""Which batch system jobs go to, how its ids are put in order, and how a job learns its own."""

import random
import runpy
from pathlib import Path

import pytest

from jobmon.config import Settings
from jobmon.engine.scheduler import scheduler_of
from jobmon.engine.submission.folder import WRAPPER
from jobmon.schedulers.acting import age_order

NAMES = ("SLURM_CONF", "LSF_ENVDIR", "CONDOR_CONFIG", "SLURM_JOB_ID", "LSB_JOBID", "JOBMON_LOCAL_ID",
         "JOBMON_SCHEDULER_ID")  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for commands on a host without any batch system."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    monkeypatch.setenv("CONDOR_CONFIG", str(tmp_path / "condor_config"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def chosen(place: Path, scheduler: str = "auto") -> str:
    values = {"batch": {"scheduler": scheduler}, "scheduler": {"bin_path": str(place / "bin")},
              "live": {"data_path": str(place)}}  # fmt: skip
    return scheduler_of(Settings.model_validate(values)).name


def install(place: Path, program: str) -> None:
    (place / "bin" / program).write_text("#!/bin/sh\n")
    (place / "bin" / program).chmod(0o755)


def test_the_batch_system_that_is_here_is_taken(place, monkeypatch):
    assert chosen(place) == "local"
    install(place, "condor_submit")
    assert chosen(place) == "local"
    (place / "condor_config").touch()
    assert chosen(place) == "htcondor"
    install(place, "bsub")
    assert chosen(place) == "htcondor"
    monkeypatch.setenv("LSF_ENVDIR", "/lsf/conf")
    assert chosen(place) == "lsf"
    install(place, "sbatch")
    assert chosen(place) == "lsf"
    (place / "slurm.conf").touch()
    assert chosen(place) == "slurm"


def test_a_named_batch_system_is_taken_whatever_is_here(place):
    for name in ("local", "slurm", "lsf", "htcondor"):
        assert chosen(place, name) == name


def test_ids_are_put_in_the_order_of_their_age_whatever_they_look_like():
    for ids in (["2", "9", "10", "100"], ["9.0", "9.2", "9.10", "10.0"], ["3", "3[2]", "3[10]"]):
        mixed = random.Random(1).sample(ids, len(ids))
        assert sorted(mixed, key=age_order) == ids
    assert sorted(["x", "", "7.x", "\u0661", "7"], key=age_order)[-1] == "7.x"


def test_a_job_learns_its_number_from_jobmon_first_and_then_from_the_scheduler(place, monkeypatch, tmp_path):
    wrapper = runpy.run_path(str(WRAPPER))
    spec = {"folder": str(tmp_path), "args": ["true"], "working_dir": "/", "output": str(tmp_path / "output"),
            "limit_s": 0, "environment": {}}  # fmt: skip
    (tmp_path / "claim").touch()  # so it refuses to start, and says who it is
    for name, value in (("LSB_JOBID", "5"), ("SLURM_JOB_ID", "6"), ("JOBMON_SCHEDULER_ID", "7.0"),
                        ("JOBMON_LOCAL_ID", "8")):  # fmt: skip
        monkeypatch.setenv(name, value)
        assert wrapper["main"](spec) == wrapper["REFUSED"]
        assert f'"id": "{value}"' in (tmp_path / "refused").read_text().splitlines()[-1]
