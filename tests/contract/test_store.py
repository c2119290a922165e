"""The store, on SQLite and on a real PostgreSQL: one suite for both."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

import jobmon.batch.tables as batch
from finished_jobs import NOW, WARNING, ended, ids
from jobmon.errors import SettingsError, StoreError, StoreTimeoutError, StoreValueError
from jobmon.live.finished import Finished, Search, find, find_one
from jobmon.live.tables import JOB, METADATA
from jobmon.store import claim, open_store
from jobmon.store.versions import is_current, newest
from stores import emptied

pytestmark = pytest.mark.service
LATER = {"latest_start", "start_within", "returns", "origin", "put_aside"}
VALUES = {sa.Text: "x", sa.JSON: ["x"], sa.Boolean: True}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    """Return the address of an empty store."""
    if request.param == "sqlite":
        return ""
    return emptied(request.getfixturevalue("server"))


@pytest.fixture
def store(url, tmp_path):
    opened = open_store(url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def finished(store):
    return Finished(lambda: store)


def test_the_migrations_make_the_tables_that_are_declared(store):
    found = sa.inspect(store.engine)
    for table in METADATA.sorted_tables:
        assert [c["name"] for c in found.get_columns(table.name)] == [c.name for c in table.columns]


def test_the_names_of_the_migrations_tell_which_are_the_newest(store):
    with store.reading() as connection:
        assert set(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars()) == newest()
    assert is_current(store.engine)
    with store.writing() as connection:
        connection.execute(sa.text("DELETE FROM alembic_version WHERE version_num LIKE 'live%'"))
    assert not is_current(store.engine)


def test_the_jobs_and_entries_of_the_version_before_are_kept_and_have_no_latest_start(url, tmp_path):
    store = open_store(url, tmp_path)
    rows = {
        table: {column.name: VALUES.get(type(column.type), 1) for column in table.columns if column.name not in LATER}
        for table in (batch.JOB, batch.CRONTAB)
    }
    before = "UPDATE alembic_version SET version_num = 'batch_0002' WHERE version_num LIKE 'batch%'"
    with store.writing() as connection:
        for table in (batch.JOB, batch.RUN, batch.EVENT):
            connection.execute(sa.text(f"ALTER TABLE {table.name} DROP COLUMN origin"))
        connection.execute(sa.text("DROP INDEX batch_job_put_aside"))
        connection.execute(sa.text("ALTER TABLE batch_job DROP COLUMN put_aside"))
        connection.execute(sa.text("ALTER TABLE batch_job DROP COLUMN latest_start"))
        connection.execute(sa.text("ALTER TABLE batch_job DROP COLUMN returns"))
        connection.execute(sa.text("ALTER TABLE batch_crontab DROP COLUMN start_within"))
        assert connection.execute(sa.text(before)).rowcount == 1
        for table, row in rows.items():
            connection.execute(table.insert().values(**row))
    store.close()
    upgraded = open_store(url, tmp_path)
    with upgraded.reading() as connection:
        found = {table: dict(connection.execute(sa.select(table)).mappings().one()) for table in rows}
    assert found == {
        batch.JOB: {**rows[batch.JOB], "latest_start": None, "returns": 0, "origin": "person", "put_aside": None},
        batch.CRONTAB: {**rows[batch.CRONTAB], "start_within": 0},
    }
    upgraded.close()


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


@pytest.mark.parametrize("name", ["'; DROP TABLE live_job; --", "a\x00b", "a\\u0000b", "é😀", "x" * 10_000])
def test_hostile_names_are_only_names(finished, store, name):
    finished.add([ended("1", name=name)], "c", NOW)
    assert find(store, Search())[0][0]["name"] == name.replace("\x00", "")
    assert finished.health() is None


def test_old_jobs_are_forgotten(finished, store):
    finished.add([ended("1"), ended("2", end=NOW + 100)], "c", NOW)
    finished.expire(NOW + 50)
    assert ids(find(store, Search())) == ["2"]


def test_a_newer_store_is_refused(store, url, tmp_path):
    with store.writing() as connection:
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('live_9999')"))
    with pytest.raises(SettingsError, match="newer jobmon"):
        open_store(url, tmp_path)


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


def test_programs_that_start_together_make_the_tables_once(url, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: open_store(url, tmp_path), range(4)))
    for opened in stores:
        assert find(opened, Search()) == ([], 0)
        opened.close()


def test_writers_side_by_side_lose_nothing(store):
    def write(first):
        for number in range(first, first + 20):
            Finished(lambda: store).add([ended(str(number))], "c", NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, (0, 20, 40, 60)))
    assert find(store, Search())[1] == 80


def test_a_server_that_is_not_there_is_told():
    with pytest.raises(StoreError, match="refused"):
        open_store("postgresql+psycopg://jobmon@127.0.0.1:1/none", None)


def test_other_programs_see_what_is_written_after_they_have_come_and_gone(tmp_path):
    look = [sys.executable, "-c", f"import sqlite3; c = sqlite3.connect({str(tmp_path / 'jobmon.sqlite')!r});"
            "print(c.execute('SELECT count(*) FROM live_job').fetchone()[0]); c.close()"]  # fmt: skip
    first, second = open_store("", tmp_path), open_store("", tmp_path)
    for number in range(3):
        Finished(lambda: first).add([ended(str(number))], "c", NOW)
        seen = subprocess.run(look, capture_output=True, text=True, check=True).stdout
        assert int(seen) == number + 1
        open_store("", tmp_path).close()
    first.close()
    second.close()


BUSY = """
import sys
import sqlalchemy as sa
from pathlib import Path
from jobmon.live.tables import JOB
from jobmon.store import open_store

