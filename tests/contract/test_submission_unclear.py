"""Submissions whose end is unclear, slow, or that nobody is there to take: none of them costs another job anything."""

import itertools
import threading
import time
from collections.abc import Callable

import pytest

from jobmon import clock
from jobmon.batch.jobs import ANEW
from jobmon.engine.submission import verdict
from jobmon.schedulers.acting import Accepted, JobSpec, Silent, Unknown
from stores import opened, url
from submission_house import RUN, TABLE, Crash, House, house

__all__ = ["house", "opened", "url"]
pytestmark = pytest.mark.service

LOST = Unknown("sbatch ended with 0 and no message")


def change(house: House, **values: object) -> None:
    with house.store.writing() as connection:
        connection.execute(TABLE.update().where(TABLE.c.submit_key == "x-b1-1").values(**values))


def until(acts, what: Callable[[], object], seconds: float = 60) -> object:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        acts.cycle()
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds:g} s")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what takes minutes take moments."""
    monkeypatch.setattr(verdict, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def slow(house: House, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let submissions of jobs called "slow…" wait for an event."""
    monkeypatch.setattr("jobmon.engine.submission.lanes.SLOW_S", 0.2)
    let_go = threading.Event()
    submit = house.real.submit_held

    def perhaps(spec: JobSpec) -> object:
        if spec.key.startswith("x-slow"):
            let_go.wait(30)
        return submit(spec)

    house.real.submit_held = perhaps  # type: ignore[method-assign]
    return let_go


# --- what comes back -----------------------------------------------------------------------------------------------


def test_what_the_scheduler_never_has_is_tried_later_each_time(house, monkeypatch):
    monkeypatch.setattr(verdict, "FIRST_WAIT_S", 100.0)  # which a busy machine does not let pass by itself
    _, acts = house.master()
    house.scheduler.submits = [lambda spec: LOST] * 2
    house.add(*RUN)
    waits = []
    for tries in (1, 2):
        until(acts, lambda tries=tries: house.row()["status"] == "waiting" and house.row()["tries"] == tries)
        row = house.row()
        assert (row["unknown"], "no message" in row["reason"]) == (True, True)
        waits.append(row["not_before"] - clock.now())
        change(house, not_before=0.0)
    assert 0 < waits[0] < waits[1]
    assert house.until(acts, "failed")["unknown"] is False
    assert house.witness() == ["ran"]


def test_what_is_never_there_is_held_at_last_and_a_person_lets_it_go(house, hasty):
    _, acts = house.master()
    house.scheduler.submits = [lambda spec: LOST] * 100
    house.add(*RUN)
    row = house.until(acts, "held")
    assert (row["unknown"], row["tries"], row["returns"]) == (True, verdict.MOST_RETURNS, verdict.MOST_RETURNS)
    assert "no message" in row["reason"]
    left = len(house.scheduler.submits)
    for _ in range(20):
        acts.cycle()
    assert (house.row()["status"], len(house.scheduler.submits)) == ("held", left)
    house.scheduler.submits = []
    change(house, **ANEW)
    assert house.until(acts, "failed")["unknown"] is False
    assert house.witness() == ["ran"]


def test_what_is_never_there_is_held_at_last_and_a_person_cancels_it(house, hasty):
    _, acts = house.master()
    house.scheduler.submits = [lambda spec: LOST] * 100
    house.add(*RUN)
    house.until(acts, "held")
    change(house, cancel_at=clock.now())
    assert house.until(acts, "cancelled")["unknown"] is False
    assert house.witness() == []


def test_what_vanishes_while_it_is_held_is_not_submitted_for_ever(house, hasty):
    _, acts = house.master()
    numbers = itertools.count(1000)
    house.scheduler.submits = [lambda spec: Accepted(str(next(numbers)))] * 100
    house.scheduler.release = lambda ids: ()
    house.add(*RUN)
    row = house.until(acts, "held")
    assert (row["tries"], row["scheduler_id"]) == (verdict.MOST_RETURNS, None)


def test_what_arrives_after_it_was_given_up_never_runs(house, hasty):
    _, acts = house.master()
    specs: list[JobSpec] = []
    house.scheduler.submits = [lambda spec: (specs.append(spec), LOST)[1]] * 100
    house.add(*RUN)
    house.until(acts, "held")
    twin = house.real.submit_held(specs[0])
    ending = until(acts, lambda: {seen.id: seen.ending for seen in house.real.seen()}[twin.id])
    assert (ending, house.witness(), house.row()["status"]) == ("cancelled", [], "held")


def test_what_a_dead_master_has_left_is_submitted_at_once(house):
    _, acts = house.master("a")
    house.add(*RUN)
    house.scheduler.crash_at = "before submit"
    with pytest.raises(Crash):
        acts.cycle()
    house.expire()
    _, heir = house.master("b")
    until(heir, lambda: house.row()["status"] == "waiting" or house.row()["tries"] == 2)
    assert house.row()["not_before"] == 0.0
    house.until(heir, "failed")
    assert house.witness() == ["ran"]


def test_a_submission_that_raises_costs_itself_alone(house, hasty):
    _, acts = house.master()

    def broken(spec: JobSpec) -> object:
        raise ValueError("embedded null byte")

    house.add(*RUN)
    house.add("true", key="x-b2-1")
    submit = house.real.submit_held
    house.real.submit_held = lambda spec: (broken if spec.key == "x-b1-1" else submit)(spec)
    house.until(acts, "succeeded", key="x-b2-1")
    assert "embedded null byte" in house.until(acts, "held")["reason"]


# --- what takes long -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [1, 12])
def test_slow_submissions_keep_no_other_of_their_batch(house, slow, many):
    _, acts = house.master()
    slow_ones = [house.add(*RUN, key=f"x-slow{number}-1", priority=1) for number in range(many)]
    quick = [house.add("true", key=f"x-b{number}-1") for number in range(30)]
    until(acts, lambda: all(house.row(key)["status"] == "succeeded" for key in quick))
    # Listings have been answered meanwhile, and tell nothing of what is still being submitted.
    assert [(house.row(key)["status"], house.row(key)["tries"]) for key in slow_ones] == [("submitting", 1)] * many
    began = time.monotonic()
    acts.cycle()
    assert time.monotonic() - began < 1
    slow.set()
    until(acts, lambda: all(house.row(key)["status"] == "failed" for key in slow_ones))
    assert house.witness() == ["ran"] * many
    assert {house.row(key)["tries"] for key in slow_ones} == {1}


def test_what_comes_after_a_slow_submission_is_submitted_and_followed_meanwhile(house, slow):
    _, acts = house.master()
    house.add(*RUN, key="x-slow-1")
    acts.cycle()
    house.add("true", key="x-b2-1")
    house.until(acts, "succeeded", key="x-b2-1")
    assert house.row("x-slow-1")["status"] == "submitting"
    slow.set()
    house.until(acts, "failed", key="x-slow-1")
    assert house.witness() == ["ran"]


def test_a_master_that_dies_while_a_submission_takes_long_leaves_it_to_the_next(house, slow):
    _, acts = house.master("a")
    house.add(*RUN, key="x-slow-1")
    acts.cycle()
    house.expire()
    _, heir = house.master("b")
    until(heir, lambda: house.row("x-slow-1")["returns"])  # it is not there, as far as anybody can know
    slow.set()  # and now there are two
    house.until(heir, "failed", key="x-slow-1")
    until(heir, lambda: len([seen for seen in house.real.seen() if seen.phase == "ended"]) == 2)
    assert house.witness() == ["ran"]


# --- nobody there --------------------------------------------------------------------------------------------------


def test_a_connection_that_is_refused_is_silence_and_not_a_refusal_of_the_work(house):
    _, acts = house.master()
    keys = [house.add(*RUN, key=f"x-b{number}-1") for number in range(40)]
    asked: list[str] = []
    house.scheduler.silent = True

    def nobody(spec: JobSpec) -> object:
        asked.append(spec.key)
        return Silent("connect failure")

    house.scheduler.submits = [nobody] * 1000
    for _ in range(20):
        acts.cycle()
    rows = [house.row(key) for key in keys]
    assert {(row["status"], row["tries"], row["reason"], row["returns"]) for row in rows} == {("waiting", 0, None, 0)}
    assert acts.follower.silence
    assert len(asked) < 10  # those that had been begun: nobody knocks 40 times at a closed door
    house.scheduler.silent = False
    house.scheduler.submits = []
    until(acts, lambda: len(house.witness()) == 40)
    assert house.until(acts, "failed", key="x-b39-1")["tries"] == 1
    assert acts.follower.silence == ""
