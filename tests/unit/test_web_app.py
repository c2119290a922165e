"""The daemon's own server: the page, its state, what capabilities add, and addresses that cannot be had."""

import contextlib
import json
import logging
import os
import socket
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import asgi
import web_servers
from jobmon.api.context import Context
from jobmon.api.routes import Level, Routes
from jobmon.api.tokens import create_token
from jobmon.config import LiveSettings, Settings, WebSettings
from jobmon.errors import SettingsError, SpoolError
from jobmon.spool import writer
from jobmon.web import joined
from jobmon.web.outermost import SAFETY
from web_servers import Web
from web_thread import Server


def example(_context: Context) -> Routes:
    """Return an address of a capability's own."""
    routes = Routes()

    @routes.get("/double/{number}", Level.READER)
    def double(number: int) -> dict[str, int]:
        return {"double": 2 * number}

    @routes.get("/broken", Level.READER)
    def broken() -> None:
        raise RuntimeError("the secret reason")

    return routes


def well() -> Mapping[str, Any]:
    return {"status": "ok", "lastCycle": 1000}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web") / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>jobmon</title>", encoding="utf-8")
    (folder / "site.json").write_text('{"pageTitle":"built"}', encoding="utf-8")
    (folder / "assets/main-1a2b.js").write_text("let x = 1;" * 1000, encoding="utf-8")
    (folder / "logo.png").write_bytes(b"\x89PNG" + b"\0" * 5000)
    (folder.parent / "outside.txt").write_text("secret", encoding="utf-8")
    return folder


