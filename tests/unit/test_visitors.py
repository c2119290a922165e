"""What one visitor may hold, and that others do not notice."""

import contextlib
import http.client
import json
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon_process import until
from jobmon import capabilities
from jobmon.api.routes import MOST_AT_ONCE
from jobmon.api.tokens import create_token
from jobmon.config import LiveSettings, Settings, WebSettings
from jobmon.logs import Seldom
from jobmon.web import connections
from web_thread import Server

MOST, PER_PEER = 24, 8


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    tokens = tmp_path / "tokens.json"
    (tmp_path / "token").write_text(create_token(tokens, "olga", "operator", None))
    web = WebSettings(port=0, connections=MOST, connections_per_peer=PER_PEER, tokens_file=str(tokens))
    routes = {name: declared.routes for name, declared in capabilities.ALL.items()}
    made = Server(Settings(live=LiveSettings(data_path=str(tmp_path)), web=web), routes)
    made.start()
    yield made
    made.stop()


def connected(server: Server, address: str = "127.0.0.1") -> socket.socket:
    visitor = socket.create_connection(("127.0.0.1", server.port), source_address=(address, 0))
    visitor.settimeout(20)
    return visitor


def is_closed(visitor: socket.socket) -> bool:
    """Say whether the server has ended a connection."""
    visitor.setblocking(False)
    try:
        return visitor.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    finally:
        visitor.settimeout(20)


def asked(visitor: socket.socket, request: bytes) -> tuple[int, bytes]:
    """Send a request, and return status and body of the answer."""
    visitor.sendall(request)
    answer = http.client.HTTPResponse(visitor)
    answer.begin()
    return answer.status, answer.read()


def head(folder: Path, length: str) -> bytes:
    """Return the head of a request of an operator to submit a job."""
    lines = ["POST /api/batch/jobs HTTP/1.1", "Host: x", f"Authorization: Bearer {(folder / 'token').read_text()}",
             "Content-Type: application/json", length, "", ""]  # fmt: skip
    return "\r\n".join(lines).encode()


GET = b"GET /api/whoami HTTP/1.1\r\nHost: x\r\n\r\n"


def test_whoever_is_one_too_many_gets_the_place_of_the_longest_idle(server: Server) -> None:
    with contextlib.ExitStack() as held:
        idle = []
        for _ in range(PER_PEER):
            idle.append(held.enter_context(connected(server)))
            until(lambda: len(server.connections) == len(idle), "it is there")
        last = held.enter_context(connected(server))
        assert asked(last, GET)[0] == 200
        until(lambda: is_closed(idle[0]), "the first has lost its place")
        assert not any(is_closed(one) for one in idle[1:])


def test_many_addresses_together_have_a_limit_too(server: Server) -> None:
    with contextlib.ExitStack() as held:
        for number in range(MOST + 10):
            held.enter_context(connected(server, f"127.0.1.{1 + number}"))
        last = held.enter_context(connected(server, "127.0.2.1"))
        assert asked(last, GET)[0] == 200
        assert len(server.connections) <= MOST


def test_a_unix_socket_is_one_peer_of_many_people(tmp_path: Path) -> None:
    path = tmp_path / "run" / "web.sock"
    path.parent.mkdir(mode=0o755)
    web = WebSettings(listen=[f"unix:{path}"], connections=MOST, connections_per_peer=PER_PEER)
    server = Server(Settings(live=LiveSettings(data_path=str(tmp_path)), web=web))
    server.start()
    try:
        with contextlib.ExitStack() as held:
            people = [held.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2 * PER_PEER)]
            for one in people:
                one.connect(str(path))
            assert [asked(one, GET)[0] for one in people] == [200] * len(people)
    finally:
        server.stop()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: "])
def test_a_head_that_does_not_come_ends_the_connection(
    server: Server, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    with connected(server) as slow:
        slow.sendall(sent)
        until(lambda: is_closed(slow), "the connection is ended")


def test_a_head_that_drips_ends_the_connection(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    with connected(server) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nX: ")

        def drip() -> bool:
            try:
                slow.sendall(b"x")
            except ConnectionError:
                return True
            return is_closed(slow)

        until(drip, "the connection is ended although something comes all the time")


def test_a_body_that_does_not_come_ends_the_connection(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BODY_S", 0.5)
    with connected(server) as slow:
        slow.sendall(head(tmp_path, "Content-Length: 100") + b"x")
        until(lambda: server.connections.ended == 1, "the connection is ended")
        assert is_closed(slow)


def test_bodies_that_come_slowly_keep_nobody_else_waiting(server: Server, tmp_path: Path) -> None:
    request = head(tmp_path, "Content-Length: 100") + b"x"
    with contextlib.ExitStack() as held:
        for number in range(MOST_AT_ONCE + 2):
            slow = held.enter_context(connected(server, f"127.0.3.{1 + number}"))
            slow.sendall(request)
        until(lambda: len(server.connections) == MOST_AT_ONCE + 2, "they are there")
        other = held.enter_context(connected(server))
        assert asked(other, b"GET /api/batch/jobs HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 200


def test_a_reader_who_takes_nothing_ends_and_holds_little(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "WRITE_S", 0.5)
    (tmp_path / "data.json.gz").write_bytes(b"x" * 30_000_000)
    with connected(server) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /api/data.py HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
        until(lambda: server.connections.ended == 1, "the connection is ended")


def test_nobody_has_a_body_read_before_being_asked_who_it_is(server: Server) -> None:
    with connected(server) as nobody:
        request = b"POST /api/batch/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        assert asked(nobody, request)[0] == 401, "the answer comes although nothing of the body was sent"


@pytest.mark.parametrize("length", [1_048_577, 400_000_000, 10**18])
def test_a_large_body_is_refused_before_it_is_read(server: Server, length: int) -> None:
    with connected(server) as visitor:
        status, body = asked(
            visitor, b"POST /api/batch/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length
        )
        assert status == 413
        assert json.loads(body)["detail"] == "The body of a request has at most 1 MiB."


def test_a_body_of_unknown_length_is_counted(server: Server, tmp_path: Path) -> None:
    with connected(server) as visitor:
        chunks = (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 20
        assert asked(visitor, head(tmp_path, "Transfer-Encoding: chunked") + chunks)[0] == 413


def test_a_request_of_two_lengths_is_one_request(server: Server) -> None:
    with connected(server) as visitor:
        hidden = b"0\r\n\r\nGET /api/whoami HTTP/1.1\r\nHost: x\r\n\r\n"
        both = b"POST /api/batch/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert asked(visitor, both + hidden)[0] == 400
        assert visitor.recv(1) == b"", "what lies behind it is not answered"


def test_one_cause_has_one_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    seldom = Seldom()

    def told(text: str, *values: object) -> logging.LogRecord | None:
        record = logging.LogRecord("jobmon.web", logging.WARNING, "", 0, text, values, None)
        return record if seldom.filter(record) else None

    assert told("a connection of %s is turned away", "127.0.0.1")
    assert not any(told("a connection of %s is turned away", f"127.0.0.{number}") for number in range(2, 100))
    assert told("another thing")
    now[0] += 61
    again = told("a connection of %s is turned away", "127.0.0.7")
    assert again is not None
    assert again.getMessage() == "a connection of 127.0.0.7 is turned away (and 98 more like this since)"
