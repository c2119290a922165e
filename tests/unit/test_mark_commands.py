"""Declared events in a terminal, `jobmon mark` and `jobmon marks`, and over HTTP; without a daemon."""

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from getpass import getuser

import pytest

import asgi
from jobmon import cli, config
from jobmon.api.context import Context
from jobmon.engine import marks
from jobmon.engine.marks import Declared
from jobmon.live import marks_api
from jobmon.store import open_store
from jobmon.web.app import create

DAY_S = 86_400


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(tmp_path, capsys):
    def run(*words):
        try:
            code = cli.main([*words, "--set", f"live.data_path={tmp_path}"])
        except SystemExit as usage:
            code = usage.code
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def store(tmp_path):
    store = open_store("", tmp_path)
    yield store
    store.close()


def add(store, name, at, **more):
    with store.writing() as connection:
        marks.add(connection, name, at, **{"source": "person:ann", **more})


def listed(run, *words):
    return json.loads(run("marks", "--json", *words).stdout)


def test_a_mark_is_recorded_printed_and_listed(run):
    before = int(time.time())
    done = run("mark", "kernel 6.1", "--until", "+4h", "--note", "all nodes\nat once")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"mark 1: kernel 6\.1, [\d-]{10} [\d:]{8} until [\d-]{10} [\d:]{8}\n", done.stdout)
    (one,) = listed(run)
    assert before <= one["at"] <= time.time()
    assert 0 <= one["until"] - one["at"] - 4 * 3600 < 60
    assert (one["name"], one["note"], one["source"]) == ("kernel 6.1", "all nodes\nat once", f"person:{getuser()}")
    head, row = run("marks").stdout.splitlines()
    assert head.split() == ["NUMBER", "FROM", "UNTIL", "NAME", "SOURCE", "NOTE"]
    assert "kernel 6.1" in row
    assert "all nodes?at once" in row


def test_the_same_again_is_there_already_and_stays(run):
    run("mark", "power", "--at", "2026-11-21T08:00", "--until", "2026-11-21T12:00")
    again = run("mark", "power", "--at", "2026-11-21T08:00")
    assert again.returncode == 0
    assert again.stdout == ("mark 1: power, 2026-11-21 08:00:00 until 2026-11-21 12:00:00; it was there already\n")
    assert len(listed(run, "--since", "2026-11-21", "--until", "2026-11-22")) == 1


def test_marks_of_90_days_and_those_ahead_are_listed_or_those_of_a_span(run, store):
    now = int(time.time())
    for name, days in (("old", -100), ("new", -80), ("ahead", 300)):
        add(store, name, now + days * DAY_S)
    assert [one["name"] for one in listed(run)] == ["new", "ahead"]
    assert [one["name"] for one in listed(run, "--since", "120d")] == ["old", "new", "ahead"]
    assert [one["name"] for one in listed(run, "--since", "120d", "--until", "90d")] == ["old"]
    assert run("marks", "--until", "2020-01-01").stdout == "no mark in this span\n"
    assert listed(run, "--until", "2020-01-01") == []


def test_a_mistake_is_taken_back_but_no_reservation(run, store):
    now = int(time.time())
    add(store, "slip", now)
    marks.follow(store, "reservation:c", [Declared("maint", now - 60, now + 600)], now)
    gone = run("marks", "--remove", "1")
    assert gone.returncode == 0
    assert gone.stdout.startswith("mark 1: slip, ")
    assert gone.stdout.endswith("; it is taken back\n")
    again = run("marks", "--remove", "1")
    assert (again.returncode, again.stderr) == (1, "jobmon: there is no mark 1\n")
    kept = run("marks", "--remove", "2")
    assert (kept.returncode, kept.stderr) == (1, "jobmon: mark 2 is of a reservation of the scheduler, and stays\n")
    assert [one["name"] for one in listed(run)] == ["maint"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["mark"], "NAME"),
        (["mark", ""], "printable"),
        (["mark", "x" * 101], "printable"),
        (["mark", "a\x1b[31mb"], "printable"),
        (["mark", "a\u202eb"], "printable"),
        (["mark", "a", "--note", "x" * 2001], "at most 2000"),
        (["mark", "a", "--note", "\x07"], "note"),
        (["mark", "a", "--at", "soon"], "'soon' is no time"),
        (["mark", "a", "--at", "+99999w"], "between 1970 and 2100"),
        (["mark", "a", "--at", "99999w"], "between 1970 and 2100"),
        (["mark", "a", "--until", "2h"], "before the beginning"),
        (["marks", "--since", "yesterday"], "is no time"),
        (["marks", "--remove", "1", "--json"], "--remove goes with no other option"),
        (["marks", "--remove", "x"], "must be a whole number from 1"),
    ],
)
def test_what_makes_no_sense_is_told_and_nothing_is_recorded(run, words, why):
    done = run(*words)
    assert done.returncode == 2
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert listed(run) == []


