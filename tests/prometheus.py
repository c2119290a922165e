"""Start a Prometheus and a node_exporter of the tests' own: on loopback, in their own folder, stopped by pid."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from services import free_port, require

SETTINGS = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]
"""
COLLECTORS = ("cpu", "stat", "loadavg", "meminfo", "netdev", "diskstats", "pressure", "time", "textfile")


@dataclass(frozen=True)
class Prometheus:
    """Say where the server is, and where metrics of further exporters can be put as *.prom files."""

    url: str
    textfiles: Path


@contextmanager
def running() -> Iterator[Prometheus]:
    """Run both; yield when the first samples are there."""
    server = require("prometheus", "prometheus")
    exporter = require("prometheus-node-exporter", "prometheus-node-exporter")
    folder = Path(tempfile.mkdtemp(prefix="jobmon-prometheus-"))
    textfiles = folder / "textfiles"
    textfiles.mkdir()
    exporter_port, port = free_port(), free_port()
    (folder / "prometheus.yml").write_text(SETTINGS.format(exporter=exporter_port))
    commands = (
        [exporter, f"--web.listen-address=127.0.0.1:{exporter_port}", "--collector.disable-defaults",
         *(f"--collector.{name}" for name in COLLECTORS), f"--collector.textfile.directory={textfiles}"],
        [server, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
         f"--web.listen-address=127.0.0.1:{port}"],
    )  # fmt: skip
    with (folder / "log").open("wb") as log:
        processes = [subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) for command in commands]
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for_series(url, "count(rate(node_cpu_seconds_total[1m]) > 0)")
        yield Prometheus(url, textfiles)
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(20)
        shutil.rmtree(folder)


def wait_for_series(url: str, expression: str, seconds: float = 30) -> None:
    """Wait until an expression gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            answer = requests.get(f"{url}/api/v1/query", params={"query": expression}, timeout=5).json()
            if answer["data"]["result"]:
                return
        except (requests.RequestException, KeyError, ValueError):
            pass
        time.sleep(0.2)
    raise AssertionError(f"Prometheus has nothing for {expression} after {seconds} s")
