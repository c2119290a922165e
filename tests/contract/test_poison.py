"""Whatever a job leaves behind, and whatever is wrong with a row, costs that job alone."""

import json
import os
import stat
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

import poison
from batch_house import housed
from daemon_process import until
from jobmon.batch import jobs, overview
from jobmon.batch.tables import CRONTAB, JOB
from jobmon.engine.submission import Work, records, removal
from jobmon.engine.submission.folder import Folders
from jobmon.schedulers import local
from stores import opened, url
from submission_house import RUN, TABLE
from submission_house import house as attempts_house

__all__ = ["attempts_house", "opened", "url"]
pytestmark = pytest.mark.service


@pytest.fixture
def house(opened, tmp_path, monkeypatch):
    with housed(opened(), tmp_path, monkeypatch, local_slots=16) as made:
        yield made


def attention(house):
    with house.store.reading() as connection:
        return overview.attention(connection)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def events(house, number):
    with house.store.reading() as connection:
        return "\n".join(event["text"] for event in jobs.events(connection, number))


def break_for(house, monkeypatch, name, when):
    """Let what one job leads to raise, at some of its changes."""
    real = house.master.runs.job_changed

    def broken(connection, attempt, ended):
        if attempt.row["name"] == name and when(attempt):
            raise RuntimeError("a rule that nobody foresaw")
        real(connection, attempt, ended)

    monkeypatch.setattr(house.master.runs, "job_changed", broken)


@pytest.mark.parametrize("name", ["done", "started"])
def test_a_spoilt_record_costs_its_job_alone_and_is_named(house, name):
    attempts = house.folder / "data/batch/attempts"
    spoilt = {way: house.submit(*poison.command(attempts, name, way, "sleep 60")) for way in poison.WAYS}
    house.until(lambda: all(job["status"] == "running" for job in house.jobs()))
    good = house.submit("sh", "-c", "exit 3")
    if name == "started":  # it is read while a job is not known to run
        with house.store.writing() as connection:
            connection.execute(JOB.update().where(JOB.c.job_id != good).values(status="pending", started_at=None))
    assert house.until_ended(good)["return_code"] == 3
    named = lambda: {one["job_id"] for one in attention(house)["put_aside"]} == set(spoilt.values())  # noqa: E731
    house.until(named)
    before = descriptors()
    for _ in range(20):
        house.turn()
    assert descriptors() <= before + 2  # a connection to the store may come
    why = {way: house.job(number)["put_aside"] for way, number in spoilt.items()}
    assert all(text.startswith(name) for text in why.values()), why
    kinds = {"folder": "is a folder", "link": "is a link", "pipe": "is a pipe", "socket": "is a socket"}
    assert {way: why[way] for way in kinds} == {way: f"{name} {kind}" for way, kind in kinds.items()}
    assert "this record is put aside" in events(house, spoilt["folder"])
    house.until(lambda: {house.job(number)["status"] for number in spoilt.values()} == {"running"})


@pytest.mark.parametrize("way", ["folder", "link", "deep"])
def test_a_job_whose_record_is_spoilt_ends_as_the_scheduler_says(house, way):
    attempts = house.folder / "data/batch/attempts"
    number = house.submit(*poison.command(attempts, "done", way, "kill -9 $PPID"))
    row = house.until_ended(number)
    assert (row["status"], row["ending"], row["signal"]) == ("failed", "signal", 9)
    assert "its own record was put aside: done" in row["reason"]
    assert [one["job_id"] for one in attention(house)["put_aside"]] == [number]


def test_a_record_that_is_put_right_counts_after_all(house):
    attempts = house.folder / "data/batch/attempts"
    number = house.submit(*poison.command(attempts, "done", "folder", "sleep 2; rmdir done; exit 4"))
    house.until(lambda: house.job(number)["put_aside"])
    row = house.until_ended(number)
    assert (row["return_code"], row["put_aside"]) == (4, None)
    assert attention(house)["put_aside"] == []


def test_a_row_that_nobody_can_be_told_of_keeps_no_other_from_being_submitted(house):
    bad = house.submit("true", priority=9, notify=["email:a@example.org"])
    with house.store.writing() as connection:
        connection.execute(JOB.update().where(JOB.c.job_id == bad).values(on_success=["carrier pigeon:home"]))
    good = house.submit("true")
    assert house.until_ended(good)["status"] == "succeeded"
    (named,) = attention(house)["put_aside"]
    assert named["job_id"] == bad
    assert "carrier pigeon" in named["put_aside"]
    assert "put aside" in events(house, bad)


