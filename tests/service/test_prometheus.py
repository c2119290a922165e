"""The default expressions, understood by a real Prometheus, about the series of all the exporters that they know."""

import time
from collections.abc import Iterator

import pytest

import prometheus
from jobmon.config import PrometheusSettings, TelemetrySettings
from jobmon.telemetry.base import Gpu, Metrics
from jobmon.telemetry.prometheus import Source

pytestmark = pytest.mark.service

DCGM = """
DCGM_FI_DEV_GPU_UTIL{{gpu="0",UUID="GPU-a",Hostname="x"}} 87
DCGM_FI_DEV_FB_USED{{gpu="0",UUID="GPU-a",Hostname="x"}} 1024
DCGM_FI_DEV_FB_FREE{{gpu="0",UUID="GPU-a",Hostname="x"}} 3072
DCGM_FI_PROF_GR_ENGINE_ACTIVE{{gpu="1",GPU_I_ID="3",GPU_I_PROFILE="1g.10gb",UUID="GPU-b"}} 0.25
DCGM_FI_PROF_GR_ENGINE_ACTIVE{{gpu="1",GPU_I_ID="12",GPU_I_PROFILE="1g.10gb",UUID="GPU-b"}} 0.5
"""
MINOR = """
nvidia_gpu_duty_cycle{{minor_number="0",uuid="GPU-a",name="A100"}} 33
nvidia_gpu_memory_used_bytes{{minor_number="0",uuid="GPU-a",name="A100"}} 1073741824
nvidia_gpu_memory_total_bytes{{minor_number="0",uuid="GPU-a",name="A100"}} 4294967296
"""
SMI = """
nvidia_smi_index{{uuid="b"}} 1
nvidia_smi_index{{uuid="a"}} 0
nvidia_smi_utilization_gpu_ratio{{uuid="a"}} 0.1
nvidia_smi_utilization_gpu_ratio{{uuid="b"}} 0.9
nvidia_smi_memory_used_bytes{{uuid="b"}} 1073741824
nvidia_smi_memory_total_bytes{{uuid="b"}} 4294967296
"""
JOBS = """
cgroup_memory_rss_bytes{{cgroup="/slurm/uid_1000/job_11",jobid="11",step="",task=""}} 524288000
cgroup_memory_rss_bytes{{cgroup="/slurm/uid_1000/job_11/step_0/task_0",jobid="11",step="0",task="0"}} 1
cgroup_cpu_total_seconds{{cgroup="/slurm/uid_1000/job_11",jobid="11",step="",task=""}} {s:f}
cgroup_memory_rss_bytes{{cgroup="/system.slice/slurmstepd.scope/job_12"}} 104857600
slurm_job_memory_rss{{slurmjobid="13",user="u",account="a"}} 209715200
slurm_job_memory_usage{{slurmjobid="13",user="u",account="a"}} 999999999
slurm_job_memory_max{{slurmjobid="13",user="u",account="a"}} 314572800
slurm_job_core_usage_total{{slurmjobid="13",user="u",account="a",core="0"}} {s:f}e9
slurm_job_core_usage_total{{slurmjobid="13",user="u",account="a",core="1"}} {s:f}e9
ceems_compute_unit_memory_used_bytes{{uuid="14",manager="slurm"}} 419430400
ceems_compute_unit_cpu_user_seconds_total{{uuid="14",manager="slurm"}} {s:f}
ceems_compute_unit_cpu_system_seconds_total{{uuid="14",manager="slurm"}} {s:f}
lustre_job_read_bytes_total{{component="ost",jobid="11",target="scratch-OST0000"}} {s:f}e3
lustre_job_read_bytes_total{{component="ost",jobid="11",target="scratch-OST000a"}} {s:f}e3
lustre_job_write_bytes_total{{component="ost",jobid="11",target="home-OST0000"}} {s:f}e3
lustre_job_read_samples_total{{component="ost",jobid="11",target="scratch-OST0000"}} {s:f}
lustre_job_write_samples_total{{component="ost",jobid="11",target="scratch-OST0000"}} {s:f}
lustre_job_write_samples_total{{component="ost",jobid="11",target="home-OST0000"}} {s:f}
lustre_job_stats_total{{component="mdt",jobid="11",target="scratch-MDT0000",operation="open"}} {s:f}
lustre_job_read_bytes_total{{component="ost",jobid="cp.1000",target="scratch-OST0000"}} {s:f}e3
node_infiniband_port_data_received_bytes_total{{device="mlx5_0",port="1"}} {s:f}e3
node_infiniband_port_data_received_bytes_total{{device="mlx5_1",port="1"}} {s:f}e3
node_infiniband_port_data_transmitted_bytes_total{{device="mlx5_0",port="1"}} {s:f}e3
lustre_read_bytes_total{{component="client",target="scratch"}} {s:f}e3
lustre_write_bytes_total{{component="client",target="scratch"}} {s:f}e3
"""
"""Counters that grow by one a second, or by a thousand."""


