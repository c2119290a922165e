"""Exactly once, through every crash between the steps: on SQLite and PostgreSQL, with jobs of this machine."""

import json
import os
import time

import pytest

from jobmon import clock
from jobmon.engine.submission import Work, following
from jobmon.engine.submission.folder import Folders
from jobmon.engine.submission.records import Done, Spoilt, Started
from jobmon.errors import LeaseLostError
from jobmon.schedulers.acting import JobSpec, Refused, Seen, Unknown
from jobmon.store import claim_many
from stores import opened, url
from submission_house import RUN, TABLE, Crash, house

__all__ = ["house", "opened", "url"]
pytestmark = pytest.mark.service


def test_a_job_goes_from_waiting_to_its_end(house):
    _, acts = house.master()
    house.add(*RUN)
    row = house.until(acts, "failed")
    assert (row["return_code"], row["ending"], row["output_tail"], row["tries"]) == (7, "exit", "hi\n", 1)
    assert row["started_at"] <= row["finished_at"]
    assert [attempt.status for attempt in house.told] in (
        ["submitting", "pending", "running", "failed"],
        ["submitting", "pending", "failed"],
    )
    assert house.witness() == ["ran"]


def test_two_hundred_jobs_run_once_each(house):
    _, acts = house.master()
    for number in range(200):
        house.add("sh", "-c", f"echo {number} >> witness", key=f"x-b{number}-1")
    end = time.monotonic() + 60
    while time.monotonic() < end and len(house.witness()) < 200:
        acts.cycle()
    house.until(acts, "succeeded", "x-b199-1")
    assert sorted(map(int, house.witness())) == list(range(200))


@pytest.mark.parametrize("point", ["before submit", "after submit", "before release", "after release"])
def test_a_master_that_dies_between_two_steps_leaves_the_job_to_the_next(house, point):
    _, acts = house.master("a")
    house.add(*RUN)
    house.scheduler.crash_at = point
    with pytest.raises(Crash):
        acts.cycle()
    house.expire()
    _, heir = house.master("b")
    house.until(heir, "failed")
    assert house.witness() == ["ran"]


def test_an_unknown_submission_that_did_arrive_is_adopted(house):
    _, acts = house.master()
    house.scheduler.submits = [lambda spec: (house.real.submit_held(spec), Unknown("killed"))[1]]
    house.add(*RUN)
    row = house.until(acts, "failed")
    assert (row["scheduler_id"], row["tries"]) == ("1", 1)
    assert house.witness() == ["ran"]


def test_an_unknown_submission_that_did_not_arrive_is_tried_again(house):
    _, acts = house.master()
    house.scheduler.submits = [lambda spec: Unknown("killed")]
    house.add(*RUN)
    assert house.until(acts, "failed")["tries"] == 2
    assert house.witness() == ["ran"]


def test_while_the_scheduler_is_silent_nothing_is_decided(house):
    _, acts = house.master()
    house.scheduler.submits = [lambda spec: Unknown("time-out")]
    house.scheduler.silent = True
    house.add(*RUN)
    for _ in range(20):
        acts.cycle()
        time.sleep(0.05)
    assert (house.row()["status"], house.row()["unknown"]) == ("submitting", True)
    assert acts.follower.silence == "no answer"
    house.scheduler.silent = False
    house.until(acts, "failed")
    assert house.witness() == ["ran"]


def test_a_job_that_appears_after_it_was_submitted_again_is_cancelled(house):
    _, acts = house.master()
    late: list[JobSpec] = []
    house.scheduler.submits = [lambda spec: (late.append(spec), Unknown("in flight"))[1]]
    house.add("sleep", "3")
    house.until(acts, "running")
    twin = house.real.submit_held(late[0])
    house.until(acts, "succeeded")
    assert {seen.id: seen.ending for seen in house.real.seen()}[twin.id] == "cancelled"
    assert acts.follower.orphans == 1


def test_jobs_of_another_store_are_left_alone(house):
    _, acts = house.master()
    script = Folders(house.folder / "other").prepare("y-b1-1", Work(("true",), "/"))
    other = house.real.submit_held(JobSpec("y-b1-1", script, house.folder / "log"))
    house.add("sleep", "1")
    house.until(acts, "succeeded")
    assert [seen.phase for seen in house.real.seen() if seen.id == other.id] == ["held"]


def test_a_master_that_wakes_up_too_late_writes_nothing(house):
    old_lease, old = house.master("a")
    house.add(*RUN)

    def overtaken(spec: JobSpec) -> object:
        answer = house.real.submit_held(spec)
        house.expire()
        _, heir = house.master("b")
        house.heir = heir
        return answer

    house.scheduler.submits = [overtaken]
    with pytest.raises(LeaseLostError):
        old.cycle()
    assert house.row()["status"] == "submitting"
    house.until(house.heir, "failed")
    assert house.witness() == ["ran"]
    assert old_lease.fence is None


