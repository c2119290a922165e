"""Finished jobs in the store: once each, found again, nothing lost while the store is away."""

import stat

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

import asgi
from jobmon.errors import SettingsError, StoreError
from jobmon.live import jobs_api
from jobmon.live.finished import Finished, Search, find, find_one
from jobmon.live.tables import JOB, METADATA, MIGRATIONS
from jobmon.store import claim, open_store
from jobmon.store import engine as store_engine
from jobmon.web import problems

NOW = 1_800_000_000


def ended(job_id, end=NOW, **changes):
    return {
        "id": job_id, "name": "fit", "user": "ada", "account": "sky", "partition": "main", "state": "COMPLETED",
        "exitCode": 0, "nNodes": 1, "cpus": 4, "gpus": 0, "memReq": None, "timeLimit": 60, "submit": None,
        "start": end - 600, "end": end, "hosts": ["n1"], "seen": 600, "wait": None, "cpu": 50, "cpuPeak": 2,
        "system": 0, "ioWait": 0, "memMax": 100, "gpu": None, "gpuMem": None, "walltimeUsed": 17, "used": {},
        "waste": {}, "warnings": [], "fit": None, "fitText": "", "fitLine": "", **changes,
    }  # fmt: skip


WARNING = {"rule": "cpuUtil", "held": True}


@pytest.fixture
def store(tmp_path):
    opened = open_store("", {"live": MIGRATIONS}, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def finished(store):
    return Finished(lambda: store)


def ids(found):
    return [job["id"] for job in found[0]]


def test_the_migrations_make_the_tables_that_are_declared(store):
    found = sa.inspect(store.engine)
    for table in METADATA.sorted_tables:
        assert [c["name"] for c in found.get_columns(table.name)] == [c.name for c in table.columns]


def test_a_job_is_stored_once_however_often_it_is_told(finished, store):
    finished.add([ended("1")], "c", NOW)
    finished.add([ended("1"), ended("2")], "c", NOW)
    assert ids(find(store, Search())) == ["2", "1"]
    assert find(store, Search())[1] == 2


def test_an_id_that_is_used_again_is_another_job(finished, store):
    finished.add([ended("1"), ended("1", end=NOW + 9000, name="later")], "c", NOW)
    assert find(store, Search())[1] == 2
    assert find_one(store, "1")["name"] == "later"
    assert find_one(store, "7") is None


def test_jobs_are_found_by_what_they_are(finished, store):
    finished.add(
        [
            ended("1", user="bob"),
            ended("2", state="TIMEOUT", end=NOW + 10),
            ended("3", partition="gpu", end=NOW + 20, name="100%_sure"),
            ended("4", warnings=[WARNING], waste={"core-h": 5.0}, end=NOW + 30),
            ended("5", warnings=[WARNING], waste={"core-h": 9.0}, end=NOW + 25),
        ],
        "c",
        NOW,
    )
    assert ids(find(store, Search(user="bob"))) == ["1"]
    assert ids(find(store, Search(state="TIMEOUT"))) == ["2"]
    assert ids(find(store, Search(partition="gpu"))) == ["3"]
    assert ids(find(store, Search(since=NOW + 10, until=NOW + 25))) == ["5", "3", "2"]
    assert ids(find(store, Search(warned=True))) == ["4", "5"]
    assert ids(find(store, Search(warned=True, sort="waste"))) == ["5", "4"]
    assert ids(find(store, Search(text="0%_S"))) == ["3"]
    assert ids(find(store, Search(text="%"))) == ["3"]
    assert ids(find(store, Search(limit=2, offset=1))) == ["5", "3"]


@pytest.mark.parametrize("name", ["'; DROP TABLE live_job; --", "a\x00b", "é😀", "x" * 10_000])
def test_hostile_names_are_only_names(finished, store, name):
    finished.add([ended("1", name=name)], "c", NOW)
    assert find(store, Search())[0][0]["name"] == name.replace("\x00", "")
    assert finished.health() is None


def test_old_jobs_are_forgotten(finished, store):
    finished.add([ended("1"), ended("2", end=NOW + 100)], "c", NOW)
    finished.expire(NOW + 50)
    assert ids(find(store, Search())) == ["2"]


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
        open_store("", {"live": MIGRATIONS}, tmp_path)


def test_a_newer_store_is_refused(store, tmp_path):
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'live_9999'"))
    with pytest.raises(SettingsError, match="newer jobmon"):
        open_store("", {"live": MIGRATIONS}, tmp_path)


@pytest.mark.parametrize("url", ["mysql://x/y", "not an address", "sqlite"])
def test_an_address_that_cannot_be_right_is_refused(tmp_path, url):
    with pytest.raises(SettingsError, match=r"\[store\] url"):
        open_store(url, {"live": MIGRATIONS}, tmp_path)


def test_sqlite_on_a_network_file_system_is_refused(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(store_engine, "MOUNTS", mounts)
    with pytest.raises(SettingsError, match="nfs4"):
        open_store("", {"live": MIGRATIONS}, tmp_path)


def test_a_failed_transaction_leaves_nothing(store):
    with pytest.raises(StoreError), store.writing() as connection:  # noqa: PT012 - the second statement fails
        connection.execute(JOB.insert().values(number=1, cluster="c", id="1", start_at=0, end_at=0, user="a", name="",
                                               account="", partition="", state="", cores=1, warned=False,
                                               waste_core_h=0, waste_gpu_h=0, waste_gib_h=0, summary="{}"))  # fmt: skip
        connection.execute(sa.text("SELECT nothing FROM nowhere"))
    assert find(store, Search())[1] == 0


def test_a_claim_succeeds_once(finished, store):
    finished.add([ended("1")], "c", NOW)
    with store.writing() as connection:
        assert claim(connection, JOB, {"id": "1", "state": "COMPLETED"}, {"state": "SEEN"})
        assert not claim(connection, JOB, {"id": "1", "state": "COMPLETED"}, {"state": "SEEN"})


def test_readers_are_not_kept_waiting_by_a_writer(finished, store):
    finished.add([ended("1")], "c", NOW)
    with store.writing() as connection:
        connection.execute(JOB.delete())
        assert find(store, Search())[1] == 1


@pytest.fixture
def ask(store, tmp_path):
    app = FastAPI()
    problems.install(app)
    app.include_router(jobs_api.router(lambda: store, tmp_path))
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
