"""Maintenance reservations become marks in the store and in live/marks, and never get in the way of a cycle."""

import gzip
import json
import logging
import textwrap
import threading
import time
from importlib import resources

import jsonschema
import pytest

from daemon_process import until
from jobmon import config
from jobmon.daemon.turn import Turn
from jobmon.engine import marks
from jobmon.errors import StoreError
from jobmon.live.capability import Live
from jobmon.live.mark_keeper import MarkKeeper, Shelf
from jobmon.live.reservation_marks import seen
from jobmon.store import open_store

NOW = int(time.time()) - 1000
SCHEMA = json.loads((resources.files("jobmon.live") / "schema/marks.schema.json").read_text())
HOSTILE = "\x1b[31m<img src=x onerror=alert(1)>\n\u202e" + "x" * 5000


def reservation(name="maint", start=NOW - 100, end=NOW + 3600, maintenance=True, nodes=("n1", "n2")):
    return {"name": name, "start": start, "end": end, "maintenance": maintenance, "nodes": list(nodes)}


def snapshot(*reservations, at=NOW, cluster="c", partitions=True):
    return {
        "timestamp": at,
        "cluster": cluster,
        "partitions": [{"name": "batch"}] if partitions else [],
        "reservations": list(reservations),
    }


def events(*reservations, **more):
    found = seen(snapshot(*reservations, **more), "c")
    return [(event.name, event.at, event.until) for event in found.events]


# --- what a snapshot declares ----------------------------------------------------------------------------------------


def test_what_has_begun_is_declared_and_nothing_else():
    begun, ahead = reservation("a"), reservation("b", start=NOW + 1)
    other = reservation("c", maintenance=False)
    assert events(begun, ahead, other) == [("a", NOW - 100, NOW + 3600)]
    assert seen(snapshot(begun), "c").events[0].note == "2 nodes"


def test_a_scheduler_that_tells_nothing_is_not_one_without_reservations():
    assert seen(snapshot(partitions=False), "c") is None
    assert seen(snapshot(), "c").events == ()


def test_hostile_names_are_shown_as_text_of_one_line_and_not_endless():
    ((name, _, _),) = events(reservation(HOSTILE))
    assert name.startswith("?[31m<img src=x onerror=alert(1)>??xxx")
    assert len(name) == marks.MOST_NAME
    assert events(reservation(""))[0][0] == "reservation"


@pytest.mark.parametrize("start", [None, 0, -5, "soon", True, float("nan"), 1e15])
def test_a_start_that_makes_no_sense_costs_that_reservation_only(start):
    found = seen(snapshot(reservation("bad", start=start), reservation("good")), "c")
    assert [event.name for event in found.events] == ["good"]
    assert found.left_out == ("bad",)


@pytest.mark.parametrize("end", [None, 0, NOW - 100, 1e15, float("inf")])
def test_an_end_that_is_none_is_not_known(end):
    assert events(reservation(end=end)) == [("maint", NOW - 100, None)]


# --- in the store and in the file -------------------------------------------------------------------------------------


class Watch:
    """Keep marks as one daemon does; each `tell` is waited for."""

    def __init__(self, folder, name="spool", open_it=None, **shelf):
        self.folder = folder
        self.data = folder / name
        self.opened = 0
        self.keeper = MarkKeeper(self._opening(open_it), [Shelf(self.data, **{"notes": True, **shelf})])
        self.done = threading.Semaphore(0)
        keep = self.keeper._keep

        def kept(store):
            try:
                keep(store)
            finally:
                self.done.release()

        self.keeper._keep = kept

    def _opening(self, open_it):
        def opening():
            self.opened += 1
            try:
                return open_it() if open_it else open_store("", self.folder)
            except StoreError:
                self.done.release()
                raise

        return opening

    def tell(self, *reservations, **more):
        self.keeper.tell(snapshot(*reservations, **more))
        self.wait()

    def fail(self):
        self.keeper.tell(None)
        self.wait()

    def wait(self):
        assert self.done.acquire(timeout=30)

    @property
    def file(self):
        return json.loads(gzip.decompress((self.data / "pages/live/marks.json.gz").read_bytes()))

    @property
    def spans(self):
        return [(mark["name"], mark["at"], mark["until"]) for mark in self.file["marks"]]


@pytest.fixture
def watch(tmp_path):
    made = []

    def make(*words, **more):
        made.append(Watch(tmp_path, *words, **more))
        return made[-1]

    yield make
    for one in made:
        one.keeper.close()


