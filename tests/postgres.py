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


@contextmanager
def running(also: str = "") -> Iterator[str]:
    """Run a server; yield the address of an empty database. `also` are more addresses to listen at."""
    initdb, postgres = program("initdb"), program("postgres")
    owner = USER if os.geteuid() == 0 else None  # it refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="jobmon-postgres-"))
    if owner:
        entry = pwd.getpwnam(owner)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    subprocess.run(
        [initdb, "-D", data, "-A", "trust", "-U", "jobmon", "--no-sync", "-E", "UTF8", "--locale=C"],
        check=True, capture_output=True, user=owner, cwd=folder,
    )  # fmt: skip
    if also:
        with (data / "pg_hba.conf").open("a") as rules:
            rules.writelines(f"host all all {address}/24 trust\n" for address in also.split(","))
    listens = f"127.0.0.1,{also}".rstrip(",")
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [postgres, "-D", data, "-p", str(port), "-h", listens, "-k", folder, "-c", "fsync=off"],
            stdout=subprocess.DEVNULL, stderr=log, user=owner, cwd=folder,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(host="127.0.0.1", port=port, user="jobmon", dbname="postgres").close()
                break
            except psycopg.OperationalError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((folder / "log").read_text()) from None
                time.sleep(0.05)
        yield f"postgresql+psycopg://jobmon@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