def test_a_job_that_cannot_be_claimed_is_put_aside_and_takes_no_other_ones_place(house, monkeypatch):
    break_for(house, monkeypatch, "bad", lambda attempt: attempt.status == "submitting")
    bad = house.submit("true", name="bad", priority=9)
    good = house.submit("true")
    assert house.until_ended(good)["status"] == "succeeded"
    row = house.job(bad)
    assert (row["status"], row["tries"]) == ("waiting", 0)
    assert "nobody foresaw" in row["put_aside"]
    for _ in range(5):
        house.turn()
    assert house.job(bad)["not_before"] == row["not_before"] > time.time()  # it is not tried at each turn
    assert events(house, bad).count("put aside") == 1


def test_a_job_whose_end_cannot_be_written_down_keeps_no_other_from_its_own(house, monkeypatch):
    break_for(house, monkeypatch, "bad", lambda attempt: attempt.status == "succeeded")
    bad, good = house.submit("true", name="bad"), house.submit("true")
    assert house.until_ended(good)["status"] == "succeeded"
    house.until(lambda: attention(house)["put_aside"])
    assert house.job(bad)["status"] in {"pending", "running"}
    assert "nobody foresaw" in house.job(bad)["put_aside"]
    house.new_master()
    assert house.until_ended(bad)["status"] == "succeeded"
    assert house.job(bad)["put_aside"] is None


def test_an_entry_whose_job_the_store_does_not_take_keeps_no_other_from_firing(house, monkeypatch):
    real = jobs.submit_all

    def broken(connection, rows):
        if any(row["name"] == "bad" for row in rows):
            connection.execute(JOB.insert(), [{**row, "name": None, "submit_key": "x"} for row in rows])
        return real(connection, rows)

    monkeypatch.setattr(jobs, "submit_all", broken)
    for name in ("bad", "good"):
        house.cron(name, "* * * * *", "true")
    now = time.time()
    with house.store.writing() as connection:
        connection.execute(CRONTAB.update().values(effective_from=now - 100, fired_until=now - 100))
    number = house.until(lambda: [job["job_id"] for job in house.jobs()])[0]
    assert house.until_ended(number)["status"] == "succeeded"
    assert house.job(number)["name"] == "good"
    assert any(text.startswith("crontab entry bad") for text in house.master.troubles())
    assert house.history("bad") == []
    monkeypatch.setattr(jobs, "submit_all", real)
    house.until(lambda: house.history("bad"))
    assert not any("bad" in text for text in house.master.troubles())


def test_what_fails_in_one_part_of_a_turn_keeps_no_other_part_from_its_own(house, monkeypatch):
    def broken(*_args):
        raise RuntimeError("not foreseen")

    house.turn()  # a tenure begins with another one
    monkeypatch.setattr(house.master._ticker, "tick", broken)
    number = house.submit("true")

    def done():
        with pytest.raises(RuntimeError, match="not foreseen"):
            house.turn()
        return house.job(number)["finished_at"]

    until(done, "the end of the job")
    assert house.job(number)["status"] == "succeeded"


def test_a_submission_that_raises_costs_itself_alone(attempts_house):
    house = attempts_house
    _, acts = house.master()

    def broken(_spec):
        raise ValueError("embedded null byte")

    house.scheduler.submits = [broken]
    for number in range(3):
        house.add(*RUN, key=f"x-b{number}-1")
    for number in range(3):
        house.until(acts, "failed", f"x-b{number}-1")
    assert house.witness() == ["ran"] * 3


