"""The Prometheus source: one reading of everything, and whatever a server can do to us."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from fakes.prometheus_server import Told, cluster, serving
from jobmon import clock
from jobmon.config import PrometheusSettings, TelemetrySettings
from jobmon.errors import SettingsError, SourceError
from jobmon.telemetry.base import CpuShares, Gpu, Memory, Network, SharedTransfer, Swap, Transfer
from jobmon.telemetry.prometheus import Source
from services import require


@pytest.fixture
def told() -> Told:
    return Told(cluster(["cn1", "cn2"]))


@pytest.fixture
def url(told: Told) -> Iterator[str]:
    with serving(told) as url:
        yield url


def source(url: str, timeout: float = 5, aliases: dict[str, str] | None = None, **settings: str) -> Source:
    telemetry = TelemetrySettings(timeout=timeout, aliases=aliases or {})
    return Source(PrometheusSettings.model_validate({"url": url, **settings}), telemetry)


def test_everything_about_a_node(url: str) -> None:
    metrics = source(url).load()
    assert sorted(metrics.nodes) == ["cn1", "cn2"]
    node = metrics.nodes["cn1"]
    assert [[round(share, 6) for share in core or ()] for core in node.cores] == [[60, 0, 10, 0, 30]] * 2
    assert [round(share, 6) for share in node.cpu or ()] == [60, 0, 10, 0, 30]
    assert node.n_cores == 2
    assert node.memory == Memory(1024, 4096)
    assert node.swap == Swap(1024, 2048)
    assert node.network == Network(1000, 2000, 10, 20)
    assert node.disk == Transfer(300, 400)
    assert node.pressure is not None
    assert (node.pressure.cpu, node.pressure.memory) == (5, None)
    assert (node.load, node.boot_at, node.gpus, node.filesystem) == (1.5, 1_700_000_000, None, None)
    assert abs(node.read_at - time.time()) < 5
    assert metrics.skipped == ()


def test_all_of_it_takes_four_requests(url: str, told: Told) -> None:
    source(url).load()
    assert len(told.queries) == 4


def test_infiniband_is_preferred_to_ethernet(url: str, told: Told) -> None:
    here = {"instance": "cn2:9100"}
    for name, value in {"in": 5e9, "out": 6e9, "packets_in": 7e6, "packets_out": 8e6}.items():
        told.samples[f"infiniband_{name}"] = [(here, value)]
    nodes = source(url).load().nodes
    assert nodes["cn2"].network == Network(5e9, 6e9, 7e6, 8e6)
    assert nodes["cn1"].network == Network(1000, 2000, 10, 20)


def test_infiniband_without_traffic_hides_nothing(url: str, told: Told) -> None:
    for name in ("in", "out"):
        told.samples[f"infiniband_{name}"] = [({"instance": "cn2:9100"}, 0.0)]
    assert source(url).load().nodes["cn2"].network == Network(1000, 2000, 10, 20)


def test_several_exporters_on_one_host(url: str, told: Told) -> None:
    """What `or` joins has the same labels; exporters on ports of their own have not."""
    lustre, nfs = {"instance": "cn1:9169"}, {"instance": "cn1:9100"}
    for name in ("filesystem_read", "filesystem_write"):
        told.samples[name] = [(lustre, 5e9), (nfs, 1e3)]
    told.samples["load"] = [(lustre, 1.0), (nfs, 2.0)]
    node = source(url).load().nodes["cn1"]
    assert node.filesystem == Transfer(5e9 + 1e3, 5e9 + 1e3)
    assert node.load == 1.0


def test_gpus_in_the_order_of_their_indices(url: str, told: Told) -> None:
    def gpu(index: int, **more: str) -> dict[str, str]:
        return {"instance": "cn1:9400", "gpu": str(index), "GPU_I_ID": "", **more}

    told.samples["gpu_util"] = [(gpu(i), 10.0 * i) for i in (10, 2, 0)]
    told.samples["gpu_memory_used"] = [(gpu(0), 1 << 30)]
    told.samples["gpu_memory_total"] = [(gpu(0), 80 << 30)]
    gpus = source(url).load().nodes["cn1"].gpus
    assert gpus == {"gpu0": Gpu(0, 1024, 81920), "gpu2": Gpu(20), "gpu10": Gpu(100)}


def test_the_parts_of_a_divided_gpu_stand_in_its_place(url: str, told: Told) -> None:
    def part(gpu: str, instance: str) -> dict[str, str]:
        return {"instance": "cn1:9400", "gpu": gpu, "GPU_I_ID": instance}

    told.samples["gpu_util"] = [(part("0", "7"), 7.0), (part("0", "11"), 11.0), (part("1", ""), 50.0)]
    told.samples["gpu_memory_used"] = [(part("0", ""), 1 << 20)]
    gpus = source(url).load().nodes["cn1"].gpus
    assert gpus == {"gpu0": Gpu(7), "gpu1": Gpu(11), "gpu2": Gpu(50)}


def test_jobs_of_all_the_usual_exporters(url: str, told: Told) -> None:
    told.samples["job_memory"] = [
        ({"instance": "cn1:9306", "jobid": "11", "cgroup": "/slurm/uid_1/job_11"}, 1 << 30),
        ({"instance": "cn2:9306", "jobid": "11", "cgroup": "/slurm/uid_1/job_11"}, 2 << 30),
        ({"instance": "cn1:9306", "cgroup": "/system.slice/slurmstepd.scope/job_12"}, 3 << 30),
        ({"instance": "cn2:9798", "slurmjobid": "13"}, 4 << 30),
        ({"instance": "cn2:9010", "uuid": "14"}, 5 << 30),
    ]
    told.samples["job_memory_max"] = [({"instance": "cn2:9798", "slurmjobid": "13"}, 6 << 30)]
    told.samples["job_cpu"] = [({"instance": "cn1:9306", "jobid": "11"}, 1.25)]
    told.samples["job_filesystem_read"] = [({"jobid": "11", "fs": "home"}, 5.0), ({"jobid": "cp.0", "fs": "home"}, 9.0)]
    told.samples["job_filesystem_operations"] = [({"jobid": "11:cn1", "fs": "home"}, 7.0)]
    jobs = source(url, job_memory_max="only_job_memory_max").load().jobs
    assert {job: dict(metrics.memory_mb) for job, metrics in jobs.items()} == {
        "11": {"cn1": 1024, "cn2": 2048}, "12": {"cn1": 3072}, "13": {"cn2": 4096}, "14": {"cn2": 5120},
    }  # fmt: skip
    assert jobs["13"].memory_max_mb == 6144
    assert jobs["11"].cpu_cores == {"cn1": 1.25}
    assert jobs["11"].filesystem == {"home": SharedTransfer(read=5, operations=7)}


def test_hosts_are_named_by_a_label_and_by_aliases(url: str, told: Told) -> None:
    told.samples = {
        "load": [({"instance": "gateway:80", "node": "cn1-ib.cluster"}, 1.0), ({"instance": "gateway:80"}, 2.0)],
    }
    metrics = source(url, host_label="node", aliases={"cn1-ib": "cn1"}).load()
    assert {host: node.load for host, node in metrics.nodes.items()} == {"cn1": 1.0}
    assert all("by (node" in query and "instance" not in query for query in told.queries[:3])
    assert [skipped.method for skipped in metrics.skipped] == ["load"]
    assert "host_label" in metrics.skipped[0].error


def test_one_wrong_expression_costs_itself_alone_and_is_not_sent_again(
    url: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.refused = "nonsense"
    reading = source(url, load="nonsense(node_load1)")
    for _cycle in range(2):
        metrics = reading.load()
        assert metrics.nodes["cn1"].load is None
        assert metrics.nodes["cn1"].memory is not None
        assert [(s.method, s.record) for s in metrics.skipped] == [("[prometheus]", "load")]
        assert "unknown function nonsense" in metrics.skipped[0].error
    asked = sum("nonsense" in query for query in told.queries)
    assert asked == 2  # with the others, and alone
    told.refused = ""
    later = clock.monotonic() + 601
    monkeypatch.setattr(clock, "monotonic", lambda: later)
    assert reading.load().nodes["cn1"].load == 1.5


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("html", "no JSON"),
        ("redirect", "HTTP 302"),
        ("locked", "HTTP 401: Unauthorized"),
        ("scalar", "a scalar, not a vector"),
        ("broken", "did not answer"),
        ("half", "did not answer|only a part of it"),
        ("endless", "did not answer in time|only a part"),
    ],
)
def test_an_answer_that_is_none_is_an_error_in_words(url: str, told: Told, mood: str, words: str) -> None:
    told.mood = mood
    began = time.monotonic()
    with pytest.raises(SourceError, match=words) as caught:
        source(url, timeout=1).load()
    assert url in str(caught.value)
    assert time.monotonic() - began < 5


def test_a_server_that_is_too_slow_or_not_there(url: str, told: Told) -> None:
    told.wait_s = 2
    with pytest.raises(SourceError, match="did not answer in time"):
        source(url, timeout=0.3).load()
    with pytest.raises(SourceError, match=r"did not answer: .*refused"):
        source("http://127.0.0.1:1").load()


def test_a_server_that_knows_nothing_is_an_error_and_not_an_idle_cluster(url: str, told: Told) -> None:
    told.samples = {}
    with pytest.raises(SourceError, match="knows none of the series"):
        source(url).load()


def test_measurements_from_the_future_are_left_out(url: str, told: Told) -> None:
    told.samples = cluster(["cn1"])
    ahead = cluster(["cn2"], at=time.time() + 3600)
    for name, samples in ahead.items():
        told.samples[name] = told.samples[name] + samples
    metrics = source(url).load()
    assert sorted(metrics.nodes) == ["cn1"]
    assert [(s.method, s.record) for s in metrics.skipped] == [("clock", "cn2")]


def test_a_node_that_has_just_started_is_known(url: str, told: Told) -> None:
    """rate() of a series that began within the window is low, but the parts keep their ratio."""
    told.samples["cpu"] = [(labels, 0.2 * share) for labels, share in told.samples["cpu"]]
    metrics = source(url).load()
    assert metrics.nodes["cn1"].cores[0] == CpuShares(60, 0, 10, 0, 30)
    assert metrics.skipped == ()


def test_cores_whose_idle_part_is_missing_are_unknown(url: str, told: Told) -> None:
    told.samples["cpu"] = [(labels, share) for labels, share in told.samples["cpu"] if labels["mode"] != "idle"]
    metrics = source(url).load()
    assert metrics.nodes["cn1"].cores == (None, None)
    assert "a part is missing" in metrics.skipped[0].error


def test_cores_in_other_units_are_unknown_and_said_so(url: str, told: Told) -> None:
    told.samples["cpu"] = [(labels, 100 * share) for labels, share in told.samples["cpu"]]
    metrics = source(url).load()
    assert all(not node.cores or node.cores == (None, None) for node in metrics.nodes.values())
    assert any("other units" in skipped.error for skipped in metrics.skipped)


def test_absurd_numbers_are_unknown(url: str, told: Told) -> None:
    here = {"instance": "cn1:9100"}
    told.samples["load"] = [(here, float("nan"))]
    told.samples["swap_free"] = [(here, -1.0)]
    told.samples["memory_available"] = [(here, 5 << 40)]
    told.samples["disk_read"] = [(here, float("inf"))]
    told.samples["boot_time"] = [(here, 1e300)]
    node = source(url).load().nodes["cn1"]
    assert (node.load, node.swap, node.memory, node.disk, node.boot_at) == (None, None, None, None, None)
    assert node.cpu is not None


def test_odd_labels_are_data(url: str, told: Told) -> None:
    odd = 'a"}},{"metric":{"x'
    told.samples["load"] += [({"instance": "cn3:9100", "note": odd * 3000}, 3.0), ({"instance": "\x00"}, 4.0)]
    told.samples["cpu"] += [
        ({"instance": "cn1:9100", "cpu": "1e9", "mode": "user"}, 1.0),
        ({"instance": "cn1:9100", "cpu": "99999", "mode": "user"}, 1.0),
        ({"instance": "cn1:9100", "cpu": "0", "mode": odd}, 1.0),
    ]
    metrics = source(url).load()
    assert metrics.nodes["cn3"].load == 3.0
    assert len(metrics.nodes["cn1"].cores) == 2
    assert {skipped.method for skipped in metrics.skipped} == {"host", "cpu"}


def test_a_large_answer_comes_in_pieces_and_whole(url: str, told: Told) -> None:
    told.samples = cluster([f"n{number}" for number in range(60)], cores=64)
    metrics = source(url).load()
    assert len(metrics.nodes) == 60
    assert all(len(node.cores) == 64 and None not in node.cores for node in metrics.nodes.values())


def test_a_password_has_no_place_in_the_address() -> None:
    with pytest.raises(ValidationError, match="use user and password_file"):
        PrometheusSettings(url="http://ann:s3cret@127.0.0.1:9090")


def test_what_was_not_asked_any_more_is_named(url: str, told: Told) -> None:
    """The server refuses all together, and dies while each is asked alone."""
    told.refused = "or label_replace"
    told.mood_after = {"or label_replace": "broken_but_cpu"}
    others = [name for name in PrometheusSettings.model_fields if name.startswith(("gpu_", "job_"))]
    metrics = source(url, timeout=3, **dict.fromkeys(others, "")).load()
    assert metrics.nodes["cn1"].cores
    assert {"load", "memory_total"} <= {skipped.record for skipped in metrics.skipped}


def test_credentials(url: str, told: Told, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    source(url, user="ann", password_file=str(secret)).load()
    assert told.headers[0]["Authorization"] == "Basic YW5uOnMzY3JldA=="
    source(url, token_file=str(secret)).load()
    assert told.headers[-1]["Authorization"] == "Bearer s3cret"
    with pytest.raises(SettingsError, match=r"\[prometheus\] token_file = .*absent.*cannot be read"):
        source(url, token_file=str(tmp_path / "absent"))


def test_https_with_a_sites_own_certificate(told: Told, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    command = [require("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
               "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    both = tmp_path / "both"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    with serving(told, certificate=str(both)) as url:
        assert source(url, ca_file=str(certificate)).load().nodes
        with pytest.raises(SourceError, match="certificate"):
            source(url).load()
    with pytest.raises(SettingsError, match=r"\[prometheus\] ca_file = .*cannot be read"):
        source("https://127.0.0.1:1", ca_file=str(tmp_path / "absent"))
