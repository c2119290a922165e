"""What was not started by its latest start never runs, whoever notices it first: on SQLite and PostgreSQL."""

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest

from jobmon import clock
from jobmon.engine.submission import Work, wrapper
from jobmon.engine.submission.folder import Folders
from jobmon.schedulers.acting import Accepted, JobSpec, Seen, Unknown
from stores import opened, url
from submission_house import RUN, TABLE, Crash, House, house

__all__ = ["house", "opened", "url"]
pytestmark = pytest.mark.service
SLOTS = 4


@pytest.fixture
def let_go(house: House) -> Iterator[Callable[[], None]]:
    """Fill all slots of the scheduler with somebody else's jobs, and return what ends them."""
    folders = Folders(house.folder / "other")
    numbers = []
    for number in range(SLOTS):
        key = f"y-b{number}-1"
        spec = JobSpec(key, folders.prepare(key, Work(("sleep", "60"), "/")), folders.of(key) / "log")
        numbers.append(house.real.submit_held(spec).id)
    house.real.release(numbers)
    wait_for(lambda: phases(house, *numbers) == ["running"] * SLOTS)
    yield lambda: house.real.cancel(numbers)
    house.real.cancel(numbers)


def wait_for(what: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def phases(house: House, *numbers: str) -> list[str]:
    return [seen.phase for seen in house.real.seen() if seen.id in numbers]


def pass_by(latest: float) -> None:
    time.sleep(max(0.0, latest - time.time()) + 0.01)


def asked_to_end(house: House) -> None:
    with house.store.writing() as connection:
        connection.execute(TABLE.update().values(cancel_at=clock.now()))


def was_skipped(house: House, row: dict) -> None:
    """Check all that people see of a job that was skipped."""
    assert (row["status"], row["ending"], row["return_code"], row["started_at"]) == ("skipped", "late", None, None)
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(row["latest_start"]))
    assert row["reason"] == f"not started by {when}, its latest start"
    assert row["finished_at"] > row["latest_start"]
    assert row["cancel_at"] is None
    assert house.told[-1].text == row["reason"]
    assert house.witness() == []


# --- before it is submitted -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["waiting", "held"])
def test_what_waits_when_the_time_passes_is_never_submitted(house, status):
    _, acts = house.master()
    house.add(*RUN, status=status, latest_start=time.time() + 0.5, not_before=time.time() + 60)
    acts.cycle()
    assert house.row()["status"] == status
    pass_by(house.row()["latest_start"])
    acts.cycle()
    was_skipped(house, house.row())
    assert house.real.seen() == ()
    assert house.row()["tries"] == 0


def test_at_its_latest_start_it_is_still_in_time(house):
    _, acts = house.master()
    latest = time.time() + 60
    house.add(*RUN, latest_start=latest)
    with clock.replaced(lambda: latest):
        house.until(acts, "failed")
    assert house.witness() == ["ran"]


def test_what_was_cancelled_and_is_late_is_cancelled(house):
    _, acts = house.master()
    house.add(*RUN, latest_start=time.time() - 1, cancel_at=time.time() - 1)
    acts.cycle()
    assert (house.row()["status"], house.row()["ending"]) == ("cancelled", "cancelled")


def test_what_is_late_by_the_time_it_would_be_sent_or_released_is_not(house):
    sent = []

    def slow(spec: JobSpec) -> object:
        sent.append(spec.key)
        time.sleep(0.7)
        return house.real.submit_held(spec)

    _, acts = house.master()
    house.scheduler.submits = [slow] * 6
    latest = time.time() + 0.6
    for number in range(6):
        house.add(*RUN, key=f"x-b{number}-1", latest_start=latest)
    for number in range(6):
        was_skipped(house, house.until(acts, "skipped", f"x-b{number}-1"))
    assert len(sent) == 4  # as many as are sent side by side
    assert {seen.ending for seen in house.real.seen()} == {"cancelled"}


# --- with the scheduler ---------------------------------------------------------------------------------------------


def test_what_is_pending_when_the_time_passes_is_taken_from_the_scheduler(house, let_go):
    _, acts = house.master()
    house.add(*RUN, latest_start=time.time() + 1)
    number = house.until(acts, "pending")["scheduler_id"]
    was_skipped(house, house.until(acts, "skipped"))
    assert set(house.scheduler.withdrawn) == {number}
    assert [attempt.status for attempt in house.told] == ["submitting", "pending", "skipped"]
    let_go()
    wait_for(lambda: phases(house, number) == ["ended"])
    assert house.witness() == []