def test_a_frozen_master_does_not_even_submit(house, monkeypatch):
    lease, acts = house.master()
    house.add(*RUN)
    now = clock.monotonic()
    with lease.writing():
        pass
    monkeypatch.setattr(clock, "monotonic", lambda: now + 25)
    with pytest.raises(LeaseLostError):
        acts.cycle()
    assert house.row()["status"] == "waiting"
    assert house.real.seen() == ()


def test_what_cannot_help_is_refused_for_good_and_what_can_is_tried_again(house):
    _, acts = house.master()
    house.scheduler.submits = [lambda spec: Refused("no such partition", for_good=True)]
    house.add(*RUN, key="x-b1-1")
    row = house.until(acts, "failed")
    assert (row["ending"], row["reason"], row["return_code"]) == ("submit_error", "no such partition", None)
    house.scheduler.submits = [lambda spec: Refused("limit", for_good=False)] * 3
    house.add(*RUN, key="x-b2-1")
    assert house.until(acts, "failed", "x-b2-1")["tries"] == 4
    assert house.witness() == ["ran"]


def test_a_job_that_is_asked_to_end_is_cancelled(house):
    _, acts = house.master()
    house.add("sleep", "100")
    house.until(acts, "running")
    with house.store.writing() as connection:
        connection.execute(TABLE.update().values(cancel_at=clock.now()))
    row = house.until(acts, "cancelled")
    assert row["ending"] == "cancelled"
    assert row["finished_at"] is not None


def test_a_job_that_ended_while_nobody_looked_and_is_forgotten_has_its_end(house):
    _, acts = house.master("a")
    house.add(*RUN)
    acts.cycle()
    house.expire()
    end = time.monotonic() + 10
    while time.monotonic() < end and [seen.phase for seen in house.real.seen()] != ["ended"]:
        time.sleep(0.05)
    house.scheduler.hidden = {"1"}
    _, heir = house.master("b")
    row = house.until(heir, "failed")
    assert (row["return_code"], row["output_tail"]) == (7, "hi\n")


def test_a_job_that_left_nothing_behind_is_lost_after_a_while_and_not_before(house):
    _, acts = house.master()
    house.add("sleep", "100")
    house.until(acts, "running")
    house.scheduler.hidden = {"1"}
    acts.cycle()
    assert house.row()["status"] == "running"
    row = house.until(acts, "lost")
    assert "forgotten" in row["reason"]
    house.real.cancel(["1"])


def test_accounting_tells_of_a_forgotten_job_and_not_of_its_cancelled_twin(house):
    _, acts = house.master()
    key = house.add("sleep", "100")
    house.until(acts, "running")
    house.scheduler.hidden = {"1"}
    house.scheduler.remembered = (
        Seen("1", key, "ended", "oom", None, 9), Seen("2", key, "ended", "cancelled", 0, None),
        Seen("1", "x-b9-1", "ended", "exit", 0, None),
    )  # fmt: skip
    assert house.until(acts, "failed")["ending"] == "oom"
    house.real.cancel(["1"])


def test_a_record_of_the_end_that_makes_no_sense_is_not_believed(house):
    _, acts = house.master()
    key = house.add("sh", "-c", "sleep 1; exit 3")
    house.until(acts, "running")
    done = Folders(house.folder / "attempts").of(key) / "done"
    done.write_text('{"why": ["exit"], "rc": "no number"}')
    acts.cycle()
    assert house.row()["status"] == "running"
    assert house.until(acts, "failed")["return_code"] == 3


def test_a_held_job_that_an_administrator_cancels_is_submitted_again(house):
    _, acts = house.master("a")
    house.add(*RUN)
    house.scheduler.crash_at = "before release"
    with pytest.raises(Crash):
        acts.cycle()
    house.real.cancel(["1"])
    house.expire()
    _, heir = house.master("b")
    row = house.until(heir, "failed")
    assert row["scheduler_id"] == "2"
    assert house.witness() == ["ran"]


def test_a_folder_that_cannot_be_written_is_told_and_the_job_waits(house):
    _, acts = house.master()
    (house.folder / "attempts").write_text("in the way")
    house.add(*RUN)
    acts.cycle()
    row = house.row()
    assert row["status"] == "waiting"
    assert "Not a directory" in row["reason"]
    (house.folder / "attempts").unlink()
    house.until(acts, "failed")
    assert house.witness() == ["ran"]


