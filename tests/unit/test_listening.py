"""What `[web] listen` binds: several addresses, sockets with a mode in safe folders, and who is told to be there."""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmon.api.peer import Peer, peer_of
from jobmon.config import Settings, WebSettings, load
from jobmon.errors import SettingsError
from jobmon.web import listening
from web_thread import Server


def listen(web):
    return list(listening.bind(web).values())


def web(*listen: str, **more: str) -> WebSettings:
    return WebSettings.model_validate({"listen": list(listen), **more})


def connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(path))
    return client


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "web.sock"


@pytest.fixture
def bound(path: Path) -> Iterator[list[socket.socket]]:
    listeners = listen(web("127.0.0.1:0", "[::1]:0", f"unix:{path}"))
    yield listeners
    listening.release(listeners)


def test_all_addresses_are_listened_on(bound: list[socket.socket], path: Path) -> None:
    assert [one.family for one in bound] == [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX]
    for one in bound:
        with socket.socket(one.family) as client:
            client.connect(one.getsockname())
    assert listening.url_of(bound) == f"http://127.0.0.1:{bound[0].getsockname()[1]}/"


def test_who_connects_is_what_the_kernel_says(bound: list[socket.socket], path: Path) -> None:
    for one, expected in (
        (bound[0], Peer("tcp", "127.0.0.1")),
        (bound[1], Peer("tcp", "::1")),
        (bound[2], Peer("unix", str(path), os.geteuid())),
    ):
        with socket.socket(one.family) as client:
            client.connect(one.getsockname())
            accepted, _address = one.accept()
            with accepted:
                assert peer_of(accepted) == expected


@pytest.mark.parametrize("text", ["0660", "0600", "666"])
def test_a_socket_has_its_mode_whatever_the_umask(path: Path, text: str) -> None:
    before = os.umask(0o077)
    try:
        listeners = listen(web(f"unix:{path}", socket_mode=text))
    finally:
        os.umask(before)
    assert mode(path) == int(text, 8)
    listening.release(listeners)
    assert not path.exists()


def test_a_group_that_there_is_not_is_told(path: Path) -> None:
    with pytest.raises(SettingsError, match="socket_group = 'no-such-group': there is no such group"):
        listen(web(f"unix:{path}", socket_group="no-such-group"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_socket_has_its_group(path: Path) -> None:
    listeners = listen(web(f"unix:{path}", socket_group="12345"))
    assert path.stat().st_gid == 12345
    listening.release(listeners)


def test_the_socket_of_a_daemon_that_was_killed_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    assert path.exists()
    listeners = listen(web(f"unix:{path}"))
    connected(path).close()
    listening.release(listeners)


def test_a_socket_that_is_listened_on_is_left_alone(bound: list[socket.socket], path: Path) -> None:
    with pytest.raises(SettingsError, match="somebody listens there already"):
        listen(web(f"unix:{path}"))
    connected(path).close()


def test_a_busy_socket_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(0)
        waiting = connected(path)
        with pytest.raises(SettingsError, match="somebody listens there already"):
            listen(web(f"unix:{path}"))
        waiting.close()


def test_a_socket_that_another_process_still_has_stays(path: Path) -> None:
    listeners = listen(web(f"unix:{path}"))
    inherited = listeners[0].dup()  # as by a web process that finishes its answers
    listening.release(listeners)
    connected(path).close()
    listening.release([inherited])
    assert not path.exists()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_only_a_socket_is_removed(path: Path, kind: str) -> None:
    path.parent.mkdir()
    precious = path.parent / "precious"
    precious.write_text("kept")
    if kind == "file":
        path.write_text("kept")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(precious)
    with pytest.raises(SettingsError, match="not a socket"):
        listen(web(f"unix:{path}"))
    assert os.path.lexists(path)
    assert precious.read_text() == "kept"


@pytest.mark.parametrize("shared", [0o777, 0o1777, 0o775])
def test_a_folder_where_others_could_put_their_socket_is_refused(path: Path, shared: int) -> None:
    path.parent.mkdir()
    path.parent.chmod(shared)
    with pytest.raises(SettingsError, match=rf"others could put a socket.* may write {path.parent}; choose"):
        listen(web(f"unix:{path}"))
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_folder_of_somebody_else_is_refused(path: Path) -> None:
    path.parent.mkdir()
    os.chown(path.parent, 12345, -1)
    with pytest.raises(
        SettingsError, match=r"others could put a socket of theirs there, for .* belongs to the account 12345"
    ):
        listen(web(f"unix:{path}"))


def test_one_address_that_cannot_be_had_keeps_none(path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="address in use"):
            listen(web(f"unix:{path}", f"127.0.0.1:{taken.getsockname()[1]}"))
    assert not path.exists()


def test_several_daemons_that_start_at_once_leave_one_on_the_socket(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    won: list[list[socket.socket]] = []
    refused: list[SettingsError] = []

    def start() -> None:
        try:
            won.append(listen(web(f"unix:{path}")))
        except SettingsError as error:
            refused.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(refused)) == (1, 7)
    connected(path).close()
    listening.release(won[0])


def test_the_server_answers_on_its_socket(path: Path) -> None:
    server = Server(Settings(web=web(f"unix:{path}")), {})
    server.start()
    assert server.url == f"unix:{path}"
    with connected(path) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    server.stop()
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a..b", "must be an address such as"),
        ("", "must be an address such as"),
        ("a" * 64, "must be an address such as"),
        ("::1", "must be an address such as"),
        ("[::1", "must be an address such as"),
        ("[nothing]:80", "must be an address such as"),
        (":8080", "must be an address such as"),
        ("127.0.0.1:", "must be an address such as"),
        ("127.0.0.1:http", "must be an address such as"),
        ("127.0.0.1:65536", "a port between 0 and 65535"),
        ("unix:web.sock", "by its whole path"),
        ("unix:/run/../etc/web.sock", "by its whole path"),
        ("unix:@jobmon", "by its whole path"),
        ("unix:/run/", "by its whole path"),
        ("unix:/" + "x" * 107, "too long for a socket"),
    ],
)
def test_what_is_no_address_is_told(text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=rf"\[web\] listen.*{told}"):
        load("/dev/null", [f'web.listen=["{text}"]'])


def test_one_address_needs_no_brackets_on_the_command_line() -> None:
    assert load("/dev/null", ["web.listen=unix:/run/jobmon/web.sock"]).web.listen == ["unix:/run/jobmon/web.sock"]
    assert load("/dev/null", ["web.listen=127.0.0.1:8081"]).web.place == "127.0.0.1:8081"


def test_the_port_is_for_addresses_that_name_none() -> None:
    settings = load("/dev/null", ['web.listen=["unix:/run/j", "127.0.0.1", "[::1]", "10.0.0.5:80"]', "web.port=8081"])
    assert [getattr(address, "port", None) for address in settings.web.addresses] == [None, 8081, 8081, 80]


def test_a_port_that_nothing_would_use_is_told() -> None:
    with pytest.raises(SettingsError, match="port = 8081 is for addresses in listen without one"):
        load("/dev/null", ["web.listen=127.0.0.1:8080", "web.port=8081"])


@pytest.mark.parametrize("listen", ['["127.0.0.1", "127.0.0.1"]', '["unix:/a", "unix:/a"]', "[]"])
def test_twice_the_same_or_nothing_is_told(listen: str) -> None:
    with pytest.raises(SettingsError, match=r"\[web\]"):
        load("/dev/null", [f"web.listen={listen}"])
