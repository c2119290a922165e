"""The slurm back end with a source of metrics: one subclass less for a site to write."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.prometheus_server import Told, cluster, serving
from jobmon import clock, config
from jobmon.backends.collect import Collector
from jobmon.backends.slurm import Backend
from jobmon.errors import SourceError
from jobmon.live import rows

TESTS = Path(__file__).parents[1]
NOW = 1795218442
NODES = ("n1", "n2", "n3", "g1", "g2")


@pytest.fixture(autouse=True)
def _own_settings_and_time() -> Iterator[None]:
    before = config.current()
    with clock.replaced(lambda: NOW):
        yield
    config.use(before)


@pytest.fixture
def told() -> Told:
    return Told(cluster(NODES, cores=8, at=NOW - 10))


@pytest.fixture
def url(told: Told) -> Iterator[str]:
    with serving(told) as url:
        yield url


def settings(url: str, **live: Any) -> config.Settings:
    scheduler = {
        "reader": "cli",
        "bin_path": str(TESTS / "fakes/slurm_commands"),
        "conf": str(TESTS / "cases/slurm/22.05-mixed"),
    }
    tables = {
        "scheduler": scheduler,
        "live": {"backend": "slurm", **live},
        "telemetry": {"sources": ["prometheus"], "timeout": 5},
        "prometheus": {"url": url},
    }
    return config.use(config.parse(tables, "test"))


def snapshot(url: str, backend: Backend | None = None) -> tuple[dict[str, Any], Backend]:
    chosen = settings(url)
    if backend is None:
        backend = Backend()
        backend.init()
    return Collector(backend).collect(NOW, chosen.live), backend


def test_nodes_and_jobs_have_their_metrics(url: str, told: Told) -> None:
    on_n1 = {"instance": "n1:9306", "jobid": "22"}
    told.samples["job_memory"] = [(on_n1, 500 << 20), (on_n1 | {"instance": "n2:9306"}, 100 << 20)]
    told.samples["job_cpu"] = [(on_n1, 2.5)]
    told.samples["job_filesystem_write"] = [({"jobid": "22", "fs": "scratch"}, 4096.0)]
    told.samples["gpu_util"] = [({"instance": "g2", "gpu": "0"}, 87.0)]
    data, _backend = snapshot(url)
    assert data["nodes"]["n1"]["cpu"]["core"][7] == [60, 0, 10, 0, 30]
    assert data["nodes"]["n1"]["mem"] == {"used": 1024, "total": 4096}
    assert data["nodes"]["g2"]["gpus"]["gpu0"]["util"] == 87
    assert data["nodes"]["n1"]["load"] == 1.5
    job = data["jobs"]["22"]
    assert (job["mem"], job["memMax"], job["cpuUsed"]) == ({"n1": 500, "n2": 100}, 500, {"n1": 2.5})
    assert job["lustre"]["scratch"]["oss"]["write_bytes"] == 4096
    assert "cpuUsed" not in data["jobs"]["26"]


def test_a_tasks_metrics_are_found_by_the_schedulers_own_number(url: str, told: Told) -> None:
    _data, backend = snapshot(url)
    task = next(job for job in backend._jobs.values() if job.array_id and job.state == "RUNNING")
    assert task.id != task.scheduler_id
    told.samples["job_memory"] = [({"instance": "n1", "jobid": task.scheduler_id}, 7 << 20)]
    data, _backend = snapshot(url, backend)
    assert data["jobs"][task.id]["mem"] == {"n1": 7}


def test_accounted_cpu_stands_in_the_place_of_what_the_cores_did(url: str, told: Told) -> None:
    told.samples["job_cpu"] = [({"instance": "n1", "jobid": "22"}, 2.5)]
    data, _backend = snapshot(url)
    point = rows.draw(data)
    row = point.job_keys.index(("22", "n1"))  # 5 cores there
    share = point.job_columns["user"][row] + point.job_columns["system"][row]
    assert share == pytest.approx(50)
    assert point.job_columns["system"][row] == pytest.approx(50 / 7)  # as the cores: 10 of 70
    assert point.job_columns["known"][row] == 5
    other = point.job_keys.index(("22", "n2"))
    assert point.job_columns["user"][other] == 60


def test_a_dead_source_leaves_the_scheduler_fresh_and_its_values_unknown(url: str, told: Told) -> None:
    data, backend = snapshot(url)
    told.mood = "html"
    with clock.replaced(lambda: NOW + 400):
        data, _backend = snapshot(url, backend)
    assert data["nodes"]["n1"]["cpu"] is None
    assert data["jobs"]["22"]["state"] == "RUNNING"
    slurm, prometheus = backend.sources()
    assert (slurm.error, prometheus.errors) == ("", 1)
    assert "no JSON" in prometheus.error
    told.mood = "well"
    data, _backend = snapshot(url, backend)
    assert data["nodes"]["n1"]["cpu"] is not None
    assert [source.error for source in backend.sources()] == ["", ""]


def test_half_of_the_nodes_missing_is_a_warning(url: str, told: Told) -> None:
    told.samples = cluster(["n1", "login1"], at=NOW)
    data, backend = snapshot(url)
    assert data["nodes"]["n2"]["cpu"] is None
    warning = list(backend.sources())[1].warning
    assert warning.startswith("nothing is known of")
    assert "n2" in warning
    assert "login1 instead: see [telemetry] aliases" in warning


def test_memory_in_other_units_is_left_out_and_said_so(url: str, told: Told) -> None:
    for name in ("memory_total", "memory_available"):
        told.samples[name] = [(labels, value / 1024) for labels, value in told.samples[name]]
    data, backend = snapshot(url)
    assert data["nodes"]["n1"]["mem"] is None
    assert data["nodes"]["n1"]["cpu"] is not None
    assert "other units" in list(backend.sources())[1].warning


def test_a_silent_scheduler_is_still_an_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _data, backend = snapshot(url)

    def silent() -> None:
        raise SourceError("slurmctld does not answer")

    monkeypatch.setattr(backend._reader, "load", silent)
    with pytest.raises(SourceError, match="does not answer"):
        backend.pre_update()
    slurm, prometheus = backend.sources()
    assert slurm.error == "slurmctld does not answer"
    assert prometheus.error == ""