def test_a_listing_that_began_in_time_withdraws_nothing(house, let_go):
    _, acts = house.master()
    latest = time.time() + 60
    house.add(*RUN, latest_start=latest)
    house.until(acts, "pending")
    now = latest
    seen = house.scheduler.seen

    def slow_listing() -> object:
        nonlocal now
        answer = seen()
        now = latest + 1
        return answer

    house.scheduler.seen = slow_listing
    with clock.replaced(lambda: now):
        wait_for(lambda: (acts.cycle(), now > latest)[1])
        assert house.scheduler.withdrawn == []
        house.until(acts, "skipped")


def test_a_job_that_started_in_time_runs_whole(house):
    _, acts = house.master()
    house.add("sh", "-c", "sleep 2; echo ran >> witness", latest_start=time.time() + 1)
    house.until(acts, "running")
    pass_by(house.row()["latest_start"])
    assert house.until(acts, "succeeded")["return_code"] == 0
    assert house.witness() == ["ran"]
    assert house.scheduler.withdrawn == []


def test_what_is_held_when_the_time_passes_is_not_released_by_the_next_master(house):
    _, acts = house.master("a")
    house.add(*RUN, latest_start=time.time() + 1)
    house.scheduler.crash_at = "before release"
    with pytest.raises(Crash):
        acts.cycle()
    pass_by(house.row()["latest_start"])
    house.expire()
    _, heir = house.master("b")
    row = house.until(heir, "skipped")
    was_skipped(house, row)
    assert row["released_at"] is None
    assert [attempt.status for attempt in house.told].count("submitting") == 1


@pytest.mark.parametrize("arrived", [True, False])
def test_of_an_unknown_submission_the_listing_tells_before_it_is_skipped(house, arrived):
    _, acts = house.master()
    house.scheduler.submits = [lambda spec: (arrived and house.real.submit_held(spec), Unknown("killed"))[1]]
    house.scheduler.silent = True
    house.add(*RUN, latest_start=time.time() + 0.5)
    acts.cycle()
    pass_by(house.row()["latest_start"])
    for _ in range(10):
        acts.cycle()
        time.sleep(0.05)
    assert house.row()["status"] == "submitting"
    house.scheduler.silent = False
    was_skipped(house, house.until(acts, "skipped"))
    assert [seen.ending for seen in house.real.seen()] == ["cancelled"] * arrived


def test_who_cancels_what_is_late_already_has_it_cancelled(house, let_go):
    _, acts = house.master()
    house.add(*RUN, latest_start=time.time() + 1)
    house.until(acts, "pending")
    house.scheduler.silent = True
    pass_by(house.row()["latest_start"])
    asked_to_end(house)
    house.scheduler.silent = False
    assert house.until(acts, "cancelled")["ending"] == "cancelled"


# --- on the node ----------------------------------------------------------------------------------------------------


def test_a_job_that_comes_to_its_node_too_late_does_not_run_whatever_the_master_does(house, let_go):
    _, acts = house.master("a")
    key = house.add(*RUN, latest_start=time.time() + 1)
    number = house.until(acts, "pending")["scheduler_id"]
    pass_by(house.row()["latest_start"])
    let_go()
    wait_for(lambda: phases(house, number) == ["ended"])
    (seen,) = [seen for seen in house.real.seen() if seen.id == number]
    assert (seen.ending, seen.return_code) == ("exit", wrapper.LATE)
    folder = Folders(house.folder / "attempts").of(key)
    assert {path.name for path in folder.iterdir()} == {"script", "claim", "done", "log"}
    house.expire()
    _, heir = house.master("b")
    row = house.until(heir, "skipped")
    was_skipped(house, row)
    assert row["host"]
    assert row["finished_at"] == json.loads((folder / "done").read_text())["ended_at"]


def test_who_cancelled_what_then_came_too_late_has_it_cancelled(house, let_go):
    _, acts = house.master("a")
    house.add(*RUN, latest_start=time.time() + 1)
    number = house.until(acts, "pending")["scheduler_id"]
    asked_to_end(house)
    pass_by(house.row()["latest_start"])
    let_go()
    wait_for(lambda: phases(house, number) == ["ended"])
    assert house.until(acts, "cancelled")["ending"] == "cancelled"


RECORD = {"why": "late", "rc": None, "signal": None, "told": "", "host": "n1", "output_bytes": None, "tail": ""}


@pytest.mark.parametrize("latest_s", [None, 60, 1.5])
def test_a_job_that_says_it_came_too_late_after_it_has_begun_is_not_believed(house, latest_s):
    """Nor is one that has no latest start, or says a time at which it was not late."""
    _, acts = house.master()
    latest = None if latest_s is None else time.time() + latest_s
    key = house.add("sh", "-c", "sleep 2.5; exit 3", latest_start=latest)
    house.until(acts, "running")
    done = Folders(house.folder / "attempts").of(key) / "done"
    done.write_text(json.dumps(RECORD | {"started_at": time.time() + 2, "ended_at": time.time() + 2}))
    for _ in range(3):
        acts.cycle()
        assert house.row()["status"] == "running"
    assert house.until(acts, "failed")["return_code"] == 3


