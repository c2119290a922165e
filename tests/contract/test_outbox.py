"""Messages from the transaction to the recipient, on SQLite and on a real PostgreSQL: one suite for both."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from daemon_process import until
from fakes import smtp_server
from jobmon.engine import outbox
from jobmon.engine.lease import Lease
from jobmon.engine.outbox import MailSettings, Message, Outbox, OutboxSettings, Summary, Target, mail, rows, script
from jobmon.engine.outbox_tables import MARK, OUTBOX
from jobmon.engine.tables import LEASE, METADATA
from jobmon.errors import StoreError
from jobmon.store import Store, open_store
from outbox_master import NOON, Hooks, Master, posting, taken_over, written

pytestmark = pytest.mark.service

MIDNIGHT = NOON + 12 * 3600
ANN, BOB = Target("email", "ann@site.org"), Target("email", "bob@site.org")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    file = f"sqlite:///{tmp_path / 'store.sqlite'}"
    url = file if request.param == "sqlite" else request.getfixturevalue("server")
    store = open_store(url, tmp_path)
    with store.writing() as connection:
        connection.execute(LEASE.delete())
        connection.execute(OUTBOX.delete())
    yield store
    store.close()


@pytest.fixture
def smtp() -> Iterator[smtp_server.Server]:
    with smtp_server.serving() as server:
        yield server


@pytest.fixture
def settings(smtp: smtp_server.Server) -> OutboxSettings:
    mail = MailSettings(host="127.0.0.1", port=smtp.port, sender="jobmon@site.org", timeout_s=20)
    return OutboxSettings(mail=mail, period_s=60, webhook_timeout_s=20)


@pytest.fixture
def master(store: Store, settings: OutboxSettings) -> Iterator[Master]:
    master = Master(store, settings)
    yield master
    master.outbox.close(10)


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hooks]:
    monkeypatch.setenv("NO_PROXY", "*")
    with posting() as hooks:
        yield hooks


def test_the_migration_makes_the_tables_that_are_declared(store: Store) -> None:
    for table in (OUTBOX, MARK):
        found = sa.inspect(store.engine).get_columns(table.name)
        assert [column["name"] for column in found] == [c.name for c in METADATA.tables[table.name].columns]


def test_what_was_rolled_back_is_never_told(master: Master, smtp: smtp_server.Server) -> None:
    def fail() -> None:
        with master.lease.writing() as connection:
            outbox.add(connection, Message(ANN, "job 1 failed"))
            raise StoreError

    with pytest.raises(StoreError):
        fail()
    master.tell(Message(ANN, "job 2 failed"))
    master.round(NOON + 61)
    assert [mail["Subject"] for mail in smtp.mails] == ["job 2 failed"]
    assert master.summary() == Summary(waiting=0, sending=0, sent=1, failed=0, uncertain=0, oldest_unsent=None)


def test_500_failures_in_one_build_are_one_mail_per_owner(master: Master, smtp: smtp_server.Server) -> None:
    for number in range(500):
        owner = ANN if number % 2 else BOB
        master.tell(Message(owner, f"job {number} failed", bundle="build 17"), at=NOON + number * 0.1)
    master.tell(Message(ANN, "job 0 failed", bundle="build 18"), at=NOON + 50)
    master.round(NOON + 59)
    assert not smtp.mails  # more may come
    assert (master.summary().waiting, master.summary().oldest_unsent) == (501, NOON)
    master.round(NOON + 61)
    mails = {str(mail["To"]): mail for mail in smtp.mails}
    assert sorted(str(mail["To"]) for mail in smtp.mails) == ["ann@site.org", "bob@site.org"]
    assert mails["ann@site.org"]["Subject"] == "build 17: 250 messages"
    lines = mails["bob@site.org"].get_content().splitlines()
    assert (len(lines), lines[199], lines[200]) == (201, "2026-01-01 12:00 UTC  job 398 failed", "… and 50 more.")
    assert (master.summary().sent, master.summary().waiting) == (500, 1)
    master.round(NOON + 111)
    assert smtp.mails[2]["Subject"] == "job 0 failed"


def test_a_message_that_nobody_can_read_or_send_keeps_no_other_from_its_recipient(
    master: Master, store: Store, smtp: smtp_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    master.tell(Message(ANN, "spoilt", wait_s=0), Message(BOB, "raises", wait_s=0))
    with store.writing() as connection:
        connection.execute(OUTBOX.update().where(OUTBOX.c.subject == "spoilt").values(facts="[" * 10))
    real = mail.send

    def send(parcel: Any, *rest: Any) -> None:
        if parcel.address == BOB.address:
            raise RuntimeError("not foreseen")
        real(parcel, *rest)

    monkeypatch.setattr(mail, "send", send)
    master.round(NOON)
    master.tell(Message(ANN, "after it", wait_s=0), at=NOON + 1)
    master.round(NOON + 1)
    assert [one["Subject"] for one in smtp.mails] == ["spoilt", "after it"]
    (unsent,) = outbox_unsent(store)
    assert (unsent.recipient, unsent.error) == ("bob@site.org", "RuntimeError: not foreseen")


def outbox_unsent(store: Store) -> tuple[outbox.Unsent, ...]:
    with store.reading() as connection:
        return tuple(outbox.unsent(connection, 10))


def test_a_message_may_say_how_long_others_are_waited_for(master: Master, smtp: smtp_server.Server) -> None:
    master.tell(Message(ANN, "disk full", wait_s=0), Message(ANN, "hourly", bundle="b", wait_s=3600))
    master.round(NOON)
    master.round(NOON + 3599)
    assert [mail["Subject"] for mail in smtp.mails] == ["disk full"]
    master.round(NOON + 3600)
    assert len(smtp.mails) == 2


def test_a_server_that_was_down_gets_each_mail_once_by_its_id(master: Master, smtp: smtp_server.Server) -> None:
    """The server takes the mail and dies before it says so: the reader gets it twice, with one Message-ID."""
    smtp.silent_after_data = True
    master.tell(Message(ANN, "a", bundle="b"), Message(ANN, "b", bundle="b"))
    master.round(NOON + 60)
    assert (len(smtp.mails), master.summary().waiting, master.summary().oldest_unsent) == (1, 2, NOON)
    master.tell(Message(ANN, "c", bundle="b"), at=NOON + 62)
    smtp.silent_after_data = False
    master.round(NOON + 89)
    assert len(smtp.mails) == 1
    master.round(NOON + 91)
    first, second = smtp.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_content() == second.get_content()  # what came meanwhile is another mail
    assert master.states() == ["sent", "sent", "waiting"]
    master.round(NOON + 130)
    assert len(set(smtp.ids())) == 2
    assert smtp.mails[2]["Subject"] == "c"


def test_what_fails_for_three_days_is_given_up_and_stays_visible(master: Master, smtp: smtp_server.Server) -> None:
    smtp.refuse = {"ann@site.org": "451 4.3.0 come back later"}
    master.tell(Message(ANN, "a", bundle="b"), Message(ANN, "b", bundle="b"))
    now, rounds = NOON + 60, 0
    while master.summary().waiting:
        master.round(now)
        rounds += 1
        with master.store.reading() as connection:
            (trouble,) = outbox.unsent(connection)
        assert trouble.error == "the mail server says 451 4.3.0 come back later"
        now = trouble.due_at or 0.0
    assert (rounds, smtp.connections) == (79, 79)
    assert (trouble.state, trouble.tries, trouble.count, trouble.recipient) == ("failed", 79, 2, "ann@site.org")
    assert master.summary().failed == 2
    master.round(NOON + 30 * 86400)
    assert smtp.connections == 79


def test_a_refused_recipient_fails_at_once(master: Master, smtp: smtp_server.Server) -> None:
    smtp.refuse = {"ann@site.org": "550 5.1.1 unknown"}
    master.tell(Message(ANN, "a"), Message(BOB, "b"))
    master.round(NOON + 60)
    assert master.states() == ["failed", "sent"]


def test_what_is_too_much_for_a_day_comes_together_on_the_next(
    store: Store, settings: OutboxSettings, smtp: smtp_server.Server
) -> None:
    master = Master(store, replace(settings, per_day=3, period_s=0))
    for number in range(8):
        master.tell(Message(ANN, f"job {number}", bundle=f"build {number}"), at=NOON + number)
        master.round(NOON + number)
    master.tell(Message(BOB, "other"), at=NOON + 9)
    master.round(NOON + 9)
    master.round(MIDNIGHT - 60)
    assert [mail["Subject"] for mail in smtp.mails] == ["job 0", "job 1", "job 2", "other"]
    master.tell(*(Message(ANN, f"new {number}", bundle=f"new {number}") for number in range(3)), at=MIDNIGHT - 1)
    master.round(MIDNIGHT + 1)
    digest = next(mail for mail in smtp.mails if "held back" in str(mail["Subject"]))
    assert [line.partition("  ")[2] for line in digest.get_content().splitlines()[2:]] == [
        f"build {number}: job {number}" for number in range(3, 8)
    ]
    assert len(smtp.mails) == 7  # the digest counts
    master.round(MIDNIGHT + 86401)
    assert len(smtp.mails) == 8
    assert set(master.states()) == {"sent"}


def test_a_program_gets_all_messages_in_parts(store: Store, settings: OutboxSettings, hooks: Hooks) -> None:
    master = Master(store, replace(settings, per_day=2))
    target = Target("webhook", f"{hooks.url}/x")
    master.tell(*(Message(target, f"job {n}", facts={"n": n}) for n in range(450)))
    master.round(NOON + 60)
    assert master.summary().waiting == 50
    master.round(MIDNIGHT + 1)
    told = [message["facts"]["n"] for body in hooks.got for message in body["messages"]]
    assert (sorted(told), [len(body["messages"]) for body in hooks.got]) == (list(range(450)), [200, 200, 50])
    assert len({body["id"] for body in hooks.got}) == 3


def test_scripts_run_once_for_each_message_in_their_order(master: Master, tmp_path: Path) -> None:
    target = written(tmp_path / "tell", f'echo "$JOBMON_EVENT $JOBMON_JOB" >> {tmp_path}/out')
    told = [(event, job) for job in range(40) for event in ("submit", "start", "finish")]
    master.tell(*(Message(target, "job", bundle="b", facts={"event": e, "job": j}) for e, j in told))
    master.round(NOON)  # nothing is gathered
    assert (tmp_path / "out").read_text().splitlines() == [f"{event} {job}" for event, job in told]
    assert master.summary().sent == 120  # there may be more than mails on a day


def test_a_script_that_failed_is_shown_and_not_run_again(master: Master, tmp_path: Path) -> None:
    target = written(tmp_path / "tell", f"echo x >> {tmp_path}/out; echo no disk; exit 3")
    master.tell(Message(target, "job 1"))
    master.round(NOON)
    master.round(NOON + 86400)
    assert (tmp_path / "out").read_text() == "x\n"
    with master.store.reading() as connection:
        (trouble,) = outbox.unsent(connection)
    assert (trouble.state, trouble.error) == ("failed", "the script ended with 3: no disk")


def test_after_a_crash_a_script_is_uncertain_and_mail_is_sent_again(
    store: Store, master: Master, settings: OutboxSettings, smtp: smtp_server.Server, tmp_path: Path
) -> None:
    """The old master is frozen, as it seems, while it sends; it comes back when another one has taken over."""
    target = written(tmp_path / "tell", f"echo x >> {tmp_path}/out; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done")
    smtp.gate = threading.Event()
    master.tell(Message(target, "job 1"), Message(target, "job 2"), Message(ANN, "job 1", wait_s=0))
    master.outbox.deliver(NOON)
    until(lambda: (tmp_path / "out").exists() and smtp.connections == 1, "script and mail are under way")
    assert master.states() == ["sending", "waiting", "sending"]
    new = taken_over(store, settings)
    new.outbox.deliver(NOON + 1)
    until(lambda: len((tmp_path / "out").read_text().splitlines()) == 2, "the other script runs")
    assert new.states() == ["uncertain", "sending", "waiting"]
    with store.reading() as connection:
        assert outbox.unsent(connection)[1].error.endswith("whether it came to its end is not known")
    smtp.gate.set()
    (tmp_path / "go").touch()
    until(lambda: master.outbox._busy() == new.outbox._busy() == 0, "both have ended")
    assert new.states() == ["uncertain", "sent", "waiting"]  # what the old one knows is not written
    new.round(NOON + 32)
    master.outbox.deliver(NOON + 33)
    assert new.states() == ["uncertain", "sent", "sent"]
    assert (len(smtp.mails), len(set(smtp.ids()))) == (2, 1)
    assert (tmp_path / "out").read_text() == "x\nx\n"
    new.outbox.close()


def test_a_standby_sends_nothing(store: Store, master: Master, settings: OutboxSettings, tmp_path: Path) -> None:
    standby = Outbox(store, Lease(store, "batch", "other"), settings)
    target = written(tmp_path / "tell", "exit 0")
    master.tell(Message(target, "job 1"))
    assert standby.deliver(NOON) == 0
    assert master.states() == ["waiting"]


def test_targets_that_hang_delay_neither_the_master_nor_other_recipients(
    store: Store, settings: OutboxSettings, smtp: smtp_server.Server, hooks: Hooks
) -> None:
    smtp.gate = threading.Event()
    master = Master(store, replace(settings, parallel=2))
    master.tell(*(Message(Target("email", f"u{n}@site.org"), "job", wait_s=0) for n in range(5)))
    master.tell(Message(Target("webhook", f"{hooks.url}/x"), "job", wait_s=0))
    began = time.monotonic()
    master.outbox.deliver(NOON)
    assert time.monotonic() - began < 2
    until(lambda: len(hooks.got) == 1 and smtp.connections == 2, "all that may be are under way")
    until(lambda: master.outbox.deliver(NOON + 1) == 2, "the web server has answered")
    assert smtp.connections == 2  # one after the other, two at a time
    assert master.summary().sending == 2
    smtp.gate.set()
    until(lambda: master.outbox.deliver(NOON + 2) == 0, "the rest is sent")
    assert len(smtp.mails) == 5


def test_a_try_that_never_ends_counts_as_failed_and_blocks_its_recipient_alone(
    store: Store, settings: OutboxSettings, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutboxSettings, "deadline_s", lambda self, kind: 0.2)
    master = Master(store, replace(settings, parallel=1))
    stuck, fine = (Target("webhook", f"{hooks.url}/{name}") for name in ("stuck", "fine"))
    master.tell(Message(stuck, "a", wait_s=0))
    master.outbox.deliver(NOON)
    until(lambda: len(hooks.got) == 1, "it is posted")
    master.tell(Message(fine, "b", wait_s=0))
    until(
        lambda: master.outbox.deliver(NOON + 1) == 1 and master.states() == ["waiting", "sent"],
        "the other one is served",
    )
    with store.reading() as connection:
        (trouble,) = outbox.unsent(connection)
    assert (trouble.error, trouble.recipient) == ("it did not come to an end within 0.2 s", "127.0.0.1")
    master.outbox.deliver(NOON + 60)
    hooks.gate.set()
    until(lambda: master.outbox._busy() == 0, "the thread comes back")
    assert master.states() == ["waiting", "sent"]
    master.round(NOON + 60)
    assert master.states() == ["sent", "sent"]
    first, last = (body["id"] for body in hooks.got if body["messages"][0]["subject"] == "a")
    assert first == last


def test_what_became_of_a_script_is_written_when_the_store_is_back(
    master: Master, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = written(tmp_path / "tell", f"echo x >> {tmp_path}/out")
    master.tell(Message(target, "job 1"))
    writing, send = master.lease.writing, script.send

    def away() -> Any:
        raise StoreError("the store: is away")

    def sent(*arguments: Any) -> None:
        send(*arguments)
        monkeypatch.setattr(master.lease, "writing", away)

    monkeypatch.setattr(script, "send", sent)
    master.round(NOON)
    with pytest.raises(StoreError):
        master.outbox.deliver(NOON + 1)
    monkeypatch.setattr(master.lease, "writing", writing)
    assert master.states() == ["sending"]
    master.round(NOON + 2)
    assert master.states() == ["sent"]
    assert (tmp_path / "out").read_text() == "x\n"


def test_a_master_that_stops_waits_a_moment_for_what_is_under_way(
    master: Master, settings: OutboxSettings, smtp: smtp_server.Server
) -> None:
    smtp.gate = threading.Event()
    master.tell(Message(ANN, "a", wait_s=0))
    master.outbox.deliver(NOON)
    assert master.outbox.close(0.1) == 1
    smtp.gate.set()
    assert master.outbox.close(10) == 0
    assert master.states() == ["sent"]
    master.tell(Message(ANN, "b", wait_s=0))
    assert master.outbox.deliver(NOON) == 0


def test_nothing_to_do_takes_no_lock(master: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    master.tell(Message(ANN, "a"))

    def never() -> Any:
        raise AssertionError

    monkeypatch.setattr(master.lease, "writing", never)
    master.round(NOON + 1)


def test_no_message_can_break_the_transaction_that_tells_it(master: Master, smtp: smtp_server.Server) -> None:
    evil = "x\0\ud800\r\nBcc: all@site.org" * 5000
    master.tell(Message(ANN, evil, evil, evil, {evil: evil, "n": float("inf"), "big": 10**5000}))
    master.round(NOON + 60)
    assert master.states() == ["sent"]
    assert smtp.envelopes == [("jobmon@site.org", ["ann@site.org"])]
    assert "Bcc" not in smtp.mails[0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_our_own_is_tried_again_later_and_not_at_once(
    master: Master, smtp: smtp_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def wrong(*arguments: Any) -> None:
        calls.append(arguments)
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(mail, "send", wrong)
        master.tell(Message(ANN, "a", wait_s=0))
        for second in range(5):
            master.round(NOON + second)
    assert len(calls) == 1
    master.round(NOON + 40)
    assert len(smtp.mails) == 1


def test_rounds_that_cross_with_sending_send_nothing_twice(
    store: Store, settings: OutboxSettings, smtp: smtp_server.Server, tmp_path: Path
) -> None:
    master = Master(store, replace(settings, parallel=8))
    target = written(tmp_path / "tell", f"echo $JOBMON_N >> {tmp_path}/out")
    people = [Target("email", f"u{n}@site.org") for n in range(20)]
    master.tell(*(Message(who, "x", bundle=f"b{n}", wait_s=0) for n in range(5) for who in people))
    master.tell(*(Message(target, "x", facts={"n": n}) for n in range(20)))
    until(lambda: not master.outbox.deliver(NOON) and not master.summary().waiting, "all is sent")
    assert set(master.states()) == {"sent"}
    assert (len(smtp.mails), len(set(smtp.ids()))) == (100, 100)
    assert (tmp_path / "out").read_text().split() == [str(n) for n in range(20)]


def test_what_becomes_of_an_earlier_try_does_not_end_a_later_one(master: Master) -> None:
    """A master that lost the lease and has it again may hear late of what it began before."""
    master.tell(Message(ANN, "a", wait_s=0))
    with master.lease.writing() as connection:
        rows.form(connection, NOON, 60, 100)
        first = rows.take(connection, ANN.kind, ANN.address, 1, NOON)
        rows.recover(connection, NOON + 1, set)
        second = rows.take(connection, ANN.kind, ANN.address, 1, NOON + 32)
        assert first
        assert second
        assert not rows.end(connection, (first.id, first.fence, first.tries), "failed", NOON + 33)
        assert not rows.end(connection, (second.id, 2, second.tries), "failed", NOON + 33)
        assert rows.end(connection, (second.id, second.fence, second.tries), "sent", NOON + 34)
    assert master.states() == ["sent"]
