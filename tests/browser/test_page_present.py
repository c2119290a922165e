"""What the present shows of users, jobs and warnings: rings, lines, proofs, costs, and what can be copied."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from browser import page_files
from browser.conftest import Published
from browser.page_files import JOBS
from browser.page_parts import detail, jobs, row
from browser.watched import Watched

pytestmark = pytest.mark.browser

RUN_SHARDS = 32
EVERY_STATE = [
    *("COMPLETING", "SUSPENDED", "CONFIGURING", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED", "STOPPED"),
    *("REQUEUED", "BOOT_FAIL", "DEADLINE", "CANCELLED", "FAILED", "COMPLETED", "PENDING", "RUNNING"),
]


def warning(now: int, rule: str = "cpuUtil", **more: Any) -> dict[str, Any]:
    times = {"since": now - 6000, "until": now, "fired": 5400, "seen": 6000}
    return {"rule": rule, "held": True, **times, "observed": 25.0, "cost": 12.4, "unit": "core-h", "text": "", **more}


def run(now: int, job: str = "102", **more: Any) -> dict[str, Any]:
    """Return what a job has used since its start."""
    document = json.loads(RUN)
    times = {"submit": now - 9000, "start": now - 7200}
    return {**document, "id": job, **times, "warnings": [warning(now)], **more}


RUN = """{
    "name": "one", "user": "ann", "account": "", "partition": "cpu", "state": "RUNNING", "exitCode": null, "end": null,
    "nNodes": 1, "cpus": 8, "gpus": 0, "memReq": 4096, "timeLimit": 1440, "hosts": ["n3"], "seen": 6900, "wait": 1800,
    "cpu": 25.0, "cpuPeak": 2.1, "system": 5.0, "ioWait": 1.0, "memMax": 3000, "gpu": null, "gpuMem": null,
    "walltimeUsed": 8.0, "used": {"core-h": 16.0}, "waste": {"core-h": 12.4},
    "fit": {"cores": 3, "nodes": 1, "gpus": 0, "memory": 4096},
    "fitText": "Ask for 3 cores instead of 8.", "fitLine": "--nodes=1 --ntasks=3"
}"""


def publish(published: Published, now: int, *runs: dict[str, Any]) -> None:
    for one in runs:
        shard = sum(map(ord, one["id"])) % RUN_SHARDS
        published.write(f"live/runs/{shard}", {"format": 1, "timestamp": now, "runs": {one["id"]: one}})


MIDDLE = """path => {
    const [rim, screen] = [path.getPointAtLength(path.getTotalLength() / 5), path.getScreenCTM()];
    return [screen.e + screen.a * rim.x * 0.88, screen.f + screen.d * rim.y * 0.88];
}"""
"""A point within a slice of a ring, in pixels of the page."""


def test_the_ring_and_the_list_of_users_point_at_each_other(page: Page, published: Published) -> None:
    page.goto(published.url)
    users = page.get_by_role("region", name="Users", exact=True)
    told = users.locator(".ring-told")
    expect(told).to_contain_text("3 need attention")
    expect(users.locator("path.slice")).to_have_count(6)
    largest = users.locator("path.slice").first  # ann: 40 of 58 cores
    x, y = largest.evaluate(MIDDLE)
    page.mouse.move(x, y)
    expect(told).to_contain_text("40 cores, 23 %")
    expect(users.locator("tr.near .name")).to_have_text("ann")
    users.locator("tr.row", has_text="bob").hover()
    expect(users.locator("path.near")).to_have_count(1)
    expect(told).to_contain_text("bob")
    page.mouse.click(x, y)
    expect(page.get_by_role("heading", name="Jobs of ann")).to_be_visible()
    expect(users.locator("path.near")).to_have_count(1)


def test_every_state_is_listed_and_can_be_asked_for(page: Page, published: Published, now: int) -> None:
    many = [page_files.Job(str(i), "ann", state=state, cpus=1) for i, state in enumerate(EVERY_STATE, 300)]
    published.write_all(page_files.documents(now, many))
    page.goto(published.url)
    expect(jobs(page)).to_have_count(len(EVERY_STATE))
    states = page.get_by_role("group", name="State").get_by_role("button")
    expect(states).to_have_count(len(EVERY_STATE) + 1)
    page.goto(f"{published.url}#/?state=SUSPENDED")
    expect(jobs(page).locator("a b")).to_have_text(["301"])


def test_several_states_at_once(page: Page, published: Published) -> None:
    page.goto(published.url)
    states = page.get_by_role("group", name="State")
    states.get_by_role("button", name="Pending").click()
    states.get_by_role("button", name="Out of memory").click()
    expect(jobs(page).locator("a b")).to_have_text(["108", "110"])
    expect(page).to_have_url(re.compile(r"state=PENDING(%2C|,)OUT_OF_MEMORY"))
    states.get_by_role("button", name="Pending").click()
    expect(jobs(page).locator("a b")).to_have_text(["110"])


def test_rows_have_lines_and_the_request_as_a_dashed_one(page: Page, published: Published) -> None:
    page.goto(published.url + "#/?user=bob")
    memory = row(page, "103").locator("td.mem")
    expect(memory.locator("svg.spark .spark-limit")).to_have_count(1)
    expect(row(page, "103").locator("td.gpu-line")).to_contain_text("5 %")
    expect(row(page, "103").locator("svg.spark")).to_have_count(3)
    expect(row(page, "110").locator("svg.spark")).to_have_count(0)


def test_columns_about_gpus_are_there_for_those_who_have_some(page: Page, published: Published) -> None:
    heads = page.get_by_role("table", name="Jobs", exact=True).locator("th:visible")
    page.goto(published.url + "#/?user=bob")
    expect(heads.filter(has_text="GPU")).to_have_count(2)
    page.goto(published.url + "#/?user=ann")
    expect(page.get_by_role("heading", name="Jobs of ann")).to_be_visible()
    expect(heads.filter(has_text="GPU")).to_have_count(0)


def test_a_warning_tells_what_it_cost_since_the_start(page: Page, published: Published, now: int) -> None:
    publish(published, now, run(now))
    page.goto(f"{published.url}#/?job=102")
    finding = page.locator('article[data-rule="cpuUtil"]')
    expect(finding).to_contain_text("Cost so far: 12 core-h")
    expect(finding).to_contain_text("it was so in 1 h 30 min of 1 h 40 min that were judged (90 %)")
    expect(finding).not_to_contain_text("Lost meanwhile")
    expect(page.locator(".fit")).to_contain_text("Ask for 3 cores instead of 8.")


def test_a_line_is_copied_where_browsers_have_no_clipboard(page: Page, published: Published, now: int) -> None:
    publish(published, now, run(now))
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.goto(f"{published.url}#/?job=102")
    page.evaluate("document.addEventListener('copy', () => { window.taken = getSelection().toString() || "
                  "document.activeElement.value; })")  # fmt: skip
    page.locator(".fit").get_by_role("button", name="Copy").click()
    expect(page.locator(".fit")).to_contain_text("copied")
    assert page.evaluate("window.taken") == "--nodes=1 --ntasks=3"
    page.get_by_role("button", name="Copy number").click()
    page.wait_for_function("window.taken === '102'")


def test_what_held_earlier_is_told_apart_from_what_holds_now(page: Page, published: Published, now: int) -> None:
    past = warning(now, "cpuWait", until=now - 3000, text="The job waited.", cost=0.5)
    publish(published, now, run(now, "101", warnings=[past], fitText="", fitLine="", fit=None))
    page.goto(f"{published.url}#/?job=101")
    opened = detail(page, "Job 101")
    expect(opened).to_contain_text("Nothing to complain about.")
    earlier = opened.locator('article[data-rule="cpuWait"]')
    expect(earlier).to_contain_text("earlier in this run")
    expect(earlier).to_contain_text("Lost: 0.5 core-h")


def test_a_warning_explains_its_rule_with_the_numbers_of_the_site(page: Page, published: Published) -> None:
    page.route("**/site.json", lambda route: route.fulfill(json={"warnUtil": 60, "warningFraction": 0.4}))
    page.goto(f"{published.url}#/?job=102")
    finding = page.locator('article[data-rule="cpuUtil"]')
    expect(finding).to_contain_text("below 60 %")
    finding.get_by_text("How is this judged?").click()
    expect(finding).to_contain_text("busy < warnUtil and not (cores < 2 and gpus > 0)")
    expect(finding).to_contain_text("more than 40 % of the snapshots")
    expect(finding.locator("dl")).to_contain_text(re.compile(r"warnUtil\s*60, a setting of this site"))


def test_charts_mark_when_a_rule_fired(page: Page, published: Published) -> None:
    page.goto(f"{published.url}#/?job=102&span=30m")
    cpu = detail(page, "Job 102").locator("figure").first
    expect(cpu.get_by_role("img", name=re.compile("marked: Idle cores$"))).to_be_visible()
    cpu.get_by_text("Table of CPU").click()
    expect(cpu.get_by_role("row").last).to_contain_text("Idle cores")
    page.goto(f"{published.url}#/?job=101&span=30m")
    good = detail(page, "Job 101").locator("figure").first
    expect(good.get_by_role("img", name=re.compile("^CPU over time"))).to_be_visible()
    expect(good.get_by_role("img", name=re.compile("marked"))).to_have_count(0)


def test_a_node_that_swaps_is_proved_on_the_page_of_its_job(page: Page, published: Published, now: int) -> None:
    busy = {**page_files.NODES[0].series, "swap": 4000}  # of 8000
    nodes = (page_files.Node("n1", series=busy), *page_files.NODES[1:])
    published.write_all(page_files.documents(now, JOBS, nodes))
    page.goto(f"{published.url}#/?job=101&span=30m")
    opened = detail(page, "Job 101")
    expect(opened.locator('article[data-rule="swapUse"]')).to_contain_text("50 % of its swap")
    swap = opened.get_by_role("img", name=re.compile("^Swap of its nodes over time.*marked: Swapping"))
    expect(swap).to_be_visible()
    opened.locator(".places a").first.click()
    alone = opened.get_by_role("img", name=re.compile("^Swap of its node over time; at the end: used 3.9 GiB, all 7.8"))
    expect(alone).to_be_visible()


def test_a_pending_job_says_why_it_waits(page: Page, published: Published) -> None:
    page.goto(f"{published.url}#/?job=108")
    opened = detail(page, "Job 108")
    expect(opened).to_contain_text("waits for cores, memory or GPUs to become free")
    expect(opened).to_contain_text("place 1 of 1")
    opened.get_by_role("link", name="Could such a job run now?").click()
    expect(page).to_have_url(re.compile("mode=future.*ask="))


def test_each_node_of_a_job_has_its_lines(page: Page, published: Published) -> None:
    page.goto(f"{published.url}#/?job=101")
    places = detail(page, "Job 101").locator(".places tbody tr")
    expect(places).to_have_count(2)
    expect(places.first).to_contain_text(re.compile(r"n1\s*16\s*97 %\s*2\.9 GiB"))
    expect(places.first.locator("svg.spark")).to_have_count(2)


def test_the_user_of_the_last_visit_is_told_of_first(page: Page, published: Published) -> None:
    page.goto(published.url + "#/?user=ann")
    expect(page.get_by_role("heading", name="Jobs of ann")).to_be_visible()
    page.goto(published.url + "#/")
    glance = page.get_by_label("The cluster at a glance")
    expect(glance).to_contain_text("You looked at ann last: 1 of 2 running jobs needs attention.")
    glance.get_by_role("link", name="ann").click()
    expect(page).to_have_url(re.compile("user=ann"))


def test_wrong_settings_are_ignored_and_named(page: Page, published: Published) -> None:
    told: list[str] = []

    def note(message: ConsoleMessage) -> None:
        told.append(message.text)

    page.on("console", note)
    given = {"pageTitle": "Ours", "warnUtil": "many", "warnGpus": 3}
    page.route("**/site.json", lambda route: route.fulfill(body=json.dumps(given), content_type="application/json"))
    page.goto(published.url)
    expect(jobs(page)).to_have_count(len(JOBS))
    expect(page.locator("header.top")).to_contain_text("Ours")
    assert any('"warnUtil" must be a number' in text for text in told)
    assert any('"warnGpus" is not a setting' in text for text in told)


def test_a_fast_typist_loses_no_letter(page: Page, published: Published) -> None:
    page.goto(published.url)
    field = page.get_by_label(re.compile("Find jobs"))
    field.focus()
    page.keyboard.type("one thread on eight")
    expect(field).to_have_value("one thread on eight")
    expect(jobs(page).locator("a b")).to_have_text(["102"])
    page.get_by_role("link", name=re.compile("ann")).first.click()
    page.go_back()
    expect(field).to_have_value("one thread on eight")


def test_a_real_job_over_its_whole_run(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/?sort=time&state=RUNNING")
    tab.locator(".pane-jobs tbody tr.row a").first.click()
    opened = tab.locator(".pane-detail")
    spans = opened.get_by_role("group", name="Span of the charts")
    expect(spans.get_by_role("button", name="Whole run")).to_have_attribute("aria-pressed", "true")
    expect(opened.get_by_role("img", name=re.compile("^CPU over time"))).to_be_visible()
    expect(opened.get_by_role("img", name=re.compile("^Memory over time; .*used .*request"))).to_be_visible()
    expect(opened.get_by_role("img", name=re.compile("^Network of its node"))).to_be_visible()
    spans.get_by_role("button", name="30 min").click()
    expect(tab).to_have_url(re.compile("span=30m"))
    opened.get_by_text("Table of CPU").click()
    rows = opened.locator("figure").first.get_by_role("row")
    expect(rows.nth(19)).to_be_visible()
    assert rows.count() <= 40


def test_a_real_node_has_its_history(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/?node=cn001&span=2h")
    opened = tab.locator(".pane-detail")
    expect(opened.get_by_role("img", name=re.compile("^Allocated cores over time"))).to_be_visible()
    opened.get_by_text("Table of CPU").click()
    expect(opened.locator("figure").first.get_by_role("row").nth(40)).to_be_visible()


def test_real_warnings_are_proved_and_cost_something(tab: Page, watched: Watched) -> None:
    tab.goto(f"{watched.url}#/?state=attention")
    tab.locator(".pane-jobs tbody tr.row a").first.click()
    finding = tab.locator("article.finding").first
    expect(finding).to_contain_text("First at")
    expect(finding).to_contain_text(re.compile(r"Cost so far: [\d,.]+ (core-h|GPU-h|GiB-h)"))
    expect(tab.locator(".fit code").first).to_contain_text("--nodes=")
