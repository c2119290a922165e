"""The pages of batch in a real browser, against the real daemon and its own processes as jobs."""

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

from browser.conftest import Published
from daemon_process import DaemonProcess, Site
from jobmon.web.auth import create_token
from services import absent

pytestmark = pytest.mark.browser

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


def test_a_job_from_the_form_to_its_output_and_again(opened: Page, house: House) -> None:
    sign_in(opened, house)
    opened.get_by_role("button", name="Submit a job").click()
    form = opened.get_by_role("form", name="Submit a job")
    form.get_by_role("button", name="Submit").click()
    expect(form).to_contain_text("A job needs a command.")
    form.get_by_label("Command").fill("""sh -c 'echo "hello $0"; exit 3' 'two words'""")
    expect(form.locator(".arguments code")).to_have_text(["sh", "-c", 'echo "hello $0"; exit 3', "two words"])
    form.get_by_label("Working folder").fill("relative")
    form.get_by_label("Name").fill("greeting <b>")
    form.get_by_role("button", name="Submit").click()
    field = form.get_by_label("Working folder")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("Must be an absolute path.")
    field.fill("/tmp")
    form.get_by_role("button", name="Submit").click()
    job = pane(opened, re.compile(r"^Job \d+$"))
    expect(job.locator(".lead")).to_contain_text(re.compile("Failed.*return code 3.*greeting <b>"), timeout=SLOW_MS)
    expect(job.get_by_role("region", name="Output")).to_have_text("hello two words")
    happened = job.locator(".timeline li")
    expect(happened.first).to_contain_text("Waiting asked for – admin")
    expect(happened.last).to_contain_text("master, fence 1")
    job.get_by_text("The script as it was submitted").click()
    expect(job.get_by_role("region", name="Script")).to_contain_text("hello $0")
    expect(rows(opened, "Jobs").first).to_contain_text("Failed")

    first = job.get_by_role("heading", level=2).inner_text()
    job.get_by_role("button", name="Run again").click()
    expect(job.get_by_role("heading", level=2)).not_to_have_text(first)
    expect(job.locator(".attempts")).to_contain_text(re.compile("Attempt 1.*Attempt 2"))
    expect(job.locator(".lead")).to_contain_text("Failed", timeout=SLOW_MS)
    job.get_by_role("link", name=first.lower()).click()
    expect(job.get_by_role("heading", level=2)).to_have_text(first)


def test_a_running_job_shows_its_output_and_is_cancelled_once_asked(opened: Page, house: House) -> None:
    sign_in(opened, house)
    job = submit(opened, "sh -c 'seq 3000; sleep 600'")
    expect(job.locator(".lead")).to_contain_text("Running", timeout=SLOW_MS)
    output = job.get_by_role("region", name="Output")
    expect(output).to_contain_text("3000", timeout=SLOW_MS)
    assert not output.inner_text().startswith("1\n")
    job.get_by_role("button", name="Whole output").click()
    expect(opened).to_have_url(re.compile("show=output"))
    expect(output).to_have_text(re.compile("^1\n2\n"))
    job.get_by_role("button", name="Cancel").click()
    question = job.get_by_role("group", name=re.compile(r"^Cancel job \d+\?"))
    question.get_by_role("button", name="No").click()
    expect(job.get_by_role("button", name="Cancel")).to_be_focused()
    job.get_by_role("button", name="Cancel").click()
    expect(question.get_by_role("button", name="Yes, cancel it")).to_be_focused()
    opened.keyboard.press("Enter")
    expect(job.locator(".lead")).to_contain_text("Cancelled", timeout=SLOW_MS)
    expect(job.get_by_role("button", name="Run again")).to_be_visible()