@pytest.fixture(scope="module")
def server() -> Iterator[prometheus.Prometheus]:
    with prometheus.running() as server:
        yield server


def load(server: prometheus.Prometheus) -> Metrics:
    most = "max by ($host, slurmjobid) (slurm_job_memory_max)"
    settings = PrometheusSettings(url=server.url, window="6s", job_memory_max=most)
    metrics = Source(settings, TelemetrySettings(aliases={"127.0.0.1": "cn1"})).load()
    assert metrics.skipped == ()
    return metrics


def put(server: prometheus.Prometheus, text: str) -> None:
    """Put in the series of other exporters, and give their counters five seconds to grow."""
    began = time.time()
    for _second in range(6):
        new = server.textfiles / "exporters.tmp"
        new.write_text(text.format(s=time.time() - began + 1000))
        new.rename(server.textfiles / "exporters.prom")
        time.sleep(1)


def test_jobs_and_file_systems(server: prometheus.Prometheus) -> None:
    put(server, JOBS + DCGM)
    metrics = load(server)
    jobs = metrics.jobs
    assert {job: dict(found.memory_mb) for job, found in jobs.items()} == {
        "11": {"cn1": 500}, "12": {"cn1": 100}, "13": {"cn1": 200}, "14": {"cn1": 400},
    }  # fmt: skip
    assert jobs["13"].memory_max_mb == 300
    busy = {job: found.cpu_cores.get("cn1") for job, found in jobs.items()}
    assert busy["11"] == pytest.approx(1, abs=0.4)
    assert busy["13"] == pytest.approx(2, abs=0.8)
    assert busy["14"] == pytest.approx(2, abs=0.8)
    assert busy["12"] is None
    moved = jobs["11"].filesystem
    assert moved["scratch"].read == pytest.approx(2000, rel=0.4)
    assert moved["home"].write == pytest.approx(1000, rel=0.4)
    assert moved["scratch"].operations == pytest.approx(2, abs=0.8)
    assert moved["home"].operations == pytest.approx(1, abs=0.4)  # which only writes
    assert moved["scratch"].metadata == pytest.approx(1, abs=0.4)
    node = metrics.nodes["cn1"]
    assert node.network
    assert node.network.bytes_in == pytest.approx(2000, rel=0.4)  # InfiniBand, both ports
    assert node.filesystem
    assert node.filesystem.read == pytest.approx(1000, rel=0.4)
    assert node.gpus == {"gpu0": Gpu(87, 1024, 4096), "gpu1": Gpu(25), "gpu2": Gpu(50)}


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        (MINOR, {"gpu0": Gpu(33, 1024, 4096)}),
        (SMI, {"gpu0": Gpu(10), "gpu1": Gpu(90, 1024, 4096)}),
    ],
    ids=["nvidia_gpu_prometheus_exporter", "nvidia_gpu_exporter"],
)
def test_gpus_of_other_exporters(server: prometheus.Prometheus, text: str, gpus: dict[str, Gpu]) -> None:
    put(server, text)
    assert load(server).nodes["cn1"].gpus == gpus


def test_a_setting_that_is_no_promql(server: prometheus.Prometheus) -> None:
    settings = PrometheusSettings(url=server.url, window="6s", load="max by ($host (node_load1)", swap_free="scalar(1)")
    metrics = Source(settings, TelemetrySettings(aliases={"127.0.0.1": "cn1"})).load()
    assert {skipped.record for skipped in metrics.skipped} == {"load", "swap_free"}
    assert metrics.nodes["cn1"].memory