def test_a_store_that_is_away_or_cannot_be_written_is_told_in_one_line(run, tmp_path):
    for words in (["mark", "a"], ["marks"], ["marks", "--remove", "1"]):
        away = run(*words, "--set", "store.url=postgresql+psycopg://jobmon@127.0.0.1:1/none")
        assert away.returncode == 1
        assert away.stderr.startswith("jobmon: the store: ")
        assert "refused" in away.stderr
    (tmp_path / "file").write_text("")
    closed = run("mark", "a", "--set", f"store.url=sqlite:///{tmp_path}/file/store.sqlite")
    assert closed.returncode == 1
    assert "cannot be written" in closed.stderr
    assert "Traceback" not in closed.stderr


def test_texts_cannot_steer_the_terminal(run, store, tmp_path):
    with store.writing() as connection:  # as another program could have put them there
        connection.execute(
            marks.MARK.insert().values(name="a\x1b[2Jb", at=time.time(), note="\x07", source="\x1b]0;x\x07", made_at=0)
        )
    assert "\x1b" not in run("marks").stdout
    assert "\x07" not in run("marks").stdout


def test_the_commands_load_what_speaks_with_the_store_only_when_they_run():
    asked = "import sys, jobmon.cli; jobmon.cli._parser(); print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


# --- over HTTP --------------------------------------------------------------------------------------------------------


def answer(store, path="/api/live/marks", user="", **web):
    def routes(_context):
        return marks_api.router(lambda: store)

    table = {**asgi.FRONT, "operators": ["root"], **web}
    settings = config.parse({"live": {"data_path": "/nowhere"}, "web": table}, "test")
    headers = {"X-Remote-User": user} if user else {}
    return asgi.get(create(Context(settings), {"live": routes}), path, {}, headers, asgi.PROXY)


def test_marks_are_answered_and_only_staff_are_told_who_declared_them(store):
    now = int(time.time())
    add(store, "kernel", now - 60, until=now, note="ask ann")
    (told,) = json.loads(answer(store).body)["marks"]
    assert told == {"number": 1, "name": "kernel", "at": now - 60, "until": now, "note": "ask ann", "source": "person"}
    (told,) = json.loads(answer(store, user="root").body)["marks"]
    assert told["source"] == "person:ann"
    (told,) = json.loads(answer(store, user="bob", read="own").body)["marks"]
    assert (told["source"], told["note"]) == ("person", "")
    (told,) = json.loads(answer(store, user="root", read="own").body)["marks"]
    assert (told["source"], told["note"]) == ("person:ann", "ask ann")
    (told,) = json.loads(answer(store, names="pseudonym").body)["marks"]
    assert (told["source"], told["note"]) == ("person", "")
    assert answer(store, read="signed-in").status_code == 401


def test_a_span_is_asked_for(store):
    for at in (100, 200, 300):
        add(store, f"m{at}", at)
    context = Context(config.parse({"live": {"data_path": "/nowhere"}}, "test"))
    app = create(context, {"live": lambda _context: marks_api.router(lambda: store)})
    asked = asgi.get(app, "/api/live/marks", {"since": 150, "until": 250})
    assert [mark["name"] for mark in json.loads(asked.body)["marks"]] == ["m200"]
    assert json.loads(asgi.get(app, "/api/live/marks").body) == {"marks": []}
    assert asgi.get(app, "/api/live/marks", {"since": "x"}).status_code == 400
