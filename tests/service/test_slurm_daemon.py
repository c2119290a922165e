"""From a real Slurm to the page: the daemon shows what squeue says, and a sick controller never looks like calm."""

import gzip
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from daemon_process import DaemonProcess, Site, is_alive, until
from services import require
from slurm_cluster import SlurmCluster

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def jobs(slurm: SlurmCluster) -> Iterator[dict[str, str]]:
    """Run one job on two nodes and one on GPUs, and let one wait; returns name → id."""
    ids = {
        "mpi": slurm.submit("-N2", "-n6", "--mem=500", "-t", "4:00:00", "-J", "mpi"),
        "train": slurm.submit("-pgpu", "--gres=gpu:a100:2", "--mem=100", "-c3", "-J", "train"),
        "held": slurm.submit("--hold", "--mem=10", "-J", "held"),
    }
    for name in ("mpi", "train"):
        slurm.wait_state(ids[name], "RUNNING")
    yield ids
    slurm.cancel_all()


@pytest.fixture
def daemon(slurm: SlurmCluster, jobs: dict[str, str], site: Site, daemon: DaemonProcess) -> DaemonProcess:
    """Return a daemon that reads this cluster, after its first good cycle."""
    site.write_settings(
        f'cycle_timeout = 8\n[scheduler]\nreader = "cli"\ntimeout = 3\nconf = "{slurm.conf}"', 1, "slurm"
    )
    return daemon.start().ready()


def read(site: Site, name: str) -> dict[str, Any]:
    folder = site.data / "pages" if "/" in name else site.data
    found: dict[str, Any] = json.loads(gzip.decompress((folder / f"{name}.json.gz").read_bytes()))
    return found


def test_the_files_say_what_squeue_says(
    slurm: SlurmCluster, jobs: dict[str, str], site: Site, daemon: DaemonProcess
) -> None:
    snapshot = read(site, "data")
    words = dict(line.split() for line in slurm.run("squeue", "-h", "-a", "-o", "%i %T").splitlines())
    assert {job: data["state"] for job, data in snapshot["jobs"].items() if job in words} == words
    mpi, train, held = (snapshot["jobs"][jobs[name]] for name in ("mpi", "train", "held"))
    assert sum(len(cores) for cores in mpi["layout"].values()) == mpi["nCpus"] == 6
    assert len(mpi["layout"]) == 2
    assert [len(gpus) for gpus in train["gpuLayout"].values()] == [2]
    assert (mpi["memReq"], mpi["timeLimit"], held["layout"], held["reason"]) == (500, 240, {}, "JobHeldUser")
    cores = int(slurm.run("sinfo", "-h", "-o", "%C").split("/")[-1])
    assert snapshot["usage"]["avail"] == cores
    assert snapshot["nodes"]["n1"]["cpu"] is None, "what Slurm does not know is unknown"
    assert read(site, "backfill").keys() >= {"batch", "gpu"}


def test_the_page_shows_the_cluster(jobs: dict[str, str], site: Site, daemon: DaemonProcess, chromium: Browser) -> None:
    host = min(read(site, "data")["jobs"][jobs["mpi"]]["layout"])
    page = chromium.new_page()
    page.goto(f"{daemon.page()}#/live?job={jobs['mpi']}")
    expect(page.get_by_role("heading", name=re.compile(f"Cores of {host}"))).to_be_visible(timeout=30_000)
    expect(page.get_by_role("row", name=re.compile(host))).not_to_have_count(0)
    expect(page.get_by_text("4:00").first).to_be_visible()
    page.close()


def test_a_maintenance_is_noted_follows_its_end_and_ends_when_it_is_taken_away(
    slurm: SlurmCluster, site: Site, daemon: DaemonProcess
) -> None:
    def end_of(name: str) -> float:
        found = [mark for mark in read(site, "live/marks")["marks"] if mark["name"] == name]
        assert len(found) <= 1
        return float(found[0]["until"]) if found else 0.0

    words = ("Users=root", "Flags=MAINT,IGNORE_JOBS")
    slurm.run("scontrol", "create", "reservation", "ReservationName=later", "Nodes=n3", "StartTime=now+2hours",
              "Duration=60", *words)  # fmt: skip
    slurm.run("scontrol", "create", "reservation", "ReservationName=power", "Nodes=n4", "StartTime=now",
              "Duration=60", *words)  # fmt: skip
    try:
        end = until(lambda: end_of("power"), "the mark of the maintenance")
        assert end > time.time() + 3000
        slurm.run("scontrol", "update", "ReservationName=power", "Duration=120")
        until(lambda: end_of("power") == end + 3600, "the end that was moved")
    finally:
        slurm.run("scontrol", "delete", "ReservationName=power")
        slurm.run("scontrol", "delete", "ReservationName=later")
    until(lambda: end_of("power") <= time.time(), "the early end")
    assert end_of("later") == 0.0


def is_told(site: Site) -> str:
    return " ".join(source["error"] for source in read(site, "live/summary")["sources"])


def sick_and_well(site: Site, daemon: DaemonProcess) -> None:
    """Check that the last snapshot stays, that the failure is told, and that the watchdog is fed meanwhile."""
    before = read(site, "data")
    until(lambda: is_told(site), "the failed source on the page")
    daemon.forget()
    daemon.told("WATCHDOG=1")
    daemon.told("WATCHDOG=1")
    assert is_alive(daemon.pid)
    assert read(site, "data")["jobs"].keys() == before["jobs"].keys()
    assert read(site, "live/summary")["usage"]["avail"] == before["usage"]["avail"]
    assert daemon.health()[1]["capabilities"]["live"]["error"]


def test_a_frozen_controller_keeps_the_last_snapshot_and_is_told(
    slurm: SlurmCluster, site: Site, daemon: DaemonProcess
) -> None:
    with slurm.frozen_controller():
        sick_and_well(site, daemon)
    until(lambda: not is_told(site), "the recovery")


def test_a_dead_controller_keeps_the_last_snapshot_and_is_told(
    slurm: SlurmCluster, site: Site, daemon: DaemonProcess
) -> None:
    slurm.kill_controller()
    try:
        sick_and_well(site, daemon)
    finally:
        slurm.start_controller()
    until(lambda: not is_told(site), "the recovery")


def test_a_controller_that_answers_half_keeps_the_last_snapshot(
    slurm: SlurmCluster, site: Site, daemon: DaemonProcess, tmp_path: Path
) -> None:
    """Commands that print a beginning and die are no answer, whatever they printed."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("squeue", "scontrol", "sinfo"):
        real = require(name, "slurm-client")
        script = commands / name
        script.write_text(f'#!/bin/sh\n"{real}" "$@" | head -c 40\nexit 1\n')
        script.chmod(0o755)
    text = (
        f'cycle_timeout = 8\n[scheduler]\nreader = "cli"\ntimeout = 3\nconf = "{slurm.conf}"\nbin_path = "{commands}"'
    )
    site.write_settings(text, 1, "slurm")
    before = read(site, "data")
    daemon.signal(1)
    daemon.logged("jobmon.daemon: live: ")
    assert read(site, "data")["jobs"].keys() == before["jobs"].keys()
