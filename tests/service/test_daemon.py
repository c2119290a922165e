"""The daemon as a process: what it tells the service manager, how it ends, and what it survives."""

import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from daemon_process import DaemonProcess, Site, command, is_alive, until
from jobmon.schedulers.local.process import descendants
from services import absent

HANG = """
    def pre_update(self):
        import time, pathlib
        if pathlib.Path(__file__).with_suffix(".hang").exists():
            time.sleep(3600)
"""
HOLDS_THE_INTERPRETER = """
    def cpu_usage(self, name):
        import ctypes
        if name == "n2":
            ctypes.PyDLL(None).sleep(3600)
        return {"total": [1, 0, 0, 0, 99], "core": [[1, 0, 0, 0, 99]] * 4}
"""
DIES = """
    def cpu_usage(self, name):
        import os
        if name == "n2":
            os.kill(os.getpid(), 11)
        return {"total": [1, 0, 0, 0, 99], "core": [[1, 0, 0, 0, 99]] * 4}
"""
FAST = "call_timeout = 0.5\ncycle_timeout = 4"


def snapshot(site: Site) -> dict[str, dict[str, dict[str, object]]]:
    document: dict[str, dict[str, dict[str, object]]] = json.loads(gzip.decompress(site.snapshot.read_bytes()))
    return document


def run(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(site, *words), capture_output=True, text=True, timeout=60)


# --- the service manager ---------------------------------------------------------------------------------------------


def test_ready_is_told_once_and_only_after_the_first_good_cycle(site: Site, daemon: DaemonProcess) -> None:
    site.write_backend("""
    def pre_update(self):
        import pathlib
        if not pathlib.Path(__file__).with_suffix(".good").exists():
            raise RuntimeError("the scheduler sleeps")
""")
    daemon.start()
    before = daemon.told("STATUS=live: RuntimeError: the scheduler sleeps")
    before += [daemon.next_states(), daemon.next_states()]
    assert not site.snapshot.exists()
    assert not any("READY" in states for states in before)
    assert all(states["WATCHDOG"] == "1" and int(states["EXTEND_TIMEOUT_USEC"]) > 0 for states in before)
    assert daemon.health()[0] == 503
    (site.backends / "backend_site.good").touch()
    ready = daemon.told("READY=1")[-1]
    assert re.fullmatch(r"live: snapshot of \d+ s ago, 0 jobs; batch: \w.*", ready["STATUS"])
    assert set(snapshot(site)["nodes"]) == {"n1", "n2"}
    assert daemon.health()[0] == 200
    after = [daemon.next_states() for _ in range(3)]
    assert all(set(states) == {"WATCHDOG", "STATUS"} for states in after)


def test_stopping_is_told_and_the_exit_is_good(daemon: DaemonProcess) -> None:
    daemon.start().ready()
    code, seconds = daemon.stop()
    assert (code, daemon.told("STOPPING=1")[-1]) == (0, {"STOPPING": "1"})
    assert seconds < 5


def test_the_watchdog_is_fed_more_often_than_it_wants(daemon: DaemonProcess) -> None:
    daemon.environment["WATCHDOG_USEC"] = "300000"
    daemon.start().ready()
    began = time.monotonic()
    for _ in range(20):
        assert daemon.next_states()["WATCHDOG"] == "1"
    assert time.monotonic() - began < 15  # at the usual pace of one per second it would take twenty


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        pytest.param(HOLDS_THE_INTERPRETER, "hung for 0.5 s in cpu_usage of 'n2'", id="holds the interpreter in C"),
        pytest.param(DIES, "process died in cpu_usage of 'n2'", id="dies"),
    ],
)
def test_a_back_end_that_fails_costs_one_host_and_never_the_watchdog(
    site: Site, daemon: DaemonProcess, backend: str, words: str
) -> None:
    site.write_settings(FAST, interval=0.5)
    site.write_backend(backend)
    states = daemon.start().told("READY=1")
    assert all(message["WATCHDOG"] == "1" for message in states)
    daemon.logged(words)
    nodes = snapshot(site)["nodes"]
    assert nodes["n2"]["cpu"] is None
    assert nodes["n1"]["cpu"] is not None


