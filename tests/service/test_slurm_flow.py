"""A wasteful job on a real Slurm: flagged with the right proof while it runs, found among the finished ones after."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from daemon_process import DaemonProcess, Site, command, until
from slurm_cluster import SlurmCluster

pytestmark = [pytest.mark.service, pytest.mark.browser]

# What a site would write: Slurm's jobs, and of their real processes on this host what /proc tells.
MEASURING = """
import os
import time
from pathlib import Path

from jobmon.backends.slurm import Backend as Slurm
from jobmon.telemetry.procfs.processes import read_all, ticks_used

HERTZ = os.sysconf("SC_CLK_TCK")


class Backend(Slurm):
    before = None
    busy = {}
    used = {}

    def pre_update(self):
        super().pre_update()
        now, processes = time.monotonic(), read_all(Path("/proc"), [])
        job_of = {pid: job for pid in processes if (job := self.job_of(pid))}
        ticks = {}
        if self.before is not None:
            for pid, used in ticks_used(self.before[1], processes).items():
                ticks[job_of.get(pid)] = ticks.get(job_of.get(pid), 0) + used
            seconds = now - self.before[0]
            self.busy = {job: used / HERTZ / seconds for job, used in ticks.items()}
        self.used = {}
        for pid, job in job_of.items():
            self.used[job] = self.used.get(job, 0) + processes[pid].memory_kib / 1024
        self.before = now, processes

    def job_of(self, pid):
        try:
            words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\\0")
        except OSError:
            return None
        return next((w[13:].decode() for w in words if w.startswith(b"SLURM_JOB_ID=")), None)

    def cpu_usage(self, name):
        cores = [[0, 0, 0, 0, 100] for _ in range(self.n_cpus(name))]
        for job in self.job_ids():
            mine = self.job_layout(job).get(name, ()) if self.job_state(job) == "RUNNING" else ()
            for core in mine:
                busy = min(100, 100 * self.busy.get(job, 0) / len(mine))
                cores[core] = [busy, 0, 0, 0, 100 - busy]
        total = [sum(core[k] for core in cores) / len(cores) for k in range(5)]
        return {"total": total, "core": cores}

    def job_mem(self, job_id):
        return {host: self.used[job_id] for host in self.job_layout(job_id)} if job_id in self.used else {}
"""
SITE = {"graceTime": 0.05, "warningWindow": 8, "baseMemSingle": 100, "baseMem": 10}


@pytest.fixture
def daemon(slurm: SlurmCluster, site: Site, daemon: DaemonProcess, tmp_path: Path) -> DaemonProcess:
    """Return a daemon that reads this cluster and measures its jobs, after its first good cycle."""
    (site.backends / "backend_measuring.py").write_text(MEASURING)
    (tmp_path / "site.json").write_text(json.dumps(SITE))
    site.write_settings(
        f'cycle_timeout = 8\n[scheduler]\nreader = "cli"\ntimeout = 3\nconf = "{slurm.conf}"\n'
        f'[web]\nport = 0\nsite = "{tmp_path / "site.json"}"',
        1,
        "measuring",
    )
    return daemon.start().ready()


def test_a_wasteful_job_is_flagged_ends_and_is_found(
    slurm: SlurmCluster, site: Site, daemon: DaemonProcess, chromium: Browser
) -> None:
    wasteful = slurm.submit("-c4", "--mem=2900", "-t", "10", "-J", "wasteful", script="sleep 25")
    try:
        slurm.wait_state(wasteful, "RUNNING")
        page = chromium.new_page()
        page.goto(f"{daemon.page()}#/live?job={wasteful}")
        cores = page.locator('.finding[data-rule="cpuUtil"]')
        expect(cores).to_be_visible(timeout=40_000)
        expect(cores).to_contain_text(re.compile(r"uses [0-5](\.\d)? % of its 4 cores"))
        expect(page.locator('.finding[data-rule="memUtil"]')).to_contain_text("asked for 2.8 GiB")
        slurm.wait_for(lambda: slurm.squeue(wasteful, "T") in {"COMPLETED", ""}, "the job's end", timeout_s=60)

        def ended() -> bool:
            told = subprocess.run(command(site, "job", wasteful, "--json"), capture_output=True, text=True, check=False)
            return told.returncode == 0 and json.loads(told.stdout)["state"] == "COMPLETED"

        until(ended, "the job among the finished ones")
        page.goto(f"{daemon.page()}#/live?mode=finished&waste=1&q={wasteful}")
        page.get_by_role("link", name=re.compile(f"{wasteful} .*wasteful")).click()
        detail = page.locator(".finished-detail")
        expect(detail.locator('.finding[data-rule="cpuUtil"]')).to_contain_text("of its 4 cores")
        expect(detail.locator('.finding[data-rule="memUtil"]')).to_be_visible()
        expect(detail).to_contain_text("Completed")
        page.close()
    finally:
        slurm.cancel_all()
    told = subprocess.run(command(site, "job", wasteful), capture_output=True, text=True, check=True).stdout
    assert "Idle cores" in told
    assert "Unused memory" in told
    listed = subprocess.run(command(site, "jobs", "root", "--waste"), capture_output=True, text=True, check=True).stdout
    assert wasteful in listed
