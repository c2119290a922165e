"""One master among several, on SQLite and on a real PostgreSQL: one suite for both."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from jobmon import clock
from jobmon.engine.lease import Lease
from jobmon.engine.tables import LEASE, METADATA
from jobmon.errors import LeaseLostError, StoreError
from jobmon.store import Store
from stores import opened, url

__all__ = ["opened", "url"]

pytestmark = pytest.mark.service

Make = Callable[..., Lease]


@pytest.fixture
def candidate(opened: Callable[[], Store]) -> Make:
    def make(holder: str, ttl_s: float = 30.0) -> Lease:
        return Lease(opened(), "batch", holder, f"http://{holder}", ttl_s)

    return make


def expire(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(LEASE.update().values(expires_at=1.0))


def test_the_migration_makes_the_table_that_is_declared(opened: Callable[[], Store]) -> None:
    found = sa.inspect(opened().engine).get_columns("engine_lease")
    assert [column["name"] for column in found] == [column.name for column in METADATA.tables["engine_lease"].columns]


def test_one_of_many_that_come_at_once_holds_it(candidate: Make) -> None:
    candidates = [candidate(f"host{number}") for number in range(6)]
    start = threading.Barrier(len(candidates))

    def try_it(lease: Lease) -> bool:
        start.wait()
        return lease.hold()

    with ThreadPoolExecutor(len(candidates)) as pool:
        held = list(pool.map(try_it, candidates))
    assert held.count(True) == 1
    assert [lease.acting for lease in candidates] == held
    state = candidates[0].state()
    assert state
    assert (state.holder, state.fence, state.expired) == (f"host{held.index(True)}", 1, False)
    assert state.endpoint == f"http://host{held.index(True)}"


def test_it_is_kept_by_renewing_and_nobody_else_gets_it(candidate: Make) -> None:
    one, other = candidate("one"), candidate("other")
    for _round in range(3):
        assert one.hold()
        assert not other.hold()
    assert (one.fence, other.fence) == (1, None)


def test_after_its_time_one_of_many_takes_over_with_a_higher_fence(
    candidate: Make, opened: Callable[[], Store]
) -> None:
    old = candidate("old")
    assert old.hold()
    expire(opened())
    others = [candidate(f"new{number}") for number in range(5)]
    with ThreadPoolExecutor(len(others)) as pool:
        held = list(pool.map(Lease.hold, others))
    assert held.count(True) == 1
    assert others[held.index(True)].fence == 2
    assert not old.hold()
    assert not old.acting


def test_a_master_that_wakes_up_after_a_takeover_writes_nothing(candidate: Make, opened: Callable[[], Store]) -> None:
    old, new = candidate("old"), candidate("new")
    store = opened()
    assert old.hold()
    with old.writing() as connection:
        connection.execute(
            LEASE.insert().values(name="work", holder="", fence=0, expires_at=0, acquired_at=0, endpoint="")
        )
    expire(store)
    assert new.hold()
    assert old.acting  # as far as it knows
    with pytest.raises(LeaseLostError, match="another one has taken over"), old.writing() as connection:
        connection.execute(LEASE.update().where(LEASE.c.name == "work").values(holder="old"))
    assert not old.acting
    with store.reading() as connection:
        assert connection.execute(sa.select(LEASE.c.holder).where(LEASE.c.name == "work")).scalar_one() == ""


def test_a_takeover_waits_for_a_transaction_of_the_holder(candidate: Make, opened: Callable[[], Store]) -> None:
    """Else the holder's check of the fence and its writing could lie on both sides of a takeover."""
    old, new = candidate("old"), candidate("new")
    assert old.hold()
    expire(opened())
    order = []
    with ThreadPoolExecutor(1) as pool:
        with old.writing():
            taking = pool.submit(new.hold)
            assert not threading.Event().wait(0.3)
            assert not taking.done()
            order.append("written")
        assert taking.result(10)
        order.append("taken")
    assert order == ["written", "taken"]


def test_it_is_given_up_at_once_and_only_by_its_holder(candidate: Make) -> None:
    one, other = candidate("one"), candidate("other")
    assert one.hold()
    other.give_up()
    assert not other.hold()
    one.give_up()
    assert not one.acting
    assert other.hold()
    assert other.fence == 2
    one.give_up()
    assert other.hold()


def test_one_stops_acting_before_the_time_is_over(candidate: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = candidate("one", ttl_s=9.0)
    assert one.renew_every_s == 3
    assert one.hold()
    began = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: began + 5.5)
    assert one.acting
    monkeypatch.setattr(clock, "monotonic", lambda: began + 6.5)
    assert not one.acting
    with pytest.raises(LeaseLostError, match="not renewed in time"), one.writing():
        raise AssertionError
    assert one.hold()  # nobody has taken it: it goes on with the same fence
    assert (one.fence, one.acting) == (1, True)


def test_a_fault_in_the_holders_transaction_leaves_nothing(candidate: Make, opened: Callable[[], Store]) -> None:
    one = candidate("one")
    assert one.hold()

    def fail() -> None:
        with one.writing() as connection:
            connection.execute(LEASE.update().values(endpoint="changed"))
            connection.execute(sa.text("SELECT * FROM no_such_table"))

    with pytest.raises(StoreError):
        fail()
    state = one.state()
    assert state
    assert state.endpoint == "http://one"
    assert one.hold()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_master_that_freezes_within_a_transaction_keeps_nobody_from_taking_over(
    candidate: Make, opened: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobmon.store.engine.IDLE_S", 1)
    frozen, heir = candidate("a"), candidate("b")
    assert frozen.hold()
    with pytest.raises(StoreError), frozen.writing() as connection:  # noqa: PT012 - its last statement fails
        expire(opened())  # waits for the lock that the frozen one holds, until the server takes it for gone
        assert heir.hold()
        connection.execute(sa.text("SELECT 1"))
    assert heir.fence == 2