@contextlib.contextmanager
def served(spool: Path, page: Path, health: Callable[[], Mapping[str, Any]] = well, site: str = "") -> Iterator[Web]:
    settings = Settings(live=LiveSettings(data_path=str(spool)), web=WebSettings(port=0, site=site))
    server = Server(settings, {"example": example}, health, page)
    server.start()
    try:
        yield Web(server.port, "/", spool)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def web(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with served(tmp_path_factory.mktemp("spool"), page) as server:
        yield server


def test_a_page_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    with served(tmp_path, tmp_path / "nowhere") as web:
        answer = web.get("")
    assert answer.status == 503
    assert "./jobmon.sh build" in answer.body.decode()
    assert answer.headers["content-type"].startswith("text/plain")


def test_assets_are_kept_and_the_rest_is_asked_for_again(web: Web) -> None:
    for path, lasting in (("", False), ("index.html", False), ("site.json", False), ("assets/main-1a2b.js", True)):
        answer = web.get(path)
        assert answer.status == 200, path
        assert ("immutable" in answer.headers["cache-control"]) is lasting, path
        assert web.get(path, headers={"If-None-Match": answer.headers["etag"]}).status == 304


def test_what_is_large_and_text_goes_out_packed(web: Web, page: Path) -> None:
    answer = web.get("assets/main-1a2b.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert zlib.decompress(answer.body, 31) == (page / "assets/main-1a2b.js").read_bytes()
    assert answer.headers["etag"] != web.get("assets/main-1a2b.js").headers["etag"]
    assert "content-encoding" not in web.get("logo.png", headers={"Accept-Encoding": "gzip"}).headers


@pytest.mark.parametrize(
    "path",
    [
        "../outside.txt",
        "%2e%2e/outside.txt",
        "assets/..%2f..%2foutside.txt",
        "/etc/passwd",
        "%00",
        "a" * 5000,
        "assets",
    ],
)
def test_only_the_page_is_served(web: Web, path: str) -> None:
    answer = web.get(path)
    assert answer.status == (400 if path == "%00" else 404)
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"secret" not in answer.body


def test_the_sites_own_settings_of_the_page_are_taken(web: Web, page: Path, tmp_path: Path) -> None:
    assert json.loads(web.get("site.json").body) == {"pageTitle": "built"}
    site = tmp_path / "site.json"
    site.write_text('{"pageTitle":"ours"}', encoding="utf-8")
    with served(tmp_path, page, site=str(site)) as ours:
        assert json.loads(ours.get("site.json").body) == {"pageTitle": "ours"}
        site.write_text('{"pageTitle":"changed"}', encoding="utf-8")
        assert json.loads(ours.get("site.json").body) == {"pageTitle": "changed"}


def test_what_takes_the_place_of_the_sites_settings_is_neither_waited_for_nor_read_without_end(
    page: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site.json"
    site.write_text("{}", encoding="utf-8")
    with served(tmp_path, page, site=str(site)) as ours:
        site.unlink()
        os.mkfifo(site)
        assert ours.get("site.json").status == 404
        site.unlink()
        site.touch()
        os.truncate(site, 1 << 40)
        assert ours.get("site.json").status == 404
        assert ours.get("").status == 200


def test_health_is_told_by_the_status(page: Path, tmp_path: Path) -> None:
    state = {"status": "starting", "lastCycle": 0}
    with served(tmp_path, page, lambda: state) as web:
        for word, status in (("starting", 503), ("ok", 200), ("failing", 503)):
            state["status"] = word
            answer = web.get("healthz")
            assert answer.status == status
            assert json.loads(answer.body) == {"status": word, "lastCycle": 0}
            assert answer.headers["cache-control"] == "no-store"


def test_metrics_are_for_prometheus(web: Web) -> None:
    answer = web.get("metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert b"# TYPE python_info gauge" in answer.body


def test_every_address_is_documented_and_nothing_comes_from_elsewhere(web: Web) -> None:
    paths = json.loads(web.get("api/openapi.json").body)["paths"]
    assert {*paths} == {
        *(f"/api/{name}.py" for name in ("data", "history", "backfill", "page")),
        *("/api/example/double/{number}", "/api/example/broken", "/healthz", "/metrics", "/api/whoami"),
    }
    for path in ("/api/data.py", "/api/page.py"):
        (parameter,) = paths[path]["get"]["parameters"]
        assert parameter["description"]
        assert paths[path]["get"]["responses"].keys() >= {"200", "304", "400", "404", "503"}
    assert web.get("docs").status == web.get("redoc").status == 404


def test_a_capability_has_its_addresses_below_its_name(web: Web) -> None:
    assert json.loads(web.get("api/example/double/21").body) == {"double": 42}
    assert web.get("api/example/double/many").status == 400


def test_what_breaks_is_logged_and_not_shown(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = web.get("api/example/broken")
    assert answer.status == 500
    assert json.loads(answer.body).keys() == {"title", "status", "detail"}
    assert b"secret" not in answer.body
    deadline = time.monotonic() + 10
    while "the secret reason" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)  # the trace is logged after the answer
    assert "the secret reason" in caplog.text


@pytest.mark.parametrize("path", ["", "site.json", "api/data.py", "nowhere", "healthz", "api/openapi.json"])
def test_everything_carries_the_security_headers(web: Web, path: str) -> None:
    headers = web.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers


@pytest.mark.parametrize(("read", "told"), [("open", True), ("signed-in", False), ("own", False)])
def test_what_is_wrong_is_told_in_words_where_nothing_is_hidden(tmp_path: Path, read: str, told: bool) -> None:
    tokens = tmp_path / "tokens.json"
    signed = {name: create_token(tokens, name, role, None) for name, role in (("olga", "operator"), ("ada", "user"))}
    state = {"status": "unavailable", "capabilities": {"live": {"status": "failing", "error": "secret", "failures": 3}}}
    settings = Settings.model_validate(
        {"live": {"data_path": str(tmp_path)}, "web": {"port": 0, "read": read, "tokens_file": str(tokens)}}
    )
    server = Server(settings, {}, lambda: state)
    answers = {who: asgi.get(server.application, "/healthz", headers={"Authorization": f"Bearer {token}"})
               for who, token in signed.items()}  # fmt: skip
    answers["nobody"] = asgi.get(server.application, "/healthz")
    assert {one.status_code for one in answers.values()} == {503}
    assert all(one.json()["capabilities"]["live"]["failures"] == 3 for one in answers.values())
    assert {who: b"secret" in one.body for who, one in answers.items()} == {"olga": True, "ada": told, "nobody": told}


@pytest.mark.parametrize("server", ["apache", "lighttpd", "nginx"])
def test_web_servers_send_the_same_policy(server: str) -> None:
    shipped = web_servers.shipped(server, 1, {})
    assert f'"{SAFETY["Content-Security-Policy"]}"' in shipped


def test_a_port_that_is_taken_is_told_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        server = Server(Settings(web=WebSettings(port=port)), {}, well)
        with pytest.raises(SettingsError, match=rf"listen: 127\.0\.0\.1:{port}: address in use.*--set web\.port="):
            server.start()


def test_a_host_that_is_not_ours_is_told() -> None:
    with pytest.raises(SettingsError, match=r"listen: 192\.0\.2\.1:0: .*no address of this machine"):
        Server(Settings(web=WebSettings(listen=["192.0.2.1"], port=0)), {}, well).start()
    with pytest.raises(SettingsError, match=r"listen: nowhere\.invalid:0: .*no address of this machine"):
        Server(Settings(web=WebSettings(listen=["nowhere.invalid"], port=0)), {}, well).start()


def test_a_server_that_stopped_frees_its_port_and_another_can_start(tmp_path: Path) -> None:
    first = Server(Settings(web=WebSettings(port=0)), {}, well)
    first.start()
    with socket.create_connection(("127.0.0.1", first.port)) as idle:  # a reader who stays connected holds nothing up
        port = first.port
        first.stop()
        assert idle.recv(1) == b""
    second = Server(Settings(web=WebSettings(port=port)), {}, well)
    second.start()
    assert second.url == f"http://127.0.0.1:{port}/"
    second.stop()


def test_a_request_that_hangs_does_not_hold_up_the_stop() -> None:
    def slow() -> Mapping[str, Any]:
        entered.append(1)
        while not released:
            time.sleep(0.01)
        return {"status": "ok"}

    entered: list[int] = []
    released: list[int] = []
    server = Server(Settings(web=WebSettings(port=0)), {}, slow)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port)) as waiting:
        waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        while not entered:
            time.sleep(0.01)
        server.stop()
        released.append(1)
        assert b'"ok"' not in waiting.recv(1000)


@pytest.mark.parametrize("documents", [[b"null\n"], [b""], [b"a\n", b"b" * 70000, b"", b"null\n"] * 5])
def test_joined_members_are_one_member(documents: list[bytes]) -> None:
    stream = zlib.decompressobj(31)
    assert stream.decompress(joined.join([writer.compress(text) for text in documents])) == b"".join(documents)
    assert stream.eof
    assert stream.unused_data == b""


@pytest.mark.parametrize("size", [10, writer.LARGE_BYTES + 1])
def test_what_we_write_is_joined_without_unpacking(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "unpack", None)  # it would take as long as everything else together
    member = writer.compress(b"x" * size)
    assert zlib.decompress(joined.join([member, writer.compress(b"null\n"), member]), 31) == (
        b"x" * size + b"null\n" + b"x" * size
    )


def test_a_damaged_member_is_an_error() -> None:
    with pytest.raises(SpoolError, match="damaged"):
        joined.join([writer.compress(b"a"), b"junk"])