def test_others_see_neither_names_nor_scripts_nor_outputs_of_attempts(house):
    number = house.submit("sh", "-c", "umask 0; echo secret")
    house.until_ended(number)
    attempts = house.folder / "data/batch/attempts"
    folder = Folders(attempts).of(house.job(number)["submit_key"])
    mode = lambda path: stat.S_IMODE(path.stat().st_mode)  # noqa: E731
    assert [oct(mode(path)) for path in (attempts.parent, attempts, folder.parent, folder)] == [
        "0o711", "0o711", "0o711", "0o700",
    ]  # fmt: skip
    assert {path.name: oct(mode(path)) for path in folder.iterdir()} == {
        "script": "0o700", **dict.fromkeys(["claim", "started", "done", "output", "log"], "0o600"),
    }  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_a_folder_belongs_to_the_jobs_user_who_alone_can_read_it(tmp_path):
    folders = Folders(tmp_path / "attempts")
    script = folders.prepare("x-b1-1", Work(("true",), "/", user="nobody"))
    again = folders.prepare("x-b1-1", Work(("true",), "/", user="nobody"))
    assert script == again
    nobody = script.stat().st_uid
    assert nobody == script.parent.stat().st_uid != 0
    assert stat.S_IMODE(script.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_a_folder_of_another_account_is_not_used(tmp_path):
    folders = Folders(tmp_path / "attempts")
    folder = folders.of("x-b1-1")
    folder.mkdir(parents=True)
    os.chown(folder, 12345, 12345)
    with pytest.raises(PermissionError, match="belongs to another account"):
        folders.prepare("x-b1-1", Work(("true",), "/", user="nobody"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_a_folder_above_that_somebody_else_has_made_is_not_used(tmp_path):
    folders = Folders(tmp_path / "attempts")
    above = folders.of("x-b1-1").parent
    above.mkdir(parents=True)
    os.chown(above, 12345, 12345)
    with pytest.raises(PermissionError, match="belongs to another account"):
        folders.prepare("x-b1-1", Work(("true",), "/"))
    above.rmdir()
    above.symlink_to(tmp_path)
    with pytest.raises(NotADirectoryError):
        folders.prepare("x-b1-1", Work(("true",), "/"))


def test_a_record_without_a_code_is_none():
    end = {"why": "exit", "rc": None, "signal": None, "told": "", "host": "n1", "id": "1", "started_at": 1.0,
           "ended_at": 2.0, "output_bytes": 0, "tail": ""}  # fmt: skip
    with pytest.raises(ValueError, match="rc is missing"):
        records.done(json.dumps(end).encode())
    assert records.done(json.dumps({**end, "rc": 0}).encode()).return_code == 0


@pytest.mark.parametrize("way", ["a pipe for its output", "frozen"])
def test_a_job_that_cannot_be_asked_to_stop_gives_its_place_to_others(house, way, monkeypatch):
    monkeypatch.setattr(local, "STUBBORN_S", 1)
    attempts = house.folder / "data/batch/attempts"
    folder = f'{attempts}/$(printf %s "$JOBMON_KEY" | sha256sum | cut -c1-2)/$JOBMON_KEY'
    spoil = f"cd {folder} && rm output && mkfifo output" if way == "a pipe for its output" else "kill -STOP $PPID"
    number = house.submit("sh", "-c", f"{spoil}; exec sleep {0 if way == 'a pipe for its output' else 600}")
    if way == "frozen":
        house.until(lambda: house.job(number)["status"] == "running")
        with house.store.writing() as connection:
            jobs.cancel(connection, number, "alice")
    job = house.until_ended(number)
    assert job["status"] == ("cancelled" if way == "frozen" else "succeeded")


def test_the_folder_of_an_old_job_goes_however_deep_it_is(tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    (folder / "link").symlink_to(precious)
    inner = os.open(folder, os.O_RDONLY)
    for level in range(3000):
        os.mkdir("d", dir_fd=inner)
        (os.close(os.open(f"f{level}", os.O_CREAT | os.O_WRONLY, dir_fd=inner)) if level % 100 == 0 else None)
        below = os.open("d", os.O_RDONLY, dir_fd=inner)
        os.close(inner)
        inner = below
    os.close(inner)
    removal.remove_aside([tmp_path / "not there", folder]).join(60)
    assert not folder.exists()
    assert (precious / "file").read_text() == "mine"


def test_a_key_that_is_put_aside_is_tried_again_less_and_less_often(attempts_house, monkeypatch):
    house = attempts_house
    _, acts = house.master()
    house.add("sleep", "30")
    house.until(acts, "running")
    (Folders(house.folder / "attempts").of("x-b1-1") / "done").write_text(json.dumps({"why": "exit"}))
    asked = []
    monkeypatch.setattr(acts.follower._folders, "done", lambda key: asked.append(key) or 1 / 0)
    for _ in range(10):
        acts.cycle()
    assert len(asked) == 1
    with house.store.reading() as connection:
        assert "ZeroDivisionError" in connection.execute(sa.select(TABLE.c.put_aside)).scalar_one()
