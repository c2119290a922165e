"""Hold the tables that say where metrics come from."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from jobmon.config.fields import Table, Text

HOST_PATTERN = r"^((?:[0-9]+\.){3}[0-9]+|[^.:]+)"
"""A name up to the first dot or colon, or an address as it is."""
VIRTUAL_INTERFACES = "lo|veth.*|docker.*|br.*|virbr.*|cni.*|cali.*|flannel.*|tun.*|tap.*|bond.*|team.*|ib.*|dummy.*"
"""Interfaces that count the bytes of others again, and InfiniBand's, which counts itself."""
VIRTUAL_DISKS = "dm-.*|md.*|loop.*|sr.*|zram.*|drbd.*|nbd.*"
ETHERNET = f'device!~"{VIRTUAL_INTERFACES}"'
DISKS = f'device!~"{VIRTUAL_DISKS}"'
JOB_CGROUP = 'cgroup=~".*/job_[0-9]+"'


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value


def without_password(value: str) -> str:
    """Refuse an address with a name or a password in it."""
    if "@" in value and not value.startswith("unix:"):
        raise ValueError("must not hold a name or a password, for it is shown: use user and password_file")
    return value


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8651")
    return value


def _per_second(metric: str) -> str:
    return f"sum by ($host) (rate({metric}[$window]))"


def _dcgm(metric: str) -> str:
    return f"max by ($host, gpu, GPU_I_ID) ({metric})"


def _nvidia_smi(metric: str) -> str:
    """Return PromQL for a metric of nvidia_gpu_exporter, which tells the index of a GPU as a metric of its own."""
    index = 'count_values by ($host, uuid) ("index", nvidia_smi_index)'
    return f"max by ($host, uuid) ({metric}) * on ($host, uuid) group_left (index) {index}"


def _job_filesystem(metric: str) -> str:
    """Return PromQL that sums what all servers of a file system did for a job; a target is called FS-OST0000."""
    named = f'label_replace(rate({metric}[$window]), "fs", "$1", "target", "(.+)-[A-Z]+[0-9a-f]+")'
    return f"sum by (jobid, fs) ({named})"


Url = Annotated[Text, Field(pattern=r"^https?://[^\s/]"), AfterValidator(without_password)]
Pattern = Annotated[Text, Field(min_length=1, max_length=500), AfterValidator(_pattern)]
PromQL = Annotated[str, Field(max_length=10_000)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]


class TelemetrySettings(Table):
    """Hold `[telemetry]`: what all sources of metrics share."""

    sources: list[Literal["prometheus", "influxdb", "ganglia", "procfs"]] = []
    timeout: float = Field(10, gt=0, le=3600)
    host_pattern: Pattern = HOST_PATTERN
    aliases: dict[Text, Text] = {}


class ServerSettings(Table):
    """Hold how to sign in to a server: with a token, or with name and password, all of them in files."""

    user: Text = ""
    password_file: Text = ""
    token_file: Text = ""
    ca_file: Text = ""