def test_a_limited_queue_keeps_a_job_waiting_which_is_held_and_released(opened: Page, house: House) -> None:
    sign_in(opened, house, "batch/master")
    form = opened.get_by_role("form", name="Limit a queue")
    form.get_by_role("button", name="Set").click()
    expect(form).to_contain_text("Name a queue")
    form.get_by_label("Queue").fill("*")
    form.get_by_label("Most pending", exact=True).fill("0")
    form.get_by_role("button", name="Set").click()
    limits = opened.get_by_role("region", name="Limits of queues")
    expect(limits.get_by_role("row", name=re.compile("every other queue 0 no limit"))).to_be_visible()
    opened.get_by_role("link", name="Jobs", exact=True).click()
    job = submit(opened, "true", Name="kept")
    job.get_by_role("button", name="Hold").click()
    expect(job.locator(".lead")).to_contain_text(re.compile("Held.*kept"))
    expect(rows(opened, "Jobs").first).to_contain_text("Held")
    job.get_by_role("button", name="Release").click()
    expect(job.locator(".lead")).to_contain_text("Waiting")
    opened.get_by_role("link", name="Master").click()
    limits.get_by_role("button", name="Remove").click()
    expect(limits).to_contain_text("No queue has limits")
    opened.go_back()
    expect(job.locator(".lead")).to_contain_text("Succeeded", timeout=SLOW_MS)


def test_jobs_are_found_by_state_and_text_and_by_address(opened: Page, house: House) -> None:
    for name, command in (("good-one", "true"), ("bad-one", "false")):
        house.ask("POST", "jobs", {"command": [command], "name": name})
    opened.goto(f"{house.url}#/batch/jobs?q=-one")
    expect(rows(opened, "Jobs")).to_have_count(2)
    expect(rows(opened, "Jobs").first).to_contain_text("Failed", timeout=SLOW_MS)
    opened.get_by_role("group", name="State of jobs").get_by_role("button", name=re.compile("^Failed")).click()
    expect(rows(opened, "Jobs")).to_have_count(1)
    expect(opened).to_have_url(re.compile("q=-one&status=failed"))
    opened.get_by_label(re.compile("^Find jobs")).fill("no such job")
    expect(opened.get_by_text("No job fits this choice.")).to_be_visible()


def test_older_jobs_come_page_by_page(opened: Page, house: House) -> None:
    for _ in range(205):
        house.ask("POST", "jobs", {"command": ["true"], "name": "many", "not_before": 9e9})
    opened.goto(f"{house.url}#/batch/jobs?q=many")
    expect(opened.get_by_text("200 jobs and older ones")).to_be_visible()
    opened.get_by_role("button", name="Show older jobs").click()
    expect(opened.get_by_text("205 jobs", exact=True)).to_be_visible()
    assert rows(opened, "Jobs").count() < 80


def test_a_crontab_entry_is_added_paused_changed_run_and_replayed(opened: Page, house: House) -> None:
    sign_in(opened, house, "batch/cron")
    opened.get_by_role("button", name="Add an entry").click()
    form = opened.get_by_role("form", name="Crontab entry")
    form.get_by_label("Name", exact=True).fill("nightly")
    form.get_by_label("Schedule", exact=True).fill("61 2 * * *")
    form.get_by_label("Time zone").fill("Asia/Kolkata")
    form.get_by_label("Command").fill("echo due")
    form.get_by_role("button", name="Add").click()
    expect(form.get_by_label("Schedule", exact=True)).to_have_attribute("aria-invalid", "true")
    form.get_by_label("Schedule", exact=True).fill("30 2 * * *")
    expect(form).to_contain_text("Every day at 02:30.")
    form.get_by_role("button", name="Add").click()
    entry = pane(opened, "nightly")
    due = entry.locator(".due li")
    expect(due).to_have_count(5)
    expect(due.first).to_contain_text(re.compile(r"\w{3} \d+ \w{3}, 02:30 \+05:30 in \d+ h"))
    row = rows(opened, "Crontab entries").filter(has_text="nightly")
    entry.get_by_role("button", name="Pause").click()
    expect(entry).to_contain_text("It is paused, so none.")
    expect(row).to_contain_text("Paused")
    entry.get_by_role("button", name="Resume").click()
    expect(row).to_contain_text("On")

    entry.get_by_role("button", name="Replay …").click()
    entry.get_by_role("button", name="Run them").click()
    expect(entry).to_contain_text("1 due time run again.")
    fires = entry.locator(".fires li")
    expect(fires).to_have_count(1)
    expect(fires).to_contain_text(re.compile(r"02:30 \+05:30.*Fired.*late.*Replayed by admin\. job \d+"))
    expect(row).to_contain_text("Fired")

    entry.get_by_role("button", name="Change").click()
    form.get_by_label("When the last one still runs").select_option("skip")
    form.get_by_role("button", name="Save").click()
    expect(entry).to_contain_text("the new one is skipped")
    entry.get_by_role("button", name="Run now").click()
    entry.get_by_role("button", name="Yes, run it").click()
    job = pane(opened, re.compile(r"^Job \d+$"))
    expect(job.locator(".lead")).to_contain_text("Succeeded", timeout=SLOW_MS)
    job.get_by_role("link", name="nightly").click()
    entry.get_by_role("button", name="Remove").click()
    entry.get_by_role("button", name="Yes, remove it").click()
    expect(opened.get_by_text("The crontab is empty.")).to_be_visible()


