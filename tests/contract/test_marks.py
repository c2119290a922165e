"""Declared events, on SQLite and on a real PostgreSQL: one suite for both."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jobmon import clock
from jobmon.engine import marks
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
