"""Fixtures that several suites share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from daemon_process import DaemonProcess, Site
from services import require
from slurm_cluster import slurm
from stores import server

__all__ = ["server", "slurm"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let whoever runs the tests ask for the long form of what is generated."""
    parser.addoption("--examples", type=int, default=0, help="generate so many requests for each address, at random")


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the machine or the caller has set away from the tests and from what they start."""
    for name in ("JOBMON_CONFIG", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM", "INVOCATION_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return a site: a folder for its back end, its settings file and its data."""
    return Site(tmp_path)


@pytest.fixture
def daemon(site: Site) -> Iterator[DaemonProcess]:
    """Return a daemon of that site, not started; at the end it is killed if it still runs."""
    process = DaemonProcess(site, dict(os.environ))
    yield process
    process.kill()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Return the system's Chromium, one for all suites: Playwright allows no second one beside it."""
    path = require("chromium", "chromium")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    expect.set_options(timeout=20_000)  # other suites run beside this one
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=switches)
        yield browser
        browser.close()
