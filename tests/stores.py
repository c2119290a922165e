"""Offer a fresh store on SQLite and on a real PostgreSQL: one suite for both."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import postgres
from jobmon.store import Store, open_store

Open = Callable[[], Store]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Run one PostgreSQL for the whole session; yield its address."""
    with postgres.running() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a store of each kind; what an earlier test left in the server's is deleted."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    return emptied(request.getfixturevalue("server"))


def emptied(address: str) -> str:
    """Delete what earlier tests have left in a server's database, and return its address."""
    engine = sa.create_engine(address)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()
    return address


@pytest.fixture
def opened(url: str, tmp_path: Path) -> Iterator[Open]:
    """Open the store as each process does: for itself."""
    stores: list[Store] = []

    def open_one() -> Store:
        stores.append(open_store(url, tmp_path))
        return stores[-1]

    open_one()
    yield open_one
    for store in stores:
        store.close()
