"""Who is believed to be whom: the web server in front when it proves itself, and nobody who only says so."""

import logging
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request

import asgi
import web_servers
from jobmon import logs
from jobmon.api.access import Access
from jobmon.api.peer import Peer
from jobmon.api.routes import Level, Routes, asker
from jobmon.config import WebSettings, parse
from jobmon.errors import SettingsError

SECRET = "s" * 31 + "3"
STRANGER = Peer("unix", "/run/jobmon/web.sock", 1000)
UNTOLD = Peer("unix", "/run/jobmon/web.sock", None)


def application(**web: Any) -> Any:
    routes = Routes(prefix="/api")

    @routes.get("/me", Level.ANYBODY)
    def me(request: Request) -> dict[str, str]:
        who = asker(request)
        return {"name": who.name, "role": who.role}

    @routes.post("/act", Level.PERSON)
    def act(request: Request) -> dict[str, str]:
        return {"name": asker(request).name}

    settings = WebSettings.model_validate({**asgi.FRONT, "operators": ["olga"], "admins": ["root"], **web})
    return asgi.application(routes, access=Access(settings))


def name(app: Any, peer: Peer, *headers: tuple[str, str]) -> str:
    answer = asgi.get(app, "/api/me", peer=peer, raw=headers)
    assert answer.status_code == 200, answer.body
    return str(answer.json()["name"])


def says(user: str) -> tuple[str, str]:
    return "X-Remote-User", user


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o640)
    return path


# --- who is believed --------------------------------------------------------------------------------------------------


def test_the_web_server_in_front_is_believed() -> None:
    app = application()
    assert name(app, asgi.PROXY, says("ada")) == "ada"
    assert asgi.get(app, "/api/me", peer=asgi.PROXY, raw=[says("olga")]).json()["role"] == "operator"
    assert name(app, asgi.PROXY) == ""


@pytest.mark.parametrize("peer", [asgi.ANYBODY, STRANGER, UNTOLD, Peer("tcp", "", 33), Peer("tcp", "127.0.0.1", None)])
def test_nobody_else_is_believed(peer: Peer) -> None:
    expected = "root" if peer.kind == "unix" and peer.uid == 33 else ""
    assert name(application(), peer, says("root")) == expected


def test_without_a_web_server_in_front_nobody_is_believed() -> None:
    app = application(listen=["127.0.0.1"], proxy_users=[])
    for peer in (asgi.ANYBODY, asgi.PROXY):
        assert name(app, peer, says("root")) == ""


def test_the_secret_proves_the_web_server_wherever_it_is(secret: Path) -> None:
    app = application(listen=["127.0.0.1"], proxy_users=[], proxy_secret_file=str(secret))
    good = ("X-Jobmon-Proxy-Secret", SECRET)
    assert name(app, asgi.ANYBODY, says("ada"), good) == "ada"
    assert name(app, STRANGER, says("ada"), good) == "ada"
    for bad in ("", SECRET[:-1], SECRET + "3", SECRET.upper(), "x" * 100_000, "\xe9" * 32):
        assert name(app, asgi.ANYBODY, says("ada"), ("X-Jobmon-Proxy-Secret", bad)) == ""
    assert name(app, asgi.ANYBODY, says("ada"), good, good) == ""
    assert name(app, asgi.ANYBODY, says("ada"), ("X-Jobmon-Proxy-Secret", f"{SECRET}, {SECRET}")) == ""


def test_a_claim_without_proof_is_logged_once_a_minute_and_without_the_claim(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: now[0])
    caplog.handler.addFilter(once := logs.Seldom())  # as in the web process
    app = application()
    with caplog.at_level(logging.WARNING, "jobmon.api"):
        for _ in range(50):
            name(app, STRANGER, says("mallory"))
        assert len(caplog.records) == 1
        assert "account 1000" in caplog.text
        now[0] += 61
        name(app, asgi.ANYBODY, says("mallory"))
    caplog.handler.removeFilter(once)
    assert len(caplog.records) == 2
    assert "127.0.0.1" in caplog.text
    assert "mallory" not in caplog.text