class PrometheusSettings(ServerSettings):
    """Hold `[prometheus]`: where it is, and one PromQL expression for each number."""

    url: Url = "http://127.0.0.1:9090"
    host_label: Name = "instance"
    window: str = Field("2m", pattern=r"^[1-9][0-9]*[smh]$")
    seen: PromQL = "max by ($host) (timestamp(node_load1))"
    cpu: PromQL = 'sum by ($host, cpu, mode) (rate(node_cpu_seconds_total{mode!~"guest.*"}[$window])) > 0'
    load: PromQL = "max by ($host) (node_load1)"
    boot_time: PromQL = "max by ($host) (node_boot_time_seconds)"
    memory_total: PromQL = "max by ($host) (node_memory_MemTotal_bytes)"
    memory_available: PromQL = "max by ($host) (node_memory_MemAvailable_bytes)"
    swap_total: PromQL = "max by ($host) (node_memory_SwapTotal_bytes)"
    swap_free: PromQL = "max by ($host) (node_memory_SwapFree_bytes)"
    network_in: PromQL = _per_second(f"node_network_receive_bytes_total{{{ETHERNET}}}")
    network_out: PromQL = _per_second(f"node_network_transmit_bytes_total{{{ETHERNET}}}")
    packets_in: PromQL = _per_second(f"node_network_receive_packets_total{{{ETHERNET}}}")
    packets_out: PromQL = _per_second(f"node_network_transmit_packets_total{{{ETHERNET}}}")
    infiniband_in: PromQL = _per_second("node_infiniband_port_data_received_bytes_total")
    infiniband_out: PromQL = _per_second("node_infiniband_port_data_transmitted_bytes_total")
    infiniband_packets_in: PromQL = _per_second("node_infiniband_port_packets_received_total")
    infiniband_packets_out: PromQL = _per_second("node_infiniband_port_packets_transmitted_total")
    filesystem_read: PromQL = (
        _per_second('lustre_read_bytes_total{component="client"}')
        + " or "
        + _per_second("node_mountstats_nfs_total_read_bytes_total")
    )
    filesystem_write: PromQL = (
        _per_second('lustre_write_bytes_total{component="client"}')
        + " or "
        + _per_second("node_mountstats_nfs_total_write_bytes_total")
    )
    disk_read: PromQL = _per_second(f"node_disk_read_bytes_total{{{DISKS}}}")
    disk_write: PromQL = _per_second(f"node_disk_written_bytes_total{{{DISKS}}}")
    pressure_cpu: PromQL = "100 * max by ($host) (rate(node_pressure_cpu_waiting_seconds_total[$window]))"
    pressure_memory: PromQL = "100 * max by ($host) (rate(node_pressure_memory_waiting_seconds_total[$window]))"
    pressure_io: PromQL = "100 * max by ($host) (rate(node_pressure_io_waiting_seconds_total[$window]))"
    gpu_util: PromQL = (
        f"{_dcgm('DCGM_FI_DEV_GPU_UTIL')} or 100 * {_dcgm('DCGM_FI_PROF_GR_ENGINE_ACTIVE')}"
        " or max by ($host, minor_number) (nvidia_gpu_duty_cycle)"
        f" or 100 * {_nvidia_smi('nvidia_smi_utilization_gpu_ratio')}"
    )
    gpu_memory_used: PromQL = (
        f"1048576 * {_dcgm('DCGM_FI_DEV_FB_USED')}"
        " or max by ($host, minor_number) (nvidia_gpu_memory_used_bytes)"
        f" or {_nvidia_smi('nvidia_smi_memory_used_bytes')}"
    )
    gpu_memory_total: PromQL = (
        f"1048576 * ({_dcgm('DCGM_FI_DEV_FB_USED')} + {_dcgm('DCGM_FI_DEV_FB_FREE')})"
        " or max by ($host, minor_number) (nvidia_gpu_memory_total_bytes)"
        f" or {_nvidia_smi('nvidia_smi_memory_total_bytes')}"
    )
    job_memory: PromQL = (
        f"max by ($host, jobid, cgroup) (cgroup_memory_rss_bytes{{{JOB_CGROUP}}})"
        " or max by ($host, slurmjobid) (slurm_job_memory_rss)"
        " or max by ($host, slurmjobid) (slurm_job_memory_usage)"
        ' or max by ($host, uuid) (ceems_compute_unit_memory_used_bytes{manager="slurm"})'
    )
    job_memory_max: PromQL = ""
    job_cpu: PromQL = (
        f"sum by ($host, jobid, cgroup) (rate(cgroup_cpu_total_seconds{{{JOB_CGROUP}}}[$window]))"
        " or sum by ($host, slurmjobid) (rate(slurm_job_core_usage_total[$window])) / 1e9"
        ' or sum by ($host, uuid) (rate(ceems_compute_unit_cpu_user_seconds_total{manager="slurm"}[$window]))'
        ' + sum by ($host, uuid) (rate(ceems_compute_unit_cpu_system_seconds_total{manager="slurm"}[$window]))'
    )
    job_filesystem_read: PromQL = _job_filesystem("lustre_job_read_bytes_total")
    job_filesystem_write: PromQL = _job_filesystem("lustre_job_write_bytes_total")
    job_filesystem_operations: PromQL = (
        f"{_job_filesystem('lustre_job_read_samples_total')} + {_job_filesystem('lustre_job_write_samples_total')}"
        f" or {_job_filesystem('lustre_job_read_samples_total')} or {_job_filesystem('lustre_job_write_samples_total')}"
    )
    job_filesystem_metadata: PromQL = _job_filesystem("lustre_job_stats_total")
    job_disk_used: PromQL = ""


class InfluxSettings(ServerSettings):
    """Hold `[influxdb]`: where Telegraf and Slurm write their series."""

    url: Url = "http://127.0.0.1:8086"
    language: Literal["auto", "flux", "influxql"] = "auto"
    org: Text = ""
    bucket: Text = Field("telegraf", min_length=1)
    jobstats_bucket: Text = ""
    slurm_bucket: Text = ""
    write_bucket: Text = ""
    window: int = Field(120, ge=1, le=86_400)
    slurm_window: int = Field(600, ge=1, le=86_400)
    host_tag: Name = "host"


class GangliaSettings(Table):
    """Hold `[ganglia]`: the daemons that tell everything as XML to whoever connects."""

    addresses: list[Annotated[Text, AfterValidator(_address)]] = Field(["127.0.0.1:8651"], min_length=1)
    max_mb: int = Field(256, ge=1, le=16_384)
