"""What is not named is shown to nobody, and docs/access.md names the same."""

from pathlib import Path

import pytest

from jobmon.api.routes import Asker
from jobmon.api.visibility import Kind, To, table
from jobmon.batch import visibility as batch
from jobmon.live import own, privacy
from jobmon.live import visibility as live

ACCESS = (Path(__file__).parents[2] / "docs/access.md").read_text()
KIND = Kind(
    "thing",
    {To.READERS: "a", To.OPENLY: "b who", To.CONTENT: "c", To.OWNER: "d", To.STAFF: "e"},
    owners=("who",),
    people=frozenset({"who"}),
    changed={"d": len},
)
ROW = {"a": 1, "b": 2, "c": 3, "d": "secret", "e": 5, "new": 6, "who": "ada"}


def asker(name="", *, staff=False, hides=False):
    own_only = "" if staff or not hides else name or "\0"
    return Asker(name, "operator" if staff else "user", staff, own_only, lambda user: f"user-{len(user)}")


@pytest.mark.parametrize(
    ("who", "opened", "names"),
    [
        (asker(), False, "a b who"),
        (asker("eve"), False, "a b who"),
        (asker("eve"), True, "a b who c"),
        (asker("ada"), False, "a b who c d"),
        (asker("olga", staff=True), False, "a b who c d e"),
        (asker(hides=True), True, "a"),
        (asker("eve", hides=True), True, "a"),
        (asker("ada", hides=True), False, "a b who c d"),
    ],
)
def test_each_is_shown_what_is_named_for_them_and_nothing_else(who, opened, names):
    assert list(KIND.shown(ROW, who, opened=opened)) == names.split()


def test_nobody_is_shown_a_field_that_is_not_named_or_a_secret():
    assert KIND.shown(ROW, asker("olga", staff=True))["d"] == len("secret")


def test_others_are_called_by_their_public_names():
    assert KIND.shown(ROW, asker("eve"))["who"] == "user-3"
    assert KIND.shown(ROW, asker("ada"))["who"] == "ada"
    assert KIND.shown(ROW, asker("olga", staff=True))["who"] == "ada"
    assert KIND.shown({"who": ""}, asker("eve"))["who"] == ""


def test_who_has_no_name_owns_nothing():
    assert not KIND.belongs({"who": ""}, asker())


def test_the_guide_has_the_lists_that_are_in_force():
    wanted = table([*batch.KINDS, *live.KINDS])
    assert wanted in ACCESS, f"put this into docs/access.md:\n{wanted}"


def test_a_part_of_a_file_that_is_not_named_is_nobodys():
    document = {"format": 1, "timestamp": 1, "runs": {"1": {"user": "ada"}}, "new": "secret"}
    assert own.filtered("live/runs/0", document, "ada", set) == {
        "format": 1, "timestamp": 1, "runs": {"1": {"user": "ada"}}}  # fmt: skip


def test_what_a_job_tells_beyond_what_is_named_is_not_public_where_names_are_hidden():
    from jobmon.config import WebSettings

    web = WebSettings(names="short", tokens_file="/t")
    job = {"username": "ada", "name": "fit", "account": "sky", "comment": "secret"}
    snapshot = {"usage": {"users": {}}, "jobs": {"1": job}, "nodes": {}, "notes": "secret"}
    shown = privacy.public(snapshot, web, privacy.Mask("short", b"key"))
    assert "secret" not in str(shown)
    assert shown["jobs"]["1"]["name"] == "fit"


def test_a_source_that_failed_is_said_to_have_failed_without_its_words():
    source = {"name": "prometheus", "lastSuccess": 1, "duration": 1.0, "error": "http://secret", "errors": 1,
              "records": 0, "skipped": 1, "reasons": ["job 17"], "nodes": 2, "warning": "odd: secret"}  # fmt: skip
    (shown,) = live.sources([source])
    assert shown.keys() == source.keys()
    assert (bool(shown["error"]), bool(shown["warning"]), shown["reasons"]) == (True, True, [])
    assert "secret" not in str(shown)
