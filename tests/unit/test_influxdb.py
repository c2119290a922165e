"""The InfluxDB source: two languages, one table of questions; rates from samples with times of their own."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.influxdb_server import Told, serving
from jobmon import clock, config
from jobmon.backends.written import Written
from jobmon.config import InfluxSettings, TelemetrySettings
from jobmon.errors import SettingsError, SourceError
from jobmon.model import ClusterState, Job, Node, SourceHealth
from jobmon.telemetry.base import CpuShares, Gpu, JobMetrics, Memory, Metrics, SharedTransfer
from jobmon.telemetry.draft import Draft
from jobmon.telemetry.hosts import HostNames
from jobmon.telemetry.influxdb import Source, flux, questions, series
from jobmon.telemetry.influxdb.questions import Question, Series
from jobmon.telemetry.rates import Rates
from services import absent, require

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests/data/influxdb/2.x-telegraf.csv"
NOW = 1795240855.0
"""2026-11-21 06:00:55, five seconds after the newest recorded sample."""


@pytest.fixture(autouse=True)
def _time_of_the_recording() -> Iterator[None]:
    with clock.replaced(lambda: NOW):
        yield


def load(told: Told, timeout: float = 5, **settings: Any) -> Metrics:
    with serving(told) as url:
        return Source(InfluxSettings(url=url, **settings), TelemetrySettings(timeout=timeout)).load()


def answering(text: bytes, status: int = 200, version: str = "v2.7.10") -> Told:
    return Told(version, lambda _path, _body: (status, text))


# --- Flux ------------------------------------------------------------------------------------------------------------


def test_annotated_csv_of_several_results_and_tables() -> None:
    told = answering(RECORDED.read_bytes())
    metrics = load(told, org="hpc", bucket="tele")
    node = metrics.nodes["cn001"]
    assert node.cpu == CpuShares(62.5, 0, 7.5, 5, 25)
    assert node.cores == (CpuShares(63, 0, 7, 5, 25),) * 2
    assert node.memory == Memory(1024, 4096)
    assert node.gpus == {"gpu0": Gpu(3), "gpu1": Gpu(97, 512)}
    assert node.network
    assert (node.network.bytes_in, node.network.bytes_out) == (200, 10)
    assert node.read_at == NOW - 5
    assert metrics.nodes["cn002"].memory == Memory(3072, 4096)
    assert metrics.nodes["cn002"].cpu is None
    assert metrics.jobs["77"].filesystem == {"scratch": SharedTransfer(read=2048)}
    path, body, _headers = told.requests[0]
    assert path == "/api/v2/query?org=hpc"
    assert 'from(bucket: \\"tele\\")' in body
    assert len(told.requests) == 1


def test_the_token_is_sent(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    told = answering(RECORDED.read_bytes())
    load(told, token_file=str(tmp_path / "token"))
    assert told.requests[0][2]["Authorization"] == "Token s3cret"
    with pytest.raises(SettingsError, match=r"\[influxdb\] token_file = .*: cannot be read"):
        load(told, token_file=str(tmp_path / "absent"))


ERROR_TABLE = b"#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,out of memory,897\r\n"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (answering(b'{"code":"unauthorized","message":"unauthorized access"}', 401), "HTTP 401: unauthorized access"),
        (answering(b'{"code":"not found","message":"failed to find bucket"}', 404), "HTTP 404: failed to find bucket"),
        (answering(RECORDED.read_bytes() + ERROR_TABLE), "telegraf: out of memory"),
        (answering(b"<!DOCTYPE html>\n<title>Sign in</title>"), "no annotated CSV"),
        (answering(b"#datatype,string\n\n,a,b\n,1,2\n"), "no annotated CSV"),
        (answering(b""), "none of Telegraf's series in telegraf from the last 120 s"),
        (Told("v2.7.10", lambda *_: (200, RECORDED.read_bytes()), wait_s=2), "did not answer in time"),
        (Told("v2.7.10", lambda *_: (200, RECORDED.read_bytes()), promised=50), "did not answer"),
        (Told(""), "is no InfluxDB"),
    ],
)  # fmt: skip
def test_what_is_no_answer_in_flux(told: Told, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        load(told, timeout=0.5)


def test_the_flux_queries_are_right_in_syntax_and_types() -> None:
    """Checked by Flux's own language server, which must also find what is wrong with a wrong query."""
    speaker = flux.Flux(InfluxSettings(), 1)
    odd = Question('m"\\', ("${x}", "tab\t"), ("a b",), "all", numbered="a b")
    scripts = {
        "telegraf": speaker.query("tele graf", 120, [*questions.TELEGRAF, *questions.JOBSTATS]),
        "slurm": speaker.query("slurm", 600, questions.SLURM),
        "odd": speaker.query('b"${y}', 1, [odd]),
        "wrong": "from(bucket: 3) |> nope()",
    }
    package = ROOT / "frontend/node_modules/@influxdata/flux-lsp-node"
    if not package.is_dir():
        absent("Flux's language server is not installed; ./jobmon.sh setup installs it")
    done = subprocess.run(
        [require("node", "nodejs"), ROOT / "tests/fakes/check_flux.cjs", package],
        input=json.dumps(scripts), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])  # it logs before
    wrong = found.pop("wrong")
    assert "undefined identifier nope" in wrong
    assert found == {"telegraf": [], "slurm": [], "odd": []}


