"""A site's back end may raise, hang, die or answer nonsense: what it spoils is left out, the rest is there."""

import logging
import os
import textwrap
import threading
import time
from pathlib import Path

import pytest

from jobmon import config
from jobmon.backends.child import BackendProcess, CycleFailed
from jobmon.errors import SettingsError

GOOD = """
    import ctypes, os, signal, sys, time
    from backend_base import BackendBase

    class Backend(BackendBase):
        def hostnames(self):
            return ["n1", "n2", "n3", "n4", "n5"]

        def job_ids(self):
            return ["7", "8"]

        def n_cpus(self, name):
            return 2

        def mem(self, name):
            return {"used": 10, "total": 20}

        def job_state(self, job_id):
            return "RUNNING"

        def job_name(self, job_id):
            return "burn"
"""


@pytest.fixture
def site(tmp_path):
    """Return a function that starts a back end made of GOOD and more methods."""
    started = []

    def start(more="", **live):
        body = textwrap.dedent(GOOD) + textwrap.indent(textwrap.dedent(more), "    ")
        (tmp_path / "backend_site.py").write_text(body)
        values = {"backend": "site", "backend_path": str(tmp_path), "data_path": str(tmp_path), "call_timeout": 0.4,
                  "cycle_timeout": 20}  # fmt: skip
        process = BackendProcess(config.Settings(live=config.LiveSettings(**(values | live))))
        started.append(process)
        return process

    yield start
    for process in started:
        process.close()


def nodes(cycle):
    return cycle.snapshot["nodes"]


def unknown_memory(cycle):
    return [name for name, node in nodes(cycle).items() if node["mem"] is None]


HANG = """
    def mem(self, name):
        if name == "n2":
            {what}
        return {{"used": 10, "total": 20}}
"""
WAYS_TO_FAIL = {
    "hangs": "time.sleep(1000)",
    "spins": "\n".join(["while True: pass"]),
    "holds the interpreter's lock in a C library": "ctypes.PyDLL(None).sleep(1000)",
    "kills its process": "os.kill(os.getpid(), signal.SIGKILL)",
    "crashes": "ctypes.string_at(0)",
    "exits": "os._exit(0)",
    "raises SystemExit": "sys.exit(3)",
}


@pytest.mark.parametrize("what", WAYS_TO_FAIL.values(), ids=WAYS_TO_FAIL.keys())
def test_one_host_that_spoils_everything_is_unknown_and_named(site, caplog, what):
    process = site(HANG.format(what=what))
    cycle = process.cycle()
    assert unknown_memory(cycle) == ["n2"]
    assert nodes(cycle)["n2"]["nCpus"] == 2
    assert len(cycle.snapshot["jobs"]) == 2
    assert "mem of 'n2'" in caplog.text or cycle.skipped[0].record == "n2"
    # the next cycle does not fall into the same hole
    starts = process.starts
    assert unknown_memory(process.cycle()) == ["n2"]
    assert process.starts == starts


def test_a_record_is_tried_again_after_its_quarantine(site):
    process = site(HANG.format(what="time.sleep(0 if os.path.exists('/dev/shm/' + str(os.getppid())) else 1000)"),
                   quarantine=0.5)  # fmt: skip
    assert unknown_memory(process.cycle()) == ["n2"]
    healed = Path("/dev/shm") / str(os.getpid())
    healed.touch()
    try:
        time.sleep(0.6)
        assert unknown_memory(process.cycle()) == []
    finally:
        healed.unlink()


def test_a_method_that_hangs_for_many_hosts_is_put_aside_whole(site, caplog):
    process = site("def mem(self, name): time.sleep(1000)")
    assert unknown_memory(process.cycle()) == ["n1", "n2", "n3", "n4", "n5"]
    assert process.starts == 4
    assert "not called at all" in caplog.text


def test_a_job_that_hangs_is_named_too(site, caplog):
    process = site("""
        def job_name(self, job_id):
            time.sleep(1000 if job_id == "8" else 0)
            return "burn"
    """)
    jobs = process.cycle().snapshot["jobs"]
    assert {job_id: job["name"] for job_id, job in jobs.items()} == {"7": "burn", "8": ""}
    assert "job_name of '8'" in caplog.text