# --- what is a name ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["ada", "Ada", "ada.lovelace", "ada@SITE.ORG", "SITE\\ada", "a+b", "_svc", "x" * 255])
def test_a_login_stays_as_it_is(user: str) -> None:
    assert name(application(), asgi.PROXY, says(user)) == user


@pytest.mark.parametrize("user", ["OLGA", "olga@SITE.ORG", "SITE\\olga", "olga.", "0lga"])
def test_what_looks_like_an_operator_is_none(user: str) -> None:
    assert asgi.get(application(), "/api/me", peer=asgi.PROXY, raw=[says(user)]).json()["role"] == "user"


@pytest.mark.parametrize("user", ["", "(null)", "-"])
def test_who_has_not_signed_in_is_nobody(user: str) -> None:
    assert name(application(), asgi.PROXY, says(user)) == ""


@pytest.mark.parametrize(
    "said",
    [
        ["ada", "olga"],
        ["ada", "ada"],
        ["", "olga"],
        ["ada, olga"],
        ["ada,olga"],
        ["ada olga"],
        ["%6Flga"],
        ["=?utf-8?q?olga?="],
        ["UTF-8''olga"],
        ["ol\xc3\xa9ga"],
        ["\xd0\xbelga"],
        ["olga\x00"],
        ["olga\t"],
        ['"olga"'],
        ["-olga"],
        ["x" * 256],
        ["../olga"],
    ],
)
def test_what_is_not_one_login_is_refused(said: list[str]) -> None:
    app = application()
    answer = asgi.get(app, "/api/me", peer=asgi.PROXY, raw=[says(user) for user in said])
    assert answer.status_code == 400
    assert "X-Remote-User" in answer.json()["detail"]
    assert name(app, STRANGER, *(says(user) for user in said)) == ""


def test_a_header_of_a_similar_name_says_nothing() -> None:
    for header in ("X_Remote_User", "X-Remote-User-", "Remote-User", "X-Forwarded-User"):
        assert name(application(), asgi.PROXY, (header, "olga")) == ""


# --- what is refused at the start -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "web",
    [
        {"trusted_proxies": ["127.0.0.1"]},
        {"trusted_proxies": []},
        {"trusted_proxies": ["127.0.0.1"], "enabled": False},
        {"trusted_proxies": ["127.0.0.1"], **asgi.FRONT, "tokens_file": "/etc/jobmon/tokens.json"},
    ],
)
def test_an_address_as_a_proof_is_refused_and_the_way_out_is_told(web: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as refused:
        parse({"web": web}, "jobmon.toml")
    for word in ("jobmon.toml", "[web]", "trusted_proxies", "unix:/run/jobmon/web.sock", "proxy_users",
                 "proxy_secret_file", "docs/access.md"):  # fmt: skip
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("web", "told"),
    [
        ({"proxy_users": ["www-data"]}, "listen names none"),
        ({"read": "own", "listen": "unix:/run/x"}, "needs proxy_users, proxy_secret_file or tokens_file"),
        ({"public_url": "cluster.site.org"}, "must be an address such as https://"),
        ({"public_url": "https://u:p@cluster.site.org/"}, "must be an address such as https://"),
        ({"public_url": "https://cluster.site.org:http/"}, "must be an address such as https://"),
    ],
)
def test_settings_that_cannot_work_are_refused(web: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        parse({"web": web}, "jobmon.toml")


@pytest.mark.parametrize(("account", "told"), [("no-such-account", "no such account"), ("65534", "of its own")])
def test_an_account_that_cannot_be_told_is_refused(account: str, told: str) -> None:
    with pytest.raises(SettingsError, match=rf"proxy_users: '{account}'.*{told}"):
        application(proxy_users=[account])


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o606])
def test_a_secret_that_others_can_read_or_change_is_refused(secret: Path, mode: int) -> None:
    secret.chmod(mode)
    with pytest.raises(SettingsError, match=rf"{secret}.*chmod 640"):
        application(proxy_secret_file=str(secret))


