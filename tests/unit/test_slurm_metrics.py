"""The slurm back end with a source of metrics: one subclass less for a site to write."""

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes import influxdb_server
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


def settings(url: str, more: dict[str, Any] | None = None, **live: Any) -> config.Settings:
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
        **(more or {}),
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


def test_a_site_that_does_not_configure_memory_still_sees_it(url: str, told: Told) -> None:
    _data, backend = snapshot(url)
    backend._nodes = {name: replace(node, memory_mb=1) for name, node in backend._nodes.items()}
    assert backend._credible(dict(backend.measured))["n1"].memory is not None


def test_sources_get_a_part_of_the_cycles_time_only(url: str, told: Told) -> None:
    told.wait_s = 6
    chosen = settings(
        url, {"telemetry": {"sources": ["prometheus"], "timeout": 60}}, update_interval=1, cycle_timeout=1
    )
    backend = Backend()
    backend.init()
    began = time.monotonic()
    data = Collector(backend).collect(NOW, chosen.live)
    assert time.monotonic() - began < 5  # the answer comes after six
    assert data["jobs"]
    assert "has not answered" in list(backend.sources())[1].error


def test_what_is_written_is_written_by_the_back_end(url: str) -> None:
    influx = influxdb_server.Told("1.8.10", lambda _path, _body: (204, b""))
    with influxdb_server.serving(influx) as address:
        settings(url, {"influxdb": {"url": address, "write_bucket": "mine"}})
        backend = Backend()
        backend.init()
        backend.pre_update()
        backend.write_influx()
    assert "jobmon_cycle" in influx.requests[0][1]
    assert [source.error for source in backend.sources()] == ["", "", ""]


@pytest.mark.parametrize(
    ("live", "ids", "numbers"),
    [
        ({}, (0, 1, 2, 3), (0, 1, 8, 9)),  # two cores with both threads
        ({}, (15,), (15,)),
        ({"adjacent_threads": ["n1"]}, (0, 1, 2, 3), (0, 1, 2, 3)),
        ({"column_order_cpus": ["n1"]}, (0, 1, 2, 3), (0, 2, 8, 10)),
        ({"column_order_cpus": ["n1"]}, (8, 9), (1, 9)),
        ({}, (0, 99), (0,)),
    ],
)
def test_threads_are_numbered_as_the_operating_system_does(
    url: str, live: dict[str, Any], ids: tuple[int, ...], numbers: tuple[int, ...]
) -> None:
    """Eight cores of two sockets with two threads each."""
    _data, backend = snapshot(url)
    settings(url, **live)
    backend._nodes["n1"] = replace(
        backend._nodes["n1"], cpus=16, sockets=2, cores_per_socket=4, threads_per_core=2
    )  # fmt: skip
    assert backend._physical("n1", ids) == numbers


def test_a_file_system_of_which_a_part_is_known_counts(url: str, told: Told) -> None:
    told.samples["job_filesystem_read"] = [({"jobid": "22", "fs": "scratch"}, 4096.0)]
    told.samples["job_filesystem_metadata"] = [({"jobid": "22", "fs": "home"}, 5.0)]
    data, _backend = snapshot(url)
    point = rows.draw(data)
    row = point.job_keys.index(("22", "n1"))
    assert point.job_columns["fsRead"][row] == 4
    assert math.isnan(point.job_columns["fsOps"][row])