def test_a_workflow_is_started_followed_and_stopped(opened: Page, house: House) -> None:
    sign_in(opened, house, "batch/workflows")
    expect(opened.get_by_role("alert").filter(has_text="broken.toml")).to_be_visible()
    opened.get_by_role("button", name=re.compile("^demo")).click()
    form = opened.get_by_role("form", name="Start demo")
    form.get_by_role("button", name="Start a run").click()
    expect(form).to_contain_text("It is needed.")
    form.get_by_label("package").fill("app")
    form.get_by_role("button", name="Start a run").click()
    run = pane(opened, re.compile(r"^Run \d+$"))
    graph = run.get_by_role("img", name=re.compile(r"^checkout \(Succeeded\) may lead to build; build \(Active\)"))
    expect(graph).to_be_visible(timeout=SLOW_MS)
    expect(run.locator(".timeline li").first).to_contain_text(re.compile(r"checkout .*rule 1.*job \d+"))
    expect(rows(opened, "Runs").first).to_contain_text("package: app")
    run.get_by_role("button", name="Stop").click()
    run.get_by_role("button", name="Yes, stop it").click()
    expect(run.locator(".lead")).to_contain_text("Stopped", timeout=SLOW_MS)
    report = run.locator(".attempts li").filter(has_text="report").first
    expect(report).to_contain_text("Succeeded")
    report.get_by_role("link", name=re.compile(r"job \d+")).click()
    job = pane(opened, re.compile(r"^Job \d+$"))
    expect(job).to_contain_text("stage report")
    opened.get_by_role("link", name="To-do").click()
    expect(rows(opened, "What people have asked for").first).to_contain_text(re.compile(r"stop run \d+.*admin"))


def test_the_master_is_told_and_its_settings_are_changed(opened: Page, house: House) -> None:
    sign_in(opened, house, "batch/master")
    master = opened.get_by_role("region", name="Master", exact=True)
    expect(master).to_contain_text(re.compile(r"Fence\s*1"))
    expect(master.get_by_role("row", name=re.compile(r"answers this page\) master"))).to_be_visible()
    form = master.get_by_role("form", name="Settings of the master")
    form.get_by_label("Run time of a process").fill("soon")
    form.get_by_role("button", name="Save").click()
    expect(form).to_contain_text("Write a span of time")
    form.get_by_label("Run time of a process").fill("12h")
    form.get_by_role("button", name="Save").click()
    expect(master).to_contain_text(re.compile(r"Run time left\s*1[12] h"), timeout=SLOW_MS)
    house.ask("POST", "master", {"run_time": 0})
    attention = opened.get_by_role("region", name="Needs attention")
    expect(attention).to_contain_text("broken.toml")
    expect(opened.get_by_role("link", name=re.compile("needs? attention"))).to_be_visible()


