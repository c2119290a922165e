"""The page in a real Chromium, over the daemon's own web server."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from browser import page_files
from browser.conftest import Published
from browser.page_files import HOSTILE, JOBS

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


def jobs(page: Page) -> Locator:
    return page.get_by_role("table", name="Jobs", exact=True).locator("tbody tr.row")


def row(page: Page, job: str) -> Locator:
    return jobs(page).filter(has=page.locator(f'a[title^="{job} "]'))


def detail(page: Page, title: str) -> Locator:
    return page.locator("section.pane-detail").filter(has=page.get_by_role("heading", name=title, exact=True))


def test_overview_shows_the_numbers_of_the_files(page: Page, published: Published) -> None:
    page.goto(published.url)
    glance = page.get_by_label("The cluster at a glance")
    expect(glance).to_contain_text("58 of 176")  # cores: 9 nodes are up
    expect(glance).to_contain_text("2 of 8")  # GPUs
    expect(glance).to_contain_text("9 of 10")  # nodes
    expect(glance).to_contain_text("3 of 7 running jobs need attention")
    expect(glance).to_contain_text("1 job cannot be judged")
    expect(page.locator("header.top")).to_contain_text("testcluster")
    users = page.get_by_role("region", name="Users", exact=True).locator("tbody tr.row")
    expect(users.first).to_contain_text(re.compile(r"ann\s*40\s*23\s*2\s*1\.0"))  # 8 cores x 75 % x 10 min
    expect(jobs(page)).to_have_count(len(JOBS))
    expect(row(page, "101")).to_contain_text("97 %")
    expect(row(page, "101")).to_contain_text("5.9 GiB")
    nodes = page.get_by_role("region", name="Nodes", exact=True)
    expect(nodes.locator("tbody tr.row")).to_have_count(10)
    expect(nodes.locator("tbody tr.row", has_text="n7")).to_contain_text("down")
    expect(nodes.get_by_role("button", name=re.compile("^n7: down .Not responding"))).to_be_visible()


def test_users_are_ranked_by_use_or_by_waste(page: Page, published: Published) -> None:
    page.goto(published.url)
    names = page.get_by_role("region", name="Users", exact=True).locator("tbody tr.row .name")
    expect(names.first).to_have_text("ann")
    page.get_by_role("button", name="By waste").click()
    # ann: 8 cores x (80 - 25) = 440; cid: (T - 1) GiB = 43; bob: 30 - 5 = 25
    expect(names).to_have_text(["ann", "cid", "bob", "eve", "fay", "dot"])
    expect(page).to_have_url(re.compile("rank=waste"))


def test_choices_are_in_the_url_and_survive_a_reload(page: Page, published: Published) -> None:
    page.goto(published.url)
    page.get_by_role("link", name=re.compile("ann")).first.click()
    expect(page).to_have_url(re.compile("user=ann"))
    expect(page.get_by_role("heading", name="Jobs of ann")).to_be_visible()
    expect(page.locator(".pane-right tr.marked .name")).to_have_text(["n1", "n2", "n3"])
    page.get_by_role("link", name=re.compile("^101 ")).click()
    page.get_by_role("link", name=re.compile("n2$")).click()
    expect(page).to_have_url(re.compile("user=ann.*job=101.*node=n2"))
    page.reload()
    opened = detail(page, "Job 101")
    expect(opened).to_contain_text("32 cores on 2 nodes")
    expect(opened.get_by_role("heading", name="Use on n2")).to_be_visible()
    expect(page.locator("tr.selected").first).to_contain_text("ann")
    page.go_back()
    expect(page).not_to_have_url(re.compile("node=n2"))
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("region", name="Nodes", exact=True)).to_be_visible()


def test_a_node_shows_its_jobs_and_leads_to_them(page: Page, published: Published) -> None:
    page.goto(published.url + "#/?node=n3")
    opened = detail(page, "Node n3")
    expect(opened).to_contain_text("12 of 16 allocated")
    expect(opened).to_contain_text("cpu 4 %, io 40 %")
    opened.get_by_role("link", name="107").click()
    expect(page).to_have_url(re.compile("job=107"))
    expect(detail(page, "Job 107")).to_contain_text("Not judged yet")
    detail(page, "Job 107").get_by_role("link", name="102").click()
    expect(detail(page, "Job 102")).to_be_visible()


def test_a_node_that_is_not_the_jobs_is_no_choice(page: Page, published: Published) -> None:
    page.goto(published.url + "#/?job=101&node=n6")
    expect(detail(page, "Job 101").get_by_role("heading", name=re.compile("Cores of n1"))).to_be_visible()
    page.goto(published.url + "#/?job=4711")
    expect(detail(page, "Job 4711")).to_contain_text("does not list job 4711")
    page.goto(published.url + "#/?node=nowhere")
    expect(detail(page, "Node nowhere")).to_contain_text("no node nowhere")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("state=PENDING", ["108"]),
        ("state=attention", ["102", "104", "103"]),
        ("state=OUT_OF_MEMORY", ["110"]),
        ("partition=gpu", ["103"]),
        ("q=one+thread", ["102"]),
        ("q=n6", ["106"]),
        ("q=.*", []),
        ("user=bob&state=COMPLETED", ["109"]),
    ],
)
def test_filters(page: Page, published: Published, query: str, shown: list[str]) -> None:
    page.goto(f"{published.url}#/?{query}")
    expect(jobs(page).locator("a b")).to_have_text(shown)


def test_filters_by_hand(page: Page, published: Published) -> None:
    page.goto(published.url)
    page.get_by_role("button", name=re.compile("Out of memory")).click()
    expect(jobs(page).locator("a b")).to_have_text(["110"])
    page.get_by_role("button", name=re.compile("^All")).click()
    page.get_by_label("Partition").select_option("gpu")
    expect(jobs(page).locator("a b")).to_have_text(["103"])
    page.get_by_label("Partition").select_option("")
    page.get_by_label(re.compile("Find jobs")).fill("hog")
    expect(jobs(page).locator("a b")).to_have_text(["104"])
    expect(page).to_have_url(re.compile("q=hog"))
    page.get_by_label("Find a user").fill("zz")
    expect(page.get_by_text("No user has this name.")).to_be_visible()


@pytest.mark.parametrize(
    ("job", "rule", "words"),
    [
        ("102", "cpuUtil", ["uses 25 % of its 8 cores", "below 80 %", "Ask for fewer cores", "20 of 20", "1.0 core-h"]),
        ("103", "gpuUtil", ["uses 5.0 % of its 2 GPUs", "below 30 %", "0.3 GPU-h"]),
        ("104", "memUtil", ["asked for 64 GiB", "never used more than 1.0 GiB", "11 GiB-h"]),
    ],
)
def test_a_warning_shows_rule_numbers_and_advice(
    page: Page, published: Published, job: str, rule: str, words: list[str]
) -> None:
    page.goto(f"{published.url}#/?job={job}")
    finding = page.locator(f'article[data-rule="{rule}"]')
    for word in words:
        expect(finding).to_contain_text(word)
    expect(page.locator("article.finding")).to_have_count(1)


def test_the_request_that_would_have_fitted(page: Page, published: Published) -> None:
    page.goto(f"{published.url}#/?job=102")
    expect(page.locator(".fit")).to_contain_text("3 cores")  # 8 cores x 25 % = 2, and a twentieth more
    page.goto(f"{published.url}#/?job=104")
    expect(page.locator(".fit")).to_contain_text("2 GiB of memory")


def test_unknown_is_not_judged(page: Page, published: Published) -> None:
    page.goto(f"{published.url}#/?job=106")
    opened = detail(page, "Job 106")
    expect(opened).to_contain_text("Nothing is known about its use of the cores")
    expect(opened).to_contain_text("No measurements of this job.")
    expect(row(page, "106")).to_contain_text("No data")


def test_charts_have_their_numbers_as_a_table(page: Page, published: Published) -> None:
    page.goto(f"{published.url}#/?job=102&span=30m")
    opened = detail(page, "Job 102")
    expect(opened.locator("figure canvas")).to_have_count(2)
    expect(
        opened.get_by_role("img", name=re.compile("^CPU over time; at the end: user 20 %, system 5 %, wait 1 %"))
    ).to_be_visible()
    opened.get_by_text("Table of CPU").click()
    table = opened.locator("figure").first.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(61)
    expect(table.get_by_role("row").last).to_contain_text(re.compile(r"20 %\s*5 %\s*1 %"))


def test_the_cores_of_the_job_are_framed(page: Page, published: Published) -> None:
    page.goto(f"{published.url}#/?job=102")
    opened = detail(page, "Job 102")
    expect(opened.locator(".core")).to_have_count(16)
    expect(opened.locator(".core.own")).to_have_count(8)
    expect(opened.locator(".core.taken")).to_have_count(4)
    expect(opened.get_by_role("img", name=re.compile("16 cores of n3, 8 of them of job 102"))).to_be_visible()
    opened.locator(".core").nth(9).hover()
    expect(opened).to_contain_text("Core 9: user 20 %, system 5 %, wait 1 %; job 107")


def test_gpus_of_a_node(page: Page, published: Published) -> None:
    page.goto(f"{published.url}#/?job=103")
    gpus = page.get_by_role("list", name="GPUs of g1").get_by_role("listitem")
    expect(gpus).to_have_count(4)
    expect(gpus.first).to_contain_text("450 MiB of 40 GiB 103")
    expect(gpus.last).to_contain_text("free")


def test_hostile_names_are_text(page: Page, published: Published, now: int) -> None:
    evil = page_files.Job("666", HOSTILE, {"n5": ("4-5", "")}, name=HOSTILE, partition=HOSTILE, series=page_files.BUSY)
    published.write_all(page_files.documents(now, (*JOBS, evil)))
    page.goto(published.url + "#/?job=666")
    expect(detail(page, "Job 666")).to_contain_text(HOSTILE)
    expect(page.get_by_role("region", name="Users", exact=True)).to_contain_text(HOSTILE)
    assert page.locator("img[src=x]").count() == 0
    assert page.title() == "jobmon"


def test_no_jobs(page: Page, published: Published, now: int) -> None:
    published.write_all(page_files.documents(now, ()))
    page.goto(published.url)
    expect(page.get_by_label("The cluster at a glance")).to_contain_text("No jobs running.")
    expect(page.get_by_role("region", name="Nodes", exact=True)).to_contain_text("n1")


def test_missing_files_are_told_and_the_page_recovers(page: Page, empty: Published, now: int) -> None:
    page.goto(empty.url)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The cluster's data cannot be read")
    expect(alert).to_contain_text("live/summary: 404")
    empty.write_all(page_files.documents(now))
    page.get_by_role("button", name="Try now").click()
    expect(jobs(page)).to_have_count(len(JOBS))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b'{"format": 1, "nod', "not readable as JSON"), ({"format": 2}, "format 2"), (None, "not there yet")],
)
def test_a_broken_summary_is_told(page: Page, published: Published, content: Any, reason: str) -> None:
    published.write("live/summary", content)
    page.goto(published.url)
    expect(page.get_by_role("alert")).to_contain_text(reason)


@pytest.mark.parametrize("content", [b"[1, 2", {"format": 1}, None])
def test_a_broken_chunk_costs_its_part_only(page: Page, published: Published, content: Any) -> None:
    published.write("live/series/day/open", content)
    page.goto(published.url)
    expect(jobs(page)).to_have_count(len(JOBS))
    if content is not None:
        expect(page.get_by_role("status").filter(has_text="live/series/day/open")).to_be_visible()
        expect(page.locator("header.top")).to_contain_text("in trouble")


def test_broken_cores_cost_their_part_only(page: Page, published: Published) -> None:
    published.write("live/cores/0", b"nonsense")
    page.goto(published.url + "#/?job=102")
    expect(detail(page, "Job 102")).to_contain_text("live/cores/0: not readable as JSON")
    expect(page.locator('article[data-rule="cpuUtil"]')).to_be_visible()


def test_one_bad_record_costs_its_panel_only(page: Page, published: Published, now: int) -> None:
    documents = page_files.documents(now)
    documents["live/cores/0"]["nodes"]["n3"]["jobs"] = None
    published.write_all(documents)
    page.goto(published.url + "#/?job=102")
    expect(detail(page, "Job 102").get_by_role("alert")).to_contain_text("The cores cannot be shown")
    expect(jobs(page)).to_have_count(len(JOBS))


def test_an_old_snapshot_is_maintenance(page: Page, empty: Published, now: int) -> None:
    empty.write_all(page_files.documents(now - 1300))
    page.goto(empty.url)
    expect(page.get_by_role("alert")).to_contain_text("The monitor is being maintained")
    page.get_by_role("button", name="Show the last snapshot anyway").click()
    expect(jobs(page)).to_have_count(len(JOBS))


def advance(published: Published, now: int, step: int = page_files.STEP) -> list[page_files.Job]:
    """Publish the next snapshot as a difference: job 102 is gone, a new one is there."""
    jobs = [job for job in JOBS if job.id != "102"] + [
        page_files.Job("200", "new", {"n3": ("0-7", "")}, series=page_files.BUSY)
    ]
    start = now - now % page_files.SPAN
    published.write("live/latest", page_files.latest(now + step, now, [start], jobs, page_files.NODES, gone=["102"]))
    return jobs


def test_an_open_page_follows_with_the_difference(page: Page, published: Published, now: int) -> None:
    page.clock.install(time=now)
    asked: list[str] = []
    page.goto(published.url)
    expect(row(page, "102")).to_be_visible()
    jobs = advance(published, now)
    page.on("request", lambda request: asked.append(request.url.partition("name=")[2]))
    page.clock.run_for(60_000)
    expect(row(page, "200")).to_contain_text("97 %")
    expect(row(page, "102")).to_have_count(0)
    expect(page.get_by_label("The cluster at a glance")).to_contain_text(
        f"of {sum(j.state == 'RUNNING' for j in jobs)} running jobs"
    )
    assert set(asked) == {"live/latest"}


def test_a_page_that_missed_a_snapshot_starts_afresh(page: Page, published: Published, now: int) -> None:
    page.clock.install(time=now)
    page.goto(published.url)
    expect(row(page, "102")).to_be_visible()
    later = page_files.documents(now + 90, [job for job in JOBS if job.id != "102"])
    published.write_all(later)
    page.clock.run_for(120_000)
    expect(row(page, "102")).to_have_count(0)
    expect(row(page, "101")).to_contain_text("97 %")


def test_a_hidden_page_asks_nothing_and_catches_up(page: Page, published: Published, now: int) -> None:
    page.clock.install(time=now)
    page.goto(published.url)
    expect(row(page, "102")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    show = """state => { Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
                         document.dispatchEvent(new Event("visibilitychange", {bubbles: true})); }"""
    page.evaluate(show, "hidden")
    advance(published, now)
    page.clock.run_for(300_000)
    assert asked == []
    page.evaluate(show, "visible")
    expect(row(page, "200")).to_be_visible()


def test_a_failed_refresh_keeps_the_last_snapshot_in_view(page: Page, published: Published, now: int) -> None:
    page.clock.install(time=now)
    page.goto(published.url)
    expect(row(page, "102")).to_be_visible()
    published.remove("live/latest")
    published.remove("live/summary")
    page.clock.run_for(60_000)
    expect(page.get_by_role("alert")).to_contain_text("New data cannot be read: live/summary: 404")
    expect(row(page, "102")).to_be_visible()
    published.write_all(page_files.documents(now + 60))
    page.clock.run_for(60_000)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_source_health(page: Page, published: Published, now: int) -> None:
    documents = page_files.documents(now)
    documents["live/summary"]["sources"][1] = page_files.source(now, "telemetry", error="connection refused")
    published.write_all(documents)
    page.goto(published.url)
    page.get_by_text("1 of 2 in trouble").click()
    expect(page.locator(".popover")).to_contain_text("connection refused (1 failure)")


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


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 1440), ("dark", 390)])
def test_axe_finds_nothing_serious(chromium: Browser, published: Published, scheme: Any, width: int) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm ci in frontend/")
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    found = []
    for view in ("", "?job=103", "?node=n3"):
        page.goto(f"{published.url}#/{view}")
        page.wait_for_selector("main .panel:visible")
        page.add_script_tag(path=AXE)
        result = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
        for violation in result["violations"]:
            if violation["impact"] in {"serious", "critical"}:
                found.append((view, violation["id"], [node["html"][:200] for node in violation["nodes"][:3]]))
    context.close()
    assert found == []
