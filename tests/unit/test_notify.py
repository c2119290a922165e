"""What is said to the service manager is one line per state, and never ends the daemon."""

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmon.notify import notify, watchdog_period_s


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(10)
        listener.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def test_states_are_lines_of_one_message(manager: socket.socket) -> None:
    notify("READY=1", "STATUS=all is well")
    assert manager.recv(4096) == b"READY=1\nSTATUS=all is well"


def test_a_state_cannot_begin_another_one_and_is_bounded(manager: socket.socket) -> None:
    notify("STATUS=a\nMAINPID=1\r\x00\x0bb" + "c" * 1_000_000, "WATCHDOG=1")
    first, second = manager.recv(1 << 20).decode().split("\n")
    assert first.startswith("STATUS=a MAINPID=1 ")
    assert len(first) <= 1000
    assert second == "WATCHDOG=1"


def test_an_abstract_socket_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(10)
        listener.bind(f"\0jobmon-test-{os.getpid()}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@jobmon-test-{os.getpid()}")
        notify("READY=1")
        assert listener.recv(4096) == b"READY=1"


def test_without_a_service_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


def test_a_service_manager_that_is_gone_is_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, manager: socket.socket
) -> None:
    notify("READY=1")  # what was wrong before is over
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with caplog.at_level(logging.ERROR):
        notify("WATCHDOG=1")
        notify("WATCHDOG=1")
    assert [record.getMessage() for record in caplog.records] == [
        f"the service manager cannot be told at {tmp_path / 'nobody'}: No such file or directory"
    ]


@pytest.mark.parametrize(
    ("environment", "period"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_meant_for_us(
    environment: dict[str, str], period: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert watchdog_period_s() == period
