"""Put series of Telegraf and of Slurm into a draft: convert units, make rates of counters, sum over devices."""

import math
import re
from collections.abc import Callable, Hashable, Mapping, Sequence

from jobmon.config.telemetry import VIRTUAL_DISKS, VIRTUAL_INTERFACES
from jobmon.telemetry.draft import Draft
from jobmon.telemetry.influxdb.questions import HOST_OF_SLURM, METADATA, SLURM, Series
from jobmon.telemetry.jobs import job_number
from jobmon.telemetry.rates import Rates

MIB = 1048576
KIB_PER_MIB = 1024
FILES = "files"
"""What Slurm counts, under which name it stands among file systems."""
WORD_BYTES = 4
"""InfiniBand counts data in words."""

VIRTUAL_INTERFACE = re.compile(f"all|{VIRTUAL_INTERFACES}")
NO_WHOLE_DISK = re.compile(VIRTUAL_DISKS + r"|ram.*|[a-z]+d[a-z]+\d+|nvme\d+n\d+p\d+|mmcblk\d+p\d+")
JOB_CGROUP = re.compile(r"/job_([0-9]+)/?$")
TARGET = re.compile(r"(.+)-(?:OST|MDT|ost|mdt)[0-9a-fA-F]+.*")

NODE: Mapping[tuple[str, str], tuple[str, float]] = {
    ("mem", "total"): ("memory_total", MIB),
    ("mem", "available"): ("memory_available", MIB),
    ("swap", "total"): ("swap_total", MIB),
    ("swap", "free"): ("swap_free", MIB),
    ("system", "load1"): ("load", 1),
    ("system", "n_cpus"): ("cores", 1),
    ("kernel", "boot_time"): ("boot_time", 1),
}
"""(measurement, field) → number of a node and the divisor to its unit."""
COUNTERS: Mapping[tuple[str, str], tuple[str, float]] = {
    ("net", "bytes_recv"): ("network_in", 1),
    ("net", "bytes_sent"): ("network_out", 1),
    ("net", "packets_recv"): ("packets_in", 1),
    ("net", "packets_sent"): ("packets_out", 1),
    ("infiniband", "port_rcv_data"): ("infiniband_in", WORD_BYTES),
    ("infiniband", "port_xmit_data"): ("infiniband_out", WORD_BYTES),
    ("infiniband", "port_rcv_packets"): ("infiniband_packets_in", 1),
    ("infiniband", "port_xmit_packets"): ("infiniband_packets_out", 1),
    ("diskio", "read_bytes"): ("disk_read", 1),
    ("diskio", "write_bytes"): ("disk_write", 1),
}
"""(measurement, field) → number of a node, and the factor of its rate."""
GPU = {"utilization_gpu": "util", "memory_used": "memory_used", "memory_total": "memory_total"}
MEMORY = ("memory.stat.anon", "memory.stat.total_rss", "memory.stat.rss", "memory.current", "memory.usage_in_bytes")
"""What says how much memory a job's cgroup has, the best first: the later ones count caches too."""
BUSY = {"cpu.stat.usage_usec": 1e-6, "cpuacct.usage": 1e-9}
JOBSTATS: Mapping[str, str] = {
    "jobstats_read_bytes": "read",
    "jobstats_write_bytes": "write",
    "jobstats_read_calls": "operations",
    "jobstats_write_calls": "operations",
    **{f"jobstats_{name}": "metadata" for name in METADATA},
}


