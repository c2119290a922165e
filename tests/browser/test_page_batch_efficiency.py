"""What batch's page tells of a job's use of its nodes: the live efficiency of the same job, seen in a real browser."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from browser import page_files
from browser.batch_page import faults, pane, rows
from browser.conftest import Published
from browser.page_files import JOBS, LAZY
from browser.page_parts import detail
from finished_jobs import ended
from jobmon import config
from jobmon.batch import api as batch_api
from jobmon.batch import jobs
from jobmon.batch.capability import Batch
from jobmon.batch.requests import JobRequest
from jobmon.batch.tables import JOB
from jobmon.live import api as live_api
from jobmon.live.capability import store_of
from jobmon.live.endings import shard_of
from jobmon.live.finished import Finished
from web_thread import Server

pytestmark = pytest.mark.browser

WARNING = {
    "rule": "cpuUtil", "held": True, "fired": 3000, "seen": 3600, "observed": 25, "cost": 6.1, "unit": "core-h",
    "text": "The job used 25 % of its 8 cores.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class House:
    """Be a site with the files of page_files, and jobs that a scheduler was given and nobody acts on."""

    published: Published
    batch: Batch
    finished: Finished

    def job(self, scheduler_id: str, **state: Any) -> tuple[int, str]:
        """Write down a job that the scheduler has; return its number, and its name there."""
        row = {"scheduler": "slurm", "scheduler_id": scheduler_id, "status": "running", **state}
        with self.batch.store().writing() as connection:
            asked = JobRequest(command=["fit", "--all"])
            number = jobs.submit(connection, asked, "ann", self.batch.settings.batch)
            connection.execute(JOB.update().where(JOB.c.job_id == number).values(**row))
            return number, f"jm-{jobs.find(connection, number)['submit_key']}"

    def open(self, page: Page, number: int) -> None:
        page.goto(f"{self.published.url}#/batch/jobs?job={number}")


@pytest.fixture
def house(tmp_path: Path, built: Path) -> Iterator[House]:
    settings = config.parse({"live": {"data_path": str(tmp_path)}, "web": {"port": 0}}, "test")
    batch, finished = Batch(settings), Finished(lambda: store_of(settings))
    server = Server(
        settings, {"batch": batch_api.routes, "live": live_api.routes}, page=built, people=live_api.LivePeople
    )
    server.start()
    try:
        yield House(Published(server.url, tmp_path), batch, finished)
    finally:
        server.stop()
        batch.close()
        finished.close()


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """Open an empty tab; an error in the page fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.set_default_timeout(8000)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context.new_page()
    context.close()
    assert errors == []


def named(job_id: str, name: str, **changes: Any) -> tuple[page_files.Job, ...]:
    """Return the cluster's jobs, one of them changed."""
    return tuple(replace(job, name=name, **changes) if job.id == job_id else job for job in JOBS)


def run(job_id: str, name: str, now: int, **changes: Any) -> dict[str, Any]:
    """Return the sums of a job over its run."""
    told = {"name": name, "cpus": 8, "start": now - 7200, "cpu": 25, "memReq": 4096, "memMax": 3000, "seen": 7200,
            "timeLimit": 1440, "walltimeUsed": 8}  # fmt: skip
    warning = {**WARNING, "since": now - 6900, "until": now - 60}
    return {**ended(job_id, now), **told, "warnings": [warning], **changes}


def running(house: House, now: int) -> int:
    """Publish a cluster on which a job of batch leaves cores idle; return its number."""
    number, name = house.job("102", started_at=now - 7200)
    house.published.write_all(page_files.documents(now, named("102", name)))
    sums = run("102", name, now, state="RUNNING", end=None)
    house.published.write(f"live/runs/{shard_of('102')}", {"format": 1, "timestamp": now, "runs": {"102": sums}})
    return number


def over(house: House, now: int) -> int:
    """Let a job end that was seen for half an hour; return its number."""
    number, name = house.job(
        "109", status="failed", started_at=now - 1700, finished_at=now - 600, return_code=1, ending="exit"
    )
    places = {"n6": ("8-15", "")}
    seen = page_files.documents(now, named("109", name, state="RUNNING", places=places, series=LAZY))
    now_seen = page_files.documents(now, named("109", name))
    house.published.write_all(seen | {file: now_seen[file] for file in ("live/summary", "live/latest")})
    sums = run("109", name, now, start=now - 1700, end=now - 600, state="FAILED", exitCode=1, seen=1100, hosts=["n6"])
    house.finished.add([sums], "testcluster", now)
    return number


