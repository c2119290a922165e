"""What messages look like, where they may go, and when they are tried again."""

import email
from typing import Any

import pytest

from jobmon.engine.outbox import MailSettings, OutboxSettings, Target, mail, parse_targets, plan
from jobmon.engine.outbox.message import _clean, _facts, one_line
from jobmon.engine.outbox.parcel import Entry, Parcel
from jobmon.errors import SettingsError

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC


def parcel(*subjects: str, kind: str = "email", address: str = "ann@site.org", **more: Any) -> Parcel:
    facts = more.pop("facts", {"job": 42, "host": None})
    text = more.pop("text", "")
    entries = tuple(Entry(7 + n, NOON, "build 17", line, text, facts) for n, line in enumerate(subjects))
    given = {"count": len(entries), "digest": False} | more
    return Parcel(7, "c0ffee", address, kind, entries=entries, tries=1, fence=1, bundled_at=NOON, **given)


# Targets


def test_the_ancestors_targets_are_understood() -> None:
    assert parse_targets("script:/opt/tell me.sh") == (Target("script", "/opt/tell me.sh"),)
    assert parse_targets("email:ann@site.org, webhook:https://chat.site.org/hook?room=1?on=fail,finish") == (
        Target("email", "ann@site.org"),
        Target("webhook", "https://chat.site.org/hook?room=1", ("fail", "finish")),
    )
    assert parse_targets(["webhook:http://h/x?a=1&on=fail", "email:a@b", "email:a@b"]) == (
        Target("webhook", "http://h/x?a=1", ("fail",)),
        Target("email", "a@b"),
    )
    assert parse_targets("") == ()


def test_a_target_hears_of_what_it_asked_for_and_of_everything_if_it_did_not_ask() -> None:
    picky, other = parse_targets(["email:a@b?on=fail", "email:c@d"])
    assert [event for event in ("submit", "start", "finish", "fail") if picky.wants(event)] == ["fail"]
    assert other.wants("submit")


@pytest.mark.parametrize(
    "text",
    [
        "ann@site.org", "mail:ann@site.org", "email:", "email:ann", "email:a@b,c@d", "email:a@b\nBcc: x@y",
        "email:a@b\n",
        "email:a b@c", "email:..a@b", "email:a@b..c", "email:<a@b>", "email:=?utf-8?q?=0A?=@b",
        f"email:{'a' * 65}@b", "email:ä@b",
        "script:tell.sh", "script:", "script:/a\0b", "script:/a\nb", "script:/a?on=never", "script:/a?on=",
        "script:/a?b",
        "webhook:ftp://h/x", "webhook:/x", "webhook:https://", "webhook:https://u:p@h/", "webhook:https://h/a b",
        "webhook:https://h/\r\nX: y", "webhook:https://h:99999/", "email:a@b?on=fail,boom",
        f"webhook:https://h/{'x' * 3000}",
    ],
)  # fmt: skip
def test_a_bad_target_is_refused_and_told_what_is_allowed(text: str) -> None:
    with pytest.raises(
        SettingsError, match=r"script:/absolute/path, email:name@host or webhook:https.*submit"
    ) as error:
        parse_targets([text])
    assert str(error.value).isprintable()


def test_nobody_lists_thousands_of_targets() -> None:
    with pytest.raises(SettingsError, match="at most 20"):
        parse_targets([f"email:a{n}@b" for n in range(21)])


def test_a_password_is_not_sent_in_the_clear() -> None:
    with pytest.raises(SettingsError, match="in the clear"):
        MailSettings(user="jobmon", password_file="/x")
    with pytest.raises(SettingsError, match=r"mail: sender = .* is not a mail address"):
        MailSettings(sender="jobmon\nBcc: all@site.org")


# Content


def test_what_a_job_writes_cannot_add_headers_lines_or_variables() -> None:
    assert one_line("failed\r\nBcc: all@site.org\0\u2028x\ud800") == "failed Bcc: all@site.org x"
    assert one_line("x" * 1000) == "x" * 299 + "…"
    assert _clean("a\r\nb\tc\x1b[2Jd", 100) == "a\nb\tc [2Jd"
    assert _facts({"Exit code": 3, "LD_PRELOAD=x": "y", "  ": 1, "nan": float("nan"), "big": 10**400, "ok": True}) == {
        "exit_code": 3, "ld_preload_x": "y", "nan": None, "big": None, "ok": True,
    }  # fmt: skip
    assert len(_facts({f"n{n}": n for n in range(1000)})) == 50


@pytest.mark.parametrize("break_", ["=0A", "=0D=0A"])
def test_an_encoded_word_in_a_subject_adds_no_header(break_: str) -> None:
    made = mail.compose(parcel(f"job =?utf-8?q?x{break_}Bcc=3A_all=40site=2Eorg?="), "jobmon@site.org", NOON)
    assert list(email.message_from_bytes(made.as_bytes())) == list(made)
    assert "\n" not in str(made["Subject"])


def test_a_single_mail_says_it_all() -> None:
    made = mail.compose(parcel("job 42 failed", text="gcc: no such file\n"), "jobmon@site.org", NOON)
    assert made["Subject"] == "job 42 failed"
    assert made["Message-ID"] == "<jobmon-7-c0ffee@site.org>"
    assert made["Date"] == "Thu, 01 Jan 2026 12:00:00 +0000"
    assert made["Auto-Submitted"] == "auto-generated"
    assert made.get_content() == "job 42 failed\n\ngcc: no such file\n\njob: 42\n"


def test_500_failures_are_one_mail_of_200_lines_and_a_count() -> None:
    made = mail.compose(parcel(*(f"job {n} failed" for n in range(200)), count=500), "jobmon@site.org", NOON)
    lines = made.get_content().splitlines()
    assert made["Subject"] == "build 17: 500 messages"
    assert lines[0] == "2026-01-01 12:00 UTC  job 0 failed"
    assert lines[199:] == ["2026-01-01 12:00 UTC  job 199 failed", "… and 300 more."]


def test_a_digest_names_the_bundle_of_each_line() -> None:
    made = mail.compose(parcel("a", "b", digest=True), "jobmon@site.org", NOON)
    assert made["Subject"] == "jobmon: 2 messages that were held back"
    assert made.get_content().splitlines()[2:] == [
        "2026-01-01 12:00 UTC  build 17: a",
        "2026-01-01 12:00 UTC  build 17: b",
    ]


def test_tries_come_later_and_later_for_three_days() -> None:
    waits, now, tries = [], NOON, 1
    while (due := plan.next_try(tries, NOON, now)) is not None:
        waits.append(due - now)
        now, tries = due, tries + 1
    assert waits[:9] == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert max(waits) == 3600
    assert now == NOON + 3 * 86400
    assert plan.next_day(NOON - 1) == plan.next_day(NOON) == NOON + 12 * 3600


def test_settings_that_cannot_be_are_refused() -> None:
    for wrong in ({"per_day": 0}, {"parallel": 0}, {"period_s": -1}, {"script_timeout_s": 0}):
        with pytest.raises(SettingsError, match="outbox"):
            OutboxSettings(**wrong)  # type: ignore[arg-type]