@pytest.mark.parametrize("text", ["", "short", "x" * 257, "x" * 20 + " " + "x" * 20, "x" * 40 + "\ny"])
def test_a_secret_that_is_none_is_refused_and_not_shown(secret: Path, text: str) -> None:
    secret.write_text(text)
    with pytest.raises(SettingsError, match="32 to 256 printable") as refused:
        application(proxy_secret_file=str(secret))
    assert "xxxx" not in str(refused.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_secret_of_somebody_else_is_refused(secret: Path) -> None:
    os.chown(secret, 12345, -1)
    with pytest.raises(SettingsError, match="belongs to somebody else"):
        application(proxy_secret_file=str(secret))


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_a_secret_in_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "place"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path, 0o600)
    with pytest.raises(SettingsError, match="proxy_secret_file"):
        application(proxy_secret_file=str(path))


# --- requests of our own pages ----------------------------------------------------------------------------------------

PAGE = {"X-Requested-With": "jobmon"}


def acts(app: Any, peer: Peer = asgi.PROXY, **headers: str) -> int:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return asgi.get(
        app, "/api/act", headers={**PAGE, **dict([says("ada")]), **named}, peer=peer, method="POST"
    ).status_code


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "site.org", "Origin": "https://site.org"}, 200),
        ({"Host": "site.org:8443", "Origin": "https://site.org:8443"}, 200),
        ({"Host": "site.org:443", "Origin": "https://site.org"}, 200),
        ({"Host": "site.org:80", "Origin": "http://site.org"}, 200),
        ({"Host": "SITE.org", "Origin": "https://site.ORG"}, 200),
        ({"Host": "[::1]:8080", "Origin": "http://[::1]:8080"}, 200),
        ({"Host": "site.org"}, 200),
        ({"Host": "site.org", "Origin": "https://evil.org"}, 403),
        ({"Host": "site.org", "Origin": "https://site.org.evil.org"}, 403),
        ({"Host": "site.org", "Origin": "https://evil.org/site.org"}, 403),
        ({"Host": "site.org", "Origin": "https://site.org:8443"}, 403),
        ({"Host": "site.org", "Origin": "https://site.org@evil.org"}, 403),
        ({"Host": "site.org", "Origin": "null"}, 403),
        ({"Host": "site.org", "Origin": ""}, 403),
        ({"Host": "site.org", "Origin": "ftp://site.org"}, 403),
        ({"Host": "site.org", "Origin": "https://site.org:x"}, 403),
        # a web server in front that sends its own name, or none of its port
        ({"Host": "localhost", "X_Forwarded_Host": "site.org:8443", "Origin": "https://site.org:8443"}, 200),
        ({"Host": "localhost", "X_Forwarded_Host": "evil.org, site.org", "Origin": "https://site.org"}, 200),
        ({"Host": "localhost", "X_Forwarded_Host": "evil.org, site.org", "Origin": "https://evil.org"}, 403),
        # what a browser says of itself
        ({"Host": "site.org", "Origin": "https://site.org:8443", "Sec_Fetch_Site": "same-origin"}, 200),
        ({"Host": "127.0.0.1:8080", "Origin": "https://site.org", "Sec_Fetch_Site": "same-origin"}, 200),
        ({"Host": "site.org", "Origin": "https://site.org", "Sec_Fetch_Site": "same-site"}, 403),
        ({"Host": "site.org", "Origin": "https://site.org", "Sec_Fetch_Site": "cross-site"}, 403),
        ({"Host": "site.org", "Sec_Fetch_Site": "none"}, 403),
        ({"Host": "site.org", "Origin": "https://evil.org", "Sec_Fetch_Site": "cross-site"}, 403),
        ({"Host": "site.org", "Origin": "https://site.org", "X_Requested_With": ""}, 403),
    ],
)
def test_only_our_own_pages_act(headers: dict[str, str], status: int) -> None:
    assert acts(application(), **headers) == status