def test_a_back_end_that_hangs_for_good_is_told_and_the_watchdog_goes_on(site: Site, daemon: DaemonProcess) -> None:
    site.write_settings("cycle_timeout = 1", interval=0.5)
    site.write_backend(HANG)
    daemon.start().ready()
    (site.backends / "backend_site.hang").touch()
    messages = daemon.told("STATUS=live: the back end took longer than 1 s in pre_update")
    assert all(message["WATCHDOG"] == "1" for message in messages)
    assert daemon.health()[0] in {200, 503}, "the web server answers meanwhile"
    (site.backends / "backend_site.hang").unlink()
    daemon.told("STATUS=live: snapshot of ")


def test_what_a_back_end_says_cannot_speak_to_the_service_manager(site: Site, daemon: DaemonProcess) -> None:
    site.write_backend("""
    def pre_update(self):
        raise RuntimeError("x\\nWATCHDOG=trigger\\nMAINPID=1\\n" + "long " * 100_000)
""")
    daemon.start()
    (*_, last) = daemon.told("STATUS=live: RuntimeError: x")
    assert set(last) == {"WATCHDOG", "STATUS", "EXTEND_TIMEOUT_USEC"}
    assert last["WATCHDOG"] == "1"
    assert daemon.stop()[0] == 0


def test_a_service_manager_that_is_gone_does_not_end_it(site: Site, daemon: DaemonProcess) -> None:
    daemon.environment["NOTIFY_SOCKET"] = str(site.root / "nobody")
    daemon.start()
    until(site.snapshot.exists, "a first snapshot")
    daemon.logged("the service manager cannot be told")
    first = site.snapshot.stat().st_mtime_ns
    until(lambda: site.snapshot.stat().st_mtime_ns > first, "a further snapshot")
    assert daemon.stop()[0] == 0
    assert daemon.log().count("the service manager cannot be told") == 1


# --- the end ---------------------------------------------------------------------------------------------------------


def test_sigterm_while_the_back_end_hangs_ends_it_within_five_seconds(site: Site, daemon: DaemonProcess) -> None:
    site.write_settings("cycle_timeout = 600", interval=0.2)
    site.write_backend(HANG)
    daemon.start().ready()
    (site.backends / "backend_site.hang").touch()
    time.sleep(1)  # several intervals: a cycle hangs by now
    children = descendants(daemon.pid)
    code, seconds = daemon.stop()
    assert code == 0
    assert seconds < 5
    assert children
    until(lambda: not any(map(is_alive, children)), "the end of its processes")


def test_sigterm_lets_a_running_cycle_finish(site: Site, daemon: DaemonProcess) -> None:
    site.write_settings(interval=0.2)
    site.write_backend("""
    def pre_update(self):
        import time, pathlib
        pathlib.Path(__file__).with_suffix(".began").touch()
        time.sleep(1)
""")
    began = site.backends / "backend_site.began"
    daemon.start().ready()
    began.unlink(missing_ok=True)
    until(began.exists, "the next cycle")
    before = site.snapshot.stat().st_ino
    assert daemon.stop()[0] == 0
    assert site.snapshot.stat().st_ino != before
    assert "Traceback" not in daemon.log()


def test_sigint_ends_it_well_too(daemon: DaemonProcess) -> None:
    daemon.start().ready()
    daemon.signal(signal.SIGINT)
    assert daemon.wait() == 0


def test_kill_9_leaves_no_process_no_lock_and_a_daemon_that_starts_again(site: Site, daemon: DaemonProcess) -> None:
    site.write_backend(HANG)
    daemon.start().ready()
    (site.backends / "backend_site.hang").touch()
    time.sleep(0.5)
    children = until(lambda: descendants(daemon.pid), "its back end's process")
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    until(lambda: not any(map(is_alive, children)), "the end of its processes")
    (site.backends / "backend_site.hang").unlink()
    daemon.forget()
    daemon.start().ready()
    assert daemon.stop()[0] == 0


def test_it_leaves_no_zombies(site: Site, daemon: DaemonProcess) -> None:
    site.write_settings(FAST + "\nquarantine = 0", interval=0.2)
    site.write_backend(DIES)
    daemon.start()
    daemon.logged("its process is replaced", times=4)
    children = Path(f"/proc/{daemon.pid}/task").glob("*/children")
    states = [
        Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        for file in children
        for child in file.read_text().split()
        if Path(f"/proc/{child}/stat").exists()
    ]
    assert states.count("Z") <= 1, "one that has died just now may not be waited for yet"


