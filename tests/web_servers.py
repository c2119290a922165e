"""Start real web servers on loopback with the settings that we ship, each in its own directory, and stop them by id."""

import base64
import contextlib
import hashlib
import http.client
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from jobmon.config import LiveSettings, Settings, WebSettings
from services import free_port, require
from web_thread import Server

ROOT = Path(__file__).parents[1]
START_S = 10.0
IS_ROOT = os.geteuid() == 0
ACCOUNT = "www-data" if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name
"""Whom the web servers run as where people sign in to them."""
SOCKET = "/run/jobmon/web.sock"
PLACES = {"nginx": "nginx", "apache": "apache2", "lighttpd": "lighttpd"}


@dataclass(frozen=True)
class Answer:
    """Be what a server answered; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Web:
    """Be a running server: where its page is, and the folder that it serves from."""

    port: int
    prefix: str
    spool: Path

    def get(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for a path below the page; no header is sent that is not named, not even Accept-Encoding."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.putrequest(method, quote(self.prefix + path, safe="/?&=%:;+,.-_~*"), skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            body = response.read()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, body)


@contextlib.contextmanager
def public_folder() -> Iterator[Path]:
    """Make a folder that the unprivileged user of a web server may read."""
    folder = Path(tempfile.mkdtemp(prefix="jobmon-web-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def daemon(spool: Path, page: Path, prefix: str = "/", listen: str = "127.0.0.1:0") -> Iterator[Web]:
    web = WebSettings(listen=[listen], socket_mode="0666")
    settings = Settings(live=LiveSettings(data_path=str(spool)), web=web)
    server = Server(settings, page=page)
    server.start()
    try:
        yield Web(server.port, prefix, spool)
    finally:
        server.stop()


def shipped(name: str, way: int, replaced: Mapping[str, str]) -> str:
    """Return one of the three ways of a file in etc/web, with its places replaced."""
    text = (ROOT / "etc/web" / f"{name}.conf").read_text(encoding="utf-8")
    chosen = re.split(r"(?m)^## [123]\. ", text)[way]
    if way != 1:
        lines = chosen.splitlines()[1:]
        chosen = "\n".join(line.removeprefix("#") for line in lines if not line.startswith("##"))
    else:
        chosen = f"## {chosen}"
    for old, new in replaced.items():
        chosen = chosen.replace(old, new)
    return chosen


@contextlib.contextmanager
def running(arguments: list[str], port: int, log: Path) -> Iterator[None]:
    """Run a server in the foreground until the block ends; it has started when its port answers."""
    with log.open("ab") as output:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=log.parent)
    try:
        deadline = time.monotonic() + START_S
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{arguments[0]} did not start:\n{log.read_text()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # a browser that stayed connected holds nothing up
            process.kill()
            process.wait()


@contextlib.contextmanager
def lighttpd(run: Path, settings: str, way: int) -> Iterator[int]:
    program, port = require("lighttpd", "lighttpd"), free_port()
    (uploads := run / "uploads").mkdir()
    uploads.chmod(0o777)
    (run / "lighttpd.conf").write_text(
        f'server.bind = "127.0.0.1"\nserver.port = {port}\nserver.document-root = "{run}/page"\n'
        f'server.modules = ()\nserver.upload-dirs = ("{uploads}")\n'
        + (f'server.username = "{ACCOUNT}"\nserver.groupname = "{ACCOUNT}"\n' if way == 3 and IS_ROOT else "")
        + 'mimetype.assign = (".html" => "text/html", ".js" => "text/javascript", ".json" => "application/json")\n'
        + settings,
        encoding="utf-8",
    )
    with running([program, "-D", "-f", str(run / "lighttpd.conf")], port, run / "output.log"):
        yield port


@contextlib.contextmanager
def apache(run: Path, settings: str, way: int) -> Iterator[int]:
    program, port = require("apache2", "apache2"), free_port()
    names = (
        ["alias", "dir", "env", "headers", "mime", "cgid"] if way == 1 else ["alias", "headers", "proxy", "proxy_http"]
    )
    names += ["authn_core", "auth_basic", "authn_file", "authz_user"] if way == 3 else []
    modules = [
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
        for name in ["mpm_event", "authz_core", *names]
    ]
    (run / "apache.conf").write_text(
        "\n".join(modules)
        + f"\nServerName localhost\nListen 127.0.0.1:{port}\nServerRoot {run}\nDocumentRoot {run}/page\n"
        f"PidFile {run}/pid\nDefaultRuntimeDir {run}\nErrorLog {run}/error.log\n"
        + (f"User {ACCOUNT}\nGroup {ACCOUNT}\n" if IS_ROOT else "")
        + (f"ScriptSock {run}/cgid\nTypesConfig /etc/mime.types\n" if way == 1 else "")
        + settings,
        encoding="utf-8",
    )
    with running([program, "-f", str(run / "apache.conf"), "-DFOREGROUND"], port, run / "output.log"):
        yield port


@contextlib.contextmanager
def nginx(run: Path, settings: str, way: int) -> Iterator[int]:
    program, port = require("nginx", "nginx-light"), free_port()
    (run / "nginx.conf").write_text(
        (f"user {ACCOUNT if way == 3 else 'root'};\n" if IS_ROOT else "")
        + f"daemon off;\nmaster_process {'on' if way == 3 else 'off'};\n"
        + f"worker_processes 1;\npid {run}/pid;\nerror_log {run}/error.log;\n"
        "events {}\nhttp {\ninclude /etc/nginx/mime.types;\naccess_log off;\n"
        + "".join(f"{kind}_temp_path {run}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        + f"server {{\nlisten 127.0.0.1:{port};\nroot {run}/page;\n{settings}\n}}\n}}\n",
        encoding="utf-8",
    )
    with contextlib.ExitStack() as stack:
        if way == 1:
            fcgiwrap = require("fcgiwrap", "fcgiwrap")
            wrapper = subprocess.Popen([fcgiwrap, "-s", f"unix:{run}/fcgiwrap.socket"], stdin=subprocess.DEVNULL)
            stack.callback(wrapper.wait, 10)
            stack.callback(wrapper.terminate)
        stack.enter_context(running([program, "-c", str(run / "nginx.conf"), "-p", str(run)], port, run / "output.log"))
        yield port


STARTS: Mapping[str, Callable[[Path, str, int], contextlib.AbstractContextManager[int]]] = {
    "lighttpd": lighttpd,
    "apache": apache,
    "nginx": nginx,
}


@contextlib.contextmanager
def behind(name: str, spool: Path, page: Path, way: int) -> Iterator[Web]:
    """Run one of the web servers with its shipped settings: way 1 is CGI, way 2 a proxy of the daemon's own server."""
    with contextlib.ExitStack() as stack:
        run = stack.enter_context(public_folder())
        shutil.copytree(ROOT / "cgi-bin", run / "cgi-bin")  # as the settings say: links become files
        shutil.copytree(page, run / "page")
        replaced = {
            "/usr/lib/jobmon/cgi-bin": str(run / "cgi-bin"),
            "/usr/share/jobmon/page": str(run / "page"),
            "/var/spool/jobmon": str(spool),
            "/run/fcgiwrap.socket": str(run / "fcgiwrap.socket"),
        }
        if way == 2:
            replaced[SOCKET] = str(run / "web.sock")
            stack.enter_context(daemon(spool, page, listen=f"unix:{run}/web.sock"))
        port = stack.enter_context(STARTS[name](run, shipped(name, way, replaced), way))
        yield Web(port, "/jobmon/", spool)


@contextlib.contextmanager
def signing_in(name: str, run: Path, users: Mapping[str, str], places: Mapping[str, str]) -> Iterator[int]:
    """Run one of the web servers as it is shipped for people who sign in, and return its port.

    `run` is its folder, `users` are names and passwords, `places` what to put in the place of what is shipped.
    """
    (run / "page").mkdir(exist_ok=True)
    (run / "users").write_text("".join(f"{user}:{_hashed(word)}\n" for user, word in users.items()), encoding="utf-8")
    replaced = {f"/etc/{PLACES[name]}/jobmon.users": str(run / "users"), **places}
    with STARTS[name](run, shipped(name, 3, replaced), 3) as port:
        yield port


def _hashed(password: str) -> str:
    """Return what a file of users holds of a password: the SHA-1 form, which all three servers know."""
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode(), usedforsecurity=False).digest()).decode()