def test_a_running_job_shows_what_it_uses_and_wastes(tab: Page, house: House, now: int) -> None:
    number = running(house, now)
    house.open(tab, number)
    job = pane(tab, f"Job {number}")
    expect(job.get_by_role("heading", name="What it uses and wastes")).to_be_visible()
    expect(job).to_contain_text(re.compile(r"Idle cores\s*score 440, as of \d\d:\d\d:\d\d"))
    found = job.get_by_role("region", name="What needs attention")
    expect(found).to_contain_text("The job uses 25 % of its 8 cores")
    expect(found).to_contain_text("Cost so far: 6.1 core-h")
    expect(job.get_by_label("Efficiency over the run")).to_contain_text("25 %")
    for title in ("CPU", "Memory"):
        expect(job.get_by_role("img", name=re.compile(f"^{title} over time"))).to_be_visible()
    job.get_by_role("button", name="30 min").click()
    expect(tab).to_have_url(re.compile("span=30m"))
    job.get_by_role("link", name="This job on the live page").click()
    expect(detail(tab, "Job 102")).to_contain_text("The job uses 25 % of its 8 cores")


def test_what_it_uses_follows_the_cluster(tab: Page, house: House, now: int) -> None:
    tab.clock.install(time=now)
    number = running(house, now)
    house.open(tab, number)
    job = pane(tab, f"Job {number}")
    expect(job).to_contain_text("The job uses 25 % of its 8 cores")
    rest = [job for job in JOBS if job.id != "102"]
    start = now - now % page_files.SPAN
    news = page_files.latest(now + page_files.STEP, now, [start], rest, page_files.NODES, gone=["102"])
    house.published.write("live/latest", news)
    tab.clock.run_for(60_000)
    expect(job).to_contain_text("The live page does not list the scheduler's job 102")
    expect(job.locator(".lead")).to_contain_text("Running")


@pytest.mark.parametrize(
    ("name", "words"), [("jm-another-b1-1", "does not list the scheduler's job 102"), ("", "25 % of its 8 cores")]
)
def test_another_job_of_the_same_number_is_none(tab: Page, house: House, now: int, name: str, words: str) -> None:
    number, _ = house.job("102", started_at=now - 7200, created_at=now - 9000.0)
    house.published.write_all(page_files.documents(now, named("102", name)))
    house.open(tab, number)
    expect(pane(tab, f"Job {number}")).to_contain_text(words)


@pytest.mark.parametrize(
    ("scheduler_id", "file", "words"),
    [
        ("4711", None, "The live page does not list the scheduler's job 4711"),
        ("102", "missing", "The live page is not offered here"),
        ("102", b"{", "What it uses cannot be read: live/summary: not readable as JSON"),
    ],
)
def test_a_job_that_live_does_not_know_says_so(
    tab: Page, house: House, now: int, scheduler_id: str, file: Any, words: str
) -> None:
    number, _ = house.job(scheduler_id, started_at=now - 7200)
    house.published.write_all(page_files.documents(now))
    if file == "missing":
        house.published.remove("live/summary")
    elif file is not None:
        house.published.write("live/summary", file)
    house.open(tab, number)
    job = pane(tab, f"Job {number}")
    expect(job.locator("p.muted").filter(has_text=words)).to_be_visible()
    expect(job.get_by_role("alert")).to_have_count(0)
    expect(job.locator(".timeline li")).to_contain_text("Waiting")
    expect(job.get_by_role("button", name="Cancel")).to_be_visible()
    expect(rows(tab, "Jobs").first).to_contain_text("Running")


def test_an_ended_job_shows_what_it_used_and_wasted(tab: Page, house: House, now: int) -> None:
    number = over(house, now)
    house.open(tab, number)
    job = pane(tab, f"Job {number}")
    expect(job.get_by_role("heading", name="What it used and wasted")).to_be_visible()
    wasted = job.get_by_role("region", name="What was wasted")
    expect(wasted).to_contain_text(re.compile("Idle cores.*Lost: 6.1 core-h"))
    expect(job.get_by_label("Efficiency over the run")).to_contain_text("at most 2.0 of 8 cores busy")
    expect(job.get_by_role("img", name=re.compile("^CPU over time"))).to_be_visible()
    forgotten, _ = house.job("110", status="succeeded", started_at=now - 9000, finished_at=now - 8000)
    house.open(tab, forgotten)
    job = pane(tab, f"Job {forgotten}")
    expect(job).to_contain_text("Its end was not seen, so it is not known what it used.")
    expect(job.get_by_role("button", name="Run again")).to_be_visible()


def test_its_code_is_fetched_when_a_job_has_something_to_show(tab: Page, house: House, now: int) -> None:
    number = running(house, now)
    waiting, _ = house.job("108", status="pending")
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    tab.route("**/assets/Efficiency-*", refuse)
    house.open(tab, waiting)
    job = pane(tab, f"Job {waiting}")
    expect(job.get_by_role("link", name="Its place in the queue")).to_be_visible()
    assert asked == []
    rows(tab, "Jobs").filter(has_text="Running").get_by_role("link").click()
    job = pane(tab, f"Job {number}")
    expect(job).to_contain_text("This part of the page could not be fetched")
    assert len(asked) == 1
    expect(job.get_by_role("button", name="Cancel")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_it_fits_and_axe_finds_nothing(chromium: Browser, house: House, now: int, scheme: Any, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True)
    for publish in (running, over):
        page = context.new_page()
        number = publish(house, now)
        house.open(page, number)
        expect(pane(page, f"Job {number}").locator("figure.chart").first).to_be_visible()
        assert faults(page) == []
    context.close()
