"""Start an InfluxDB 1.x of the tests' own, and write into it what Telegraf would write about this machine."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests

from services import free_port, require

SETTINGS = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[monitor]
  store-enabled = false
"""


@contextmanager
def running() -> Iterator[str]:
    """Run a server; yield its address."""
    program = require("influxd", "influxdb")
    folder = Path(tempfile.mkdtemp(prefix="jobmon-influxdb-"))
    port = free_port()
    (folder / "influxdb.conf").write_text(SETTINGS.format(folder=folder, port=port, rpc=free_port()))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, "-config", folder / "influxdb.conf"], cwd=folder, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                requests.get(f"{url}/ping", timeout=2).raise_for_status()
                break
            except requests.RequestException:
                if time.monotonic() > deadline or server.poll() is not None:
                    raise AssertionError((folder / "log").read_text()[-2000:]) from None
                time.sleep(0.05)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
        shutil.rmtree(folder)


def create(url: str, database: str) -> None:
    requests.post(f"{url}/query", params={"q": f'CREATE DATABASE "{database}"'}, timeout=10).raise_for_status()


def write(url: str, database: str, *lines: str) -> None:
    """Write lines of the line protocol, times in milliseconds."""
    answer = requests.post(
        f"{url}/write", params={"db": database, "precision": "ms"}, data="\n".join(lines).encode(), timeout=10
    )
    assert answer.status_code == 204, answer.text


def rows(url: str, database: str, query: str) -> list[dict[str, object]]:
    """Return the rows of the first series of an answer."""
    answer = requests.post(f"{url}/query", params={"db": database, "q": query, "epoch": "ms"}, timeout=10).json()
    series = answer["results"][0].get("series", [])
    return [dict(zip(series[0]["columns"], row, strict=True)) for row in series[0]["values"]] if series else []


class Telegraf:
    """Measure this machine as Telegraf's plug-ins do; the first reading of the processors is the beginning."""

    def __init__(self, host: str) -> None:
        self._host = host
        psutil.cpu_times_percent(percpu=True)
        psutil.cpu_times_percent()

    def lines(self) -> list[str]:
        """Return one reading in the line protocol."""
        at, host = round(time.time() * 1000), self._host
        cores = {f"cpu{number}": times for number, times in enumerate(psutil.cpu_times_percent(percpu=True))}
        cores["cpu-total"] = psutil.cpu_times_percent()
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        lines = [
            f"cpu,cpu={name},host={host} usage_user={t.user},usage_nice={t.nice},usage_system={t.system},"
            f"usage_irq={t.irq},usage_softirq={t.softirq},usage_iowait={t.iowait},usage_idle={t.idle},"
            f"usage_steal={t.steal} {at}"
            for name, t in cores.items()
        ]
        lines += [
            f"mem,host={host} total={memory.total}i,available={memory.available}i {at}",
            f"swap,host={host} total={swap.total}i,free={swap.free}i {at}",
            f"system,host={host} load1={psutil.getloadavg()[0]},n_cpus={psutil.cpu_count()}i {at}",
            f"kernel,host={host} boot_time={int(psutil.boot_time())}i {at}",
        ]
        for name, net in psutil.net_io_counters(pernic=True).items():
            lines.append(
                f"net,host={host},interface={name} bytes_recv={net.bytes_recv}i,bytes_sent={net.bytes_sent}i,"
                f"packets_recv={net.packets_recv}i,packets_sent={net.packets_sent}i {at}"
            )
        for name, disk in psutil.disk_io_counters(perdisk=True).items():
            lines.append(
                f"diskio,host={host},name={name} read_bytes={disk.read_bytes}i,write_bytes={disk.write_bytes}i {at}"
            )
        return lines
