"""What programs of releases say is read with suspicion."""

import json

import pytest

from jobmon.batch.release_results import freed, is_name, results


def line(**one):
    return "::result " + json.dumps(one) + "\n"


def test_a_result_is_read_and_what_it_does_not_say_is_added():
    text = "noise\n" + line(subpackage="io", rc=2, line=7, first_error="a.c:1: error:\tno", seconds=1.5,
                            owner="ada@example.org") + line(subpackage="base", step="test", rc=0)  # fmt: skip
    (io, base), wrong = results(text, False, "build")
    assert wrong == []
    assert (io.step, io.rc, io.line, io.first_error, io.log) == ("build", 2, 7, "a.c:1: error: no", "build-io.log")
    assert (base.step, base.rc, base.line, base.owner) == ("test", 0, None, "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("::result nonsense\n", "is not JSON"),
        ("::result []\n", "must be a JSON object"),
        (line(rc=0), "subpackage must be"),
        (line(subpackage="../x", rc=0), "subpackage must be"),
        (line(subpackage="-x", rc=0), "subpackage must be"),
        (line(subpackage="x\n", rc=0), "subpackage must be"),
        (line(subpackage="x"), "rc is missing"),
        (line(subpackage="x", rc=True), "rc must be a number"),
        (line(subpackage="x", rc=10**30), "rc must be from"),
        ('::result {"subpackage": "x", "rc": NaN}\n', "is not JSON"),
        (line(subpackage="x", rc=0, step="../../etc"), "step must be"),
        (line(subpackage="x", rc=0, line=0), "line must be from"),
        (line(subpackage="x", rc=0, first_error=["a"]), "first_error must be a text"),
        (line(subpackage="x", rc=0, seconds=-1), "seconds must be from"),
    ],
)
def test_a_wrong_result_is_told_and_left_out(text, told):
    found, (wrong,) = results(text + line(subpackage="good", rc=0), False, "build")
    assert [one.subpackage for one in found] == ["good"]
    assert told in wrong


def test_an_owner_that_is_no_address_gets_no_mail():
    (one,), (wrong,) = results(line(subpackage="x", rc=1, owner="a@b\nBcc: c@d"), False, "build")
    assert one.owner == ""
    assert "no mail address" in wrong


def test_control_characters_do_not_come_through():
    (one,), _ = results(line(subpackage="x", rc=1, first_error="a\0b\x1b[2J" + "c" * 9999), False, "build")
    assert one.first_error.isprintable()
    assert len(one.first_error) == 500


def test_the_rest_of_a_cut_line_is_no_result():
    text = line(subpackage="x", rc=0)
    assert results(text, True, "build") == ([], [])
    assert len(results("\n" + text, True, "build")[0]) == 1


def test_there_is_an_end_to_results_and_to_complaints():
    found, wrong = results("".join(line(subpackage=f"p{number}", rc=0) for number in range(501)), False, "build")
    assert len(found) == 500
    assert wrong == ["the output holds 501 results, of which the first 500 are taken"]
    _, wrong = results("::result x\n" * 400, False, "build")
    assert len(wrong) == 21


def test_the_last_result_of_a_part_counts():
    (one,), _ = results(line(subpackage="x", rc=1) + line(subpackage="x", rc=0), False, "build")
    assert one.rc == 0


def test_what_was_erased_is_read():
    right = {"build": "core/v1/gcc", "part": "logs", "bytes": 12, "rc": 0}
    text = line(**right) + line(**{**right, "part": "entry"}) + line(**{**right, "bytes": "x"}) + "::result 7\n"
    (one,) = freed(text, False)
    assert (one.build, one.part, one.bytes, one.rc, one.error) == ("core/v1/gcc", "logs", 12, 0, "")


@pytest.mark.parametrize("name", ["v1", "v1.2-rc_3+x", "HEAD-0123abc", "x" * 100])
def test_names_are_names(name):
    assert is_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "-x", "a/b", "a b", "a\n", "ä", "x" * 101, None, 7])
def test_other_things_are_none(name):
    assert not is_name(name)