# --- InfluxQL --------------------------------------------------------------------------------------------------------


def test_influxql_over_several_chunks() -> None:
    eth0 = {"host": "cn001", "interface": "eth0"}

    def series_of(statement: int, name: str, tags: dict[str, str], columns: list[str], *rows: list[Any]) -> bytes:
        one = {"name": name, "tags": tags, "columns": ["time", *columns], "values": list(rows)}
        return json.dumps({"results": [{"statement_id": statement, "series": [one], "partial": True}]}).encode() + b"\n"

    at = int(NOW * 1000)
    told = answering(
        series_of(1, "mem", {"host": "cn001"}, ["total", "available"], [at - 5000, 4 << 30, 3 << 30])
        + series_of(8, "net", eth0, ["bytes_recv"], [at - 20000, 0], [at - 10000, 1000])
        + series_of(8, "net", eth0, ["bytes_recv"], [at, 3000])
        + series_of(8, "net", eth0, ["bytes_sent"], [at - 10000, 5], [at, None]),
        version="1.8.10",
    )
    metrics = load(told, bucket="tele/year")
    assert metrics.nodes["cn001"].memory == Memory(1024, 4096)
    assert metrics.nodes["cn001"].network is None  # sent is not known
    assert metrics.nodes["cn001"].read_at == NOW - 5
    assert "db=tele&rp=year" in told.requests[0][1]


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        (200, b'{"results":[{"statement_id":0,"error":"database not found: telegraf"}]}', "database not found"),
        (401, b'{"error":"unable to parse authentication credentials"}', "HTTP 401: unable to parse"),
        (200, b"<html>", "no JSON"),
        (200, b'{"results":[{"statement', "no JSON, or only a part"),
        (200, b'{"error":"query timeout"}', "query timeout"),
        (502, b"Bad Gateway", "HTTP 502: Bad Gateway"),
    ],
)
def test_what_is_no_answer_in_influxql(status: int, text: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        load(answering(text, status, "1.6.7"))


def test_a_further_bucket_that_fails_costs_itself_alone() -> None:
    def answer(path: str, body: str) -> tuple[int, bytes]:
        return (404, b'{"message":"no bucket"}') if '\\"slurm\\"' in body else (200, RECORDED.read_bytes())

    metrics = load(Told(answer=answer), slurm_bucket="slurm")
    assert metrics.nodes
    assert [(s.method, s.record) for s in metrics.skipped] == [("[influxdb]", "slurm")]


# --- what the series mean --------------------------------------------------------------------------------------------


class Take:
    """Give series to the source as a server would."""

    def __init__(self, host_tag: str = "host") -> None:
        self.draft = Draft(HostNames(), NOW)
        self.taker = series.Taker(self.draft, Rates(), host_tag)

    def __call__(self, measurement: str, field: str, *values: float, **tags: str) -> None:
        question = Question(measurement, (field,), tuple(tags), of_host="jobid" not in tags)
        start = NOW - 10 * (len(values) - 1)
        samples = [(start + 10 * number, value) for number, value in enumerate(values)]
        self.taker.take(Series(question, {"host": "cn1", **tags}, field, samples))

    def metrics(self) -> Metrics:
        self.taker.finish()
        return self.draft.metrics()


@pytest.fixture
def take() -> Take:
    return Take()


def test_infiniband_counts_words_and_partitions_are_no_disks(take: Take) -> None:
    take("infiniband", "port_rcv_data", 0, 100, device="mlx5_0", port="1")
    take("infiniband", "port_rcv_data", 0, 50, device="mlx5_1", port="1")
    take("infiniband", "port_xmit_data", 0, 0, device="mlx5_0", port="1")
    take("net", "bytes_recv", 0, 9999, interface="eth0")
    take("net", "bytes_sent", 0, 9999, interface="eth0")
    for name in ("sda", "sda1", "nvme0n1", "nvme0n1p2", "dm-0", "md127"):
        take("diskio", "read_bytes", 0, 1000, name=name)
        take("diskio", "write_bytes", 0, 10, name=name)
    node = take.metrics().nodes["cn1"]
    assert node.network
    assert (node.network.bytes_in, node.network.packets_in) == (60, None)
    assert node.disk
    assert (node.disk.read, node.disk.write) == (200, 2)


def test_a_jobs_cgroup_without_caches_where_that_is_known(take: Take) -> None:
    path = "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_12"
    take("cgroup", "memory.current", 900 << 20, path=path)
    take("cgroup", "memory.stat.anon", 500 << 20, path=path)
    take("cgroup", "cpu.stat.usage_usec", 0, 15e6, path=path)
    take("cgroup", "memory.current", 7 << 20, path=f"{path}/step_0")
    take("cgroup", "memory.usage_in_bytes", 3 << 20, path="/sys/fs/cgroup/memory/slurm/uid_1/job_13")
    jobs = take.metrics().jobs
    assert jobs["12"].memory_mb == {"cn1": 500}
    assert jobs["12"].cpu_cores == {"cn1": 1.5}
    assert jobs["13"].memory_mb == {"cn1": 3}


def test_jobstats_of_many_servers_are_summed_per_file_system(take: Take) -> None:
    for target in ("home-OST0000", "home-OST000a", "scratch-OST0001"):
        take("lustre2", "jobstats_write_bytes", 0, 1000, name=target, jobid="12")
        take("lustre2", "jobstats_write_calls", 0, 10, name=target, jobid="12")
        take("lustre2", "jobstats_read_calls", 0, 10, name=target, jobid="12")
    take("lustre2", "jobstats_open", 0, 30, name="home-MDT0000", jobid="12")
    take("lustre2", "jobstats_close", 0, 20, name="home-MDT0000", jobid="12")
    take("lustre2", "jobstats_open", 0, 30, name="home-MDT0000", jobid="cp.1000")
    jobs = take.metrics().jobs
    assert jobs["12"].filesystem == {
        "home": SharedTransfer(None, 200, 4, 5), "scratch": SharedTransfer(None, 100, 2),
    }  # fmt: skip
    assert list(jobs) == ["12"]


def test_tasks_of_a_job_are_summed_and_steps_one_after_the_other_are_not(take: Take) -> None:
    mb = 1024.0
    take("RSS", "value", 10 * mb, 20 * mb, 30 * mb, job="5", step="0", task="0")
    take("RSS", "value", 40 * mb, 40 * mb, 40 * mb, job="5", step="0", task="1")
    take("CPUUtilization", "value", 100, 50, job="5", step="0", task="0")
    take("ReadMB", "value", 7, 20, 10, job="5", step="0", task="0")
    take("WriteMB", "value", 7, job="5", step="0", task="0")
    job = take.metrics().jobs["5"]
    assert (job.memory_mb, job.cpu_cores) == ({"cn1": 70}, {"cn1": 0.75})
    assert job.filesystem == {"files": SharedTransfer(read=1.5 * 2**20)}
    assert series.most_at_once([(0, 10, 5.0), (10, 20, 7.0), (21, 30, 6.0)]) == 12
    assert series.most_at_once([(0, 9, 5.0), (10, 20, 7.0), (21, 30, 6.0)]) == 7


def test_a_series_without_its_host_is_named() -> None:
    take = Take("node")
    take("mem", "total", 1.0)
    assert [(s.method, s.error) for s in take.metrics().skipped] == [("mem", "has no tag node (host_tag)")]


def test_slurms_own_tag_is_called_host_whatever_telegrafs_is() -> None:
    take = Take("node")
    question = questions.SLURM[0]
    take.taker.take(Series(question, {"host": "cn1", "job": "5"}, "value", [(NOW, 2048.0)]))
    assert take.metrics().jobs["5"].memory_mb == {"cn1": 2}
    assert questions.host_tags(question, "node") == ("host",)


def test_a_series_in_two_pieces_is_one(take: Take) -> None:
    take("net", "bytes_recv", 0, 100, 200, interface="eth0")
    take("net", "bytes_recv", 0, 100, 200, interface="eth0")
    take("net", "bytes_sent", 0, 100, 200, interface="eth0")
    network = take.metrics().nodes["cn1"].network
    assert network
    assert network.bytes_in == 10


# --- writing ---------------------------------------------------------------------------------------------------------

JOBS = (Job("7", "j", "u", "RUNNING", 2), Job("8", "j", "u", "PENDING", 2))
WRITTEN = ClusterState(NOW, nodes=(Node("n1", 8),), jobs=JOBS)


@pytest.mark.parametrize("version", ["1.8.10", "v2.7.10"])
def test_job_maxima_and_the_numbers_of_the_cycle_are_written_once(version: str) -> None:
    told = Told(version, lambda _path, _body: (204, b""))
    with serving(told) as url:
        settings = config.parse({"influxdb": {"url": url, "write_bucket": "mine", "org": "hpc"}}, "test")
        written = Written(settings)
        for memory in (100.0, 100.0, 90.0, 120.0):
            sources = [SourceHealth("odd name, =x", NOW - 3, 0.5, records=9)]
            written.write(WRITTEN, {"7": JobMetrics({"n1": memory, "n2": 5.0})}, sources)
    lines = [body.splitlines() for _path, body, _headers in told.requests]
    at = f"{NOW * 1000:.0f}"
    assert lines[0][0] == f"jobmon_job,job=7 memory_max_mb=100 {at}"
    assert lines[0][1] == f"jobmon_cycle nodes=1,pending=1,running=1 {at}"
    assert lines[0][2].startswith(r"jobmon_source,source=odd\ name\,\ \=x age_s=3,duration_s=0.5,errors=0,records=9")
    assert [len([line for line in each if "jobmon_job" in line]) for each in lines] == [1, 0, 0, 1]
    assert ("db=mine" if version.startswith("1") else "bucket=mine") in told.requests[0][0]
    assert written.health.error == ""


def test_what_is_not_taken_is_shown_and_costs_nothing_else() -> None:
    told = Told("1.8.10", lambda _path, _body: (404, b'{"error":"database not found"}'))
    with serving(told) as url:
        written = Written(config.parse({"influxdb": {"url": url, "write_bucket": "mine"}}, "test"))
        written.write(WRITTEN, {}, [])
        assert "HTTP 404" in written.health.error
        told.answer = lambda _path, _body: (204, b"")
        written.write(WRITTEN, {}, [])
    assert (written.health.error, written.health.errors) == ("", 1)
