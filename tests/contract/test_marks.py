"""Declared events, on SQLite and on a real PostgreSQL: one suite for both."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jobmon import clock
from jobmon.engine import marks
from jobmon.engine.marks import Declared
from jobmon.engine.outbox_tables import MARK
from jobmon.errors import SettingsError
from jobmon.store import Store, open_store

pytestmark = pytest.mark.service


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    file = f"sqlite:///{tmp_path / 'store.sqlite'}"
    store = open_store(file if request.param == "sqlite" else request.getfixturevalue("server"), tmp_path)
    with store.writing() as connection:
        connection.execute(MARK.delete())
    yield store
    store.close()


def add(store: Store, name: str, at: float, **more: Any) -> bool:
    with store.writing() as connection:
        return marks.add(connection, name, at, **({"source": "ann"} | more))


def listed(store: Store, since: float, until: float) -> list[str]:
    with store.reading() as connection:
        return [mark.name for mark in marks.listing(connection, since, until)]


def test_a_mark_is_listed_as_it_was_made(store: Store) -> None:
    with clock.replaced(lambda: 5000.0):
        assert add(store, " kernel 6.1 ", 1000, until=2000, note="all nodes\nsince Monday")
    with store.reading() as connection:
        (mark,) = marks.listing(connection, 0, 9000)
    assert (mark.name, mark.at, mark.until) == ("kernel 6.1", 1000.0, 2000.0)
    assert (mark.note, mark.source, mark.made_at) == ("all nodes\nsince Monday", "ann", 5000.0)


def test_marks_that_reach_into_a_span_are_listed_in_their_order(store: Store) -> None:
    for name, at, until in (("c", 300, None), ("a", 100, 200), ("b", 200, 400), ("d", 400, 500)):
        add(store, name, at, until=until)
    assert listed(store, 0, 1000) == ["a", "b", "c", "d"]
    assert listed(store, 201, 399) == ["b", "c"]
    assert listed(store, 200, 200) == ["a", "b"]
    assert listed(store, 301, 302) == ["b"]
    assert listed(store, 501, 900) == []


def test_a_repeated_mark_is_recorded_once(store: Store) -> None:
    def again(_number: int) -> bool:
        return add(store, "maintenance", 100.25, source="slurm")

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(again, range(5))) == [False] * 4 + [True]
    assert add(store, "maintenance", 100.25, source="ann")
    assert add(store, "maintenance", 100.5, source="slurm")
    assert listed(store, 0, 1000) == ["maintenance"] * 3


def test_a_repeat_leaves_the_rest_of_its_transaction_alone(store: Store) -> None:
    add(store, "a", 100)
    with store.writing() as connection:
        assert marks.add(connection, "b", 100, source="ann")
        assert not marks.add(connection, "a", 100, source="ann")
        assert marks.add(connection, "c", 100, source="ann")
    assert listed(store, 0, 1000) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"source": ""}, "source"),
        ({"note": "x" * 2001}, "note"),
        ({"note": "a\0b"}, "note"),
        ({"at": float("nan")}, "at = nan"),
        ({"at": -1}, "at = -1"),
        ({"at": 1_767_268_800_000}, "must be epoch seconds"),
        ({"until": float("inf")}, "until = inf"),
        ({"until": 99}, "until: lies before at"),
    ],
)
def test_what_cannot_be_a_mark_is_refused_and_told(store: Store, wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        add(store, **{"name": "a", "at": 100.0, **wrong})
    assert listed(store, 0, 1e10) == []


# --- what a source declares, cycle by cycle ---------------------------------------------------------------------------

SOURCE = "reservation:c"


def spans(store: Store) -> list[tuple[str, float, float | None]]:
    with store.reading() as connection:
        return [(mark.name, mark.at, mark.until) for mark in marks.listing(connection, 0, 1e6)]


def test_what_is_declared_is_kept_and_its_end_follows(store: Store) -> None:
    assert marks.follow(store, SOURCE, [Declared("maint", 100, 500, "3 nodes")], 120) == ("maint has begun",)
    assert spans(store) == [("maint", 100, 500)]
    assert marks.follow(store, SOURCE, [Declared("maint", 100, 700)], 130) == ("maint ends at another time",)
    assert spans(store) == [("maint", 100, 700)]
    marks.follow(store, SOURCE, [Declared("maint", 100, 300)], 140)
    assert spans(store) == [("maint", 100, 300)]
    with store.reading() as connection:
        assert marks.listing(connection, 0, 1e6)[0].note == "3 nodes"


def test_what_is_declared_no_more_ends_then_and_comes_back_if_it_was_only_missed(store: Store) -> None:
    event = Declared("maint", 100, 500)
    marks.follow(store, SOURCE, [event], 120)
    assert marks.follow(store, SOURCE, [], 200) == ("maint has ended",)
    assert spans(store) == [("maint", 100, 200)]
    assert marks.follow(store, SOURCE, [], 230) == ()
    assert spans(store) == [("maint", 100, 200)]
    marks.follow(store, SOURCE, [event], 260)
    assert spans(store) == [("maint", 100, 500)]


def test_what_has_ended_as_foretold_stays_as_it_is(store: Store) -> None:
    marks.follow(store, SOURCE, [Declared("maint", 100, 500)], 120)
    assert marks.follow(store, SOURCE, [], 500) == ()
    assert marks.follow(store, SOURCE, [], 900) == ()
    assert spans(store) == [("maint", 100, 500)]


def test_what_has_ended_stays_as_it_is_while_something_older_goes_on(store: Store) -> None:
    long = Declared("long", 100, 900)
    marks.follow(store, SOURCE, [long, Declared("short", 200, 300)], 220)
    assert marks.follow(store, SOURCE, [long], 400) == ()
    assert spans(store) == [("long", 100, 900), ("short", 200, 300)]


def test_an_end_that_is_not_known_is_known_when_it_comes(store: Store) -> None:
    marks.follow(store, SOURCE, [Declared("maint", 100)], 120)
    assert marks.follow(store, SOURCE, [Declared("maint", 100)], 150) == ()
    assert spans(store) == [("maint", 100, None)]
    marks.follow(store, SOURCE, [], 300)
    assert spans(store) == [("maint", 100, 300)]


def test_a_repeated_event_is_one_mark_each_time(store: Store) -> None:
    marks.follow(store, SOURCE, [Declared("daily", 100, 200)], 120)
    marks.follow(store, SOURCE, [], 250)
    marks.follow(store, SOURCE, [Declared("daily", 1100, 1200)], 1130)
    assert spans(store) == [("daily", 100, 200), ("daily", 1100, 1200)]


def test_spaces_around_a_name_do_not_make_it_another_one(store: Store) -> None:
    assert marks.follow(store, SOURCE, [Declared(" maint ", 100, 500)], 120)
    assert marks.follow(store, SOURCE, [Declared(" maint ", 100, 500)], 150) == ()
    assert spans(store) == [("maint", 100, 500)]


def test_sources_leave_each_others_marks_alone(store: Store) -> None:
    add(store, "maint", 100, until=5000, source="person:ann")
    marks.follow(store, "reservation:a", [Declared("maint", 100, 500)], 120)
    marks.follow(store, "reservation:b", [], 130)
    assert spans(store) == [("maint", 100, 5000), ("maint", 100, 500)]


def test_processes_that_follow_side_by_side_record_it_once(store: Store) -> None:
    def follow(end: int) -> tuple[str, ...]:
        return marks.follow(store, SOURCE, [Declared("maint", 100, 500), Declared("other", 100, 500)], 120)

    with ThreadPoolExecutor(5) as pool:
        told = [line for lines in pool.map(follow, range(5)) for line in lines]
    assert sorted(told) == ["maint has begun", "other has begun"]
    assert spans(store) == [("maint", 100, 500), ("other", 100, 500)]


def test_nothing_is_written_where_nothing_is_to_be_changed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    event = Declared("maint", 100, 500)
    marks.follow(store, SOURCE, [event], 120)

    def refuse(_store: Store) -> None:
        raise AssertionError("a transaction that writes was opened")

    monkeypatch.setattr(Store, "writing", refuse)
    assert marks.follow(store, SOURCE, [event], 150) == ()
    assert marks.follow(store, SOURCE, [], 600) == ()
    with pytest.raises(AssertionError):
        marks.follow(store, SOURCE, [], 160)


def test_only_the_newest_are_listed_where_that_is_asked_for(store: Store) -> None:
    for at in (100, 200, 300):
        add(store, f"m{at}", at)
    with store.reading() as connection:
        assert [mark.name for mark in marks.listing(connection, 0, 1000, 2)] == ["m200", "m300"]


def test_a_person_takes_back_what_people_declared_and_no_reservation(store: Store) -> None:
    add(store, "slip", 100, source="person:ann")
    marks.follow(store, SOURCE, [Declared("maint", 100, 500)], 120)
    with store.reading() as connection:
        numbers = {mark.name: mark.id for mark in marks.listing(connection, 0, 1000)}
    with store.writing() as connection:
        assert marks.remove(connection, numbers["slip"]).name == "slip"
    for number, why in (
        (numbers["maint"], "reservation"),
        (numbers["slip"], "no mark"),
        (10**30, "no mark"),
        (-1, "no mark"),
    ):
        with pytest.raises(marks.NoSuchMarkError, match=why), store.writing() as connection:
            marks.remove(connection, number)
    assert listed(store, 0, 1000) == ["maint"]
