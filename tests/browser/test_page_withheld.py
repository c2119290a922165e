"""What is withheld from somebody is said to be, in its place, at any width; whoever may see it does."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.batch_page import SLOW_MS, House, faults, pane, rows, sign_in, watch

pytestmark = pytest.mark.browser
SECRET = "the-secret-word"
HOOK = f"webhook:https://hooks.example.org/services/{SECRET}?on=fail"


@pytest.fixture(scope="module")
def asked(house: House) -> int:
    """Return the number of an operator's job that has ended; there are an entry and a run as well."""
    number: int = house.ask("POST", "jobs", {"command": ["echo", SECRET], "name": "theirs"})["job_id"]
    house.ask("POST", "cron", {"name": "nightly", "schedule": "@daily", "command": ["echo", SECRET], "notify": [HOOK]})
    house.ask("POST", "workflows/demo/start", {"params": {"package": SECRET}})
    return number


@pytest.fixture(params=[390, 1440])
def page(chromium: Browser, request: pytest.FixtureRequest) -> Page:
    context = chromium.new_context(viewport={"width": request.param, "height": 900}, locale="en-GB", bypass_csp=True)
    errors: list[str] = []
    yield watch(context, errors)
    context.close()
    assert errors == []


VIEWS = {
    "jobs?job={number}": "Its command, output and script are shown to its owner and operators.",
    "cron?entry=nightly": "Its command, options and folders are shown to its owner and operators.",
    "workflows?workflow=demo": "The commands of its stages are shown to operators.",
    "workflows?run=1": "Its parameters, and what the rules decided, are shown to whoever started it and to operators.",
    "todo": "Results are shown to whoever asked and to operators.",
    "master": "Operators and administrators see here what else does.",
}


@pytest.mark.parametrize("view", VIEWS)
def test_who_may_not_see_something_is_told_who_does(page: Page, house: House, asked: int, view: str) -> None:
    page.goto(f"{house.url}#/batch/{view.format(number=asked)}")
    expect(page.locator("main")).to_contain_text(VIEWS[view], timeout=SLOW_MS)
    assert SECRET not in page.content()
    assert faults(page) == []


def test_its_owner_and_operators_see_it(page: Page, house: House, asked: int) -> None:
    sign_in(page, house, f"batch/jobs?job={asked}")
    job = pane(page, f"Job {asked}")
    expect(job.locator(".command-line")).to_have_text(f"echo {SECRET}")
    expect(job.get_by_role("region", name="Output")).to_have_text(SECRET, timeout=SLOW_MS)
    expect(job).not_to_contain_text("shown to")
    assert faults(page) == []


def test_a_webhook_is_shown_by_its_server_and_stays_as_it_is_when_its_entry_is_changed(
    page: Page, house: House, asked: int
) -> None:
    sign_in(page, house, "batch/cron?entry=nightly")
    entry = pane(page, "nightly")
    expect(entry).to_contain_text("webhook:https://hooks.example.org/…?on=fail")
    assert SECRET not in entry.locator("dl").inner_text()
    entry.get_by_role("button", name="Change").click()
    form = page.get_by_role("form", name=re.compile("nightly|entry", re.IGNORECASE))
    form.get_by_label("Queue", exact=True).or_(form.get_by_label("Time limit")).first.fill("90")
    form.get_by_role("button", name=re.compile("^(Save|Change)")).click()
    expect(entry).to_contain_text("Time limit")
    expect(entry).to_contain_text("webhook:https://hooks.example.org/…?on=fail")


def test_a_search_finds_no_command_of_others(page: Page, house: House, asked: int) -> None:
    page.goto(f"{house.url}#/batch/jobs?q={SECRET}")
    expect(page.get_by_text("No job fits this choice.")).to_be_visible()
    page.goto(f"{house.url}#/batch/jobs?q=theirs")
    expect(rows(page, "Jobs")).to_have_count(1)
