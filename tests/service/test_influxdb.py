"""What the InfluxDB source asks and writes, against a real server of 1.x."""

import time
from collections.abc import Iterator

import pytest

import influxdb_server
from jobmon.config import InfluxSettings, TelemetrySettings
from jobmon.errors import SourceError
from jobmon.telemetry.base import Memory
from jobmon.telemetry.influxdb import Source
from jobmon.telemetry.influxdb.writing import Point, Writer

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with influxdb_server.running() as url:
        influxdb_server.create(url, "telegraf")
        influxdb_server.create(url, "mine")
        yield url


def test_a_sample_from_the_future_hides_nothing(url: str) -> None:
    now = round(time.time() * 1000)
    month = 30 * 86_400_000
    influxdb_server.write(
        url,
        "telegraf",
        *(f"mem,host=cn1 total={4 << 30}i,available={3 << 30}i {at}" for at in (now - 20_000, now - 10_000)),
        f"mem,host=cn1 total=1i,available=1i {now + month}",
        *(f"net,host=cn1,interface=eth0 bytes_recv={n}i,bytes_sent={n}i {now - 20_000 + n}" for n in (0, 10_000)),
        f"net,host=cn1,interface=eth0 bytes_recv=1i,bytes_sent=1i {now + month}",
    )
    node = Source(InfluxSettings(url=url), TelemetrySettings()).load().nodes["cn1"]
    assert node.memory == Memory(1024, 4096)
    assert node.network
    assert node.network.bytes_in == pytest.approx(1000)


def test_a_database_that_is_not_there(url: str) -> None:
    with pytest.raises(SourceError, match="absent: database not found"):
        Source(InfluxSettings(url=url, bucket="absent"), TelemetrySettings()).load()


def test_a_retention_policy_is_asked_and_a_wrong_one_is_told(url: str) -> None:
    assert Source(InfluxSettings(url=url, bucket="telegraf/autogen"), TelemetrySettings()).load().nodes
    with pytest.raises(SourceError, match="absent"):
        Source(InfluxSettings(url=url, bucket="telegraf/absent"), TelemetrySettings()).load()


def test_what_is_written_can_be_read(url: str) -> None:
    at = time.time()
    writer = Writer(InfluxSettings(url=url, write_bucket="mine"), 5)
    writer.write([Point("jobmon_job", {"job": "12_3"}, {"memory_max_mb": 512.5, "unknown": None}, at)])
    rows = influxdb_server.rows(url, "mine", "SELECT * FROM jobmon_job")
    assert rows == [{"time": round(at * 1000), "job": "12_3", "memory_max_mb": 512.5}]
    with pytest.raises(SourceError, match=r"HTTP 404: .*database not found"):
        Writer(InfluxSettings(url=url, write_bucket="absent"), 5).write([Point("m", {}, {"f": 1}, at)])
