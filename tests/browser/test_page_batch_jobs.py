"""Batch's jobs in a real browser: submitted, followed, found, acted on by who may."""

import re
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.batch_page import SLOW_MS, House, pane, rows, sign_in, submit

pytestmark = pytest.mark.browser


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


@pytest.mark.parametrize(("scheduler", "count"), [("local", 0), ("slurm", 1)])
def test_the_form_asks_for_what_the_scheduler_has(opened: Page, house: House, scheduler: str, count: int) -> None:
    overview = house.ask("GET", "overview")
    overview["master"]["scheduler"] = scheduler
    opened.route("**/api/batch/overview", lambda route: route.fulfill(json=overview))
    sign_in(opened, house)
    opened.get_by_role("button", name="Submit a job").click()
    form = opened.get_by_role("form", name="Submit a job")
    expect(form.get_by_label("Time limit")).to_be_visible()
    expect(form.get_by_label("Queue")).to_have_count(count)
    expect(form.get_by_label("Options of the scheduler")).to_have_count(count)


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


def test_until_when_a_job_must_start_is_shown_and_then_why_it_was_skipped(opened: Page, house: House) -> None:
    now = time.time()
    asked = {"command": ["true"], "not_before": now + 2, "latest_start": now + 5}
    number = house.ask("POST", "jobs", asked)["job_id"]
    house.ask("POST", f"jobs/{number}/hold")
    sign_in(opened, house, f"batch/jobs?job={number}")
    job = pane(opened, f"Job {number}")
    expect(job.locator(".lead")).to_contain_text("Skipped", timeout=SLOW_MS)
    expect(job.locator(".lead")).to_contain_text("too late to start")
    expect(job.locator(".why")).to_contain_text(re.compile(r"^Not started by .* UTC, its latest start\.$"))
    expect(rows(opened, "Jobs").filter(has_text=str(number)).first).to_contain_text("Skipped")
    expect(opened.get_by_label("State of jobs")).to_contain_text("Skipped")


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
    page.route(f"**/api/batch/jobs/{number}", lambda route: route.abort())  # it does not know of what comes now
    house.ask("POST", f"jobs/{number}/hold")
    job.get_by_role("button", name="Hold").click()
    expect(job.get_by_role("alert").filter(has_text="only what waits can be held")).to_be_visible()
    page.unroute(f"**/api/batch/jobs/{number}")
    expect(job.get_by_role("button", name="Release")).to_be_visible()
    expect(job.get_by_role("alert")).to_contain_text("only what waits can be held")
    job.get_by_role("button", name="Release").click()
    expect(job.get_by_role("button", name="Hold")).to_be_visible()
    expect(job.get_by_role("alert")).to_have_count(0)
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
