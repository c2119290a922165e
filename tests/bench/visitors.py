"""Measure what a crowd of visitors costs the work: `./jobmon.sh bench visitors`.

One daemon publishes a simulated cluster every few seconds and is the master of batch; its store holds 150,000 jobs.
First it is left alone, then all come at once and stay: idle connections, a body of 400 MB, slow readers, searches.
"""

import contextlib
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

import sqlalchemy as sa  # noqa: E402

from daemon_process import DaemonProcess, Site  # noqa: E402 - beside this folder
from finished_jobs import ended  # noqa: E402
from jobmon.batch import jobs  # noqa: E402
from jobmon.batch.requests import JobRequest  # noqa: E402
from jobmon.batch.tables import JOB  # noqa: E402
from jobmon.config import BatchSettings  # noqa: E402
from jobmon.engine.tables import LEASE  # noqa: E402
from jobmon.live.finished import Finished  # noqa: E402
from jobmon.schedulers.local.process import descendants  # noqa: E402
from jobmon.store import Store, open_store  # noqa: E402

INTERVAL_S = 5.0
CALM_S = CROWD_S = 45.0
IDLE, READERS, SEARCHES, BODY = 2000, 200, 60, 400_000_000
KEPT = 150_000
PORTION = 5000

Row = tuple[str, str, str, str, str]


@dataclass
class Watch:
    """Look at a daemon from outside, all the time: when it published, and how much memory it has."""

    daemon: DaemonProcess
    published: list[float] = field(default_factory=list)
    daemon_mb: float = 0.0
    web_mb: float = 0.0
    answers_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=one) for one in (self._publishing, self._memory, self._visiting)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    @property
    def worst_s(self) -> float:
        """Return the longest time without a new snapshot."""
        return max((b - a for a, b in zip(self.published, self.published[1:], strict=False)), default=0.0)

    def _publishing(self) -> None:
        last = 0
        while not self._ending.wait(0.02):
            with contextlib.suppress(OSError):
                at = self.daemon.site.snapshot.stat().st_mtime_ns
                if at != last:
                    last = at
                    self.published.append(time.monotonic())

    def _memory(self) -> None:
        while not self._ending.wait(0.2):
            self.daemon_mb = max(self.daemon_mb, memory_mb(self.daemon.pid))
            for pid in descendants(self.daemon.pid):
                with contextlib.suppress(OSError):
                    if b"jobmon.web.process" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        self.web_mb = max(self.web_mb, memory_mb(pid))

    def _visiting(self) -> None:
        """Be one ordinary visitor."""
        while not self._ending.wait(0.5):
            began = time.monotonic()
            with contextlib.suppress(OSError), urllib.request.urlopen(
                f"{self.daemon.page()}api/page.py?name=live/latest", timeout=60
            ) as answer:  # fmt: skip
                answer.read()
                self.answers_s.append(time.monotonic() - began)


def memory_mb(pid: int) -> float:
    """Return the memory that a process alone has, MiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_", "Swap:"))) / 1024


def fill(store: Store) -> None:
    """Put jobs into the store, finished ones of both capabilities."""
    now = int(time.time())
    finished = Finished(lambda: store)
    finished.add([], "", now)
    for start in range(0, KEPT, PORTION):
        finished.add([ended(str(n), end=now - n, user=f"user{n % 300}", name=f"simulation-{n % 977}")
                      for n in range(start, start + PORTION)], "bench", now)  # fmt: skip
        request = JobRequest(command=["true"], working_dir="/")
        row = jobs.asked(request, "bench", BatchSettings(), finished_at=float(now))
        with store.writing() as connection:
            jobs.submit_all(connection, [row] * PORTION)
            connection.execute(JOB.update().where(JOB.c.status == "waiting").values(status="succeeded"))


def crowd(port: int, ending: threading.Event) -> Iterator[Callable[[], None]]:
    """Yield what each kind of visitor does until all are to go."""

    def connected() -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), 30)

    def idle() -> None:
        with contextlib.ExitStack() as held:
            while not ending.is_set():
                for _ in range(IDLE):
                    with contextlib.suppress(OSError):
                        held.enter_context(connected())
                ending.wait(5)

    def body() -> None:
        while not ending.is_set():
            with contextlib.suppress(OSError), connected() as visitor:
                visitor.sendall(b"POST /api/batch/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % BODY)
                for _ in range(BODY >> 16):
                    visitor.sendall(b" " * 65536)
            ending.wait(1)

    def reader() -> None:
        while not ending.is_set():
            with contextlib.suppress(OSError), socket.socket() as visitor:
                visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                visitor.connect(("127.0.0.1", port))
                names = "&".join(f"name=live/{name}" for name in ("summary", "recent", "latest"))
                visitor.sendall(f"GET /api/page.py?{names} HTTP/1.1\r\nHost: x\r\n\r\n".encode())  # unpacked
                while not ending.wait(1) and visitor.recv(256):
                    pass

    def search(number: int) -> Callable[[], None]:
        def one() -> None:
            paths = [f"live/jobs?q=sim{number}&sort=waste", f"batch/jobs?q=nothing{number}"]
            while not ending.is_set():
                for path in paths:
                    with contextlib.suppress(OSError), urllib.request.urlopen(
                        f"http://127.0.0.1:{port}/api/{path}", timeout=60
                    ) as answer:  # fmt: skip
                        answer.read()

        return one

    yield idle
    yield body
    yield from (reader for _ in range(READERS))
    yield from (search(number) for number in range(SEARCHES))


def visit(port: int) -> None:
    """Be all visitors, in a process of their own."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    threads = [threading.Thread(target=one, daemon=True) for one in crowd(port, ending)]
    for thread in threads:
        thread.start()
    ending.wait(CROWD_S + 30)