# --- one per data path -----------------------------------------------------------------------------------------------


def test_a_second_one_is_refused_and_told_who_is_there(site: Site, daemon: DaemonProcess) -> None:
    daemon.start().ready()
    for words in (("run",), ("run", "--once")):
        second = run(site, *words)
        assert second.returncode == 3
        assert f"another jobmon writes to {site.data} (process {daemon.pid})" in second.stderr
        assert "Traceback" not in second.stderr
    assert daemon.health()[0] == 200


def test_who_only_looks_at_the_lock_does_not_keep_it_from_starting(site: Site, daemon: DaemonProcess) -> None:
    site.data.mkdir()
    looking = subprocess.Popen(["flock", str(site.data / ".jobmon.lock"), "sleep", "0.3"])
    until((site.data / ".jobmon.lock").exists, "the lock")
    result = run(site, "run", "--once")
    looking.wait()
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("place", ["a file", "below a file", "read-only"])
def test_a_data_path_that_cannot_be_written_is_told(site: Site, place: str) -> None:
    file = site.root / "file"
    file.touch()
    path = {"a file": file, "below a file": file / "deeper", "read-only": Path("/proc/no-such-folder")}[place]
    result = run(site, "run", "--set", f"live.data_path={path}")
    assert result.returncode == 2
    assert f"[live] data_path = '{path}': cannot be written" in result.stderr
    assert "--set live.data_path=DIR" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_in_use_is_told(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run(site, "run", "--set", f"web.port={taken.getsockname()[1]}")
    assert result.returncode == 2
    assert "address in use" in result.stderr
    assert "web.port" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no backend_nowhere.py in"),
        ("import no_such_module", "backend_nowhere.py:1: ModuleNotFoundError"),
        ("def broken(:", "backend_nowhere.py:1: SyntaxError"),
        ("x = 1", "defines no class Backend"),
        ("class Backend: pass", "is not a subclass of BackendBase"),
    ],
)
def test_a_back_end_that_cannot_be_loaded_is_told_at_the_start(site: Site, text: str, words: str) -> None:
    if text:
        (site.backends / "backend_nowhere.py").write_text(text)
    result = run(site, "run", "--set", "live.backend=nowhere")
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


# --- reload ----------------------------------------------------------------------------------------------------------


def test_sighup_takes_over_new_settings_and_a_new_back_end(site: Site, daemon: DaemonProcess) -> None:
    daemon.start().ready()
    site.write_backend(name="other")
    (site.backends / "backend_other.py").write_text(
        (site.backends / "backend_other.py").read_text().replace('"n1", "n2"', '"m1"')
    )
    site.write_settings('[daemon]\nlog_level = "debug"', backend="other")
    daemon.signal(signal.SIGHUP)
    until(lambda: set(snapshot(site)["nodes"]) == {"m1"}, "a snapshot of the other back end")
    daemon.logged("DEBUG")
    assert daemon.stop()[0] == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("[live\n", "is not TOML"),
        ("[live]\nupdate_interval = -1\n", "[live] update_interval = -1"),
        ("", "cannot be read"),
        ("PORT", "address in use"),
        ("[live]\ndata_path = '/proc/nothing'\n", "cannot be written"),
        ("[live]\nbackend = 'nowhere'\nupdate_interval = 0.2\n", "there is no backend_nowhere.py"),
    ],
    ids=["broken", "wrong", "gone", "port in use", "data path", "back end"],
)
def test_settings_that_cannot_be_used_leave_the_old_ones_in_force(
    site: Site, daemon: DaemonProcess, settings: str, words: str
) -> None:
    daemon.start().ready()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        if settings == "PORT":
            site.write_settings(f"[web]\nport = {taken.getsockname()[1]}")
        elif settings:
            extra = "" if "data_path" in settings else f"data_path = '{site.data}'\n"
            site.settings.write_text(settings + (extra if "backend" in settings else "") + "[web]\nport = 0\n")
        else:
            site.settings.unlink()
        daemon.signal(signal.SIGHUP)
        daemon.logged(words)
        daemon.logged("the old ones stay")
        first = site.snapshot.stat().st_ino
        until(lambda: site.snapshot.stat().st_ino != first, "a further snapshot")
        until(lambda: daemon.health()[0] == 200, "good health")
    assert set(snapshot(site)["nodes"]) == {"n1", "n2"}
    assert "Traceback" not in daemon.log()


