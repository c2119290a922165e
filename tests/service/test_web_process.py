"""The web process: visitors are apart from the work, whatever becomes of one of them."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon_process import DaemonProcess, Site, answers, command, is_alive, until
from jobmon import control


def told(daemon: DaemonProcess) -> dict[str, object]:
    """Return what the daemon says of itself on its socket."""
    body: dict[str, object] = json.loads(control.ask(daemon.site.data, "/healthz")[1])
    return body


def snapshot_time(site: Site) -> int:
    return site.snapshot.stat().st_mtime_ns


@contextmanager
def visited(url: str) -> Iterator[list[str]]:
    """Ask for a page all the time, and return what went wrong."""
    wrong: list[str] = []
    ending = threading.Event()

    def visit() -> None:
        while not ending.is_set():
            try:
                with urllib.request.urlopen(url, timeout=20) as answer:
                    answer.read()
            except OSError as error:
                wrong.append(f"{time.time()}: {error}")

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        yield wrong
    finally:
        ending.set()
        visitor.join()


def test_a_web_process_that_is_killed_comes_back_and_publishing_goes_on(site: Site, daemon: DaemonProcess) -> None:
    daemon.start().ready()
    page = daemon.page()
    for _ in range(3):
        pid = daemon.web_process()
        before = snapshot_time(site)
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: not is_alive(pid), "it is dead")
        until(lambda before=before: snapshot_time(site) > before, "publishing goes on")
        until(lambda: answers(page), "the page is served again")
    assert daemon.log().count("the web process was ended by SIGKILL") == 3


def test_a_web_process_that_is_stuck_is_noticed_and_replaced(site: Site, daemon: DaemonProcess) -> None:
    daemon.start().ready()
    page, pid = daemon.page(), daemon.web_process()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: not is_alive(pid), "it is ended")
    assert "does not answer any more, and is ended" in daemon.log()
    until(lambda: answers(page), "the page is served again")


def test_a_daemon_that_is_killed_leaves_no_web_process_and_its_port_free(site: Site, daemon: DaemonProcess) -> None:
    site.write_settings(f"[web]\nport = {(port := _free_port())}\n")
    daemon.start().ready()
    pid = daemon.web_process()
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    until(lambda: not is_alive(pid), "the web process has ended")
    again = DaemonProcess(Site(site.root / "again"), dict(os.environ))
    again.site.write_settings(f"[web]\nport = {port}\n")
    try:
        again.start().ready()
    finally:
        again.kill()


def test_a_frozen_daemon_does_not_stop_the_page(site: Site, daemon: DaemonProcess) -> None:
    daemon.start().ready()
    page = daemon.page()
    daemon.signal(signal.SIGSTOP)
    try:
        with urllib.request.urlopen(f"{page}api/page.py?name=live/summary", timeout=20) as answer:
            assert answer.status == 200
        code, state = daemon.health()
        assert code == 503
        assert state["error"] == "the daemon does not answer"
    finally:
        daemon.signal(signal.SIGCONT)


def test_nobody_is_turned_away_while_settings_are_taken_over(site: Site, daemon: DaemonProcess) -> None:
    daemon.start().ready()
    first = daemon.web_process()
    with visited(daemon.page() + "site.json") as wrong:
        site.write_settings('[web]\nport = 0\nread = "open"\n')
        daemon.signal(signal.SIGHUP)
        until(lambda: not is_alive(first), "the web process of the old settings has left")
    assert wrong == []
    assert daemon.web_process() != first


def test_a_web_process_that_cannot_start_stops_nothing(site: Site, daemon: DaemonProcess, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "uvicorn.py").write_text("raise ImportError('uvicorn is broken')")
    daemon.environment["PYTHONPATH"] = f"{broken}:{daemon.environment.get('PYTHONPATH', '')}"
    daemon.start().ready()
    before = snapshot_time(site)
    until(lambda: snapshot_time(site) > before, "publishing goes on")
    until(lambda: daemon.log().count("the web process ended with 1; it is started again") >= 2, "it is tried again")
    state = told(daemon)
    assert state["status"] == "unavailable"
    result = subprocess.run(command(site, "status"), capture_output=True, text=True, timeout=60)
    assert "web: failing: ended with 1" in result.stdout
    assert result.returncode == 1


def test_the_socket_of_the_daemon_is_closed_to_others(site: Site, daemon: DaemonProcess) -> None:
    daemon.start().ready()
    assert (site.data / "run").stat().st_mode & 0o777 == 0o700
    status, body = control.ask(site.data, "/metrics")
    assert status == 200
    assert b"jobmon_live_cycles_total" in body
    if os.geteuid() == 0:
        asked = subprocess.run(
            ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *command(site, "status")],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert asked.returncode != 0


# --- what is taken away under the daemon -----------------------------------------------------------------------------


@pytest.mark.parametrize("gone", ["jobmon.sqlite", ".jobmon.lock", "."])
def test_what_is_removed_under_the_daemon_is_told_and_ends_it(site: Site, daemon: DaemonProcess, gone: str) -> None:
    daemon.start().ready()
    until((site.data / "jobmon.sqlite").exists, "the store is there")
    told(daemon)
    if gone == ".":
        site.data.rename(site.root / "elsewhere")
    else:
        (site.data / gone).unlink()
    assert daemon.wait() == 1
    assert "was removed while it was in use; this daemon ends" in daemon.log()


def test_a_store_that_is_replaced_is_not_acted_in_any_more(site: Site, daemon: DaemonProcess) -> None:
    daemon.start().ready()
    store = site.data / "jobmon.sqlite"
    until(store.exists, "the store is there")
    new = site.root / "new.sqlite"
    sqlite3.connect(new).close()
    new.touch()
    new.replace(store)
    assert daemon.wait() == 1
    assert "jobmon.sqlite was replaced while it was in use" in daemon.log()


@pytest.mark.parametrize("gone", ["jobmon.sqlite-wal", "jobmon.sqlite-shm"])
def test_what_belongs_to_the_store_is_missed_too(site: Site, daemon: DaemonProcess, gone: str) -> None:
    daemon.start().ready()
    until((site.data / gone).exists, "the store is in use")
    (site.data / gone).unlink()
    assert daemon.wait() == 1
    assert f"{gone} was removed while it was in use" in daemon.log()


def test_a_store_that_is_closed_and_opened_again_is_nothing_that_was_removed(site: Site, daemon: DaemonProcess) -> None:
    daemon.start("--only", "live").ready()
    for number in range(4):
        first = daemon.web_process()
        site.write_settings(f"[web]\nport = 0\nconnections = {100 + number}\n")
        daemon.signal(signal.SIGHUP)
        until(lambda first=first: not is_alive(first), "the new settings are in force")
    assert "while it was in use" not in daemon.log()
    assert daemon.stop()[0] == 0


@pytest.mark.parametrize("gone", ["run", "run/daemon.sock"])
def test_a_socket_that_was_removed_is_made_anew(site: Site, daemon: DaemonProcess, gone: str) -> None:
    daemon.start().ready()
    if gone == "run":
        shutil.rmtree(site.data / "run")
    else:
        (site.data / gone).unlink()
    until((site.data / "run/daemon.sock").exists, "it is there again")
    assert told(daemon)["status"] == "ok"


def test_settings_that_have_gone_are_no_reason_to_act_on_the_defaults(site: Site, daemon: DaemonProcess) -> None:
    state = site.root / "state"
    daemon.environment |= {"XDG_STATE_HOME": str(state), "HOME": str(state)}
    daemon.start().ready()
    site.settings.unlink()
    daemon.signal(signal.SIGHUP)
    daemon.logged("the settings are not reloaded, the old ones stay")
    before = snapshot_time(site)
    until(lambda: snapshot_time(site) > before, "publishing goes on where it did")
    assert not state.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('backend = "missing"', "missing"),
        ("[store]\nurl = 'sqlite:////proc/nowhere/store.sqlite'", ""),
        ("[web]\nsite = '/nowhere/site.json'", "no such file"),
        ("[web]\nlisten = ['192.0.2.1']", "no address of this machine"),
    ],
)
def test_new_settings_that_cannot_work_never_interrupt_the_old_ones(
    site: Site, daemon: DaemonProcess, text: str, words: str
) -> None:
    daemon.start().ready()
    first = daemon.web_process()
    other = site.root / "other"
    settings = site.settings.read_text().replace(f'data_path = "{site.data}"', f'data_path = "{other}"')
    if text.startswith("backend"):
        settings = settings.replace('backend = "site"', text)
    elif text.startswith("[web]"):
        settings = settings.replace("[web]\nport = 0", f"{text}\nport = 0")
    else:
        settings += text
    site.settings.write_text(settings)
    daemon.signal(signal.SIGHUP)
    daemon.logged("the old ones stay")
    assert words in daemon.log()
    assert daemon.web_process() == first
    assert not list(other.glob("data*")), "nothing is published for settings that cannot work"
    before = snapshot_time(site)
    until(lambda: snapshot_time(site) > before, "publishing goes on")


def test_others_cannot_hold_the_lock_and_keep_the_daemon_from_starting(site: Site, daemon: DaemonProcess) -> None:
    daemon.start().ready()
    assert daemon.stop()[0] == 0
    lock = site.data / ".jobmon.lock"
    assert lock.stat().st_mode & 0o777 == 0o600
    lock.chmod(0o644)  # as an older version has left it
    daemon.start().ready()
    assert lock.stat().st_mode & 0o777 == 0o600


# --- what "ok" means -------------------------------------------------------------------------------------------------


def test_a_store_that_stays_locked_is_not_well(site: Site, daemon: DaemonProcess) -> None:
    daemon.start().ready()
    holder = sqlite3.connect(site.data / "jobmon.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        until(lambda: daemon.health()[1]["capabilities"]["batch"]["status"] != "ok", "batch is not well")
        assert daemon.health()[0] == 503
        assert daemon.health()[1]["capabilities"]["live"]["status"] == "ok"
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    until(lambda: daemon.health()[0] == 200, "all is well again")


def test_crontab_entries_that_will_not_fire_are_not_well(site: Site, daemon: DaemonProcess) -> None:
    daemon.start().ready()
    added = subprocess.run(
        [*command(site, "batch", "cron", "add", "nightly", "* * * * *"), "--", "true"], capture_output=True, text=True
    )
    assert added.returncode == 0, added.stderr
    with sqlite3.connect(site.data / "jobmon.sqlite") as store:
        store.execute("UPDATE batch_crontab SET fired_until = ?", (time.time() + 40_000_000,))
    state = until(
        lambda: (found := daemon.health()[1]["capabilities"]["batch"])["status"] != "ok" and found, "batch is not well"
    )
    assert "nightly" in state["error"]
    assert "a clock was ahead" in state["error"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