def test_a_backfill_that_hangs_does_not_cost_the_snapshot(site):
    cycle = site("def calculate_backfill(self): time.sleep(1000)").cycle()
    assert len(nodes(cycle)) == 5
    assert cycle.backfill == {}


def test_pre_update_that_raises_costs_the_cycle_and_only_that(site):
    process = site("""
        def pre_update(self):
            self.count = getattr(self, "count", 0) + 1
            if self.count == 2:
                raise ConnectionError("the controller does not answer")
    """)
    process.cycle()
    with pytest.raises(CycleFailed, match="the controller does not answer"):
        process.cycle()
    assert len(nodes(process.cycle())) == 5
    assert process.starts == 1


def test_pre_update_that_hangs_ends_at_the_deadline_and_the_process_is_replaced(site, caplog):
    process = site("def pre_update(self): ctypes.PyDLL(None).sleep(1000)", cycle_timeout=4)
    with pytest.raises(CycleFailed, match="longer than 4 s in pre_update"):
        process.cycle()
    with pytest.raises(CycleFailed):
        process.cycle()
    assert process.starts == 2
    assert "its process is replaced" in caplog.text


def test_what_the_site_prints_goes_to_the_log_and_spoils_nothing(site, caplog):
    caplog.set_level(logging.INFO)
    process = site("""
        def pre_update(self):
            print("hello from the site")
            os.write(1, b"raw bytes\\n")
            sys.stdout.flush()
            self.log.info("a line of its own")
    """)
    assert len(nodes(process.cycle())) == 5
    deadline = time.monotonic() + 5
    while "a line of its own" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "hello from the site" in caplog.text
    assert "raw bytes" in caplog.text
    assert "a line of its own" in caplog.text


def test_close_ends_a_waiting_cycle_and_everything_the_site_started(site, tmp_path):
    process = site("""
        def pre_update(self):
            import subprocess
            child = subprocess.Popen(["sleep", "1000"])
            open(os.path.join(os.path.dirname(__file__), "pid"), "w").write(str(child.pid))
            time.sleep(1000)
    """)
    failures = []

    def wait():
        try:
            process.cycle()
        except CycleFailed as failure:
            failures.append(failure)

    thread = threading.Thread(target=wait)
    thread.start()
    deadline = time.monotonic() + 5
    pid_file = tmp_path / "pid"
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.close()
    thread.join(5)
    assert failures
    sleeper = Path("/proc") / pid_file.read_text() / "status"
    while is_running(sleeper) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(sleeper)


def is_running(status):
    try:
        return "State:\tZ" not in status.read_text()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import no_such_module", r"backend_site.py:1: ModuleNotFoundError"),
        ("def broken(:", r"backend_site.py:1: SyntaxError"),
        ("x = 1", r"defines no class Backend"),
        ("class Backend: pass", r"not a subclass of BackendBase"),
        ("1/0", r"backend_site.py:1: ZeroDivisionError"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_a_settings_error_with_its_line(tmp_path, body, message):
    (tmp_path / "backend_site.py").write_text(body)
    process = BackendProcess(
        config.Settings(live=config.LiveSettings(backend="site", backend_path=str(tmp_path), data_path=str(tmp_path)))
    )
    with pytest.raises(SettingsError, match=message):
        process.cycle()
    process.close()


def test_a_name_that_nobody_has_lists_what_there_is(tmp_path):
    process = BackendProcess(
        config.Settings(live=config.LiveSettings(backend="jarvis", backend_path=str(tmp_path), data_path=str(tmp_path)))
    )
    with pytest.raises(SettingsError, match=r"no backend_jarvis.py in .*installed: local, replay, simulated, slurm"):
        process.cycle()
    process.close()


def test_the_largest_memory_outlives_the_process(site):
    process = site("""
        def job_mem(self, job_id):
            return {"n1": 70 if job_id == "7" else 5}
    """)
    process.mem_max = {"7": 900}
    assert process.cycle().snapshot["jobs"]["7"]["memMax"] == 900
