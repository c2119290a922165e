"""A real job on a real Slurm, measured by Slurm's own accounting, by way of a real InfluxDB, as the page shows it."""

import os
import time
from collections.abc import Iterator

import pytest

import influxdb_server
from jobmon import config
from jobmon.backends.collect import Collector
from jobmon.backends.slurm import Backend
from jobmon.live import rows
from slurm_cluster import MEMORY_MB, SlurmCluster, running

pytestmark = pytest.mark.service

JOB = """exec python3 -c "
import threading, time
x = bytearray(500 << 20)
x[::4096] = b'1' * len(x[::4096])
def write():
    with open('/dev/null', 'wb', 0) as out:
        while True:
            out.write(memoryview(x)[:1 << 20])
            time.sleep(0.1)
threading.Thread(target=write).start()
while True: pass
"
"""
"""It holds 500 MB, keeps one core busy and writes 10 MiB/s."""


@pytest.fixture(scope="module")
def measured() -> Iterator[tuple[SlurmCluster, str]]:
    """Run a cluster whose nodes write what each task uses into a database."""
    with influxdb_server.running() as url:
        for database in ("telegraf", "slurm"):
            influxdb_server.create(url, database)
        with running(influxdb=url.removeprefix("http://")) as cluster:
            yield cluster, url


@pytest.mark.timeout(240)
def test_a_job_that_holds_500_mb_and_burns_one_of_two_cores(measured: tuple[SlurmCluster, str]) -> None:
    cluster, url = measured
    job = cluster.submit("-c", "2", "--mem=1000", "-w", "n1", script=JOB)
    cluster.wait_state(job, "RUNNING")
    telegraf = influxdb_server.Telegraf("n1")
    # Slurm's plug-in keeps 16 kB of samples before it sends any: half a minute at one sample a second
    newest = f"SELECT * FROM RSS WHERE job='{job}' ORDER BY time DESC LIMIT 1"
    cluster.wait_for(lambda: bool(influxdb_server.rows(url, "slurm", newest)), "Slurm to write", timeout_s=120)
    influxdb_server.write(url, "telegraf", *telegraf.lines())
    tables = {
        "scheduler": {"reader": "cli", "conf": str(cluster.conf)},
        "live": {"backend": "slurm"},
        "telemetry": {"sources": ["influxdb"]},
        "influxdb": {"url": url, "slurm_bucket": "slurm"},
    }
    before = config.current()
    try:
        settings = config.use(config.parse(tables, "test"))
        backend = Backend()
        backend.init()
        data = Collector(backend).collect(int(time.time()), settings.live)
    finally:
        config.use(before)
    told = data["jobs"][job]
    assert 450 <= told["mem"]["n1"] <= 600
    assert 450 <= told["memMax"] <= 600
    assert 5 << 20 <= told["lustre"]["files"]["oss"]["write_bytes"] <= 11 << 20
    point = rows.draw(data)
    row = point.job_keys.index((job, "n1"))
    assert point.cores[row] == 2
    samples = f"SELECT value FROM CPUUtilization WHERE job='{job}'"
    of_one_core = [float(str(sample["value"])) for sample in influxdb_server.rows(url, "slurm", samples)]
    share = point.job_columns["user"][row] + point.job_columns["system"][row]
    assert min(of_one_core) / 2 - 1 <= share <= max(of_one_core) / 2 + 1
    assert 5 <= share <= 55  # half of its two cores, where the machine has a whole one to spare
    node = data["nodes"]["n1"]
    assert len(node["cpu"]["core"]) == os.cpu_count()
    assert MEMORY_MB / 8 < node["mem"]["total"] < MEMORY_MB * 8
    assert [source.error for source in backend.sources()] == ["", ""]
