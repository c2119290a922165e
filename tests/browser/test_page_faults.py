"""The page when files are missing, broken, late or hostile, and how it keeps up."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser import page_files
from browser.conftest import Published
from browser.page_files import HOSTILE, JOBS
from browser.page_parts import detail, jobs, row

pytestmark = pytest.mark.browser


def test_unknown_is_not_judged(page: Page, published: Published) -> None:
    page.goto(f"{published.url}#/?job=106")
    opened = detail(page, "Job 106")
    expect(opened).to_contain_text("Nothing is known about its use of the cores")
    expect(opened).to_contain_text("No measurements of this job.")
    expect(row(page, "106")).to_contain_text("No data")


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
    expect(alert).to_contain_text("live/summary: is not there yet")
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
    published.write("live/recent", content)
    page.goto(published.url)
    expect(jobs(page)).to_have_count(len(JOBS))
    if content is not None:
        expect(page.get_by_role("status").filter(has_text="live/recent")).to_be_visible()
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
    expect(page.get_by_role("alert")).to_contain_text("New data cannot be read: live/summary: is not there yet")
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


@pytest.mark.parametrize("width", [1440, 390])
def test_a_source_tells_how_many_nodes_it_knows_and_what_is_odd(
    page: Page, published: Published, now: int, width: int
) -> None:
    documents = page_files.documents(now)
    reasons = [f"memory: more memory is used or free than there is (n{'1' * 60}, n2, n3 and 97 more)"]
    documents["live/summary"]["sources"][1] |= {
        "name": "prometheus", "nodes": 150, "skipped": 101, "reasons": reasons,
        "warning": "nothing is known of 150 of the 300 nodes that are up: n1, n2, n3 and 147 more.",
    }  # fmt: skip
    published.write_all(documents)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(published.url)
    page.locator(".sources summary").click()
    panel = page.locator(".sources .popover")
    expect(panel.get_by_role("columnheader", name="Nodes")).to_be_visible()
    told = panel.get_by_role("row").filter(has=page.get_by_role("rowheader", name="prometheus"))
    expect(told).to_contain_text("150")
    expect(told.get_by_role("img")).to_have_attribute("aria-label", "attention")
    expect(panel).to_contain_text("nothing is known of 150 of the 300 nodes")
    expect(panel).to_contain_text("Left out: memory: more memory is used")
    assert panel.evaluate("element => element.scrollWidth <= element.clientWidth")
    box = panel.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
