"""All views of batch in a real browser: where they are offered, by keyboard, on a phone, for everybody."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.batch_page import House, faults, rows, sign_in, watch
from browser.conftest import Published

pytestmark = pytest.mark.browser


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
    opened.keyboard.press("/")
    expect(opened.get_by_label(re.compile("^Find jobs"))).to_be_focused()
    opened.keyboard.press("Escape")
    opened.keyboard.press("?")
    expect(opened.get_by_role("dialog", name="Keys")).to_be_visible()
    opened.keyboard.press("Escape")
    expect(opened.get_by_role("dialog")).to_have_count(0)


QUICK = """
pause => {
  const field = document.querySelector("input[type=search]");
  const link = document.querySelector("tr[data-row] a");
  const write = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
  field.focus();
  write.call(field, field.value === "quick" ? "quick-" : "quick");
  field.dispatchEvent(new Event("input", {bubbles: true}));
  return new Promise(done => setTimeout(() => {
    link.click();
    const busy = performance.now() + 150 - pause;
    while (performance.now() < busy);
    setTimeout(done, 300);
  }, pause));
}
"""


@pytest.mark.parametrize("pause", [0, 60, 100, 118])
def test_a_job_opened_right_after_typing_stays_open(opened: Page, house: House, pause: int) -> None:
    house.ask("POST", "jobs", {"command": ["true"], "name": "quick-one"})
    opened.goto(f"{house.url}#/batch/jobs?q=quick")
    expect(rows(opened, "Jobs")).not_to_have_count(0)
    opened.evaluate(QUICK, pause)
    expect(opened.locator(".pane-detail .lead")).to_contain_text("quick-one")


def test_what_was_typed_counts_when_the_field_is_left(opened: Page, house: House) -> None:
    opened.goto(f"{house.url}#/batch/jobs")
    field = opened.get_by_label(re.compile("^Find jobs"))
    field.fill("gone")
    assert field.evaluate("field => { field.blur(); return location.hash }") == "#/batch/jobs?q=gone"


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
    if not house.ask("GET", "cron")["entries"]:
        house.ask("POST", "cron", {"name": "poll", "schedule": "*/15 * * * *", "command": ["true"]})
        house.ask("POST", "workflows/demo/start", {"params": {"package": "app"}})
        house.ask("POST", "jobs", {"command": ["true"]})
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True)
    found: list[Any] = []
    page = watch(context, found)
    sign_in(page, house)
    for view in VIEWS:
        page.goto(f"{house.url}#/batch/{view}")
        page.wait_for_selector("main .panel:visible")
        page.wait_for_function("!/Reading …/.test(document.querySelector('main').innerText)")
        found += [(view, fault) for fault in faults(page)]
    context.close()
    assert found == []


def test_a_phone_has_room_for_the_menu_and_the_page(opened: Page, house: House) -> None:
    house.ask("POST", "jobs", {"command": ["true"]})
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