def test_who_may_not_act_is_told_why(opened: Page, house: House) -> None:
    number = house.ask("POST", "jobs", {"command": ["true"], "not_before": 9e9})["job_id"]
    opened.goto(f"{house.url}#/batch/jobs?job={number}")
    job = pane(opened, f"Job {number}")
    expect(job.get_by_role("button", name="Hold")).to_be_disabled()
    expect(job).to_contain_text("Sign in to act on jobs.")
    expect(opened.get_by_role("button", name="Submit a job")).to_be_disabled()
    sign_in(opened, house, f"batch/jobs?job={number}", "user")
    expect(job).to_contain_text("Only admin, operators and administrators may act on this job.")
    expect(job.get_by_role("button", name="Cancel")).to_be_disabled()
    expect(opened.get_by_role("button", name="Submit a job")).to_be_enabled()
    opened.get_by_role("link", name="Cron").click()
    expect(opened.get_by_role("button", name="Add an entry")).to_be_disabled()
    opened.reload()
    expect(opened.locator(".account")).to_have_text("user")
    opened.get_by_role("button", name="Sign out").click()
    expect(opened.get_by_role("button", name="Sign in")).to_be_visible()
    opened.wait_for_function("sessionStorage.length === 0 && localStorage.getItem('jobmon.token') === null")


def test_what_goes_wrong_is_said_where_it_was_asked(chromium: Browser, house: House) -> None:
    context = chromium.new_context(locale="en-GB")
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(f"{house.url}#/batch/jobs")
    page.get_by_role("button", name="Sign in").click()
    dialog = page.get_by_role("dialog", name="Sign in")
    dialog.get_by_label("Token").fill("jm_wrong")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert")).to_have_text("This token is not valid, or not any more.")
    dialog.get_by_label("Token").fill(house.tokens["admin"])
    dialog.get_by_role("button", name="Sign in").click()
    expect(page.locator(".account")).to_have_text("admin")

    number = house.ask("POST", "jobs", {"command": ["true"], "not_before": 9e9})["job_id"]
    page.goto(f"{house.url}#/batch/jobs?job={number}")
    job = pane(page, f"Job {number}")
    expect(job.get_by_role("button", name="Hold")).to_be_visible()
    house.ask("POST", f"jobs/{number}/hold")
    job.get_by_role("button", name="Hold").click()
    expect(job.get_by_role("alert")).to_contain_text("only what waits can be held")
    page.route("**/api/batch/overview", lambda route: route.abort())
    expect(page.get_by_role("alert").filter(has_text="What is shown may be old")).to_be_visible(timeout=SLOW_MS)
    context.close()


def test_actions_say_that_they_come_from_the_page(opened: Page, house: House) -> None:
    sign_in(opened, house)
    with opened.expect_request(lambda request: request.method == "POST") as sent:
        submit(opened, "true")
    headers = sent.value.all_headers()
    assert headers["x-requested-with"] == "jobmon"
    assert headers["authorization"] == f"Bearer {house.tokens['admin']}"


def test_a_site_without_batch_does_not_offer_it(page: Page, published: Published) -> None:
    with page.expect_response("**/api/batch/overview") as asked:
        page.goto(published.url)
    assert asked.value.status == 404
    expect(page.get_by_role("heading", name="Users")).to_be_visible()
    expect(page.get_by_role("navigation", name="Capabilities")).to_have_count(0)
    page.goto(f"{published.url}#/batch/jobs")
    expect(page.get_by_role("alert")).to_contain_text("This site does not offer batch here")
    page.get_by_role("link", name="Show the cluster").click()
    expect(page.get_by_role("heading", name="Users")).to_be_visible()