def test_of_many_rows_only_those_as_expected_change(house):
    keys = [house.add("true", key=f"x-b{number}-1", attempt=number) for number in range(700)]
    house.add("true", key="x-held", status="held")
    wanted = {key: ("waiting", {"status": "failed", "reason": f"not {key}"}) for key in reversed(keys)}
    wanted["x-b3-1"] = ("waiting", {"status": "lost"})
    wanted |= {"x-held": ("waiting", {"status": "failed"}), "x-not-there": ("waiting", {"status": "failed"})}
    with house.store.writing() as connection:
        changed = claim_many(connection, TABLE, "submit_key", wanted)
    assert list(changed) == keys[::-1]
    assert changed == {key: house.row(key) for key in changed}
    assert house.row("x-b699-1")["reason"] == "not x-b699-1"
    assert house.row("x-b3-1")["status"] == "lost"
    assert house.row("x-held")["status"] == "held"


TRUE_RECORD = {"why": "exit", "rc": 0, "signal": None, "told": "", "host": "n1", "started_at": 1e9, "ended_at": 1e9,
               "output_bytes": 2, "tail": "hi"}  # fmt: skip


@pytest.mark.parametrize("forged", [
    {"rc": 10**30}, {"rc": -5}, {"rc": "0"}, {"signal": 1e300}, {"output_bytes": 10**40}, {"started_at": -1},
    {"ended_at": 1e15}, {"why": "because"}, {"why": ["exit"]}, {"tail": None, "rc": None, "why": None},
])  # fmt: skip
def test_a_record_that_the_script_cannot_have_written_counts_as_none(house, forged):
    folders = Folders(house.folder / "attempts")
    folder = folders.of("x-b1-1")
    folder.mkdir(parents=True)
    (folder / "done").write_text(json.dumps(TRUE_RECORD))
    assert folders.done("x-b1-1").return_code == 0
    (folder / "done").write_text(json.dumps(TRUE_RECORD | forged))
    assert isinstance(folders.done("x-b1-1"), Spoilt)


def test_a_record_with_characters_that_a_store_refuses_is_read_without_them(house):
    _, acts = house.master()
    house.add("sleep", "30")
    house.until(acts, "running")
    told = {"host": "n\0\x1b[31m1", "tail": "a\0b", "told": "\0", "why": "terminated"}
    (Folders(house.folder / "attempts").of("x-b1-1") / "done").write_text(json.dumps(TRUE_RECORD | told))
    row = house.until(acts, "failed")
    assert (row["host"], row["output_tail"]) == ("n??[31m1", "a\ufffdb")


def test_a_value_that_the_store_refuses_keeps_no_other_job_from_its_end(house, monkeypatch):
    """However it gets there."""
    _, acts = house.master()
    bad, good = house.add("true"), house.add("true", key="x-b2-1")
    real = following.verdict.from_done

    def spoilt(done, cancelled):
        change = real(done, cancelled)
        if done.started_at == spoil:
            change.values["output_bytes"] = 10**30
        return change

    house.until(acts, "pending", key=good)
    folders = Folders(house.folder / "attempts")
    end = time.monotonic() + 20
    while not (folders.done(bad) and folders.done(good)) and time.monotonic() < end:
        time.sleep(0.05)
    spoil = folders.done(bad).started_at
    monkeypatch.setattr(following.verdict, "from_done", spoilt)
    assert house.until(acts, "succeeded", key=good)
    assert house.row(bad)["status"] in {"pending", "running"}


@pytest.mark.parametrize("name", ["done", "started", "log"])
def test_links_and_pipes_in_a_jobs_folder_are_not_followed(house, name):
    folders = Folders(house.folder / "attempts")
    secret = house.folder / "secret"
    secret.write_text(json.dumps(TRUE_RECORD | {"at": 1e9, "id": "7"}))
    for make in (lambda path: path.symlink_to(secret), os.mkfifo):
        path = folders.of("x-b1-1") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        make(path)
        assert not any(
            isinstance(found, Done | Started) for found in (folders.done("x-b1-1"), folders.started("x-b1-1"))
        )
        assert folders.log("x-b1-1") == ""


def test_what_lies_in_the_way_of_the_script_is_not_written_through(house):
    """The folder of an earlier try belongs to the job's user, and the daemon may be root."""
    precious = house.folder / "precious"
    precious.write_text("mine")
    folder = Folders(house.folder / "attempts").of("x-b1-1")
    folder.mkdir(parents=True)
    (folder / "script.part").symlink_to(precious)
    (folder / "log").symlink_to(precious)
    _, acts = house.master()
    house.add("true")
    end = time.monotonic() + 20
    while house.row()["status"] not in {"failed", "lost"} and time.monotonic() < end:
        acts.cycle()
        time.sleep(0.05)
    assert precious.read_text() == "mine"
    assert house.row()["status"] in {"failed", "lost"}  # its log could not be opened, so it was not started
