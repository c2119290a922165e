"""The whole daemon behind real web servers, and local accounts that would like to be somebody else."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import front
from daemon_process import DaemonProcess, Site, command, until
from front import Front
from proxy_secret import SECRET
from services import require
from web_servers import ACCOUNT, IS_ROOT, STARTS

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]
NOBODYS_UID = "12345"
ALL_CLAIMS = {
    "X-Remote-User": "olga",
    "Forwarded": 'for=127.0.0.1;remote_user="olga"',
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-User": "olga",
    "X-Jobmon-Proxy-Secret": "guessed" * 8,
    "X-Requested-With": "jobmon",
}
JOB = {"command": ["true"]}


def asks(
    url: str, *options: str, account: str = "", headers: dict[str, str] | None = None, body: Any = None
) -> tuple[int, Any]:  # fmt: skip
    """Ask with curl as an account, and return status and answer; status 0 when nobody could be asked."""
    words = [require("curl", "curl"), "-s", "-m", "20", "-w", "\n%{http_code}", *options, url]
    for name, value in (headers or {}).items():
        words += ["-H", f"{name}: {value}"]
    if body is not None:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    if account:
        words = [require("setpriv", "util-linux"), f"--reuid={account}", "--clear-groups", "--", *words]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    answer, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(answer) if answer.startswith("{") else answer


@pytest.fixture(params=["socket", "secret"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Front]:
    more = f'socket_mode = "0666"\ntokens_file = "{tmp_path}/tokens.json"'
    with front.daemon(tmp_path, proof=request.param, more=more) as running:
        yield running


@pytest.mark.skipif(not IS_ROOT, reason="only root becomes another account")
def test_a_local_account_stays_nobody_whatever_it_says(made: Front) -> None:
    for options, url in (([], made.url), (["--unix-socket", str(made.socket)], "http://localhost/")):
        for account in (NOBODYS_UID, "65534"):
            status, person = asks(f"{url}api/whoami", *options, account=account, headers=ALL_CLAIMS)
            assert (status, person["user"], person["role"]) == (200, None, "anonymous")
            status, _ = asks(f"{url}api/batch/jobs", *options, account=account, headers=ALL_CLAIMS, body=JOB)
            assert status == 401
        # root has no other name either: it is an account like others, as long as nobody believes it
        assert asks(f"{url}api/whoami", *options, headers=ALL_CLAIMS)[1]["user"] is None
    assert asks(f"{made.url}api/batch/jobs")[1]["jobs"] == []
    log = (made.site.root / "daemon.log").read_text()
    assert log.count("is taken for nobody") == 1
    assert "olga" not in log


@pytest.mark.skipif(not IS_ROOT, reason="only root becomes another account")
def test_the_account_of_the_web_server_is_believed_at_the_socket_alone(tmp_path: Path) -> None:
    with front.daemon(tmp_path) as made:
        person = {"X-Remote-User": "olga"}
        at_socket = ["--unix-socket", str(made.socket)]
        url = "http://localhost/api/whoami"
        assert asks(url, *at_socket, account=ACCOUNT, headers=person)[0] == 0  # without its group it may not connect
        group = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--init-groups", "--"]
        words = [*group, require("curl", "curl"), "-s", *at_socket, "-H", "X-Remote-User: olga", url]
        told = subprocess.run(words, capture_output=True, text=True, check=True)
        assert json.loads(told.stdout)["user"] == "olga"
        assert asks(f"{made.url}api/whoami", account=ACCOUNT, headers=person)[1]["user"] is None
        assert asks(url, *at_socket, account=NOBODYS_UID, headers=person)[0] == 0
        assert oct(made.socket.stat().st_mode & 0o777) == "0o660"


def test_the_secret_proves_the_web_server(tmp_path: Path) -> None:
    with front.daemon(tmp_path, proof="secret") as made:
        claim = {"X-Remote-User": "olga", "X-Requested-With": "jobmon"}
        assert asks(f"{made.url}api/batch/jobs", headers=claim, body=JOB)[0] == 401
        proven = {**claim, "X-Jobmon-Proxy-Secret": SECRET}
        assert asks(f"{made.url}api/batch/jobs", headers=proven, body=JOB)[0] == 201
        foreign = {**proven, "Origin": "http://evil.example"}
        assert asks(f"{made.url}api/batch/jobs", headers=foreign, body=JOB)[0] == 403
        log = (made.site.root / "daemon.log").read_text()
        assert SECRET not in log
        shown = subprocess.run(command(made.site, "settings"), capture_output=True, text=True, check=True).stdout
        assert SECRET not in shown


@pytest.mark.parametrize("name", STARTS)
def test_a_browser_cannot_say_who_it_is_through_a_web_server(tmp_path: Path, name: str) -> None:
    header = "Forwarded" if name == "lighttpd" else "X-Remote-User"
    more = f'tokens_file = "{tmp_path}/tokens.json"'
    with front.daemon(tmp_path, header=header, more=more) as made, made.server(name, "socket") as url:
        words = command(made.site, "token", "create", "olga", "--role", "operator")
        token = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
        assert asks(f"{url}api/whoami", headers=ALL_CLAIMS)[0] == 401
        ada = ["-u", f"ada:{front.PASSWORDS['ada']}"]
        twice = ["-H", f"{header}: olga", "-H", f"{header.lower()}: olga"]
        for more_headers in ({}, ALL_CLAIMS):
            _, person = asks(f"{url}api/whoami", *ada, *twice, headers=more_headers)
            assert (person["user"], person["role"]) == ("ada", "user")
        status, _ = asks(
            f"{url}api/batch/jobs", *ada, headers={**ALL_CLAIMS, "Origin": "http://evil.example"}, body=JOB
        )
        assert status == 403
        # programs have a way of their own, where tokens alone count
        programs = url.replace("/jobmon/", "/jobmon-programs/")
        assert asks(f"{programs}api/whoami", headers=ALL_CLAIMS)[1]["user"] is None
        signed = {"Authorization": f"Bearer {token}"}
        assert asks(f"{programs}api/batch/jobs", headers=signed, body=JOB)[0] == 201
        assert asks(f"{made.url}api/batch/jobs", headers=signed, body=JOB)[0] == 201
        assert asks(f"{programs}api/whoami", headers={"Authorization": "Bearer jm_guessed"})[0] == 401


@pytest.mark.parametrize(
    ("web", "told"),
    [
        ('trusted_proxies = ["127.0.0.1"]', "an address proves nothing"),
        ('listen = "unix:/run/jobmon/web.sock"\nproxy_users = ["no-such-account"]', "no such account"),
        ('proxy_secret_file = "{0}/missing"', "cannot be read"),
        ('tokens_file = "{0}/jobmon.toml"', "cannot be read as tokens"),
    ],
)
def test_settings_that_would_believe_nobody_or_everybody_are_told_at_the_start(site: Site, web: str, told: str) -> None:
    site.write_settings(f"[web]\nenabled = true\n{web.format(site.root)}")
    done = subprocess.run(command(site, "run"), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_of_tokens_that_breaks_is_told_and_lets_nobody_in(site: Site, daemon: DaemonProcess) -> None:
    tokens = site.root / "tokens.json"
    site.write_settings(f'[web]\nport = 0\ntokens_file = "{tokens}"')
    words = command(site, "token", "create", "ada")
    token = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    daemon.start().ready()
    signed = {"Authorization": f"Bearer {token}"}
    assert asks(f"{daemon.page()}api/whoami", headers=signed)[1]["user"] == "ada"
    good = tokens.read_bytes()
    tokens.write_text("{")
    assert asks(f"{daemon.page()}api/whoami", headers=signed)[0] == 503
    assert asks(f"{daemon.page()}api/whoami")[0] == 200
    _, health = until(lambda: (found := daemon.health())[0] == 503 and found, "the page is not well")
    assert "tokens_file cannot be read" in health["web"]["error"]
    assert str(tokens) not in json.dumps(health)
    daemon.logged(f"{tokens}: cannot be read as tokens")
    daemon.logged("until it is mended no token is valid")
    tokens.write_bytes(good)
    assert asks(f"{daemon.page()}api/whoami", headers=signed)[1]["user"] == "ada"
    until(lambda: daemon.health()[0] == 200, "all is well again")
