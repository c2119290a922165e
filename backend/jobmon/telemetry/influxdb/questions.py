"""Say what is asked of InfluxDB, in no query language: the measurements, fields and tags of Telegraf and of Slurm."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Kind = Literal["newest", "all"]


@dataclass(frozen=True, slots=True)
class Question:
    """Ask for fields of a measurement, one series per combination of tags."""

    measurement: str
    fields: tuple[str, ...]
    tags: tuple[str, ...]
    """Tags besides the host's that tell series apart."""
    kind: Kind = "newest"
    """"newest": the last sample of the window; "all": every sample, from which rates are made."""
    of_host: bool = True
    """Whether the series are told apart by host as well."""
    numbered: str = ""
    """A tag that must begin with a digit; series without are not wanted."""


class Series(NamedTuple):
    """Hold what came of one field of one series."""

    question: Question
    tags: Mapping[str, str]
    field: str
    samples: Sequence[tuple[float, float]]
    """(epoch seconds, value) in the order of time."""


class Language(Protocol):
    """Ask questions in the language that a server understands."""

    def ask(self, bucket: str, window_s: int, questions: Iterable[Question], deadline: float) -> Iterator[Series]:
        """Yield all series of the last `window_s` seconds; SourceError when the bucket cannot be read."""


CPU_PARTS = ("user", "nice", "system", "irq", "softirq", "iowait", "idle", "steal")
METADATA = ("open", "close", "mknod", "link", "unlink", "mkdir", "rmdir", "rename", "getattr", "setattr", "getxattr",
            "setxattr", "statfs", "sync", "samedir_rename", "crossdir_rename")  # fmt: skip

TELEGRAF = (
    Question("cpu", tuple(f"usage_{part}" for part in CPU_PARTS), ("cpu",)),
    Question("mem", ("total", "available"), ()),
    Question("swap", ("total", "free"), ()),
    Question("system", ("load1", "n_cpus"), ()),
    Question("kernel", ("boot_time",), ()),
    Question("nvidia_smi", ("utilization_gpu", "memory_used", "memory_total"), ("index",)),
    Question("cgroup", ("memory.stat.anon", "memory.stat.total_rss", "memory.stat.rss", "memory.current",
                        "memory.usage_in_bytes"), ("path",)),
    Question("cgroup", ("cpu.stat.usage_usec", "cpuacct.usage"), ("path",), "all"),
    Question("net", ("bytes_recv", "bytes_sent", "packets_recv", "packets_sent"), ("interface",), "all"),
    Question("infiniband", ("port_rcv_data", "port_xmit_data", "port_rcv_packets", "port_xmit_packets"),
             ("device", "port"), "all"),
    Question("diskio", ("read_bytes", "write_bytes"), ("name",), "all"),
)  # fmt: skip
"""Telegraf's input plug-ins cpu, mem, swap, system, kernel, nvidia_smi, cgroup, net, infiniband and diskio."""

JOBSTATS = (
    Question("lustre2", ("jobstats_read_bytes", "jobstats_write_bytes", "jobstats_read_calls", "jobstats_write_calls"),
             ("name", "jobid"), "all", of_host=False, numbered="jobid"),
    Question("lustre2", tuple(f"jobstats_{name}" for name in METADATA),
             ("name", "jobid"), "all", of_host=False, numbered="jobid"),
)  # fmt: skip
"""Telegraf's input plug-in lustre2 on the servers, whose counters Lustre keeps per job."""

HOST_OF_SLURM = "host"
"""How Slurm's plug-in calls the tag that names the host, whatever Telegraf's is called."""
SLURM = (
    Question("RSS", ("value",), ("job", "step", "task"), "all"),
    Question("CPUUtilization", ("value",), ("job", "step", "task"), "all"),
    Question("ReadMB", ("value",), ("job", "step", "task"), "all"),
    Question("WriteMB", ("value",), ("job", "step", "task"), "all"),
)
"""Slurm's own plug-in acct_gather_profile/influxdb: KiB; percent of a core, and MiB, since the sample before."""


def host_tags(question: Question, host_tag: str) -> tuple[str, ...]:
    """Return the tag that tells hosts apart in the answer to a question, if one does."""
    if not question.of_host:
        return ()
    return (HOST_OF_SLURM,) if question in SLURM else (host_tag,)