def test_a_record_of_having_come_too_late_must_be_of_a_late_time(house, let_go):
    _, acts = house.master()
    key = house.add(*RUN, latest_start=time.time() + 60)
    house.until(acts, "pending")
    done = Folders(house.folder / "attempts").of(key) / "done"
    done.write_text(json.dumps(RECORD | {"started_at": time.time(), "ended_at": time.time()}))
    for _ in range(3):
        acts.cycle()
        assert house.row()["status"] == "pending"
    let_go()
    house.until(acts, "failed")
    assert house.witness() == ["ran"]


# --- when the scheduler tells, or has forgotten ---------------------------------------------------------------------


@pytest.mark.parametrize(("left", "end"), [("", "skipped"), ("claim", "lost"), ("nothing", "lost")])
def test_a_forgotten_job_was_skipped_only_if_it_certainly_was_not_started(house, let_go, left, end):
    _, acts = house.master()
    key = house.add(*RUN, latest_start=time.time() + 0.5)
    house.scheduler.hidden = {house.until(acts, "pending")["scheduler_id"]}
    folder = Folders(house.folder / "attempts").of(key)
    if left == "claim":
        (folder / "claim").touch()
    if left == "nothing":
        folder.rename(folder.with_name("away"))
    row = house.until(acts, end)
    assert ("latest start" in row["reason"]) == (end == "skipped")


@pytest.mark.parametrize("after_s", [None, 60, 1])
def test_a_job_that_the_scheduler_removed_for_its_deadline_was_skipped(house, let_go, after_s):
    """Be it the deadline that we have given, or one among the job's own options, which may come sooner."""
    _, acts = house.master()
    key = house.add(*RUN, latest_start=None if after_s is None else time.time() + after_s)
    number = house.until(acts, "pending")["scheduler_id"]
    pass_by(time.time() if after_s != 1 else house.row()["latest_start"])
    house.scheduler.seen = lambda: (Seen(number, key, "ended", "late", 0),)
    row = house.until(acts, "skipped")
    assert (row["ending"], row["return_code"], row["started_at"]) == ("late", None, None)
    assert ("its latest start" if after_s == 1 else "by its deadline") in row["reason"]


def test_a_job_that_the_scheduler_ended_at_its_deadline_has_failed(house):
    _, acts = house.master()
    key = house.add("sleep", "60")
    house.until(acts, "running")
    house.scheduler.seen = lambda: (Seen("1", key, "ended", "late", 0),)
    row = house.until(acts, "failed")
    assert (row["ending"], "deadline" in row["reason"]) == ("timeout", True)
    house.real.cancel(["1"])


def test_a_job_that_the_scheduler_removed_while_it_was_held_is_not_submitted_again(house):
    key = "x-b1-1"
    _, acts = house.master()
    house.scheduler.submits = [lambda spec: Accepted("1")]
    house.scheduler.release = lambda ids: ()
    house.scheduler.seen = lambda: (Seen("1", key, "ended", "late", 0),)
    house.add(*RUN)
    assert house.until(acts, "skipped")["tries"] == 1


@pytest.mark.parametrize(("latest_s", "end"), [(0.5, "skipped"), (None, "failed")])
def test_a_script_that_could_not_write_that_it_came_too_late_is_understood(house, let_go, latest_s, end):
    _, acts = house.master()
    key = house.add(*RUN, latest_start=None if latest_s is None else time.time() + latest_s)
    number = house.until(acts, "pending")["scheduler_id"]
    (Folders(house.folder / "attempts").of(key) / "claim").touch()
    house.scheduler.seen = lambda: (Seen(number, key, "ended", "exit", wrapper.LATE),)
    row = house.until(acts, end)
    assert re.match("not started by|ended with 96", row["reason"])


def test_what_was_begun_before_its_release_was_on_record_is_not_skipped(house, monkeypatch):
    """The master died after the release, and did not write it down."""
    monkeypatch.setattr("jobmon.engine.submission.following.GRACE_S", 30)
    _, acts = house.master("a")
    house.add("sh", "-c", "echo ran >> witness; sleep 2", latest_start=time.time() + 1)
    house.scheduler.crash_at = "after release"
    with pytest.raises(Crash):
        acts.cycle()
    wait_for(house.witness)
    house.scheduler.hidden = {"1"}
    house.scheduler.release = lambda ids: ()
    pass_by(house.row()["latest_start"])
    house.expire()
    _, heir = house.master("b")
    house.until(heir, "succeeded")
    assert [attempt.status for attempt in house.told].count("submitting") == 1
