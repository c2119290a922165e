"""Run the real daemon for the tests, and be the service manager that it reports to."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobmon.schedulers.local.process import descendants

WAIT_S = 60.0
"""Generous: what takes longer has failed, however busy the machine is."""

GOOD = """
from backend_base import BackendBase

class Backend(BackendBase):
    def hostnames(self):
        return ["n1", "n2"]

    def n_cpus(self, name):
        return 4
"""


@dataclass
class Site:
    """Hold one site's folders below `root`."""

    root: Path
    overrides: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self.backends.mkdir(exist_ok=True)
        self.write_backend()
        self.write_settings()

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def backends(self) -> Path:
        return self.root / "backends"

    @property
    def settings(self) -> Path:
        return self.root / "jobmon.toml"

    @property
    def snapshot(self) -> Path:
        return self.data / "data.json.gz"

    def write_backend(self, methods: str = "", name: str = "site") -> None:
        """Write the site's back end: a good one, with further methods indented by four."""
        (self.backends / f"backend_{name}.py").write_text(GOOD + methods)

    def write_settings(self, text: str = "", interval: float = 0.2, backend: str = "site") -> None:
        """Write jobmon.toml; it takes the place of the old one in one step, as an editor does."""
        new = self.settings.with_suffix(".new")
        new.write_text(
            f'[live]\nbackend = "{backend}"\nbackend_path = "{self.backends}"\ndata_path = "{self.data}"\n'
            f"update_interval = {interval}\n{text}\n" + ("" if "[web]" in text else "[web]\nport = 0\n")
        )
        new.replace(self.settings)


def until(found: Callable[[], Any], what: str, most_s: float = WAIT_S) -> Any:
    """Return what `found` finds; it is asked until it finds something."""
    deadline = time.monotonic() + most_s
    while time.monotonic() < deadline:
        answer = found()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"did not happen: {what}")


def command(site: Site, *words: str) -> list[str]:
    """Return a command of jobmon with the settings of the site."""
    return [sys.executable, "-m", "jobmon", *words, "--config", str(site.settings)]


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended, but was not waited for, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def answers(url: str) -> bool:
    """Say whether something is answered at an address, whatever it is."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False


@dataclass
class DaemonProcess:
    """Start, watch and end one daemon."""

    site: Site
    environment: dict[str, str]
    pid: int = 0

    def __post_init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = str(self.site.root / "notify")
        self._manager.bind(address)
        self._manager.settimeout(WAIT_S)
        self.environment |= {"NOTIFY_SOCKET": address}
        self.log_file = self.site.root / "daemon.log"

    def start(self, *options: str, prefix: Sequence[str] = ()) -> "DaemonProcess":
        """Start it; `prefix` is a command that becomes the daemon."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*prefix, *command(self.site, "run", *options)], env=self.environment, stdout=log, stderr=log
            )
        self.pid = self._process.pid
        return self

    def ready(self) -> "DaemonProcess":
        """Wait for READY=1."""
        self.told("READY=1")
        return self

    def next_states(self) -> dict[str, str]:
        """Return the next message to the service manager, as {name: value}."""
        message = self._manager.recv(65536).decode()
        return dict(line.split("=", 1) for line in message.split("\n"))

    def told(self, text: str) -> list[dict[str, str]]:
        """Return all messages up to the one in which a state begins with `text`."""
        messages = []
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            messages.append(self.next_states())
            if any(f"{name}={value}".startswith(text) for name, value in messages[-1].items()):
                return messages
        raise AssertionError(f"the service manager was never told {text}; the log:\n{self.log()}")

    def forget(self) -> None:
        """Drop the messages that have come so far."""
        self._manager.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._manager.recv(65536)
        self._manager.settimeout(WAIT_S)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def logged(self, text: str, times: int = 1) -> None:
        """Wait until the log holds a text."""
        try:
            until(lambda: self.log().count(text) >= times, text)
        except AssertionError:
            raise AssertionError(f"{text!r} is not in the log:\n{self.log()}") from None

    def page(self) -> str:
        """Return the address of the page, once it is served."""

        def url() -> str:
            lines = (self.site.data / ".jobmon.lock").read_text().splitlines()
            return lines[1] if len(lines) > 1 else ""

        return str(until(url, "the page is served"))

    def web_process(self) -> int:
        """Return the process that serves the page, once there is one."""

        def found() -> int:
            for pid in descendants(self.pid):
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    if b"jobmon.web.process" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        return pid
            return 0

        return int(until(found, "there is a web process"))

    def health(self) -> tuple[int, Any]:
        """Return status and body of /healthz."""
        try:
            with urllib.request.urlopen(self.page() + "healthz", timeout=WAIT_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, json.load(answer)

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(WAIT_S)

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM; return the exit code, and after how many seconds it came."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        return self.wait(), time.monotonic() - began

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._manager.close()
