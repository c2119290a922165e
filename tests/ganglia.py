"""Start gmond and gmetad of the tests' own, in a network of their own, because gmetad listens on all addresses."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fakes import tcp
from services import absent, require

GMOND_PORT, GMETAD_PORT = 8649, 8651
MODULES = {"cpu_module": "modcpu.so", "multicpu_module": "modmulticpu.so", "load_module": "modload.so",
           "mem_module": "modmem.so", "net_module": "modnet.so", "sys_module": "modsys.so"}  # fmt: skip
METRICS = ("cpu_num", "cpu_user", "cpu_nice", "cpu_system", "cpu_idle", "cpu_wio", "cpu_intr", "cpu_sintr", "load_one",
           "mem_total", "mem_free", "mem_buffers", "mem_cached", "swap_total", "swap_free", "boottime", "bytes_in",
           "bytes_out", "pkts_in", "pkts_out")  # fmt: skip
# Without steal: where gmond 3.7.2 is asked for both, it often tells that a busy core had no user time.
GMOND = """
globals {{ daemonize = no setuid = no send_metadata_interval = 1 override_hostname = "{host}" host_dmax = 0 }}
cluster {{ name = "test" owner = "nobody" }}
udp_send_channel {{ host = 127.0.0.1 port = 8649 }}
udp_recv_channel {{ bind = 127.0.0.1 port = 8649 }}
tcp_accept_channel {{ bind = 127.0.0.1 port = 8649 }}
modules {{
  module {{ name = "core_metrics" }}
{modules}
}}
collection_group {{ collect_once = yes time_threshold = 1 metric {{ name = "heartbeat" }} }}
collection_group {{ collect_every = 1 time_threshold = 1
{metrics}
  metric {{ name_match = "multicpu_(user|nice|system|idle|wio|intr|sintr)([0-9]+)" }}
}}
"""
GMETAD = """
data_source "test" 1 127.0.0.1:8649
gridname "grid"
setuid_username "nobody"
setuid off
rrd_rootdir "{folder}/rrds"
"""


@dataclass(frozen=True)
class Ganglia:
    """Hold the network in which both daemons listen."""

    pid: int
    folder: Path

    def inside(self, *command: str | Path) -> str:
        """Run a command in that network, and return what it prints."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.pid), "-n", *command], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def relay(self, port: int) -> AbstractContextManager[str]:
        """Give an address out here at which one of the daemons can be read as often as one likes."""
        return tcp.serving(lambda connection: connection.sendall(_dump(self, port)))

    def spoof(self, host: str, name: str, value: object, units: str = "") -> None:
        """Send a metric in the name of a host that does not exist."""
        conf = self.folder / "gmond.conf"
        kind = "double" if isinstance(value, float) else "uint32" if isinstance(value, int) else "string"
        self.inside("gmetric", "-c", conf, "-n", name, "-v", str(value), "-t", kind, "-u", units,
                    "-S", f"10.0.0.{len(host)}:{host}")  # fmt: skip


def _modules() -> Path:
    found = list(Path("/usr/lib").glob("**/ganglia/modmulticpu.so"))
    if not found:
        absent(
            "Ganglia's modules are not installed; on Debian: apt-get install --no-install-recommends ganglia-monitor"
        )
    return found[0].parent


@contextmanager
def running(host: str) -> Iterator[Ganglia]:
    """Run both; yield when gmetad knows the processors of `host`."""
    gmond, gmetad = require("gmond", "ganglia-monitor"), require("gmetad", "gmetad")
    unshare = require("unshare", "util-linux")
    libraries = _modules()
    folder = Path(tempfile.mkdtemp(prefix="jobmon-ganglia-"))
    (folder / "rrds").mkdir()
    folder.chmod(0o777)
    modules = "\n".join(f'  module {{ name = "{n}" path = "{libraries / file}" }}' for n, file in MODULES.items())
    metrics = "\n".join(f'  metric {{ name = "{name}" }}' for name in METRICS)
    (folder / "gmond.conf").write_text(GMOND.format(host=host, modules=modules, metrics=metrics))
    (folder / "gmetad.conf").write_text(GMETAD.format(folder=folder))
    with (folder / "log").open("wb") as log:
        first = subprocess.Popen(
            [unshare, "-n", "sh", "-c", f"ip link set lo up && exec {gmond} -f -c {folder}/gmond.conf"],
            stdout=log, stderr=log,
        )  # fmt: skip
        time.sleep(0.5)
        second = subprocess.Popen(
            ["nsenter", "-t", str(first.pid), "-n", gmetad, "-d", "1", "-c", folder / "gmetad.conf"],
            stdout=log, stderr=log,
        )  # fmt: skip
    ganglia = Ganglia(first.pid, folder)
    try:
        deadline = time.monotonic() + 30
        while b"multicpu_user0" not in _dump(ganglia, GMETAD_PORT):
            if time.monotonic() > deadline:
                raise AssertionError((folder / "log").read_text()[-2000:])
            time.sleep(0.5)
        yield ganglia
    finally:
        for process in (second, first):
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        shutil.rmtree(folder)


def _dump(ganglia: Ganglia, port: int) -> bytes:
    done = subprocess.run(
        ["nsenter", "-t", str(ganglia.pid), "-n", "bash", "-c", f"cat < /dev/tcp/127.0.0.1/{port}"],
        capture_output=True, timeout=20,
    )  # fmt: skip
    return done.stdout
