"""Who sends a byte at a time is waited for until the deadline of the whole, and no longer."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from fakes import dripping, tcp
from jobmon.config import GangliaSettings, InfluxSettings, PrometheusSettings, SchedulerSettings, TelemetrySettings
from jobmon.engine.outbox import MailSettings, mail, webhook
from jobmon.engine.outbox.parcel import Entry, NotSentError, Parcel
from jobmon.errors import SourceError
from jobmon.schedulers.slurm.restd import RestReader
from jobmon.telemetry import ganglia, http, influxdb, prometheus
from jobmon.telemetry.influxdb import ping
from jobmon.telemetry.influxdb.writing import Point, Writer

LIMIT_S = 1.0
LATE_S = 1.5
"""A busy machine is a little late; without a deadline it takes as long as the server likes."""
TELEMETRY = TelemetrySettings(timeout=LIMIT_S)
POINT = Point("m", {}, {"x": 1.0}, 1.0)


def parcel(kind: str, address: str) -> Parcel:
    return Parcel(1, "x", address, kind, False, 1, (Entry(1, 0.0, "", "s", "", {}),), 1, 1, 0.0)


def load_prometheus(address: str) -> Any:
    return prometheus.Source(PrometheusSettings(url=f"http://{address}"), TELEMETRY).load()


def load_over_tls(address: str) -> Any:
    return prometheus.Source(PrometheusSettings(url=f"https://{address}"), TELEMETRY).load()


def load_influx(address: str, language: Any = "influxql") -> Any:
    return influxdb.Source(InfluxSettings(url=f"http://{address}", language=language), TELEMETRY).load()


def write_influx(address: str, language: Any = "influxql") -> None:
    settings = InfluxSettings(url=f"http://{address}", language=language, write_bucket="b")
    Writer(settings, LIMIT_S).write([POINT])


def load_slurm(address: str) -> Any:
    return RestReader(SchedulerSettings(slurmrestd_url=f"http://{address}", timeout=1)).load()


def load_slurm_over_tls(address: str) -> Any:
    return RestReader(SchedulerSettings(slurmrestd_url=f"https://{address}", timeout=1)).load()


def load_ganglia(address: str) -> Any:
    return ganglia.Source(GangliaSettings(addresses=[address]), TELEMETRY).load()


def post(address: str) -> None:
    webhook.send(parcel("webhook", f"http://{address}/"), LIMIT_S)


def hand_over(address: str) -> None:
    host, _, port = address.partition(":")
    mail.send(parcel("email", "a@example.org"), MailSettings(host, int(port), timeout_s=LIMIT_S / mail.ANSWERS), 0.0)


@pytest.mark.parametrize(
    ("ask", "beginning", "drop"),
    [
        *((ask, beginning, b"x") for ask in (load_prometheus, load_influx, load_slurm)
          for beginning in (dripping.HEADERS, dripping.BODY, dripping.REFUSAL, dripping.ENDLESS, b"HTTP/1.1 200 ")),
        *((lambda address: load_influx(address, "flux"), beginning, b"x\n")
          for beginning in (dripping.HEADERS, dripping.BODY, dripping.REFUSAL, dripping.ENDLESS)),
        (lambda address: load_influx(address, "auto"), dripping.HEADERS, b"x"),
        (write_influx, dripping.HEADERS, b"x"),
        (write_influx, dripping.REFUSAL, b"x"),
        (lambda address: write_influx(address, "flux"), dripping.HEADERS, b"x"),
        (load_over_tls, dripping.HANDSHAKE, b"\0"),
        (load_slurm_over_tls, dripping.HANDSHAKE, b"\0"),
        (post, dripping.HEADERS, b"x"),
        (post, b"HTTP/1.1 200 ", b"x"),
    ],
)  # fmt: skip
def test_a_server_that_drips_is_left_at_the_deadline(
    ask: Callable[[str], Any], beginning: bytes, drop: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ping, "PING_S", LIMIT_S)
    with dripping.serving(beginning, drop) as address:
        began = time.monotonic()
        with pytest.raises((SourceError, NotSentError)) as failed:
            ask(address)
        took = time.monotonic() - began
    assert took < LIMIT_S + LATE_S
    assert any(words in str(failed.value) for words in ("in time", "within 1 s", "HTTP 500")), failed.value


@pytest.mark.parametrize(("ask", "beginning"), [(load_ganglia, b"<?xml version='1.0'?><X>"), (hand_over, b"220-")])
def test_so_is_one_that_speaks_first(ask: Callable[[str], Any], beginning: bytes) -> None:
    with dripping.serving(beginning, b"x", asks=False) as address:
        began = time.monotonic()
        with pytest.raises((SourceError, NotSentError), match="within 1 s"):
            ask(address)
        assert time.monotonic() - began < LIMIT_S + LATE_S


def test_a_connection_that_is_used_again_has_the_deadline_of_each_question() -> None:
    """The first answer comes at once, the second one drips over the same connection."""
    ended = threading.Event()

    def answers(connection: Any) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        connection.recv(65_536)
        connection.sendall(dripping.HEADERS)
        while not ended.wait(dripping.EVERY_S):
            connection.sendall(b"x")

    with tcp.serving(answers) as address:
        session = http.open_session(PrometheusSettings(), "prometheus")
        with http.posted(session, f"http://{address}/", {}, time.monotonic() + 5, "it") as response:
            assert b"".join(http.pieces(response, time.monotonic() + 5, "it")) == b"{}"
        began = time.monotonic()
        with (
            pytest.raises(SourceError, match="in time"),
            http.posted(session, f"http://{address}/", {}, time.monotonic() + LIMIT_S, "it"),
        ):
            pytest.fail("there is no answer")
        assert time.monotonic() - began < LIMIT_S + LATE_S
        ended.set()