store = open_store(sys.argv[1], Path("."))
change = JOB.update().where(JOB.c.id == sa.bindparam("one")).values(state=sa.bindparam("new"))
with store.writing() as connection:
    connection.execute(change, [{"one": "1", "new": "SEEN"}])
    print("it holds the row", flush=True)
    while True:
        connection.execute(change, [{"one": str(number), "new": "SEEN"} for number in range(2, 2000)])
"""


@pytest.mark.parametrize("after_s", [0.5, 0.6, 0.7])
def test_a_program_that_is_frozen_while_it_writes_keeps_nobody_waiting_for_long(server, tmp_path, after_s):
    """On SQLite it does, as the documentation says."""
    store = open_store(emptied(server), tmp_path)
    Finished(lambda: store).add([ended("1")], "c", NOW)
    frozen = subprocess.Popen([sys.executable, "-c", BUSY, server], stdout=subprocess.PIPE, cwd=tmp_path)
    try:
        frozen.stdout.readline()
        time.sleep(after_s)
        frozen.send_signal(signal.SIGSTOP)
        with store.writing() as connection:
            connection.execute(sa.text("SET LOCAL statement_timeout = '20s'"))
            assert claim(connection, JOB, {"id": "1", "state": "COMPLETED"}, {"state": "MINE"})
    finally:
        frozen.kill()
        frozen.wait()
        frozen.stdout.close()
        store.close()


@pytest.fixture
def guarded(server, tmp_path):
    """Return the address of a database that wants the password of its user, and what sets that password."""
    emptied(server)
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        rules = Path(connection.execute(sa.text("SHOW hba_file")).scalar_one())
        before = rules.read_text()
        rules.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{before}")
        connection.execute(sa.text("CREATE ROLE guarded LOGIN; GRANT ALL ON SCHEMA public TO guarded"))
        connection.execute(sa.text("SELECT pg_reload_conf()"))

        def password(text: str) -> None:
            connection.execute(sa.text(f"ALTER ROLE guarded PASSWORD '{text}'"))

        yield server.replace("jobmon@", "guarded@"), password
        rules.write_text(before)
        connection.execute(sa.text("SELECT pg_reload_conf()"))
        connection.execute(sa.text("DROP OWNED BY guarded CASCADE; DROP ROLE guarded"))
    admin.dispose()


def test_the_password_is_read_from_its_file_for_each_connection(guarded, tmp_path):
    url, password = guarded
    file = tmp_path / "password"
    file.touch(0o600)
    password("first-s3cret")
    file.write_text("first-s3cret\n")
    store = open_store(url, tmp_path, password_file=str(file))
    password("second-s3cret")
    store.engine.dispose()
    with pytest.raises(StoreError) as told, store.reading():
        pass
    assert "s3cret" not in str(told.value)
    file.write_text("second-s3cret\n")
    with store.reading() as connection:
        assert connection.execute(sa.text("SELECT current_user")).scalar_one() == "guarded"
    store.engine.dispose()
    file.chmod(0o644)
    with pytest.raises(StoreError, match="others may read"), store.reading():
        pass
    store.close()


def test_a_password_in_the_address_goes_on_working(guarded, tmp_path):
    url, password = guarded
    password("first-s3cret")
    open_store(url.replace("guarded@", "guarded:first-s3cret@"), tmp_path).close()
    with pytest.raises(StoreError) as told:
        open_store(url.replace("guarded@", "guarded:wrong-s3cret@"), tmp_path)
    assert "s3cret" not in str(told.value)


# --- visitors' questions ---------------------------------------------------------------------------------------------

ENDLESS = """
WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 1000000000) SELECT max(n) FROM many
"""


@pytest.fixture
def impatient(url, tmp_path):
    """Return a store that ends a search after half a second."""
    opened = open_store(url, tmp_path, 0.5)
    yield opened
    opened.close()


def test_a_search_that_takes_too_long_ends_and_says_so_and_the_store_goes_on(impatient):
    began = time.monotonic()
    with pytest.raises(StoreTimeoutError, match=r"longer than 0\.5 s .*narrow it"), impatient.searching() as connection:
        connection.execute(sa.text(ENDLESS))
    assert time.monotonic() - began < 5
    with impatient.searching() as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1
    with impatient.writing() as connection:  # what acts has no such limit
        connection.execute(sa.text("WITH RECURSIVE m(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM m WHERE n < 3000000) "
                                   "SELECT max(n) FROM m"))  # fmt: skip


def test_sixty_searches_at_once_leave_a_connection_to_what_acts(impatient):
    with ThreadPoolExecutor(60) as pool:
        searches = [pool.submit(search_for_ever, impatient) for _ in range(60)]
        slowest = 0.0
        while not all(search.done() for search in searches):
            began = time.monotonic()
            with impatient.writing() as connection:
                connection.execute(sa.select(JOB.c.id).limit(1)).all()
            slowest = max(slowest, time.monotonic() - began)
        told = {search.result() for search in searches}
    assert slowest < 4  # else a lease of 10 s would be lost
    assert {text.partition(";")[0] for text in told} <= {
        "The search took longer than 0.5 s ([store] search_timeout)", "Too many searches go on at once"
    }  # fmt: skip


def search_for_ever(store):
    try:
        with store.searching() as connection:
            connection.execute(sa.text(ENDLESS))
    except StoreError as error:
        return str(error)
    return "an answer"


def test_what_no_column_holds_is_a_fault_of_the_value_and_no_outage(store):
    for value in (2**64, -(2**70), "\ud800"):
        with pytest.raises(StoreValueError), store.writing() as connection:
            connection.execute(JOB.insert().values(number=value if isinstance(value, int) else 1, id="1", name=value))
    with store.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(JOB)).scalar_one() == 0
