"""What people do with jobs, and what is told to whom, on SQLite and PostgreSQL."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from batch_house import BatchHouse, housed
from daemon_process import until
from jobmon import clock, config
from jobmon.batch import jobs, limits, overview
from jobmon.batch.capability import Batch
from jobmon.batch.jobs import NoSuchThing, NotPossible
from jobmon.batch.master import change_setting, setting
from jobmon.batch.requests import JobRequest
from jobmon.batch.tables import EVENT, JOB
from jobmon.engine.outbox_tables import OUTBOX
from jobmon.engine.submission import following
from jobmon.errors import SettingsError
from jobmon.schedulers.acting import Seen, Silent, Unknown
from stores import Open, opened, url

__all__ = ["opened", "url"]
pytestmark = pytest.mark.service


@pytest.fixture
def house(opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchHouse]:
    with housed(opened(), tmp_path, monkeypatch) as made:
        yield made


def test_a_job_runs_and_everything_that_happened_is_on_record(house):
    job = house.until_ended(house.submit("sh", "-c", "echo hi; exit 7"))
    assert (job["status"], job["return_code"], job["output_tail"], job["name"]) == ("failed", 7, "hi\n", "sh")
    with house.store.reading() as connection:
        happened = jobs.events(connection, job["job_id"])
    assert [event["status"] for event in happened if event["status"] != "running"] == [
        "waiting", "submitting", "pending", "failed",
    ]  # fmt: skip
    assert happened[0]["who"] == "alice"
    assert {event["fence"] for event in happened[1:]} == {1}


def test_the_more_urgent_goes_first(house):
    with house.store.writing() as connection:
        limits.set_limit(connection, "*", {"max_running": 1})
    numbers = [house.submit("true", priority=priority) for priority in (0, 5, -5)]
    order = sorted(numbers, key=lambda number: house.until_ended(number)["started_at"])
    assert order == [numbers[1], numbers[0], numbers[2]]


def test_a_job_waits_for_its_time(house):
    number = house.submit("true", not_before=clock.now() + 1)
    house.turn()
    assert house.job(number)["status"] == "waiting"
    assert house.until_ended(number)["status"] == "succeeded"


def test_a_job_that_was_not_started_in_time_is_skipped_told_of_and_runs_again_without_that_limit(house, tmp_path):
    told = tmp_path / "told"
    script = tmp_path / "tell"
    script.write_text(f'#!/bin/sh\necho "$JOBMON_EVENT $JOBMON_STATUS" >> {told}\n')
    script.chmod(0o755)
    asked = clock.now()
    whom = ["email:a@example.org?on=fail", "email:b@example.org?on=finish", "email:c@example.org?on=submit,start",
            f"script:{script}?on=fail"]  # fmt: skip
    number = house.submit("true", latest_start=asked + 1, notify=whom, name="x")
    with house.store.writing() as connection:
        jobs.hold(connection, number, "ada")
    job = house.until_ended(number)
    assert (job["status"], job["ending"]) == ("skipped", "late")
    assert asked + 1 < job["finished_at"]
    subject = f"job {number} (x) skipped: {job['reason']}"
    house.until(lambda: told.exists() and told.read_text() == "fail skipped\n")
    assert [found for found in messages(house) if "@" in found[0]] == [
        ("a@example.org", subject), ("b@example.org", subject)]  # fmt: skip
    with house.store.writing() as connection:
        again = jobs.rerun(connection, number, "ada", house.settings.batch)
    assert house.job(again)["latest_start"] is None
    assert house.until_ended(again)["status"] == "succeeded"
    with house.store.reading() as connection:
        assert jobs.counts(connection) == {"skipped": 1, "succeeded": 1}
        assert overview.attention(connection)["lost"] == []


def test_a_skipped_job_is_forgotten_like_any_other(house):
    number = house.submit("true", latest_start=clock.now() + 0.2, not_before=clock.now() + 0.1)
    with house.store.writing() as connection:
        jobs.hold(connection, number, "ada")
    house.until_ended(number)
    with house.store.writing() as connection:
        connection.execute(JOB.update().values(finished_at=clock.now() - 91 * 86_400))
    house.new_master().turn(clock.now())
    assert house.jobs() == []


def test_a_held_job_is_not_submitted_until_it_is_let_go(house):
    number = house.submit("true")
    with house.store.writing() as connection:
        jobs.hold(connection, number, "ada")
    house.turn()
    assert house.job(number)["status"] == "held"
    with house.store.writing() as connection:
        jobs.let_go(connection, number, "ada")
    assert house.until_ended(number)["status"] == "succeeded"
    with pytest.raises(NotPossible, match="is succeeded"), house.store.writing() as connection:
        jobs.hold(connection, number, "ada")


def test_a_waiting_and_a_running_job_are_cancelled(house):
    running = house.submit("sleep", "100")
    house.until(lambda: house.job(running)["status"] == "running")
    waiting = house.submit("true", not_before=clock.now() + 100)
    for number in (running, waiting):
        with house.store.writing() as connection:
            jobs.cancel(connection, number, "ada")
        assert house.until_ended(number)["status"] == "cancelled"
    assert house.job(waiting)["tries"] == 0
    with pytest.raises(NotPossible, match="ended already"), house.store.writing() as connection:
        jobs.cancel(connection, waiting, "ada")
    with pytest.raises(NoSuchThing), house.store.writing() as connection:
        jobs.cancel(connection, 999, "ada")


def test_running_again_is_a_new_job_with_the_same_request(house):
    first = house.until_ended(house.submit("sh", "-c", "exit 1", name="x", labels={"a": "b"}))
    with house.store.writing() as connection:
        number = jobs.rerun(connection, first["job_id"], "ada", house.settings.batch)
    again = house.until_ended(number)
    assert (again["attempt"], again["parent_job_id"], again["labels"]) == (2, first["job_id"], {"a": "b"})
    assert again["submit_key"] != first["submit_key"]
    assert house.job(first["job_id"]) == first


def test_a_queue_takes_no_more_than_its_limit(house):
    with house.store.writing() as connection:
        limits.set_limit(connection, "*", {"max_running": 2})
    numbers = [house.submit("sleep", "0.5") for _ in range(5)]
    most = 0

    def ended():
        states = [house.job(number)["status"] for number in numbers]
        nonlocal most
        most = max(most, sum(state in {"submitting", "pending", "running"} for state in states))
        return all(state == "succeeded" for state in states)

    house.until(ended)
    assert most == 2
    with house.store.writing() as connection:
        limits.set_limit(connection, "*", {"max_running": None})
        assert limits.listing(connection) == []


def test_a_queue_takes_so_many_a_minute(house):
    with house.store.writing() as connection:
        limits.set_limit(connection, "", {"submits_per_minute": 3})
    numbers = [house.submit("true") for _ in range(5)]
    for number in numbers[:3]:
        house.until_ended(number)
    assert [house.job(number)["status"] for number in numbers[3:]] == ["waiting", "waiting"]


def messages(house: BatchHouse) -> list[tuple[str, str]]:
    with house.store.reading() as connection:
        return [(row.address, row.subject) for row in connection.execute(sa.select(OUTBOX).order_by(OUTBOX.c.id))]


def test_who_asked_for_it_is_told_of_submission_start_and_end(house, tmp_path):
    told = tmp_path / "told"
    script = tmp_path / "tell"
    script.write_text(f'#!/bin/sh\necho "$JOBMON_EVENT $JOBMON_STATUS $JOBMON_RETURN_CODE" >> {told}\n')
    script.chmod(0o755)
    number = house.submit("sh", "-c", "exit 7", notify=[f"script:{script}", "email:a@example.org?on=fail"])
    house.until_ended(number)
    house.until(lambda: told.exists() and len(told.read_text().splitlines()) == 3)
    assert told.read_text().splitlines() == ["submit pending", "start running", "fail failed 7"] or [
        line.split()[0] for line in told.read_text().splitlines()
    ] == ["submit", "start", "fail"]
    assert [subject for address, subject in messages(house) if address == "a@example.org"] == [
        f"job {number} (sh) failed: ended with 7"
    ]


def test_a_submission_that_is_not_known_needs_attention(house):
    house.scheduler.submit_held = lambda spec: Unknown("time-out")
    house.scheduler.seen = lambda: Silent("no answer")
    number = house.submit("true")
    house.turn()
    with house.store.reading() as connection:
        assert [row["job_id"] for row in overview.attention(connection)["unclear"]] == [number]


@pytest.mark.parametrize(("user", "status"), [("mallory", "waiting"), ("", "pending"), ("4711", "pending")])
def test_a_job_of_somebody_else_that_bears_the_name_is_not_taken_for_ours(house, user, status, monkeypatch):
    monkeypatch.setattr(following, "LOOK_SOON_S", 0)
    house.scheduler.submit_held = lambda spec: Unknown("time-out")
    house.scheduler.seen = lambda: ()
    number = house.submit("true")
    house.turn()
    key = house.job(number)["submit_key"]
    house.scheduler.seen = lambda: (Seen("999", key, "held", user=user),)
    house.until(lambda: house.job(number)["status"] != "submitting")
    assert (house.job(number)["status"], house.job(number)["scheduler_id"]) == (
        status, "999" if status == "pending" else None
    )  # fmt: skip


def test_a_job_whose_end_cannot_be_written_keeps_no_other_from_ending(house, monkeypatch):
    changed = type(house.master)._changed
    bad, good = house.submit("true"), house.submit("true")

    def failing(master, connection, attempts):
        if any(attempt.row["job_id"] == bad and attempt.status == "succeeded" for attempt in attempts):
            raise ValueError("a rule that nobody thought of")
        changed(master, connection, attempts)

    monkeypatch.setattr(type(house.master), "_changed", failing)
    house.new_master()
    assert house.until_ended(good)["status"] == "succeeded"
    assert house.job(bad)["status"] in {"pending", "running"}
    monkeypatch.setattr(type(house.master), "_changed", changed)
    house.new_master()
    assert house.until_ended(bad)["status"] == "succeeded"


def test_a_row_that_cannot_be_submitted_keeps_no_other_waiting(house):
    bad, good = house.submit("true"), house.submit("true")
    with house.store.writing() as connection:
        connection.execute(JOB.update().where(JOB.c.job_id == bad).values(args=7))
    assert house.until_ended(good)["status"] == "succeeded"
    row = house.job(bad)
    assert row["status"] == "waiting"
    assert "TypeError" in row["reason"]


def states_of_messages(house: BatchHouse) -> list[str]:
    with house.store.reading() as connection:
        return list(connection.execute(sa.select(OUTBOX.c.state)).scalars())


def test_old_jobs_are_forgotten_with_their_folders(house):
    old, new = (house.submit("true", notify=["script:/bin/true?on=finish"]) for _ in range(2))
    for number in (old, new):
        house.until_ended(number)
    house.until(lambda: states_of_messages(house) == ["sent", "sent"])
    folder = house.folders.of(house.job(old)["submit_key"])
    assert folder.is_dir()
    with house.store.writing() as connection:
        connection.execute(JOB.update().where(JOB.c.job_id == old).values(finished_at=clock.now() - 91 * 86_400))
        connection.execute(OUTBOX.update().where(OUTBOX.c.id == 1).values(ended_at=clock.now() - 91 * 86_400))
    house.new_master().turn(clock.now())
    assert [job["job_id"] for job in house.jobs()] == [new]
    until(lambda: not folder.exists(), "the folder goes, beside the turns")
    assert states_of_messages(house) == ["sent"]
    with house.store.reading() as connection:
        assert connection.execute(sa.select(EVENT).where(EVENT.c.job_id == old)).all() == []


def test_only_known_settings_with_sensible_values_are_taken(house):
    with house.store.writing() as connection:
        change_setting(connection, "master", "node1")
        assert setting(connection, "master") == "node1"
        for name, value in (("master", "a b"), ("run_time", "-1"), ("run_time", "soon"), ("colour", "red")):
            with pytest.raises(SettingsError):
                change_setting(connection, name, value)


def test_a_command_that_an_option_would_break_is_refused_with_a_reason(house):
    job = house.until_ended(house.submit("true", options=["--exclusive"]))
    assert (job["status"], job["ending"]) == ("failed", "submit_error")
    assert "no options" in job["reason"]


def test_who_is_elected_while_it_waits_acts_in_the_same_tick(tmp_path, monkeypatch):
    monkeypatch.setattr("jobmon.engine.election.POLL_S", 0.05)
    settings = config.parse({"live": {"data_path": str(tmp_path)}, "batch": {"scheduler": "local"}}, "test")
    first, second = Batch(settings), Batch(settings)
    for one in (first, second):
        one.tick(clock.now())
    with first.store().writing() as connection:
        number = jobs.submit(connection, JobRequest(command=["true"], working_dir="/"), "alice", settings.batch)
    leaving = threading.Timer(0.1, first.leave)
    leaving.start()
    second.tick(clock.now())
    leaving.join()
    with second.store().reading() as connection:
        assert jobs.find(connection, number)["status"] != "waiting"
    for one in (first, second):
        one.close()