def listen(daemon: DaemonProcess) -> None:
    """Go on being the service manager: one that does not listen would hold the daemon up."""
    with contextlib.suppress(OSError):
        while True:
            daemon.next_states()


def watched(daemon: DaemonProcess, seconds: float) -> Watch:
    """Watch a daemon for a while."""
    watch = Watch(daemon)
    time.sleep(seconds)
    watch.end()
    return watch


def fence(store: Store) -> int:
    with store.reading() as connection:
        return int(connection.execute(sa.select(LEASE.c.fence).where(LEASE.c.name == "batch")).scalar_one())


def rows() -> Iterator[Row]:
    """Measure, and yield the rows of the table."""
    with tempfile.TemporaryDirectory(prefix="jobmon-bench-") as folder:
        site = Site(Path(folder))
        site.write_settings(
            '[simulated]\nnodes = 300\n[batch]\nscheduler = "local"\n', interval=INTERVAL_S, backend="simulated"
        )
        print(f"filling a store with {KEPT:,} jobs …", file=sys.stderr)
        site.data.mkdir()
        store = open_store("", site.data)
        fill(store)
        daemon = DaemonProcess(site, {})
        daemon.environment |= {"PATH": "/usr/bin:/bin", "HOME": folder}
        try:
            daemon.start().ready()
            threading.Thread(target=listen, args=(daemon,), daemon=True).start()
            held = fence(store)
            print(f"left alone for {2 * CALM_S:g} s …", file=sys.stderr)
            before, calm = watched(daemon, CALM_S), watched(daemon, CALM_S)
            print(f"visited for {CROWD_S:g} s …", file=sys.stderr)
            watch = Watch(daemon)
            port = int(daemon.page().rstrip("/").rpartition(":")[2])
            visitors = subprocess.Popen([sys.executable, __file__, str(port)])
            time.sleep(CROWD_S)
            watch.end()
            lost = fence(store) - held
            visitors.terminate()
            visitors.wait()
            code, seconds = daemon.stop()
            late = daemon.log().count("the lease was not renewed in time")
        finally:
            daemon.kill()
            store.close()
    most_s = 1.5 * INTERVAL_S
    yield ("longest time without a snapshot, interval 5 s", f"{calm.worst_s:.1f} s", f"≤ {most_s:g} s",
           f"{watch.worst_s:.1f} s", verdict(watch.worst_s <= most_s))  # fmt: skip
    yield "leases lost, or renewed too late", "0", "0", f"{lost + late}", verdict(lost + late == 0)
    itself = max(calm.daemon_mb - before.daemon_mb, 0.0)
    grown = watch.daemon_mb - calm.daemon_mb - itself
    yield ("memory of the daemon, beyond its own growth", f"{calm.daemon_mb:.0f} MiB, {itself:+.1f} MiB", "≤ +5 MiB",
           f"{grown:+.1f} MiB", verdict(grown <= 5))  # fmt: skip
    yield ("memory of the web process", f"{calm.web_mb:.0f} MiB", "≤ 300 MiB", f"{watch.web_mb:.0f} MiB",
           verdict(watch.web_mb <= 300))  # fmt: skip
    for name, some in (("calm", calm), ("crowd", watch)):
        times = sorted(some.answers_s) or [float("nan")]
        yield (f"an ordinary visitor, {name}: median, worst of {len(some.answers_s)}", "", "",
               f"{1000 * times[len(times) // 2]:.0f} ms, {times[-1]:.1f} s", "")  # fmt: skip
    yield "end of the daemon while all are there", "", "0, ≤ 5 s", f"{code}, {seconds:.1f} s", verdict(seconds <= 5)


def verdict(good: bool) -> str:
    return "ok" if good else "MISSED"


def main() -> int:
    """Print the table."""
    crowded = f"{IDLE:,} idle connections, a body of {BODY // 10**6} MB, {READERS} slow readers, {SEARCHES} searches"
    print(f"{crowded}, all at once and again and again, over {KEPT:,} jobs", file=sys.stderr)
    table = [("what", "left alone", "budget", "measured", ""), *rows()]
    widths = [max(len(row[column]) for row in table) for column in range(5)]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 1 if any(row[4] == "MISSED" for row in table) else 0


if __name__ == "__main__":
    visit(int(sys.argv[1]))
