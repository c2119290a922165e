"""Start a PostgreSQL of the tests' own: in its own folder, on loopback, stopped by its pid."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from services import absent

USER = "postgres"


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, the newest version's."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if found:
        return str(found[-1])
    path = shutil.which(name)
    if path is None:
        absent(f"{name} is not installed; on Debian: apt-get install --no-install-recommends postgresql")
        raise AssertionError
    return path


@dataclass
class Server:
    """Be a server on loopback, and at more addresses with `also`; its folder is its own."""

    folder: Path
    also: str = ""
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.owner = USER if os.geteuid() == 0 else None  # it refuses to run as root
        if self.owner:
            entry = pwd.getpwnam(self.owner)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.data = self.folder / "data"
        subprocess.run(
            [program("initdb"), "-D", self.data, "-A", "trust", "-U", "jobmon", "--no-sync", "-E", "UTF8",
             "--locale=C"],
            check=True, capture_output=True, user=self.owner, cwd=self.folder,
        )  # fmt: skip
        if self.also:
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.writelines(f"host all all {address}/24 trust\n" for address in self.also.split(","))

    @property
    def url(self) -> str:
        """Return the address of a database, empty at first."""
        return f"postgresql+psycopg://jobmon@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start, and wait until it answers."""
        listens = f"127.0.0.1,{self.also}".rstrip(",")
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [program("postgres"), "-D", self.data, "-p", str(self.port), "-h", listens, "-k", self.folder,
                 "-c", "fsync=off"],
                stdout=subprocess.DEVNULL, stderr=log, user=self.owner, cwd=self.folder,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(host="127.0.0.1", port=self.port, user="jobmon", dbname="postgres").close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self.folder / "log").read_text()) from None
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Break off all sessions and stop; SIGQUIT is as if it had crashed."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let it crash, and start it again afterwards."""
        self.stop(signal.SIGQUIT)
        yield
        self.start()


@contextmanager
def server(also: str = "") -> Iterator[Server]:
    """Run a server; `also` are more addresses to listen at."""
    folder = Path(tempfile.mkdtemp(prefix="jobmon-postgres-"))
    made = Server(folder, also)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(also: str = "") -> Iterator[str]:
    """Run a server; yield the address of an empty database."""
    with server(also) as made:
        yield made.url
