"""Batch's crontab, workflows and masters in a real browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.batch_page import SLOW_MS, House, pane, rows, sign_in
from daemon_process import until

pytestmark = pytest.mark.browser


def test_a_crontab_entry_is_added_paused_changed_run_and_replayed(opened: Page, house: House) -> None:
    sign_in(opened, house, "batch/cron")
    opened.get_by_role("button", name="Add an entry").click()
    form = opened.get_by_role("form", name="Crontab entry")
    form.get_by_label("Name", exact=True).fill("nightly")
    form.get_by_label("Schedule", exact=True).fill("61 2 * * *")
    form.get_by_label("Time zone").fill("Asia/Kolkata")
    form.get_by_label("Command").fill("echo due")
    form.get_by_label("Starts within").fill("90m")
    form.get_by_role("button", name="Add").click()
    expect(form.get_by_label("Schedule", exact=True)).to_have_attribute("aria-invalid", "true")
    form.get_by_label("Schedule", exact=True).fill("30 2 * * *")
    expect(form).to_contain_text("Every day at 02:30.")
    form.get_by_role("button", name="Add").click()
    entry = pane(opened, "nightly")
    due = entry.locator(".due li")
    expect(due).to_have_count(5)
    expect(entry).to_contain_text("not started any more 1 h 30 min after its time")
    expect(due.first).to_contain_text(re.compile(r"\w{3} \d+ \w{3}, 02:30 \+05:30 in \d+ (h|min)"))
    row = rows(opened, "Crontab entries").filter(has_text="nightly")
    entry.get_by_role("button", name="Pause").click()
    expect(entry).to_contain_text("It is paused, so none.")
    expect(row).to_contain_text("Paused")
    entry.get_by_role("button", name="Resume").click()
    expect(row).to_contain_text("On")

    entry.get_by_role("button", name="Replay …").click()
    entry.get_by_role("button", name="Run them").click()
    expect(entry).to_contain_text("1 due time run again.")
    fires = entry.locator(".fires li")
    expect(fires).to_have_count(1)
    expect(fires).to_contain_text(re.compile(r"02:30 \+05:30.*Fired.*late.*Replayed by hand\. job \d+"))
    expect(row).to_contain_text("Fired")

    entry.get_by_role("button", name="Change").click()
    form.get_by_label("When the last one still runs").select_option("skip")
    form.get_by_role("button", name="Save").click()
    expect(entry).to_contain_text("the new one is skipped")
    entry.get_by_role("button", name="Run now").click()
    entry.get_by_role("button", name="Yes, run it").click()
    job = pane(opened, re.compile(r"^Job \d+$"))
    expect(job.locator(".lead")).to_contain_text("Succeeded", timeout=SLOW_MS)
    job.get_by_role("link", name="nightly").click()
    entry.get_by_role("button", name="Remove").click()
    entry.get_by_role("button", name="Yes, remove it").click()
    expect(opened.get_by_text("The crontab is empty.")).to_be_visible()


def test_a_workflow_is_started_followed_and_stopped(opened: Page, house: House) -> None:
    sign_in(opened, house, "batch/workflows")
    expect(opened.get_by_role("alert").filter(has_text="broken.toml")).to_be_visible()
    opened.get_by_role("button", name=re.compile("^demo")).click()
    form = opened.get_by_role("form", name="Start demo")
    form.get_by_role("button", name="Start a run").click()
    expect(form).to_contain_text("It is needed.")
    form.get_by_label("package").fill("app")
    form.get_by_role("button", name="Start a run").click()
    run = pane(opened, re.compile(r"^Run \d+$"))
    graph = run.get_by_role("img", name=re.compile(r"^checkout \(Succeeded\) may lead to build; build \(Active\)"))
    expect(graph).to_be_visible(timeout=SLOW_MS)
    expect(run.locator(".timeline li").first).to_contain_text(re.compile(r"checkout .*rule 1.*job \d+"))
    expect(rows(opened, "Runs").first).to_contain_text("package: app")
    run.get_by_role("button", name="Stop").click()
    run.get_by_role("button", name="Yes, stop it").click()
    expect(run.locator(".lead")).to_contain_text("Stopped", timeout=SLOW_MS)
    report = run.locator(".attempts li").filter(has_text="report").first
    expect(report).to_contain_text("Succeeded")
    report.get_by_role("link", name=re.compile(r"job \d+")).click()
    job = pane(opened, re.compile(r"^Job \d+$"))
    expect(job).to_contain_text("stage report")
    opened.get_by_role("link", name="To-do").click()
    expect(rows(opened, "What people have asked for").first).to_contain_text(re.compile(r"stop run \d+.*admin"))


def test_the_master_is_told_and_its_settings_are_changed(opened: Page, house: House) -> None:
    sign_in(opened, house, "batch/master")
    master = opened.get_by_role("region", name="Master", exact=True)
    expect(master).to_contain_text(re.compile(r"Fence\s*1"))
    expect(master.get_by_role("row", name=re.compile(r"answers this page\) master"))).to_be_visible()
    form = master.get_by_role("form", name="Settings of the master")
    form.get_by_label("Run time of a process").fill("soon")
    form.get_by_role("button", name="Save").click()
    expect(form).to_contain_text("Write a span of time")
    form.get_by_label("Run time of a process").fill("12h")
    form.get_by_role("button", name="Save").click()
    expect(master).to_contain_text(re.compile(r"Run time left\s*1[12] h"), timeout=SLOW_MS)
    house.ask("POST", "master", {"run_time": 0})
    attention = opened.get_by_role("region", name="Needs attention")
    expect(attention).to_contain_text("broken.toml")
    expect(opened.get_by_role("link", name=re.compile("needs? attention"))).to_be_visible()


def test_a_job_whose_record_is_spoilt_is_named_and_leads_to_the_job(opened: Page, house: House) -> None:
    number = house.ask("POST", "jobs", {"command": ["sleep", "600"], "name": "spoiler"})["job_id"]
    job = lambda: house.ask("GET", f"jobs/{number}")  # noqa: E731
    until(lambda: job()["job"]["status"] == "running", "the job runs")
    (Path(job()["folder"]) / "done").mkdir()
    sign_in(opened, house, "batch/master")
    attention = opened.get_by_role("region", name="Needs attention")
    expect(attention).to_contain_text("Put aside", timeout=SLOW_MS)
    expect(attention).to_contain_text("spoiler, running, done is a folder")
    attention.get_by_role("link", name=f"job {number}").click()
    expect(opened.get_by_text("this record is put aside").first).to_be_visible(timeout=SLOW_MS)
    house.ask("POST", f"jobs/{number}/cancel", {})