def test_a_maintenance_is_followed_from_its_beginning_to_its_early_end(watch):
    one = watch()
    one.tell(reservation(start=NOW + 30, end=NOW + 600), at=NOW)
    assert one.spans == []
    one.tell(reservation(start=NOW + 30, end=NOW + 600), at=NOW + 40)
    assert one.spans == [("maint", NOW + 30, NOW + 600)]
    one.tell(reservation(start=NOW + 30, end=NOW + 900), at=NOW + 70)
    assert one.spans == [("maint", NOW + 30, NOW + 900)]
    one.tell(at=NOW + 100)
    assert one.spans == [("maint", NOW + 30, NOW + 100)]
    jsonschema.validate(one.file, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_one_that_never_begins_leaves_nothing(watch):
    one = watch()
    one.tell(reservation(start=NOW + 600))
    one.tell(at=NOW + 700)
    assert one.spans == []


def test_a_restart_and_a_second_daemon_change_nothing(watch):
    first, second = watch("one"), watch("two")
    first.tell(reservation())
    second.tell(reservation(), at=NOW + 5)
    first.keeper.close()
    again = watch("three")
    again.tell(reservation(), at=NOW + 30)
    assert again.spans == second.spans == [("maint", NOW - 100, NOW + 3600)]
    # what was taken away while nobody looked ends when somebody does
    again.tell(at=NOW + 60)
    assert again.spans == [("maint", NOW - 100, NOW + 60)]


def test_clusters_that_share_a_store_leave_each_others_alone(watch):
    one, other = watch("one"), watch("two")
    one.tell(reservation("a"), cluster="here")
    other.tell(at=NOW + 5, cluster="there")
    assert other.spans == [("a", NOW - 100, NOW + 3600)]
    one.tell(reservation("a"), at=NOW + 30, cluster="")  # its name is not told for once
    assert one.spans == [("a", NOW - 100, NOW + 3600)]


def test_a_cycle_that_fails_ends_no_maintenance(watch):
    one = watch()
    one.tell(reservation())
    one.fail()
    one.tell(at=NOW + 60, partitions=False)
    assert one.spans == [("maint", NOW - 100, NOW + 3600)]


def test_what_people_declare_is_published_with_the_next_cycle_even_with_one_that_fails(watch, tmp_path):
    one = watch()
    one.tell()
    store = open_store("", tmp_path)
    with store.writing() as connection:
        marks.add(connection, "kernel 6.1", NOW, note="ask ann", source="person:ann")
    store.close()
    one.fail()
    assert one.file["marks"] == [
        {"name": "kernel 6.1", "at": NOW, "until": None, "note": "ask ann", "source": "person"}
    ]


def test_readers_who_may_not_see_who_people_are_see_no_notes(watch, tmp_path):
    store = open_store("", tmp_path)
    with store.writing() as connection:
        marks.add(connection, "kernel 6.1", NOW, note="ask ann", source="person:ann")
    store.close()
    one = watch(notes=False)
    one.tell()
    assert "kernel 6.1" in json.dumps(one.file)
    assert "ann" not in json.dumps(one.file)


def test_the_file_is_written_when_something_changed_and_only_then(watch):
    one = watch()
    one.tell(reservation())
    path = one.data / "pages/live/marks.json.gz"
    before = path.stat().st_ino
    one.tell(reservation(), at=NOW + 30)
    assert path.stat().st_ino == before
    one.tell(reservation(end=NOW + 4000), at=NOW + 60)
    assert path.stat().st_ino != before
    path.unlink()
    one.tell(reservation(end=NOW + 4000), at=NOW + 90)
    assert path.exists()


def test_a_file_that_cannot_be_written_is_told_once_and_written_later(watch, caplog):
    one = watch()
    one.data.write_text("a file in the folder's place")
    one.tell(reservation())
    one.tell(reservation(), at=NOW + 30)
    one.data.unlink()
    one.tell(reservation(), at=NOW + 60)
    assert one.spans == [("maint", NOW - 100, NOW + 3600)]
    assert [r.levelname for r in caplog.records if "marks.json.gz" in r.message] == ["WARNING"]


def test_a_store_that_is_away_costs_one_warning_and_what_was_missed_is_recorded(watch, tmp_path, caplog):
    caplog.set_level(logging.INFO, "jobmon.live")
    away = True

    def opening():
        if away:
            raise StoreError("the store: connection refused")
        return open_store("", tmp_path)

    one = watch(open_it=opening)
    one.tell(reservation(end=NOW + 600))
    one.tell(reservation(end=NOW + 600), at=NOW + 30)
    one.fail()
    assert one.opened == 3
    assert [r.message for r in caplog.records if "refused" in r.message] == [
        "the store: connection refused; marks are kept and published when it works again"
    ]
    away = False
    one.fail()
    assert one.spans == [("maint", NOW - 100, NOW + 600)], "what the last good cycle saw is not lost"
    one.tell(reservation(end=NOW + 900), at=NOW + 90)
    assert one.spans == [("maint", NOW - 100, NOW + 900)]
    assert "marks are kept again" in caplog.text


def test_a_store_that_does_not_answer_keeps_no_cycle_waiting(tmp_path):
    answer, asked = threading.Event(), threading.Event()

    def opening():
        asked.set()
        answer.wait(30)
        return open_store("", tmp_path)

    keeper = MarkKeeper(opening, [Shelf(tmp_path, notes=True)])
    keeper.tell(snapshot(reservation(end=NOW + 600)))
    assert asked.wait(30)
    for at in range(30, 300, 30):  # would never come back if it waited for the answer
        keeper.tell(snapshot(reservation(end=NOW + at), at=NOW + at - 30))
    answer.set()
    keeper.close()
    document = json.loads(gzip.decompress((tmp_path / "pages/live/marks.json.gz").read_bytes()))
    assert [mark["until"] for mark in document["marks"]] == [NOW + 270], "the newest of what was seen counts"


def test_a_reservation_that_is_left_out_is_logged_once(watch, caplog):
    one = watch()
    one.tell(reservation("bad", start=None))
    one.tell(reservation("bad", start=None), at=NOW + 30)
    assert [r.message for r in caplog.records if "bad" in r.message] == [
        "reservation bad has no start that could be marked"
    ]


# --- from a back end to the file --------------------------------------------------------------------------------------

SITE = """
    import json, pathlib
    from backend_base import BackendBase
    from jobmon.model import ClusterState, Partition, Reservation

    class Backend(BackendBase):
        def pre_update(self):
            if pathlib.Path(__file__).with_name("broken").exists():
                raise ConnectionError("the controller does not answer")

        def hostnames(self):
            return ["n1"]

        def cluster_name(self):
            return "c"

        def cluster_state(self):
            told = json.loads(pathlib.Path(__file__).with_name("told.json").read_text())
            held = [Reservation(r["name"], ("n1",), r["start"], r["end"], frozenset({"MAINT"})) for r in told]
            return ClusterState(0.0, partitions=(Partition("batch", ("n1",)),), reservations=tuple(held))
"""


@pytest.fixture
def cluster(tmp_path):
    """Return what runs a cycle of a cluster with such reservations, or with a scheduler that does not answer."""
    (tmp_path / "backend_site.py").write_text(textwrap.dedent(SITE))
    made = []

    def start(**store):
        live = {"backend": "site", "backend_path": str(tmp_path), "data_path": str(tmp_path / "spool")}
        made.append(Live(config.parse({"live": live, "store": store}, "test")))
        turn = Turn(made[-1], tmp_path / "spool")

        def cycle(*reservations):
            (tmp_path / "told.json").write_text("nonsense" if reservations == (None,) else json.dumps(reservations))
            assert turn.once(), turn.error

        return cycle

    yield start
    for live in made:
        live.close()


def test_a_cycle_notes_the_maintenance_of_its_cluster(cluster, tmp_path):
    path = tmp_path / "spool/pages/live/marks.json.gz"
    cycle = cluster()
    start = int(time.time()) - 50

    def shown():
        if not path.exists():
            return []
        return [(m["name"], m["at"], m["until"]) for m in json.loads(gzip.decompress(path.read_bytes()))["marks"]]

    cycle(reservation(start=start, end=start + 600))
    until(lambda: shown() == [("maint", start, start + 600)], "the mark")
    cycle(None)
    cycle(reservation(start=start, end=start + 900))
    until(lambda: shown() == [("maint", start, start + 900)], "the end that was moved")
    cycle()
    until(lambda: shown()[0][2] < start + 900, "the early end")
    assert start + 50 <= shown()[0][2] <= time.time()


def test_what_people_declare_is_shown_while_the_scheduler_does_not_answer(cluster, tmp_path):
    path = tmp_path / "spool/pages/live/marks.json.gz"
    cycle = cluster()
    cycle()
    until(path.exists, "the file")
    store = open_store("", tmp_path / "spool")
    with store.writing() as connection:
        marks.add(connection, "the controller moves", time.time(), source="person:ann")
    store.close()
    (tmp_path / "broken").touch()
    with pytest.raises(AssertionError, match="does not answer"):
        cycle()
    until(lambda: b"the controller moves" in gzip.decompress(path.read_bytes()), "the mark")


def test_cycles_go_on_while_the_store_is_away(cluster, caplog):
    cycle = cluster(url="postgresql+psycopg://jobmon@127.0.0.1:1/none")
    for _ in range(3):
        cycle(reservation())
    until(lambda: "marks are kept and published when it works again" in caplog.text, "the warning")
