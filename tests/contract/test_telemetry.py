"""Every source of metrics tells the same about this machine as its kernel does, within what is stated here.

Real servers, fed by real agents; only Telegraf is played, by psutil, because Debian has none. The stand-in for
Prometheus has to pass as well.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import ganglia
import influxdb_server
import prometheus
from fakes import prometheus_server
from jobmon import clock
from jobmon.config import GangliaSettings, InfluxSettings, PrometheusSettings, TelemetrySettings
from jobmon.telemetry import procfs
from jobmon.telemetry.base import NodeMetrics, TelemetrySource
from jobmon.telemetry.ganglia import Source as Ganglia
from jobmon.telemetry.influxdb import Source as Influx
from jobmon.telemetry.prometheus import Source as Prometheus

HOST = "here"
TELEMETRY = TelemetrySettings(aliases={"127.0.0.1": HOST})
BURNED = (os.cpu_count() or 1) - 1
"""The core that is kept busy while the sources look."""

USED_SHARE = 0.05
"""Used memory may differ by this share of all memory: Ganglia does not know what of the kernel's own can be freed."""
LOAD = 1.5
BOOT_S = 3
BUSY_PERCENT = 60.0
"""What a core that is kept busy for four fifths shows at least: the agents look at different spans of time.

For a core that does nothing but work gmond's module may tell zeros only, which is unknown here.
"""
BURN = f"""
import os, time
os.sched_setaffinity(0, {{{BURNED}}})
while True:
    until = time.monotonic() + 0.08
    while time.monotonic() < until:
        pass
    time.sleep(0.02)
"""
AGE_S = 15


def real_prometheus(stack: ExitStack) -> TelemetrySource:
    server = stack.enter_context(prometheus.running())
    time.sleep(4)  # the window of the rates fills with the time in which the core was busy
    return Prometheus(PrometheusSettings(url=server.url, window="4s"), TELEMETRY)


def stand_in(stack: ExitStack) -> TelemetrySource:
    kernel = procfs.Source(host=HOST)
    kernel.load()
    time.sleep(1)
    node = kernel.load().nodes[HOST]
    assert node.memory
    assert node.swap
    here = {"instance": "127.0.0.1:9100"}
    told = {
        "cpu": [
            (here | {"cpu": str(number), "mode": mode}, share / 100)
            for number, core in enumerate(node.cores)
            for mode, share in zip(("user", "nice", "system", "iowait", "idle"), core or (), strict=True)
        ],
        "seen": [(here, node.read_at)],
        "load": [(here, node.load or 0)],
        "boot_time": [(here, float(node.boot_at or 0))],
        "memory_total": [(here, node.memory.total_mb * 2**20)],
        "memory_available": [(here, (node.memory.total_mb - node.memory.used_mb) * 2**20)],
        "swap_total": [(here, node.swap.total_mb * 2**20)],
        "swap_free": [(here, node.swap.free_mb * 2**20)],
        **{name: [(here, 1.0)] for name in ("network_in", "network_out")},
    }
    url = stack.enter_context(prometheus_server.serving(prometheus_server.Told(told)))
    return Prometheus(PrometheusSettings(url=url), TELEMETRY)


def influxql(stack: ExitStack) -> TelemetrySource:
    url = stack.enter_context(influxdb_server.running())
    influxdb_server.create(url, "telegraf")
    telegraf = influxdb_server.Telegraf(HOST)
    for _reading in range(3):
        time.sleep(1)
        influxdb_server.write(url, "telegraf", *telegraf.lines())
    return Influx(InfluxSettings(url=url), TELEMETRY)


def _ganglia(stack: ExitStack, port: int) -> TelemetrySource:
    daemons = stack.enter_context(ganglia.running(f"{HOST}.cluster"))
    time.sleep(4)
    return Ganglia(GangliaSettings(addresses=[stack.enter_context(daemons.relay(port))]), TELEMETRY)


def gmond(stack: ExitStack) -> TelemetrySource:
    return _ganglia(stack, ganglia.GMOND_PORT)


def gmetad(stack: ExitStack) -> TelemetrySource:
    return _ganglia(stack, ganglia.GMETAD_PORT)


@pytest.fixture(scope="module", params=[real_prometheus, stand_in, influxql, gmond, gmetad], ids=lambda f: f.__name__)
def told(request: pytest.FixtureRequest) -> Iterator[tuple[NodeMetrics, NodeMetrics]]:
    """Give what a source tells of this machine, and what the kernel tells at the same time, one core being busy."""
    start: Callable[[ExitStack], TelemetrySource] = request.param
    with ExitStack() as stack:
        burner = subprocess.Popen([sys.executable, "-c", BURN])
        stack.callback(burner.wait)
        stack.callback(burner.kill)
        kernel = procfs.Source(host=HOST)
        kernel.load()
        source = start(stack)
        metrics = source.load()
        deadline = time.monotonic() + 10
        while None in metrics.nodes[HOST].cores and time.monotonic() < deadline:
            time.sleep(1)  # gmond's module sometimes looks twice at one tick, and tells zeros
            metrics = source.load()
        yield metrics.nodes[HOST], kernel.load().nodes[HOST]
        assert metrics.skipped == ()


def test_the_machine_itself(told: tuple[NodeMetrics, NodeMetrics]) -> None:
    found, kernel = told
    assert found.n_cores == kernel.n_cores
    assert found.boot_at == pytest.approx(kernel.boot_at, abs=BOOT_S)
    assert found.load == pytest.approx(kernel.load, abs=LOAD)
    assert clock.now() - found.read_at < AGE_S + 60  # module-wide: it was read a while ago
    assert found.read_at <= clock.now()


def test_memory(told: tuple[NodeMetrics, NodeMetrics]) -> None:
    found, kernel = told
    assert found.memory
    assert kernel.memory
    assert found.memory.total_mb == pytest.approx(kernel.memory.total_mb, rel=0.001)
    assert found.memory.used_mb == pytest.approx(kernel.memory.used_mb, abs=USED_SHARE * kernel.memory.total_mb)
    assert found.swap == kernel.swap


def test_every_core(told: tuple[NodeMetrics, NodeMetrics]) -> None:
    found, kernel = told
    assert len(found.cores) == len(kernel.cores)
    for core in found.cores:
        assert core
        assert sum(core) == pytest.approx(100, abs=0.5)
    busy = found.cores[BURNED]
    assert busy
    assert busy.busy > BUSY_PERCENT
    assert found.cpu
    assert found.cpu.busy == pytest.approx(sum(core.busy for core in found.cores if core) / len(found.cores), abs=15)


def test_the_network_is_known(told: tuple[NodeMetrics, NodeMetrics]) -> None:
    found, _kernel = told
    assert found.network
