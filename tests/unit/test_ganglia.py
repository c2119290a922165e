"""The Ganglia source: what real daemons told, and what a hostile one could tell."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakes import tcp
from jobmon.config import GangliaSettings, TelemetrySettings
from jobmon.errors import SourceError
from jobmon.telemetry.base import Gpu, Metrics
from jobmon.telemetry.ganglia import Source

RECORDED = Path(__file__).parents[1] / "data" / "ganglia"
HEAD = b'<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>\n'


def read(*answers: bytes | Callable[[socket.socket], None], timeout: float = 5, max_mb: int = 16) -> Metrics:
    with ExitStack() as stack:
        addresses = [
            stack.enter_context(tcp.serving(answer if callable(answer) else lambda c, a=answer: c.sendall(a)))  # type: ignore[misc]
            for answer in answers
        ]
        return Source(GangliaSettings(addresses=addresses, max_mb=max_mb), TelemetrySettings(timeout=timeout)).load()


def host(name: str = "n1", metrics: str = "", tn: str = "2") -> str:
    return f'<HOST NAME="{name}" IP="10.0.0.1" REPORTED="1" TN="{tn}" TMAX="20" DMAX="0">{metrics}</HOST>'


def metric(name: str, value: object, units: str = "", tn: int = 1) -> str:
    return (
        f'<METRIC NAME="{name}" VAL="{value}" TYPE="float" UNITS="{units}" TN="{tn}" TMAX="60" DMAX="0" SLOPE="both"/>'
    )


def document(*hosts: str) -> bytes:
    inside = f'<CLUSTER NAME="c" LOCALTIME="1" OWNER="o">{"".join(hosts)}</CLUSTER>'
    return HEAD + f'<GANGLIA_XML VERSION="3" SOURCE="gmond">{inside}</GANGLIA_XML>'.encode("latin-1")


@pytest.mark.parametrize("daemon", ["gmond", "gmetad"])
def test_what_real_daemons_told(daemon: str) -> None:
    metrics = read((RECORDED / f"3.7.2-{daemon}.xml").read_bytes())
    assert sorted(metrics.nodes) == ["cn001", "cn002"]
    node = metrics.nodes["cn001"]
    assert node.n_cores == len(node.cores) == 2
    assert node.cpu
    assert sum(node.cpu) == pytest.approx(100)
    assert node.memory
    assert node.memory.total_mb == pytest.approx(24105, abs=1)
    assert node.network
    assert metrics.nodes["cn002"].load == 3.5
    assert metrics.nodes["cn002"].gpus == {"gpu0": Gpu(87, 2048)}
    assert metrics.skipped == ()


def test_the_age_of_a_host_needs_no_clock_but_ours() -> None:
    metrics = read(document(host("n1", metric("load_one", 1), tn="30")))
    assert metrics.loaded_at - metrics.nodes["n1"].read_at == 30


def test_units_are_read_and_old_metrics_are_not() -> None:
    metrics = read(document(host("n1", "".join([
        metric("mem_total", 4, "GB"), metric("mem_free", 1024 * 1024, "KB"), metric("mem_buffers", 1 << 30, "bytes"),
        metric("mem_cached", 0, "KB"), metric("swap_total", 7, "furlongs"), metric("load_one", 9.0, tn=10_000),
    ]))))  # fmt: skip
    node = metrics.nodes["n1"]
    assert node.memory
    assert (node.memory.used_mb, node.memory.total_mb) == (2048, 4096)
    assert (node.swap, node.load) == (None, None)
    assert [(s.method, s.record) for s in metrics.skipped] == [("swap_total", "n1")]


def test_parts_that_make_no_whole_are_unknown() -> None:
    """gmond 3.7.2 may leave out the user time of a busy core."""
    idle = "".join(
        metric(f"multicpu_{name}{core}", value) for core in (0, 1) for name, value in (("idle", 20), ("user", 0))
    )
    metrics = read(document(host("n1", idle)))
    assert metrics.nodes["n1"].cores == (None, None)
    assert "add up" in metrics.skipped[0].error


def test_nonsense_in_one_metric_costs_that_metric() -> None:
    metrics = read(document(host("n1", metric("load_one", "many") + metric("bytes_in", "nan") + metric("cpu_num", 64)
                                 + metric("multicpu_user99999", 1) + metric("boottime", -5)), host("n2", tn="soon"),
                            host("h\xf6st", metric("load_one", 2))))  # fmt: skip
    assert metrics.nodes["n1"].n_cores == 64
    assert metrics.nodes["n1"].load is None
    assert metrics.nodes["h\xf6st"].load == 2
    assert "n2" not in metrics.nodes
    assert {s.method for s in metrics.skipped} == {"load_one", "cpu", "boot_time", "HOST"}


def test_several_daemons_are_put_together_and_a_dead_one_is_named() -> None:
    one, other = document(host("n1", metric("load_one", 1))), document(host("n2", metric("load_one", 2)))
    metrics = read(one, b"<html>", other)
    assert sorted(metrics.nodes) == ["n1", "n2"]
    assert [s.method for s in metrics.skipped] == ["[ganglia]"]


def test_daemons_of_one_cluster_tell_the_same_and_it_counts_once() -> None:
    metrics = "".join([
        metric("mem_total", 100 << 20, "KB"), metric("mem_free", 10 << 20, "KB"), metric("mem_cached", 20 << 20, "KB"),
        metric("cpu_user", 60, "%"), metric("cpu_idle", 40, "%"),
    ])  # fmt: skip
    node = read(document(host("n1", metrics)), document(host("n1", metrics))).nodes["n1"]
    assert node.memory
    assert node.memory.used_mb == 70 << 10
    assert node.cpu
    assert node.cpu.user == 60


def test_a_host_that_was_cut_off_in_the_middle_is_left_out() -> None:
    whole = document(host("n1", metric("load_one", 1)), host("n2", metric("mem_free", 1) + metric("load_one", 2)))
    other = document(host("n3", metric("load_one", 3)))
    metrics = read(whole[: whole.index(b"load_one", whole.index(b"n2"))], other)
    assert sorted(metrics.nodes) == ["n1", "n3"]


def test_a_daemon_that_is_silent_costs_the_others_nothing() -> None:
    def silent(connection: socket.socket) -> None:
        time.sleep(0.5)

    metrics = read(silent, document(host("n1", metric("load_one", 1))), timeout=0.3)
    assert sorted(metrics.nodes) == ["n1"]
    assert "did not tell all within" in metrics.skipped[0].error


BOMB = (
    HEAD + b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(8)
    ) + b"]><GANGLIA_XML>&i;</GANGLIA_XML>"
)  # fmt: skip
OUTSIDE = HEAD + b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><GANGLIA_XML>&a;</GANGLIA_XML>'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "tells nothing"),
        (b"<html><p>It works!</html>", "no XML, or only a part"),
        (b"\x00\xff\xfe binary", "no XML"),
        (document(host())[:-40], "only a part"),
        (BOMB, "forbidden XML: EntitiesForbidden"),
        (OUTSIDE, "forbidden XML: EntitiesForbidden"),
        (document(), "knows no host"),
    ],
    ids=["nothing", "html", "binary", "half", "bomb", "outside", "empty"],
)
def test_an_answer_that_is_none(answer: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        read(answer)


def test_an_answer_without_end_ends_at_the_limit() -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"<GANGLIA_XML><CLUSTER>")
        while True:
            connection.sendall(b"<EXTRA/>" * 10_000)

    with pytest.raises(SourceError, match="tells more than 1 MiB"):
        read(endless, max_mb=1)


def test_a_peer_that_trickles_costs_its_time_only() -> None:
    def trickle(connection: socket.socket) -> None:
        while True:
            connection.sendall(b" ")
            time.sleep(0.02)

    began = time.monotonic()
    with pytest.raises(SourceError, match=r"did not tell all within 0.3 s"):
        read(trickle, timeout=0.3)
    assert time.monotonic() - began < 2


def test_nobody_there() -> None:
    with pytest.raises(SourceError, match=r"127.0.0.1:1 did not answer: Connection refused"):
        Source(GangliaSettings(addresses=["127.0.0.1:1"]), TelemetrySettings()).load()


def test_many_hosts() -> None:
    hosts = [host(f"n{number}", metric("load_one", number)) for number in range(10_000)]
    assert len(read(document(*hosts)).nodes) == 10_000
