"""What the senders of messages do with real servers and scripts on loopback."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests

from fakes import http_server, smtp_server
from jobmon.engine.outbox import MailSettings, mail, script, webhook
from jobmon.engine.outbox.parcel import Entry, NotSentError, Parcel
from jobmon.errors import SettingsError
from services import require

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC


def parcel(*subjects: str, kind: str = "email", address: str = "ann@site.org", **more: Any) -> Parcel:
    facts = more.pop("facts", {"job": 42, "host": None})
    text = more.pop("text", "")
    entries = tuple(Entry(7 + n, NOON, "build 17", line, text, facts) for n, line in enumerate(subjects))
    given = {"count": len(entries), "digest": False} | more
    return Parcel(7, "c0ffee", address, kind, entries=entries, tries=1, fence=1, bundled_at=NOON, **given)


# Mail


@pytest.fixture
def smtp() -> Iterator[smtp_server.Server]:
    with smtp_server.serving() as server:
        yield server


def settings(server: smtp_server.Server, **more: Any) -> MailSettings:
    return MailSettings(host="127.0.0.1", port=server.port, sender="jobmon@site.org", timeout_s=5, **more)


def test_mail_arrives_as_it_was_written(smtp: smtp_server.Server) -> None:
    mail.send(parcel("jöb → failed " + "x" * 280, text=".\n..dots\n" + "ü" * 3000), settings(smtp), NOON)
    assert smtp.envelopes == [("jobmon@site.org", ["ann@site.org"])]
    assert smtp.mails[0]["Subject"] == "jöb → failed " + "x" * 280
    assert smtp.mails[0]["To"] == "ann@site.org"
    assert "\n.\n..dots\n" + "ü" * 3000 in smtp.mails[0].get_content().replace("\r\n", "\n")


def test_a_recipient_that_does_not_exist_is_not_tried_again_but_a_full_mailbox_is(smtp: smtp_server.Server) -> None:
    smtp.refuse = {"ann@site.org": "550 5.1.1 no\tsuch user", "bob@site.org": "452 4.2.2 mailbox full"}
    with pytest.raises(NotSentError, match=r"says 550 5\.1\.1 no such user") as gone:
        mail.send(parcel("x"), settings(smtp), NOON)
    with pytest.raises(NotSentError, match=r"says 452 4\.2\.2 mailbox full") as full:
        mail.send(parcel("x", address="bob@site.org"), settings(smtp), NOON)
    assert (gone.value.retry_can_help, full.value.retry_can_help) == (False, True)


def test_mail_that_was_taken_counts_as_sent_whatever_the_server_says_then(smtp: smtp_server.Server) -> None:
    smtp.quit = "421 in a hurry"
    mail.send(parcel("x"), settings(smtp), NOON)
    assert len(smtp.mails) == 1


def test_a_server_that_does_not_say_that_it_took_mail_is_tried_again(smtp: smtp_server.Server) -> None:
    smtp.greeting = "554 not today"
    with pytest.raises(NotSentError, match="says 554 not today") as closed:
        mail.send(parcel("x"), settings(smtp), NOON)
    smtp.greeting, smtp.silent_after_data = "220 test", True
    with pytest.raises(NotSentError, match="did not take it") as silent:
        mail.send(parcel("x"), settings(smtp), NOON)
    assert (closed.value.retry_can_help, silent.value.retry_can_help) == (True, True)


def test_a_server_that_is_silent_or_away_costs_no_more_than_the_time_out(smtp: smtp_server.Server) -> None:
    smtp.gate = threading.Event()
    began = time.monotonic()
    with pytest.raises(NotSentError, match="timed out"):
        mail.send(parcel("x"), MailSettings(host="127.0.0.1", port=smtp.port, timeout_s=0.2), NOON)
    assert time.monotonic() - began < 3
    smtp.gate.set()
    with pytest.raises(NotSentError, match="Connection refused"):
        mail.send(parcel("x"), MailSettings(host="127.0.0.1", port=1, timeout_s=5), NOON)


def test_name_and_password_go_over_tls_to_the_right_server_only(tmp_path: Path) -> None:
    pem, word = tmp_path / "server.pem", tmp_path / "word"
    command = [require("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
               "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "-", "-out", "-"]  # fmt: skip
    pem.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    word.write_text("sesame\n")
    signed = {"starttls": True, "user": "jobmon", "password_file": str(word)}
    with smtp_server.serving(str(pem)) as server:
        mail.send(parcel("x"), settings(server, ca_file=str(pem), **signed), NOON)
        assert (server.signed_in, server.encrypted) == ([("jobmon", "sesame")], [True])
        with pytest.raises(NotSentError, match="certificate"):
            mail.send(parcel("x"), settings(server, **signed), NOON)
        word.write_text("guess")
        with pytest.raises(NotSentError, match="says 535") as error:
            mail.send(parcel("x"), settings(server, ca_file=str(pem), **signed), NOON)
        assert error.value.retry_can_help
        word.unlink()
        with pytest.raises(SettingsError, match=r"password_file.*cannot be read"):
            mail.send(parcel("x"), settings(server, ca_file=str(pem), **signed), NOON)
    with smtp_server.serving() as bare, pytest.raises(NotSentError, match="STARTTLS"):
        mail.send(parcel("x"), settings(bare, **signed), NOON)


# Webhooks


class Hook(http_server.Quiet):
    got: ClassVar[list[tuple[str, dict[str, str], dict[str, Any]]]] = []
    status = 200
    slow_s = 0.0

    def post(self) -> None:
        self.got.append((self.path, dict(self.headers), json.loads(self.body())))
        time.sleep(self.slow_s)
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(Hook, "got", [])
    with http_server.serving(Hook) as url:
        yield url


def test_a_webhook_gets_json_with_a_key_that_names_it(hook: str) -> None:
    webhook.send(parcel("a", "b", kind="webhook", address=f"{hook}/room?key=1"), 5)
    path, headers, body = Hook.got[0]
    assert (path, headers["Idempotency-Key"], headers["Content-Type"]) == (
        "/room?key=1", "jobmon-7-c0ffee", "application/json",
    )  # fmt: skip
    assert (body["id"], body["subject"], body["bundle"]) == ("jobmon-7-c0ffee", "build 17: 2 messages", "build 17")
    assert body["messages"][1] == {
        "id": 8, "at": NOON, "bundle": "build 17", "subject": "b", "text": "", "facts": {"job": 42, "host": None},
    }  # fmt: skip


@pytest.mark.parametrize(("status", "again"), [(500, True), (404, True), (302, True), (410, False)])
def test_what_is_not_taken_is_sent_again_and_redirects_lead_nowhere(
    hook: str, monkeypatch: pytest.MonkeyPatch, status: int, again: bool
) -> None:
    monkeypatch.setattr(Hook, "status", status)
    with pytest.raises(NotSentError, match=f"the web server says {status}") as error:
        webhook.send(parcel("a", address=f"{hook}/secret"), 5)
    assert error.value.retry_can_help is again
    assert [path for path, *_ in Hook.got] == ["/secret"]


def test_what_a_webhook_says_of_its_faults_holds_no_secret(hook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hook, "slow_s", 0.5)
    for address, why in (
        (f"{hook}/secret", r"did not answer within 0\.1 s"),
        ("http://127.0.0.1:1/secret", "Connection refused"),
        (f"{hook.replace('http', 'https')}/secret", "not reached"),
    ):
        with pytest.raises(NotSentError, match=why) as error:
            webhook.send(parcel("a", address=address), 0.1)
        assert "secret" not in str(error.value)
    assert webhook._cause(requests.ConnectionError("refused, url: /secret")) == "ConnectionError"


def test_a_password_of_the_daemons_owner_goes_to_no_webhook(
    hook: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login root password toor\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    webhook.send(parcel("a", address=f"{hook}/x"), 5)
    assert "Authorization" not in Hook.got[0][1]


# Scripts


def written(folder: Path, text: str) -> str:
    path = folder / "tell.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_script_gets_the_facts_and_nothing_that_they_could_do_harm_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMON_TOKEN", "secret")
    path = written(tmp_path, f"env > {tmp_path}/out; pwd >> {tmp_path}/out")
    facts = {"job": 42, "host": None, "tail": "a\nPATH=/tmp", "long": "x" * 5000, "config": "/tmp/mine.toml"}
    script.send(parcel("job 42 failed", kind="script", address=path, facts=facts), 5)
    lines = (tmp_path / "out").read_text().splitlines()
    told = dict(line.partition("=")[::2] for line in lines)
    assert lines[-1] == "/"
    assert told["JOBMON_JOB"] == "42"
    assert told["JOBMON_TAIL"] == "a PATH=/tmp"
    assert told["JOBMON_LONG"] == "x" * 999 + "…"
    assert told["JOBMON_SUBJECT"] == "job 42 failed"
    assert told["JOBMON_MESSAGE_ID"] == "jobmon-7-c0ffee"
    assert {name for name in told if name.startswith("JOBMON")} == {
        "JOBMON_AT", "JOBMON_BUNDLE", "JOBMON_JOB", "JOBMON_LONG", "JOBMON_MESSAGE_ID", "JOBMON_SUBJECT", "JOBMON_TAIL",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why", "again"),
    [
        ("echo first; echo cannot reach it >&2; exit 3", r"^the script ended with 3: cannot reach it$", False),
        ("exit 75", r"ended with 75$", True),
        ("kill -9 $$", "ended by signal 9", False),
        ("yes | head -c 3000000; echo last; exit 1", "ended with 1: last", False),
    ],
)
def test_a_script_that_fails_says_why_and_runs_again_only_if_it_asks(
    tmp_path: Path, text: str, why: str, again: bool
) -> None:
    with pytest.raises(NotSentError, match=why) as error:
        script.send(parcel("x", address=written(tmp_path, text)), 20)
    assert error.value.retry_can_help is again


def test_a_script_that_could_not_be_started_is_tried_again(tmp_path: Path) -> None:
    path = Path(written(tmp_path, "true"))
    path.chmod(0o644)
    for address, why in ((str(path), "Permission denied"), (f"{path}.gone", "No such file")):
        with pytest.raises(NotSentError, match=why) as error:
            script.send(parcel("x", address=address), 5)
        assert error.value.retry_can_help


def test_a_script_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    path = written(tmp_path, f"(sleep 2; touch {tmp_path}/late) & echo started; wait")
    began = time.monotonic()
    with pytest.raises(NotSentError, match=r"killed after 0\.5 s: started") as error:
        script.send(parcel("x", address=path), 0.5)
    assert not error.value.retry_can_help
    assert time.monotonic() - began < 2
    time.sleep(max(began + 2.5 - time.monotonic(), 0))
    assert not (tmp_path / "late").exists()


def test_what_a_script_leaves_running_keeps_nobody_waiting(tmp_path: Path) -> None:
    began = time.monotonic()
    script.send(parcel("x", address=written(tmp_path, "sleep 5 & exit 0")), 20)
    assert time.monotonic() - began < 3