class Taker:
    """Take the series of one load; rates go on from the load before."""

    def __init__(self, draft: Draft, rates: Rates, host_tag: str) -> None:
        self._draft = draft
        self._rates = rates
        self._host_tag = host_tag
        self._memory: dict[tuple[str, str], tuple[int, float]] = {}
        self._devices: dict[tuple[str, str], dict[Hashable, float]] = {}
        self._servers: dict[tuple[str, str, str], dict[Hashable, float]] = {}
        self._tasks: dict[tuple[str, str, str], list[tuple[float, float, float]]] = {}
        self._moved: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
        self._takers: Mapping[str, Callable[[Series, str], None]] = {
            "cpu": self._cpu,
            "nvidia_smi": self._gpu,
            "cgroup": self._cgroup,
            "lustre2": self._jobstats,
            "RSS": self._slurm,
            "CPUUtilization": self._slurm,
            "ReadMB": self._slurm_io,
            "WriteMB": self._slurm_io,
        }

    def take(self, series: Series) -> None:
        """Take one series; what lacks its host or makes no sense is left out and named."""
        measurement = series.question.measurement
        host = series.tags.get(HOST_OF_SLURM if series.question in SLURM else self._host_tag, "")
        if not host and series.question.of_host:
            self._draft.skip(measurement, series.field, f"has no tag {self._host_tag} (host_tag)")
            return
        self._takers.get(measurement, self._number)(series, host)

    def finish(self) -> None:
        """Put in what had to wait for the best or the sum of several series."""
        for (host, name), rates in self._devices.items():
            self._draft.put(host, name, math.fsum(rates.values()))
        for (job_id, name, quantity), rates in self._servers.items():
            self._draft.put_job_filesystem(job_id, name, quantity, math.fsum(rates.values()))
        for (job_id, host), (_rank, value) in self._memory.items():
            self._draft.put_job(job_id, host, "memory", value / MIB)
        for (job_id, host, quantity), spans in self._tasks.items():
            self._draft.put_job(job_id, host, quantity, most_at_once(spans))
        counted = {job_id for job_id, job in self._draft.jobs.items() if job.filesystem}
        for (job_id, quantity), spans in self._moved.items():
            if job_id not in counted:  # else the file system's own servers have told, and the same bytes would be twice
                self._draft.put_job_filesystem(job_id, FILES, quantity, most_at_once(spans))

    def _cpu(self, series: Series, host: str) -> None:
        name, mode = series.tags.get("cpu", ""), series.field.removeprefix("usage_")
        at, share = series.samples[-1]
        if name == "cpu-total":
            self._draft.put_cpu(host, mode, share)
            self._draft.seen(host, at)
        elif name.startswith("cpu") and name[3:].isdecimal():
            self._draft.put_core(host, int(name[3:]), mode, share)
        else:
            self._draft.skip("cpu", name[:80], "is no name of a core")

    def _number(self, series: Series, host: str) -> None:
        key = (series.question.measurement, series.field)
        if key in NODE:
            name, divisor = NODE[key]
            at, value = series.samples[-1]
            self._draft.put(host, name, value / divisor)
            if key[0] == "mem":
                self._draft.seen(host, at)
            return
        device = series.tags.get("interface") or series.tags.get("name") or series.tags.get("device", "")
        ignored = {"net": VIRTUAL_INTERFACE, "diskio": NO_WHOLE_DISK}.get(key[0])
        if key not in COUNTERS or (ignored is not None and ignored.fullmatch(device)):
            return
        place = (*key, host, device, series.tags.get("port", ""))
        rate = self._rates.add_all(place, series.samples)
        if rate is not None:
            name, factor = COUNTERS[key]
            self._devices.setdefault((host, name), {})[place] = rate * factor  # a series may come in several pieces

    def _gpu(self, series: Series, host: str) -> None:
        self._draft.put_gpu(host, series.tags.get("index") or "0", GPU[series.field], series.samples[-1][1])

    def _cgroup(self, series: Series, host: str) -> None:
        match = JOB_CGROUP.search(series.tags.get("path", ""))
        if match is None:
            return
        job_id, field, value = match[1], series.field, series.samples[-1][1]
        if field in MEMORY:
            rank = MEMORY.index(field)
            if (job_id, host) not in self._memory or rank < self._memory[job_id, host][0]:
                self._memory[job_id, host] = (rank, value)
        elif field in BUSY:
            rate = self._rates.add_all(("cgroup", field, host, job_id), series.samples)
            if rate is not None:
                self._draft.put_job(job_id, host, "cpu", rate * BUSY[field])

    def _jobstats(self, series: Series, _host: str) -> None:
        job = job_number(series.tags.get("jobid", ""))
        if job is None:
            return
        target = series.tags.get("name", "")
        name = TARGET.fullmatch(target)
        place = ("lustre2", series.field, target, job)
        rate = self._rates.add_all(place, series.samples)
        if rate is not None:
            system = name[1] if name else target
            self._servers.setdefault((job, system, JOBSTATS[series.field]), {})[place] = rate

    def _slurm(self, series: Series, host: str) -> None:
        """Keep what a task used, and when: Slurm sends it late, and what has ended looks like what goes on."""
        times = [at for at, _value in series.samples]
        if series.question.measurement == "RSS":
            quantity, value = "memory", series.samples[-1][1] / KIB_PER_MIB
        else:
            quantity, value = "cpu", math.fsum(value for _at, value in series.samples) / len(times) / 100
        self._tasks.setdefault((series.tags.get("job", ""), host, quantity), []).append((times[0], times[-1], value))

    def _slurm_io(self, series: Series, _host: str) -> None:
        """Keep how fast a task read or wrote, over all file systems and pipes."""
        (first, _), (last, _) = series.samples[0], series.samples[-1]
        if last > first:
            moved = math.fsum(value for _at, value in series.samples[1:]) * MIB
            quantity = "read" if series.question.measurement == "ReadMB" else "write"
            spans = self._moved.setdefault((series.tags.get("job", ""), quantity), [])
            spans.append((first, last, moved / (last - first)))


def most_at_once(spans: Sequence[tuple[float, float, float]]) -> float:
    """Return the largest sum of the values whose spans (first, last, value) have a moment in common."""
    events = [(first, 0, value) for first, _last, value in spans]
    events += [(last, 1, -value) for _first, last, value in spans]
    most = together = 0.0
    for _at, _order, change in sorted(events):
        together += change
        most = max(most, together)
    return most
