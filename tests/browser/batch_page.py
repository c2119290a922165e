"""A daemon whose jobs are processes of its own, and where things stand on the pages of batch."""

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from daemon_process import DaemonProcess, Site
from jobmon.api.tokens import create_token
from services import absent

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
WORKFLOW = """
[workflow.demo]
params = ["package"]
[[workflow.demo.stage]]
name = "checkout"
command = ["echo", "got", "{package}"]
[[workflow.demo.stage.on]]
when = { rc = 0 }
next = ["build"]
[[workflow.demo.stage]]
name = "build"
command = ["sleep", "600"]
[[workflow.demo.stage]]
name = "report"
final = true
command = ["echo", "reported"]
"""
BROKEN = '[workflow.broken]\n[[workflow.broken.stage]]\nname = "a"\n'
SLOW_MS = 30_000
"""So long a job may take until its state is seen: the machine may be busy."""


@dataclass(frozen=True, slots=True)
class House:
    """Be a running daemon: its address, and one token per role."""

    url: str
    tokens: dict[str, str]

    def ask(self, method: str, path: str, body: Any = None, who: str = "admin") -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}api/batch/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[House]:
    root = tmp_path_factory.mktemp("batch")
    site = Site(root)
    flows = root / "workflows.d"
    flows.mkdir()
    (flows / "demo.toml").write_text(WORKFLOW)
    (flows / "broken.toml").write_text(BROKEN)
    tokens = {role: create_token(root / "tokens.json", role, role, None) for role in ("admin", "user")}
    site.write_settings(
        f'[batch]\nscheduler = "local"\nlocal_slots = 4\nworkflows = "{flows}"\n'
        f'[web]\nport = 0\ntokens_file = "{root / "tokens.json"}"',
        interval=5,
    )
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("JOBMON_", "WATCHDOG_"))}
    daemon = DaemonProcess(site, quiet)
    try:
        yield House(daemon.start().ready().page(), tokens)
    finally:
        daemon.stop()
        daemon.kill()


@pytest.fixture
def opened(chromium: Browser, house: House) -> Iterator[Page]:
    """Open a tab in which nobody has signed in; an error in the page or its console fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB", timezone_id="Europe/Berlin")
    errors: list[str] = []
    yield watch(context, errors)
    context.close()
    assert errors == []


def watch(context: BrowserContext, errors: list[str]) -> Page:
    context.set_default_timeout(20_000)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("console", lambda message: errors.append(message.text) if is_fault(message) else None)
    return context.new_page()


def is_fault(message: ConsoleMessage) -> bool:
    """Say whether a message of the console is an error; the browser also notes there what the daemon refuses."""
    return message.type == "error" and "status of 400" not in message.text


def sign_in(page: Page, house: House, view: str = "batch/jobs", who: str = "admin") -> None:
    page.goto(f"{house.url}#/{view}")
    page.get_by_role("button", name="Sign in").click()
    dialog = page.get_by_role("dialog", name="Sign in")
    dialog.get_by_label("Token").fill(house.tokens[who])
    dialog.get_by_role("button", name="Sign in").click()
    expect(page.locator(".account")).to_have_text(who)


def pane(page: Page, title: str | re.Pattern[str]) -> Locator:
    return page.locator("section.pane-detail").filter(has=page.get_by_role("heading", name=title, exact=True))


def rows(page: Page, table: str) -> Locator:
    return page.get_by_role("table", name=table, exact=True).locator("tbody tr.row")


def submit(page: Page, command: str, **more: str) -> Locator:
    """Submit a job with the form, and return its detail."""
    page.get_by_role("button", name="Submit a job").click()
    form = page.get_by_role("form", name="Submit a job")
    form.get_by_label("Command").fill(command)
    for label, value in more.items():
        form.get_by_label(label, exact=True).fill(value)
    form.get_by_role("button", name="Submit").click()
    return pane(page, re.compile(r"^Job \d+$"))


def faults(page: Page) -> list[Any]:
    """Return what axe finds on a page, and what is wider than its place."""
    if not AXE.is_file():
        absent("axe-core is not installed: npm ci in frontend/")
    wide = """[...document.querySelectorAll("body, main, .panel, .scroll, .detail, .top, .batch-head")]
              .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className)"""
    page.add_script_tag(path=AXE)
    result = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
    found = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in result["violations"]]
    return [*page.evaluate(wide), *found]