def test_by_keyboard_alone(opened: Page, house: House) -> None:
    for name in ("first", "second"):
        house.ask("POST", "jobs", {"command": ["true"], "name": f"key-{name}"})
    opened.goto(f"{house.url}#/")
    opened.get_by_role("navigation", name="Capabilities").get_by_role("link", name="Batch").press("Enter")
    expect(opened.get_by_role("navigation", name="Batch")).to_be_visible()
    opened.get_by_label(re.compile("^Find jobs")).fill("key-")
    expect(rows(opened, "Jobs")).to_have_count(2)
    opened.keyboard.press("Tab")
    expect(rows(opened, "Jobs").first.get_by_role("link")).to_be_focused()
    opened.keyboard.press("ArrowDown")
    opened.keyboard.press("Enter")
    expect(opened.locator(".pane-detail .lead")).to_contain_text("key-first")
    opened.keyboard.press("Escape")
    expect(opened.locator(".pane-detail")).to_have_count(0)
    expect(rows(opened, "Jobs").nth(1).get_by_role("link")).to_be_focused()


def test_a_hidden_tab_asks_nothing(opened: Page, house: House) -> None:
    opened.goto(f"{house.url}#/batch/jobs")
    expect(opened.get_by_role("heading", name="Jobs")).to_be_visible()
    told = "document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))"
    hidden = "Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true})"
    opened.evaluate(f"{hidden}; {told}")
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url) if "/api/batch/" in request.url else None)
    opened.wait_for_timeout(6000)
    assert asked == []
    opened.evaluate(f"delete document.visibilityState; {told}")
    opened.wait_for_timeout(1000)
    assert asked != []


VIEWS = [
    "jobs", "jobs?job=1", "jobs?form=submit", "cron", "cron?entry=poll", "cron?entry=poll&form=edit", "cron?form=add",
    "workflows", "workflows?workflow=demo", "workflows?run=1", "master", "todo",
]  # fmt: skip


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_every_view_fits_and_axe_finds_nothing(chromium: Browser, house: House, scheme: Any, width: int) -> None:
    if not AXE.is_file():
        absent("axe-core is not installed: npm ci in frontend/")
    if not house.ask("GET", "cron")["entries"]:
        house.ask("POST", "cron", {"name": "poll", "schedule": "*/15 * * * *", "command": ["true"]})
        house.ask("POST", "workflows/demo/start", {"params": {"package": "app"}})
        house.ask("POST", "jobs", {"command": ["true"]})
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True)
    found: list[Any] = []
    page = watch(context, found)
    sign_in(page, house)
    wide = """[...document.querySelectorAll("body, main, .panel, .scroll, .detail, .top, .batch-head")]
              .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className)"""
    for view in VIEWS:
        page.goto(f"{house.url}#/batch/{view}")
        page.wait_for_selector("main .panel:visible")
        page.wait_for_function("!/Reading …/.test(document.querySelector('main').innerText)")
        found += [(view, name) for name in page.evaluate(wide)]
        page.add_script_tag(path=AXE)
        result = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
        for violation in result["violations"]:
            found.append((view, violation["id"], [node["html"][:200] for node in violation["nodes"][:3]]))
    context.close()
    assert found == []


def test_a_phone_has_room_for_the_menu_and_the_page(opened: Page, house: House) -> None:
    opened.set_viewport_size({"width": 390, "height": 844})
    opened.goto(f"{house.url}#/")
    menu = opened.locator(".capability-menu")
    menu.locator("summary").click()
    menu.get_by_role("link", name="Batch").click()
    expect(opened.get_by_role("navigation", name="Batch")).to_be_visible()
    expect(menu.locator("nav")).to_be_hidden()
    top = opened.get_by_role("table", name="Jobs", exact=True).bounding_box()
    assert top is not None
    assert top["y"] < 300
    expect(rows(opened, "Jobs").first).to_be_visible()
    rows(opened, "Jobs").first.get_by_role("link").click()
    expect(opened.locator(".pane-detail")).to_be_visible()
    expect(rows(opened, "Jobs").first).to_be_hidden()
    opened.get_by_role("button", name="Close").click()
    expect(rows(opened, "Jobs").first).to_be_visible()
