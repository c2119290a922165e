"""Releases in a real browser, built by a real Slurm: noticed, broken, mended, built by hand, erased."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.batch_page import House, is_fault, sign_in
from daemon_process import DaemonProcess, Site
from jobmon.api.tokens import create_token
from release_site import ReleaseSite
from slurm_cluster import SlurmCluster

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.timeout(300)]
SLOW_MS = 60_000


@pytest.fixture
def shop(tmp_path: Path) -> ReleaseSite:
    return ReleaseSite(tmp_path)


@pytest.fixture
def house(tmp_path: Path, shop: ReleaseSite, slurm: SlurmCluster, built: Path) -> Iterator[House]:
    site = Site(tmp_path)
    (tmp_path / "workflows").mkdir()
    shop.workflows(tmp_path / "workflows")
    tokens = {"admin": create_token(tmp_path / "tokens.json", "admin", "admin", None)}
    site.write_settings(
        f'[batch]\nscheduler = "slurm"\nworkflows = "{tmp_path / "workflows"}"\nprograms = "{shop.programs}"\n'
        f'[scheduler]\nconf = "{slurm.conf}"\n[web]\nport = 0\ntokens_file = "{tmp_path / "tokens.json"}"',
        interval=5,
    )
    daemon = DaemonProcess(site, dict(os.environ))
    try:
        yield House(daemon.start().ready().page(), tokens)
    finally:
        daemon.stop()
        daemon.kill()


@pytest.fixture
def opened(chromium: Browser, house: House) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.set_default_timeout(15_000)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("console", lambda message: errors.append(message.text) if is_fault(message) else None)
    yield context.new_page()
    context.close()
    assert errors == []


def built_all(house: House) -> None:
    """Wait until no run goes on."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        runs = house.ask("GET", "runs")["runs"]
        if runs and all(run["finished_at"] for run in runs):
            return
        time.sleep(0.5)
    raise AssertionError(runs)


def test_a_version_breaks_is_mended_built_by_hand_and_erased(opened: Page, house: House, shop: ReleaseSite) -> None:
    broken = f"echo compiling\ntest -e {shop.root}/mended || "
    broken += "{ echo 'src/a.c:3:5: error: expected a semicolon'; exit 2; }\necho built > out\n"
    shop.write("io/build.sh", broken)
    shop.commit("breaks io", tag="v1.0")
    house.ask("POST", "workflows/watch/start", {"params": {}})
    built_all(house)
    sign_in(opened, house, "batch/releases")
    for variant in ("gcc", "gcc-opt"):
        expect(opened.get_by_role("link", name=f"core v1.0 {variant}: Does not compile")).to_be_visible(timeout=SLOW_MS)

    opened.get_by_role("link", name="core v1.0 gcc: Does not compile").click()
    pane = opened.get_by_role("region", name=re.compile(r"^Build \d+$"))
    expect(pane).to_contain_text("src/a.c:3:5: error: expected a semicolon")
    expect(pane.get_by_role("row", name=re.compile("^io ")).get_by_text("Does not compile").first).to_be_attached()
    expect(pane.get_by_role("row", name=re.compile("^base ")).get_by_text("Good").first).to_be_attached()
    pane.get_by_role("button", name="Show the log").click()
    expect(pane.locator(".found-line")).to_contain_text("expected a semicolon")

    (shop.root / "mended").touch()
    pane.get_by_role("button", name="Again from build").click()
    expect(opened.get_by_role("link", name="core v1.0 gcc: Good")).to_be_visible(timeout=SLOW_MS)
    expect(opened.get_by_role("link", name="core v1.0 gcc-opt: Does not compile")).to_be_visible()

    shop.write("reco/test.sh", "echo 'FAILED test_x'; exit 1\n")
    shop.commit("breaks the test of reco", tag="v1.1")
    opened.get_by_role("button", name="Build a version").click()
    form = opened.get_by_role("form", name="Build a version")
    form.get_by_label("Version").fill("../../etc")
    form.get_by_role("button", name="Build", exact=True).click()
    expect(form).to_contain_text("../../etc")
    form.get_by_label("Version").fill("v1.1")
    form.get_by_label("gcc-opt").uncheck()
    form.get_by_role("button", name="Build", exact=True).click()
    expect(opened.get_by_role("link", name="core v1.1 gcc: Tests fail")).to_be_visible(timeout=SLOW_MS)

    built_all(house)
    opened.get_by_role("link", name="core v1.1 gcc: Tests fail").click()
    opened.get_by_role("button", name="Erase …").click()
    erase = opened.get_by_role("region", name=re.compile(r"^Erase build \d+$"))
    erase.get_by_label("Logs").check()
    erase.get_by_role("button", name="Show what that frees").click()
    expect(erase).to_contain_text(re.compile(r"Build tree: .+ in \d+ files"))
    assert (shop.place("v1.1") / "src").is_dir()
    erase.get_by_role("button", name=re.compile("^Erase ")).click()
    erase.get_by_role("button", name="Yes, erase it").click()
    expect(erase).to_contain_text("It is being erased")
    end = time.monotonic() + 60
    while (shop.place("v1.1") / "src").exists() and time.monotonic() < end:
        time.sleep(0.2)
    assert not (shop.place("v1.1") / "src").exists()
    assert not (shop.place("v1.1") / "log").exists()
    assert (shop.place("v1.0") / "src").is_dir()
    opened.set_viewport_size({"width": 390, "height": 844})
    opened.goto(f"{house.url}#/batch/releases")
    expect(opened.get_by_role("link", name="core v1.0 gcc: Good")).to_be_visible()
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
