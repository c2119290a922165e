"""The worked example of a site's back end is short, and does what it says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.influxdb_server import Told, serving
from jobmon import clock, config
from jobmon.backends.collect import Collector
from jobmon.backends.loader import load_class
from jobmon.testing import check_class

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "etc/backends/backend_example.py"
RECORDED = (ROOT / "tests/data/influxdb/2.x-telegraf.csv").read_text().replace("cn001", "n1")
SCRATCH = """#datatype,string,long,dateTime:RFC3339,double,string,string,string
#group,false,false,false,false,true,true,true
#default,0,,,,,,
,result,table,_time,_value,_field,host,jobid
,,0,2026-11-21T06:00:50Z,5000000,used_bytes,n1,22

"""
NOW = 1795240855.0


@pytest.fixture
def told() -> Told:
    return Told(answer=lambda _path, body: (200, (SCRATCH if "jobfs" in body else RECORDED).encode()))


@pytest.fixture
def snapshot(told: Told) -> Iterator[dict[str, Any]]:
    before = config.current()
    with serving(told) as url, clock.replaced(lambda: NOW):
        tables = {
            "scheduler": {"reader": "cli", "bin_path": str(ROOT / "tests/fakes/slurm_commands"),
                          "conf": str(ROOT / "tests/cases/slurm/22.05-mixed")},
            "live": {"backend": "example", "backend_path": str(EXAMPLE.parent)},
            "telemetry": {"sources": ["influxdb"]},
            "influxdb": {"url": url, "org": "hpc"},
        }  # fmt: skip
        settings = config.use(config.parse(tables, "test"))
        found = load_class("example", str(EXAMPLE.parent))
        assert check_class(found) == []
        backend = found()
        backend.init()
        collector = Collector(backend)
        data = collector.collect(int(NOW), settings.live)
        yield data | {"backfill": collector.backfill(), "skipped": collector.skipped}
    config.use(before)


def test_it_is_short() -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 80


def test_slurm_telegraf_and_the_sites_own_things_come_together(snapshot: dict[str, Any]) -> None:
    assert snapshot["skipped"] == []
    assert snapshot["nodes"]["n1"]["mem"] == {"used": 1024, "total": 4096}
    assert snapshot["jobs"]["22"]["state"] == "RUNNING"
    assert snapshot["jobs"]["22"]["jobfs"] == {"n1": 5}


def test_cores_kept_for_gpus_are_not_offered(snapshot: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = snapshot["backfill"]["gpu"]
    assert max(map(int, gpu)) < 8
    assert snapshot["backfill"]["batch"]


def test_without_its_scratch_series_the_rest_is_shown(told: Told, request: pytest.FixtureRequest) -> None:
    told.answer = lambda _path, body: (404, b"{}") if "jobfs" in body else (200, RECORDED.encode())
    snapshot = request.getfixturevalue("snapshot")
    assert snapshot["nodes"]["n1"]["mem"]
    assert snapshot["jobs"]["22"]["jobfs"] == {}