def test_a_forwarded_host_counts_only_from_the_web_server_in_front(secret: Path) -> None:
    app = application(tokens_file="")
    headers = {"Host": "localhost", "X_Forwarded_Host": "evil.org", "Origin": "https://evil.org"}
    assert acts(app, **headers) == 200
    assert acts(app, peer=STRANGER, **headers) == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:8080", "Origin": "https://site.org"}, 200),
        ({"Host": "site.org", "Origin": "https://site.org:443"}, 200),
        ({"Host": "site.org", "Origin": "https://evil.org"}, 403),
        ({"Host": "site.org", "Origin": "http://site.org"}, 403),
        # the browser was led to us under another name: its pages are one site to it, and not ours
        ({"Host": "evil.org", "Origin": "https://evil.org", "Sec_Fetch_Site": "same-origin"}, 403),
    ],
)
def test_where_the_address_of_the_page_is_known_only_its_pages_act(headers: dict[str, str], status: int) -> None:
    assert acts(application(public_url="https://site.org/jobmon/"), **headers) == status


# --- the header Forwarded, which is where lighttpd says who has signed in ---------------------------------------------


@pytest.mark.parametrize(
    ("said", "user"),
    [
        (['for=192.0.2.1;remote_user="ada"'], "ada"),
        (["for=192.0.2.1;Remote_User=ada"], "ada"),
        (['for="[2001:db8::1]:4711" ; remote_user="SITE\\\\ada" '], "SITE\\ada"),
        (['for=192.0.2.1;proto=https;host="a, b;c";remote_user="ada"'], "ada"),
        # what others have said before, or at the same time
        (['remote_user=root, for=192.0.2.1;remote_user="ada"'], "ada"),
        (["remote_user=root", 'for=192.0.2.1;remote_user="ada"'], "ada"),
        (["remote_user=root, for=192.0.2.1"], ""),
        (['for=192.0.2.1;remote_user=""'], ""),
        (["for=192.0.2.1"], ""),
        ([""], ""),
    ],
)
def test_forwarded_names_who_signed_in_at_the_last_server(said: list[str], user: str) -> None:
    app = application(remote_user_header="Forwarded")
    assert name(app, asgi.PROXY, *(("Forwarded", value) for value in said)) == user
    assert name(app, STRANGER, *(("Forwarded", value) for value in said)) == ""


@pytest.mark.parametrize(
    "said",
    [
        'remote_user=root;y=", q, for=127.0.0.1;remote_user="ada"',
        'x="a, for=192.0.2.1;remote_user="ada"',
        'remote_user=root;y=", for=192.0.2.1',
        'remote_user=root;y=", for="[::1]"',
        'remote_user="root""ada"',
        "remote_user=ada;remote_user=root",
        "root",
        "remote_user=a b",
        "remote_user = root",
        'remote_user="a, b"',
        'x="' + "\\" * 10_001 + '"',
    ],
)
def test_forwarded_that_is_not_clear_is_refused(said: str) -> None:
    app = application(remote_user_header="Forwarded")
    assert asgi.get(app, "/api/me", peer=asgi.PROXY, raw=[("Forwarded", said)]).status_code == 400


@pytest.mark.parametrize(("server", "begin"), [("nginx", "location /"), ("apache", "<Loc"), ("lighttpd", "$HTTP")])
def test_the_manual_shows_what_is_shipped(server: str, begin: str) -> None:
    text = (web_servers.ROOT / "docs/access.md").read_text(encoding="utf-8")
    shipped = web_servers.shipped(server, 3, {})
    found = [textwrap.dedent(block) for block in text.split("\n\n") if block.strip().startswith(begin)]
    assert len(found) == 1
    assert found[0] in shipped
