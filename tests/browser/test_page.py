"""What the page shows and how one moves in it, in a real Chromium over the daemon's own web server."""

import re

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Published
from browser.page_files import JOBS
from browser.page_parts import detail, jobs, row

pytestmark = pytest.mark.browser


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
    user = opened.locator(".core.own").first.evaluate("core => core.lastChild.getBoundingClientRect().toJSON()")
    assert user["width"] > 10
    assert 0.15 < user["height"] / 24 < 0.25  # 20 % of the cell
    expect(opened.get_by_role("img", name=re.compile("16 cores of n3, 8 of them of job 102"))).to_be_visible()
    opened.locator(".core").nth(9).hover()
    expect(opened).to_contain_text("Core 9: user 20 %, system 5 %, wait 1 %; job 107")


def test_gpus_of_a_node(page: Page, published: Published) -> None:
    page.goto(f"{published.url}#/?job=103")
    gpus = page.get_by_role("list", name="GPUs of g1").get_by_role("listitem")
    expect(gpus).to_have_count(4)
    expect(gpus.first).to_contain_text("450 MiB of 40 GiB 103")
    expect(gpus.last).to_contain_text("free")
