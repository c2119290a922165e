"""The page's past and future: the time machine, finished jobs, the queue, and what could start."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Published
from browser.test_page_access import AXE
from browser.watched import STEP_S, Cluster, Watched
from proxy_secret import secret_file, signed_in
from services import absent

pytestmark = [pytest.mark.browser]


def shown_at(tab: Page) -> int:
    """Return the epoch seconds of the instant that the time machine shows."""
    return int(tab.evaluate("() => Date.parse(document.querySelector('.machine-clock time').dateTime) / 1000"))


def settle(tab: Page) -> None:
    """Wait until the instant that the address names is on screen."""
    tab.wait_for_function(
        "(step) => { const clock = document.querySelector('.machine-clock');"
        "const at = /[?&]at=(\\d{1,12})(&|$)/.exec(location.hash)?.[1];"
        "if (!clock || clock.textContent.includes('reading')) return false;"
        "const shown = Date.parse(clock.querySelector('time').dateTime) / 1000;"
        "return at === undefined || Math.abs(shown - at) <= step || document.body.textContent.includes('not kept'); }",
        arg=620,  # the strip begins a bin before the first snapshot
    )
    expect(tab.locator(".pane-jobs tbody tr.row").first).to_be_visible()


def test_an_instant_is_shown_with_its_jobs_and_a_link_brings_it_back(tab: Page, watched: Watched) -> None:
    at = watched.times[20]
    tab.goto(f"{watched.url}#/live?mode=past&at={at}")
    settle(tab)
    assert shown_at(tab) == at
    tab.locator(".pane-jobs tbody tr.row a").first.click()
    expect(tab.locator(".pane-detail")).to_contain_text("CPU")
    expect(tab).to_have_url(re.compile(rf"mode=past.*at={at}.*job="))
    heading = tab.locator(".pane-detail h2").inner_text()
    tab.reload()
    settle(tab)
    assert shown_at(tab) == at
    expect(tab.locator(".pane-detail h2")).to_have_text(heading)
    expect(tab.locator(".cores")).to_be_visible()


def test_the_instant_is_judged_as_of_then(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=past&at={watched.times[30]}")
    settle(tab)
    expect(tab.locator(".verdict")).to_contain_text("running jobs")
    expect(tab.locator(".verdict")).to_contain_text("attention")


def test_a_click_a_drag_and_keys_move_in_time(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=past")
    strip = tab.get_by_role("slider")
    box = strip.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    tab.mouse.click(box["x"] + 0.3 * box["width"], middle)
    settle(tab)
    first = shown_at(tab)
    tab.mouse.move(box["x"] + 0.3 * box["width"], middle)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.5 * box["width"], middle, steps=4)
    tab.mouse.move(box["x"] + 0.8 * box["width"], middle, steps=4)
    tab.mouse.up()
    settle(tab)
    assert shown_at(tab) > first + 600
    before = shown_at(tab)
    strip.focus()
    tab.keyboard.press("PageDown")
    expect(strip).to_have_attribute("aria-valuetext", re.compile("cores in use|:"))
    settle(tab)
    assert shown_at(tab) < before


def test_play_goes_forward_and_stops(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=past&at={watched.times[10]}")
    settle(tab)
    tab.get_by_role("button", name="Play").click()
    tab.wait_for_function(
        f"() => Date.parse(document.querySelector('.machine-clock time').dateTime) / 1000 >= {watched.times[10] + 290}"
    )
    tab.get_by_role("button", name="Stop").click()
    expect(tab.get_by_role("button", name="Play")).to_be_visible()


def test_the_strip_of_one_user_is_that_users(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=past&at={watched.times[30]}")
    settle(tab)
    user = tab.locator(".pane-users tbody tr.row a").first.inner_text().strip()
    tab.locator(".pane-users tbody tr.row a").first.click()
    expect(tab.get_by_role("slider")).to_have_attribute("aria-label", re.compile(re.escape(user)))
    expect(tab.get_by_text(f"Cores of {user} as a table")).to_be_visible()


def test_two_instants_are_compared(tab: Page, watched: Watched) -> None:
    a, b = watched.times[5], watched.times[45]
    tab.goto(f"{watched.url}#/live?mode=past&at={b}&with={a}")
    expect(tab.get_by_text("ran at both")).to_be_visible()
    panels = tab.locator(".comparison .panel h2")
    expect(panels).to_have_count(3)
    expect(panels.nth(0)).to_have_text(re.compile(r"^\d+ jobs? started"))
    expect(panels.nth(1)).to_have_text(re.compile(r"^\d+ jobs? ended"))
    tab.get_by_role("button", name="End comparison").click()
    expect(tab.locator(".pane-jobs")).to_be_visible()


def test_the_past_is_frozen_and_the_present_goes_on(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=past&at={watched.times[20]}")
    settle(tab)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.evaluate("() => window.dispatchEvent(new Event('visibilitychange'))")
    tab.wait_for_timeout(1500)
    assert [url for url in asked if "live/latest" in url or "live/summary" in url] == []
    tab.get_by_role("button", name="Present").click()
    expect(tab.locator(".clock")).to_be_visible()
    expect(tab).not_to_have_url(re.compile("at="))


def test_an_instant_that_is_not_kept_says_so(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=past&at={watched.times[0] - 40 * 86400}")
    settle(tab)
    expect(tab.get_by_text("not kept any more")).to_be_visible()
    assert abs(shown_at(tab) - watched.times[0]) < STEP_S


@pytest.mark.parametrize("at", ["x", "-5", "99999999999999999999", "1e3", "%00"])
def test_a_time_that_is_none_shows_the_present_moment(tab: Page, watched: Watched, at: str) -> None:
    tab.goto(f"{watched.url}#/live?mode=past&at={at}")
    settle(tab)
    assert shown_at(tab) == watched.times[-1]


def test_finished_jobs_are_found_and_told(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=finished")
    rows = tab.locator(".finished-list tbody tr.row")
    expect(rows.first).to_be_visible()
    tab.get_by_role("button", name="Wasteful only").click()
    expect(tab).to_have_url(re.compile("waste=1"))
    tab.get_by_role("button", name="Core-h lost").click()
    rows.first.locator("a").click()
    detail = tab.locator(".finished-detail")
    expect(detail.locator(".finding").first).to_be_visible()
    expect(detail.locator(".finding").first).to_contain_text("Lost:")
    expect(detail.locator(".efficiency")).to_contain_text("CPU")
    expect(detail.locator("figure.chart").first).to_be_visible()
    tab.reload()
    expect(detail.locator(".finding").first).to_be_visible()


def test_finished_jobs_are_filtered_by_user_and_text(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=finished")
    rows = tab.locator(".finished-list tbody tr.row")
    expect(rows.first).to_be_visible()
    user = rows.first.locator("td.user").inner_text()
    tab.get_by_label("User").fill(user)
    expect(rows.first.locator("td.user")).to_have_text(user)
    tab.wait_for_function(
        "(user) => [...document.querySelectorAll('.finished-list td.user')].every((cell) => cell.textContent === user)",
        arg=user,
    )
    tab.get_by_label("Part of a number, name or account").fill("no such job <b>")
    expect(tab.get_by_text("No finished job fits")).to_be_visible()


def test_an_ended_job_has_its_page_in_the_present_too(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=finished")
    job = tab.locator(".finished-list tbody tr.row a b").first.inner_text()
    tab.goto(f"{watched.url}#/live?job={job}")
    expect(tab.locator(".efficiency")).to_contain_text("CPU")
    tab.goto(f"{watched.url}#/live?job=987654321")
    expect(tab.get_by_text("was not seen to end")).to_be_visible()


def test_the_queue_says_why_and_what_to_do(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=future")
    expect(tab.locator(".future .verdict")).to_contain_text("core-hours")
    rows = tab.locator(".future-queue tbody tr.row")
    expect(rows.first).to_be_visible()
    rows.first.locator("a").click()
    detail = tab.locator(".future-side .pane-detail")
    expect(detail).to_contain_text("Priority")
    expect(detail.locator(".finding p").first).not_to_be_empty()
    tab.get_by_role("link", name="Could such a job run now?").click()
    expect(tab.get_by_role("heading", name="Will it run now?")).to_be_visible()
    expect(tab).to_have_url(re.compile("ask="))


def test_will_it_run_now(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/live?mode=future&ask=1.1.1024.0.10.")
    answer = tab.locator(".window-answer")
    expect(answer).to_contain_text(re.compile("Yes, now|Not now"))
    expect(answer.locator("code").first).to_contain_text("--cpus-per-task=1")
    tab.get_by_label("Cores per node").fill("4096")
    expect(answer).to_contain_text("No.")
    expect(answer).to_contain_text("4096 cores")
    expect(tab).to_have_url(re.compile(r"ask=4096\."))


def test_what_fits_into_the_gaps_and_how_right_estimates_were(tab: Page, watched: Watched) -> None:
    backfill = json.loads(gzip.decompress((watched.folder / "backfill.json.gz").read_bytes()))
    tab.goto(f"{watched.url}#/live?mode=future")
    open_partitions = [name for name, slots in backfill.items() if slots]
    expect(tab.locator(".backfill section")).to_have_count(len(open_partitions))
    if not open_partitions:
        expect(tab.get_by_text("There is no gap")).to_be_visible()
    for name in open_partitions:
        chart = tab.get_by_role("region", name=f"Gaps of partition {name}")
        expect(chart.locator("tbody tr")).to_have_count(len(backfill[name]))
    predictions = json.loads(gzip.decompress((watched.folder / "pages/live/predictions.json.gz").read_bytes()))
    judged = predictions["accuracy"]["jobs"]
    text = f"Of the last {judged} job" if judged else "No job that had an estimate"
    expect(tab.get_by_text(text)).to_be_visible()


def test_the_gaps_of_a_partition_are_drawn_with_their_bounds(page: Page, published: Published) -> None:
    published.write(
        "backfill",
        {
            "main": {"8": {"count": 2, "tMin": 3600, "tMax": None}, "1": {"count": 1, "tMin": None, "tMax": None}},
            "x": {},
        },
    )
    page.goto(f"{published.url}#/live?mode=future")
    chart = page.get_by_role("region", name="Gaps of partition main")
    expect(chart.locator("tbody tr")).to_have_count(2)
    expect(chart.locator("tbody tr").nth(0)).to_contain_text("1 core")
    expect(chart.locator("tbody tr").nth(1)).to_contain_text("1:00 – no end known")
    published.write("backfill", {})
    page.reload()
    expect(page.get_by_text("There is no gap")).to_be_visible()
    published.remove("backfill")
    page.reload()
    expect(page.get_by_text("the backfill: 404")).to_be_visible()
    expect(page.get_by_role("heading", name="Will it run now?")).to_be_visible()


@pytest.mark.parametrize("view", ["mode=past", "mode=past&with={0}&at={1}", "mode=finished", "mode=future"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_views_fit_their_screen_and_have_no_serious_barrier(
    chromium: Browser, watched: Watched, view: str, scheme: Any, width: int
) -> None:
    if not AXE.is_file():
        absent("axe-core is not installed: npm ci in frontend/")
    size: Any = {"width": width, "height": 844}
    context = chromium.new_context(viewport=size, color_scheme=scheme, bypass_csp=True)
    tab = context.new_page()
    tab.goto(f"{watched.url}#/live?{view.format(watched.times[10], watched.times[40])}")
    tab.wait_for_selector("tbody tr.row", state="attached")
    tab.wait_for_timeout(300)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.add_script_tag(path=AXE)
    result = tab.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
    found = [
        (violation["id"], [node["html"][:200] for node in violation["nodes"][:3]])
        for violation in result["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]
    context.close()
    assert found == []


def test_where_only_own_jobs_may_be_seen_each_sees_the_own_ones(
    chromium: Browser, built: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("secret")
    cluster = Cluster(tmp_path, built, points=3, read="own", proxy_secret_file=str(secret_file(folder)),
                      operators=["root"])  # fmt: skip
    url = cluster.watched.url
    try:
        full = json.loads(gzip.decompress((tmp_path / "staff/data.json.gz").read_bytes()))
        running = [job for job in full["jobs"].values() if job["state"] == "RUNNING"]
        me = running[0]["username"]

        def users_seen_by(name: str) -> list[str]:
            context = chromium.new_context(extra_http_headers=signed_in(name))
            tab = context.new_page()
            tab.goto(f"{url}#/live")
            tab.wait_for_selector(".pane-users tbody tr.row .name")
            if name:
                expect(tab.locator(".account")).to_have_text(name)
            seen = tab.locator(".pane-users tbody tr.row .name").all_inner_texts()
            context.close()
            return seen

        assert users_seen_by(me) == [me]
        assert set(users_seen_by("root")) == {job["username"] for job in full["jobs"].values()}
        stranger = chromium.new_page()
        stranger.goto(f"{url}#/live")
        expect(stranger.get_by_role("heading", name="Please sign in")).to_be_visible()
        stranger.close()
    finally:
        cluster.close()
