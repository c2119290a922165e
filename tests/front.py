"""Run the daemon for people who sign in to a web server in front of it: settings, socket, account and secret."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon_process import DaemonProcess, Site
from proxy_secret import SECRET, secret_file
from web_servers import ACCOUNT, IS_ROOT, SOCKET, public_folder, signing_in

PASSWORDS = {"olga": "correct horse", "ada": "battery staple"}


@dataclass(frozen=True)
class Front:
    """Be a running daemon: its own address, its socket, and the folder of its settings."""

    url: str
    socket: Path
    site: Site
    run: Path

    @contextlib.contextmanager
    def server(self, name: str, proof: str) -> Iterator[str]:
        """Run a web server in front, and return the address of the page there."""
        places = {SOCKET: str(self.socket)} if proof == "socket" else by_secret(name, self.url)
        with signing_in(name, self.run, PASSWORDS, places) as port:
            yield f"http://127.0.0.1:{port}/jobmon/"


def by_secret(name: str, url: str) -> dict[str, str]:
    """Return what docs/access.md tells to change in what is shipped, for a web server that comes by TCP."""
    port = url.rstrip("/").rpartition(":")[2]
    header = f'X-Jobmon-Proxy-Secret "{SECRET}"'
    return {
        "nginx": {
            "http://unix:/run/jobmon/web.sock:/": url,
            "proxy_set_header Host": f"proxy_set_header {header};\nproxy_set_header Host",
        },
        "apache": {
            "unix:/run/jobmon/web.sock|http://localhost/": url,
            "http://localhost/": url,
            "    AuthType Basic": f"RequestHeader set {header}\n    AuthType Basic",
        },
        "lighttpd": {
            '"socket" => "/run/jobmon/web.sock"': f'"host" => "127.0.0.1", "port" => {port}',
            '"Authorization" => ""': f'"Authorization" => "", "X-Jobmon-Proxy-Secret" => "{SECRET}"',
        },
    }[name]


@contextlib.contextmanager
def daemon(root: Path, *, proof: str = "socket", header: str = "X-Remote-User", more: str = "") -> Iterator[Front]:
    """Run the daemon of a folder: the web server in front proves itself by its socket, or by a secret."""
    with public_folder() as run:
        site = Site(root)
        believed = {
            "socket": f'proxy_users = ["{ACCOUNT}"]',
            "secret": f'proxy_secret_file = "{secret_file(root)}"',
        }[proof]
        group = f'socket_group = "{ACCOUNT}"\n' if IS_ROOT else ""
        site.write_settings(
            '[batch]\nscheduler = "local"\nlocal_slots = 2\n'
            f'[web]\nlisten = ["127.0.0.1", "unix:{run}/web.sock"]\nport = 0\n{group}{believed}\n'
            f'remote_user_header = "{header}"\noperators = ["olga"]\n{more}\n',
            interval=5,
        )
        quiet = {name: value for name, value in os.environ.items() if not name.startswith(("JOBMON_", "WATCHDOG_"))}
        process = DaemonProcess(site, quiet)
        try:
            yield Front(process.start().ready().page(), run / "web.sock", site, run)
        finally:
            process.stop()
            process.kill()
