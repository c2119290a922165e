"""Crontab entries fire each due time once, on SQLite and PostgreSQL."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import sqlalchemy as sa

from batch_house import BatchHouse, housed
from jobmon import clock
from jobmon.batch import crontab, jobs
from jobmon.batch.jobs import NotPossible
from jobmon.batch.tables import CRONTAB, FIRE, JOB
from jobmon.errors import SettingsError
from stores import Open, opened, url

__all__ = ["opened", "url"]
pytestmark = pytest.mark.service
START = 1_790_000_000 - 1_790_000_000 % 3600


class Time:
    """Tell the time that the test sets."""

    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Iterator[Time]:
    told = Time()
    with clock.replaced(told):
        yield told


@pytest.fixture
def house(opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, time: Time) -> Iterator[BatchHouse]:
    with housed(opened(), tmp_path, monkeypatch) as made:
        yield made


def minutes(house: BatchHouse, name: str) -> list[tuple[int, str]]:
    return [((at - START) // 60, outcome) for at, outcome, _reason in house.history(name)]


def replayed(house: BatchHouse, connection: Any, name: str, since: int, until: int) -> list[int]:
    entry = crontab.find(connection, name)
    times = crontab.to_replay(entry, since, until)
    return crontab.replay(connection, entry, times, "ada", house.settings.batch)


def test_an_entry_fires_when_it_is_due_and_not_before(house, time):
    house.cron("tick", "*/5 * * * *", "true")
    for time.now in (START + 1, START + 299, START + 300, START + 301, START + 600):
        house.turn()
    assert minutes(house, "tick") == [(5, "fired"), (10, "fired")]
    assert [job["labels"]["scheduled_for"] for job in house.jobs()] == [str(START + 300), str(START + 600)]


def test_another_master_does_not_fire_again(house, time):
    house.cron("tick", "* * * * *", "true")
    time.now = START + 60
    house.turn()
    house.new_master()
    house.turn()
    house.new_master()
    time.now = START + 120
    house.turn()
    assert minutes(house, "tick") == [(1, "fired"), (2, "fired")]
    assert len(house.jobs()) == 2


@pytest.mark.parametrize(("misfire", "fired"), [("skip", []), ("last", [30]), ("all", [10, 20, 30])])
def test_what_was_missed_is_made_up_for_as_the_entry_says(house, time, misfire, fired):
    house.cron("tick", "*/10 * * * *", "true", misfire=misfire)
    time.now = START + 1900
    house.turn()
    assert [at for at, outcome in minutes(house, "tick") if outcome == "fired"] == fired
    assert [at for at, outcome in minutes(house, "tick") if outcome == "missed"] == sorted({10, 20, 30} - set(fired))


def test_an_entry_that_still_runs_is_skipped_queued_or_replaced(house, time):
    for overlap in ("skip", "queue", "replace", "allow"):
        house.cron(overlap, "* * * * *", "sleep", "60", overlap=overlap)
    for time.now in (START + 60, START + 120):
        house.turn()
    house.until(lambda: sum(job["status"] == "running" for job in house.jobs()) == 5)
    found = {name: [(job["status"]) for job in house.jobs() if job["name"] == name]
             for name in ("skip", "queue", "allow")}  # fmt: skip
    assert found == {"skip": ["running"], "queue": ["running", "waiting"], "allow": ["running", "running"]}
    assert house.history("skip")[1][1:] == ("skipped", f"job {house.jobs(text='skip')[0]['job_id']} had not ended")
    house.until(lambda: [job["status"] for job in house.jobs() if job["name"] == "replace"] == ["cancelled", "running"])
    house.scheduler.cancel([seen.id for seen in house.scheduler.seen()])


def test_of_several_times_that_are_made_up_for_each_is_skipped_or_replaced_in_turn(house, time):
    for overlap in ("skip", "replace"):
        house.cron(overlap, "*/10 * * * *", "true", overlap=overlap, misfire="all")
    time.now = START + 1900
    house.turn()
    why = "the job before had not ended"
    assert [(outcome, why in reason) for _, outcome, reason in house.history("skip")] == [
        ("fired", False), ("skipped", True), ("skipped", True)]  # fmt: skip
    assert [outcome for _, outcome, _ in house.history("replace")] == ["fired"] * 3
    statuses = lambda: [job["status"] for job in house.jobs(text="replace")]  # noqa: E731
    house.until(lambda: statuses() == ["cancelled", "cancelled", "succeeded"])


def test_a_changed_schedule_counts_from_now_and_fires_nothing_of_the_past(house, time):
    house.cron("tick", "0 12 * * *", "true")
    time.now = START + 600
    house.turn()
    request = crontab.CronRequest(name="tick", schedule="* * * * *", command=["true"])
    with house.store.writing() as connection:
        crontab.edit(connection, "tick", request, house.settings.batch)
    house.turn()
    assert minutes(house, "tick") == []
    time.now = START + 660
    house.turn()
    assert minutes(house, "tick") == [(11, "fired")]


def test_a_paused_entry_does_not_fire_nor_makes_up_for_it(house, time):
    house.cron("tick", "* * * * *", "true", misfire="all")
    with house.store.writing() as connection:
        crontab.enable(connection, "tick", enabled=False)
    time.now = START + 200
    house.turn()
    with house.store.writing() as connection:
        crontab.enable(connection, "tick", enabled=True)
    house.turn()
    assert minutes(house, "tick") == []
    time.now = START + 240
    house.turn()
    assert minutes(house, "tick") == [(4, "fired")]


def test_an_entry_whose_time_zone_is_gone_keeps_no_other_from_being_listed(house, time):
    bad, good = house.cron("bad", "* * * * *", "true"), house.cron("good", "* * * * *", "true")
    with house.store.writing() as connection:
        connection.execute(CRONTAB.update().where(CRONTAB.c.cron_id == bad).values(timezone="Mars/Base"))
    time.now = START + 60
    house.turn()
    assert minutes(house, "good") == [(1, "fired")]
    assert any("bad" in trouble and "Mars/Base" in trouble for trouble in house.master.troubles())
    with house.store.reading() as connection:
        listed = {entry["cron_id"]: entry["next"] for entry in crontab.listing(connection, time.now)}
    assert listed[bad] == []
    assert len(listed[good]) == 5


def test_what_was_missed_can_be_replayed_once(house, time):
    house.cron("tick", "*/10 * * * *", "true", misfire="skip")
    time.now = START + 1900
    house.turn()
    for numbers in (3, 0):
        with house.store.writing() as connection:
            found = replayed(house, connection, "tick", START, START + 1900)
        assert len(found) == numbers
    for since in (START - 90_000, 0, -(10**15)):
        began = monotonic()
        with pytest.raises(NotPossible, match="at once; name a shorter span"), house.store.writing() as connection:
            replayed(house, connection, "tick", since, 10**15)
        assert monotonic() - began < 1


def test_an_entry_may_be_limited_to_a_time(house, time):
    house.cron("tick", "* * * * *", "true", not_before=START + 120.0, not_after=START + 180.0)
    for time.now in range(START, START + 301, 30):
        house.turn()
    assert minutes(house, "tick") == [(2, "fired"), (3, "fired")]


def test_jitter_puts_off_by_the_same_each_time(house, time):
    house.cron("tick", "* * * * *", "true", jitter=30)
    time.now = START + 60
    house.turn()
    (job,) = house.jobs()
    assert START + 60 <= job["not_before"] <= START + 90


@pytest.mark.parametrize(
    ("misfire", "within", "fired", "too_late"),
    [("all", 900, [20, 30], [10]), ("last", 60, [], [30]), ("all", 60, [], [10, 20, 30])],
)
def test_what_could_not_start_in_time_any_more_is_missed_and_not_started(house, time, misfire, within, fired, too_late):
    house.cron("tick", "*/10 * * * *", "true", misfire=misfire, start_within=within)
    time.now = START + 1900
    house.turn()
    assert [at for at, outcome in minutes(house, "tick") if outcome == "fired"] == fired
    why = f"no master was there: its job had to start within {within} s"
    assert [(at - START) // 60 for at, outcome, reason in house.history("tick") if (outcome, reason) == ("missed", why)
            ] == too_late  # fmt: skip
    assert [job["latest_start"] for job in house.jobs()] == [START + at * 60 + within for at in fired]


def test_a_job_that_waits_for_its_turn_too_long_is_skipped_and_the_next_one_has_its_own_time(house, time):
    later = START + 10 * 365 * 86_400  # the script looks at the real clock
    time.now = later
    house.cron("tick", "* * * * *", "sleep", "60", overlap="queue", start_within=90)
    for time.now in (later + 60, later + 120):
        house.turn()
    first, second = house.jobs()
    house.until(lambda: house.job(first["job_id"])["status"] == "running")
    assert (first["latest_start"], second["latest_start"]) == (later + 150, later + 210)
    time.now = later + 211
    house.turn()
    assert [job["status"] for job in house.jobs()] == ["running", "skipped", "waiting"]
    house.scheduler.cancel([seen.id for seen in house.scheduler.seen()])


def test_who_was_skipped_keeps_no_other_from_its_turn(house, time):
    house.cron("tick", "* * * * *", "true", overlap="skip", start_within=30, jitter=29)
    time.now = START + 60
    house.turn()
    (job,) = house.jobs()
    assert job["latest_start"] == START + 90
    with house.store.writing() as connection:
        jobs.hold(connection, job["job_id"], "ada")
    time.now = START + 91
    house.turn()
    assert house.job(job["job_id"])["status"] == "skipped"
    time.now = START + 120
    house.turn()
    assert minutes(house, "tick") == [(1, "fired"), (2, "fired")]


def test_what_is_replayed_or_run_by_hand_may_start_at_any_time(house, time):
    house.cron("tick", "*/10 * * * *", "true", misfire="skip", start_within=60)
    time.now = START + 1900
    house.turn()
    with house.store.writing() as connection:
        replayed(house, connection, "tick", START, START + 1900)
        crontab.run_now(connection, "tick", "ada", house.settings.batch)
    assert [job["latest_start"] for job in house.jobs()] == [None] * 4


def test_a_changed_entry_keeps_within_what_time_its_jobs_start(house, time):
    house.cron("tick", "* * * * *", "true", start_within=60)
    request = crontab.CronRequest(name="tick", schedule="* * * * *", command=["true"], start_within=600)
    with house.store.writing() as connection:
        crontab.edit(connection, "tick", request, house.settings.batch)
        (entry,) = crontab.listing(connection, time.now)
    assert entry["start_within"] == 600


def test_at_start_fires_once_for_each_process(house, time):
    house.cron("boot", "@reboot", "true")
    house.turn()
    house.turn()
    assert [outcome for _at, outcome, _reason in house.history("boot")] == ["fired"]
    time.now += 10
    house.new_master()
    house.turn()
    assert len(house.jobs()) == 2


def test_an_entry_of_a_user_who_has_gone_is_told_and_others_fire(house, time):
    house.cron("bad", "* * * * *", "true")
    house.cron("good", "* * * * *", "true")
    with house.store.writing() as connection:
        connection.execute(crontab.CRONTAB.update().where(crontab.CRONTAB.c.name == "bad").values(user="gone"))
    time.now = START + 60
    house.turn()
    assert minutes(house, "good") == [(1, "fired")]
    assert any("bad" in trouble and "gone" in trouble for trouble in house.master.troubles())


def test_an_entry_that_cannot_be_understood_keeps_no_other_from_firing(house, time):
    house.cron("bad", "* * * * *", "true")
    house.cron("good", "* * * * *", "true")
    with house.store.writing() as connection:
        connection.execute(crontab.CRONTAB.update().where(crontab.CRONTAB.c.name == "bad").values(args={"no": "list"}))
    time.now = START + 60
    house.turn()
    assert minutes(house, "good") == [(1, "fired")]
    assert minutes(house, "bad") == []
    assert any("bad" in trouble for trouble in house.master.troubles())


def test_an_entry_that_starts_a_workflow(house, time):
    house.workflow('[workflow.w]\nparams = ["x"]\n[[workflow.w.stage]]\nname = "a"\ncommand = ["echo", "{x}"]\n')
    house.cron("tick", "* * * * *", workflow="w", params={"x": "1"})
    house.cron("wrong", "* * * * *", workflow="v")
    time.now = START + 60
    house.turn()
    assert house.run(1)["run"]["cron_id"] == 1
    ((_at, outcome, reason),) = house.history("wrong")
    assert outcome == "skipped"
    assert "there is no workflow 'v'" in reason


def test_a_name_is_taken_once(house, time):
    house.cron("tick", "* * * * *", "true")
    with pytest.raises(SettingsError, match="already"):
        house.cron("tick", "* * * * *", "true")


def test_weeks_without_a_master_are_made_up_for_in_portions_that_say_what_they_leave_out(house, time):
    count = 150
    for number in range(count):
        house.cron(f"tick{number}", "* * * * *", "true")
    house.cron("boot", "@reboot", "true")
    ticker, fence = house.master._ticker, house.master._lease.fence
    time.now = START + 39.0 * 86_400
    rows = []
    for _ in range(3):
        began = monotonic()
        with house.store.writing() as connection:
            ticker.tick(connection, time.now, fence, True)
        assert monotonic() - began < 10  # it was minutes, and 8 million rows
        with house.store.reading() as connection:
            rows.append(connection.execute(sa.select(sa.func.count()).select_from(FIRE)).scalar_one())
    assert rows[0] < 10_200
    assert rows[0] < rows[1] == rows[2] == 103 * count + 1
    with house.store.reading() as connection:
        fired = connection.execute(sa.select(JOB.c.cron_id).order_by(JOB.c.job_id)).scalars().all()
        oldest = connection.execute(sa.select(FIRE.c.reason).order_by(FIRE.c.scheduled_for).limit(1)).scalar_one()
    assert sorted(Counter(fired).values()) == [1] + [3] * count  # two that are on time, and the newest that is late
    assert oldest.endswith("; those before it are not listed")


def test_what_was_replayed_while_nobody_was_the_master_does_not_fire_again(house, time):
    house.cron("tick", "*/10 * * * *", "true", misfire="all")
    time.now = START + 1900
    with house.store.writing() as connection:
        assert len(replayed(house, connection, "tick", START, START + 700)) == 1
    house.turn()
    assert minutes(house, "tick") == [(10, "fired"), (20, "fired"), (30, "fired")]
    assert len(house.jobs()) == 3


def test_there_is_an_end_to_the_number_of_entries(house, monkeypatch):
    monkeypatch.setattr(crontab, "MOST_ENTRIES", 2)
    house.cron("a", "@daily", "true")
    house.cron("b", "@daily", "true")
    with pytest.raises(SettingsError, match="there are 2 crontab entries already"):
        house.cron("c", "@daily", "true")
