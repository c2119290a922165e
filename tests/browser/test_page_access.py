"""The page on a phone, by keyboard, for screen readers, and with very long lists."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browser import page_files
from browser.conftest import Published
from browser.page_files import JOBS
from browser.page_parts import detail, jobs, row
from services import absent

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


def test_keyboard(page: Page, published: Published) -> None:
    page.goto(published.url)
    first = row(page, "102").get_by_role("link")
    first.focus()
    page.keyboard.press("ArrowDown")
    expect(row(page, "104").get_by_role("link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(detail(page, "Job 104")).to_be_visible()
    page.get_by_role("button", name="Close").press("Enter")
    page.get_by_role("button", name=re.compile("^n1: ")).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(detail(page, "Node n2")).to_be_visible()


def test_the_theme_is_remembered(page: Page, published: Published) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(published.url)
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_role("button", name="Use dark colours").click()
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert light != dark
    page.reload()
    expect(page.get_by_role("button", name="Use light colours")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == dark


def test_a_long_list_draws_only_what_is_in_view(page: Page, published: Published, now: int) -> None:
    many = [page_files.Job(str(1000 + i), f"u{i % 40}", {"n1": ("0", "")}, series=page_files.BUSY) for i in range(1500)]
    published.write_all(page_files.documents(now, many))
    page.goto(published.url + "#/?sort=job")
    table = page.locator(".pane-jobs .scroll")
    expect(table.get_by_role("table")).to_have_attribute("aria-rowcount", "1501")
    assert jobs(page).count() < 80
    assert row(page, "1000").evaluate("element => element.offsetHeight") == 30  # what scrolling reckons with
    table.evaluate("element => element.scrollTo(0, element.scrollHeight)")
    expect(row(page, "2499")).to_be_visible()


VIEWS = ["", "?view=jobs", "?view=nodes", "?job=101", "?job=103", "?node=n3", "?job=108"]


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_never_scrolls_sideways(page: Page, published: Published, view: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{published.url}#/{view}")
    expect(page.get_by_role("navigation", name="Lists")).to_be_visible()
    wide = """[...document.querySelectorAll("body, main, .scroll, .detail")]
              .filter(e => e.scrollWidth > e.clientWidth).map(e => e.className)"""
    assert page.evaluate(wide) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_on_a_phone_columns_are_pages(page: Page, published: Published) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(published.url)
    expect(jobs(page).first).to_be_hidden()
    page.get_by_role("link", name=re.compile("ann")).click()
    expect(page.get_by_role("heading", name="Jobs of ann")).to_be_visible()
    row(page, "102").click()
    expect(detail(page, "Job 102")).to_be_visible()
    page.go_back()
    expect(row(page, "102")).to_be_visible()


OPENED = [
    ("", ""),
    ("", "document.querySelector('.keys-button').click()"),
    ("", "document.querySelector('.sources').open = true"),
    ("?user=ann&rank=waste&state=PENDING", ""),
    ("?job=102", "for (const part of document.querySelectorAll('.rule, .twin')) part.open = true"),
    ("?job=103", ""),
    ("?job=101&node=n2", ""),
    ("?job=108", ""),
    ("?job=4711", ""),
    ("?node=n3", "for (const part of document.querySelectorAll('.twin')) part.open = true"),
    ("?node=g1", ""),
]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390), ("dark", 2560)])
def test_axe_finds_nothing_serious(chromium: Browser, published: Published, scheme: Any, width: int) -> None:
    if not AXE.is_file():
        absent("axe-core is not installed: npm ci in frontend/")
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    found = []
    for view, act in OPENED:
        page.goto("about:blank")
        page.goto(f"{published.url}#/{view}")
        page.wait_for_selector("main .panel:visible")
        page.evaluate(act)
        page.add_script_tag(path=AXE)
        result = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
        for violation in result["violations"]:
            if violation["impact"] in {"serious", "critical"}:
                found.append((view, act, violation["id"], [node["html"][:200] for node in violation["nodes"][:3]]))
    context.close()
    assert found == []


def test_keys_of_the_page(page: Page, published: Published) -> None:
    page.goto(published.url)
    expect(jobs(page).first).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label(re.compile("Find jobs"))).to_be_focused()
    page.keyboard.type("one thread")
    expect(jobs(page)).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(row(page, "102").get_by_role("link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(detail(page, "Job 102")).to_be_visible()
    page.keyboard.press("Escape")
    expect(detail(page, "Job 102")).to_have_count(0)
    expect(row(page, "102").get_by_role("link")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.get_by_label("Use / and ?").uncheck()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.reload()
    expect(jobs(page).first).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_keys_go_through_a_long_list(page: Page, published: Published, now: int) -> None:
    many = [page_files.Job(str(1000 + i), "ann", {"n1": ("0", "")}, series=page_files.BUSY) for i in range(500)]
    published.write_all(page_files.documents(now, many))
    page.goto(published.url + "#/?sort=job")
    row(page, "1000").get_by_role("link").focus()
    page.keyboard.press("End")
    expect(row(page, "1499").get_by_role("link")).to_be_focused()
    page.keyboard.press("PageUp")
    expect(jobs(page).locator("a:focus")).to_have_count(1)
    expect(row(page, "1499").get_by_role("link")).not_to_be_focused()
    page.keyboard.press("Home")
    expect(row(page, "1000").get_by_role("link")).to_be_focused()


def test_news_are_told_to_a_screen_reader_once(page: Page, published: Published, now: int) -> None:
    page.clock.install(time=now)
    page.goto(published.url)
    expect(row(page, "102")).to_be_visible()
    news = page.get_by_role("status", name="News")
    expect(news).to_have_text("")
    published.write_all(page_files.documents(now + 90, [job for job in JOBS if job.id != "102"]))
    page.clock.run_for(120_000)
    expect(row(page, "102")).to_have_count(0)
    page.clock.run_for(60_000)
    expect(news).to_have_text("2 of 6 running jobs need attention.")


WIDTHS = [390, 768, 1024, 1440, 1920, 2560]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("view", ["", "?job=103", "?node=g1"])
def test_nothing_is_wider_than_the_page(page: Page, published: Published, view: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{published.url}#/{view}")
    page.wait_for_selector("main .panel:visible")
    wide = """[...document.querySelectorAll("body, main, .panel, .scroll, .detail, .top, .overview")]
              .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className)"""
    assert page.evaluate(wide) == []


def test_a_wide_page_shows_more_columns(page: Page, published: Published) -> None:
    heads = page.get_by_role("table", name="Jobs", exact=True).locator("th:visible")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(published.url)
    expect(heads.first).to_be_visible()
    narrow = heads.all_inner_texts()
    page.set_viewport_size({"width": 2560, "height": 1200})
    expect(heads.filter(has_text="Account")).to_be_visible()
    assert set(narrow) < set(heads.all_inner_texts())


def test_motion_is_reduced_where_asked(page: Page, empty: Published) -> None:
    page.route(re.compile(r"page\.py"), lambda _: None)  # never answered: it stays with the skeleton
    moves = 'getComputedStyle(document.querySelector(".skeleton i")).animationName'
    page.goto(empty.url)
    page.wait_for_selector(".skeleton i", state="attached")
    assert page.evaluate(moves) == "breathe"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moves) == "none"


def test_a_chart_on_paper_is_drawn_in_light_colours(chromium: Browser, published: Published) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    page.goto(f"{published.url}#/?job=102")
    expect(page.locator("figure canvas").first).to_be_visible()
    dark = page.evaluate("document.querySelector('figure canvas').toDataURL()")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function("dark => document.querySelector('figure canvas').toDataURL() !== dark", arg=dark)
    page.emulate_media(media="print", color_scheme="light")
    hidden = ["header.top", ".pane-users", ".pane-jobs", ".overview", ".detail .segments", ".twin", ".close"]
    for part in hidden:
        expect(page.locator(part).first).to_be_hidden()
    expect(page.locator('article[data-rule="cpuUtil"]')).to_be_visible()
    expect(page.locator(".print-only")).to_contain_text("testcluster as of")
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 2
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") is None
    context.close()
