"""Finished jobs in the store: once each, found again, nothing lost while the store is away."""

import stat

import pytest

import asgi
from finished_jobs import ended
from jobmon.errors import SettingsError, StoreError
from jobmon.live import jobs_api
from jobmon.live.finished import Finished, Search, find
from jobmon.store import engine as store_engine
from jobmon.store import open_store

NOW = 1_800_000_000


@pytest.fixture
def store(tmp_path):
    opened = open_store("", tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def finished(store):
    return Finished(lambda: store)


def test_a_store_that_is_away_loses_nothing(store, caplog):
    away = True

    def opened():
        if away:
            raise StoreError("the store: connection refused")
        return store

    finished = Finished(opened)
    finished.add([ended("1")], "c", NOW)
    finished.add([ended("2")], "c", NOW)
    health = finished.health()
    assert (health.name, health.errors, health.error) == ("store", 2, "the store: connection refused")
    assert caplog.text.count("connection refused") == 1
    away = False
    finished.add([], "c", NOW)
    assert finished.health() is None
    assert find(store, Search())[1] == 2


def test_the_file_is_its_owners_alone(store, tmp_path):
    assert stat.S_IMODE((tmp_path / "jobmon.sqlite").stat().st_mode) == 0o600


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "jobmon.sqlite").write_bytes(b"this is no database, but it is long enough to be looked at" * 20)
    with pytest.raises(StoreError, match="not a database"):
        open_store("", tmp_path)


@pytest.mark.parametrize("url", ["mysql://x/y", "not an address", "sqlite"])
def test_an_address_that_cannot_be_right_is_refused(tmp_path, url):
    with pytest.raises(SettingsError, match=r"\[store\] url"):
        open_store(url, tmp_path)


def test_sqlite_on_a_network_file_system_is_refused(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(store_engine, "MOUNTS", mounts)
    with pytest.raises(SettingsError, match="nfs4"):
        open_store("", tmp_path)


@pytest.fixture
def ask(store, tmp_path):
    app = asgi.application(jobs_api.router(lambda: store, tmp_path))
    return lambda path, **parameters: asgi.get(app, path, parameters)


def test_the_api_pages_through_finished_jobs(ask, finished):
    finished.add([ended(str(number), end=NOW + number) for number in range(5)], "c", NOW)
    first = ask("/jobs", limit=3).json()
    assert ([job["id"] for job in first["jobs"]], first["total"], first["next"]) == (["4", "3", "2"], 5, 3)
    last = ask("/jobs", limit=3, offset=3).json()
    assert ([job["id"] for job in last["jobs"]], last["next"]) == (["1", "0"], None)
    assert ask("/jobs/3").json()["id"] == "3"
    assert ask("/jobs/99").status_code == 404


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 9999}, {"since": "x"}, {"sort": "name"}, {"q": "x" * 300}])
def test_the_api_refuses_what_makes_no_sense(ask, wrong):
    answer = ask("/jobs", **wrong)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"].startswith("application/problem+json")