def test_reloading_often_costs_no_descriptors(site: Site, daemon: DaemonProcess) -> None:
    daemon.start().ready()

    def reload(times: int) -> int:
        for _ in range(times):
            inode = site.snapshot.stat().st_ino
            count = daemon.log().count("the page is at")
            daemon.signal(signal.SIGHUP)
            daemon.logged("the page is at", count + 1)
            until(lambda: site.snapshot.stat().st_ino != inode, "a snapshot after the reload")  # noqa: B023
        return len(os.listdir(f"/proc/{daemon.pid}/fd"))  # noqa: PTH208

    first = reload(2)
    assert reload(5) <= first + 4, "what moves from one moment to the next is a few descriptors"


# --- the disk --------------------------------------------------------------------------------------------------------


def mounted(site: Site, size: str) -> list[str]:
    """Return the words that run a command with a small disk as its data path; skip where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        absent("a small disk needs root and unshare (util-linux)")
    site.data.mkdir(exist_ok=True)
    script = 'mount -t tmpfs -o "size=$SIZE,mode=755" none "$DATA" && exec "$@"'
    words = ["env", f"SIZE={size}", f"DATA={site.data}", "unshare", "-m", "sh", "-c", script, "sh"]
    probe = subprocess.run([*words, "true"], capture_output=True, text=True)
    if probe.returncode != 0:
        absent(f"no mount here: {probe.stderr.strip()}")
    return words


def test_a_full_disk_costs_cycles_and_nothing_else(site: Site, daemon: DaemonProcess) -> None:
    daemon.start(prefix=mounted(site, "512k")).ready()
    data = Path(f"/proc/{daemon.pid}/root{site.data}")
    before = gzip.decompress((data / "data.json.gz").read_bytes())
    with pytest.raises(OSError, match="No space left on device"):
        (data / "ballast").write_bytes(b"x" * (1 << 20))
    daemon.logged("cannot be written: No space left on device")
    daemon.forget()
    daemon.told("WATCHDOG=1")
    during = json.loads(gzip.decompress((data / "data.json.gz").read_bytes()))
    assert during["nodes"] == json.loads(before)["nodes"], "what is published stays whole"
    (data / "ballast").unlink()
    daemon.told("STATUS=live: snapshot of")
    wanted = json.loads(before)["timestamp"] + 1
    until(lambda: json.loads(gzip.decompress((data / "data.json.gz").read_bytes()))["timestamp"] >= wanted, "recovery")
    assert daemon.stop()[0] == 0
    assert "Traceback" not in daemon.log()


def test_a_disk_that_is_full_from_the_start_is_waited_for(site: Site, daemon: DaemonProcess) -> None:
    words = mounted(site, "2m")
    words[words.index("sh") + 2] = (
        'mount -t tmpfs -o "size=$SIZE,mode=755" none "$DATA" && : >"$DATA/.jobmon.lock" && '
        '{ dd if=/dev/zero of="$DATA/ballast" bs=4096 2>/dev/null || :; } && exec "$@"'
    )
    daemon.start(prefix=words)
    daemon.logged("No space left on device")
    data = Path(f"/proc/{daemon.pid}/root{site.data}")
    (data / "ballast").unlink()
    daemon.ready()
    assert daemon.stop()[0] == 0


# --- the log ---------------------------------------------------------------------------------------------------------


def test_lines_for_the_journal_carry_their_priority(site: Site) -> None:
    """The journal is recognised by the stream that it reads, not by a variable that programs of a desktop inherit."""
    read, write = os.pipe()
    status = os.fstat(write)
    site.write_backend('    def init(self):\n        self.log.error("first\\nsecond")\n')
    for stream, expected in ((f"{status.st_dev}:{status.st_ino}", "<3>jobmon.backend: first"), ("1:2", " ERROR ")):
        subprocess.run(
            command(site, "run", "--once"), env={**os.environ, "JOURNAL_STREAM": stream}, stderr=write, timeout=60
        )
        log = os.read(read, 65536).decode()
        assert expected in log
        assert all(line.startswith("<") == expected.startswith("<") for line in log.splitlines())
    os.close(read)
    os.close(write)
