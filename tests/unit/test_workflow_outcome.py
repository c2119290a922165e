"""What a program's output says to its workflow, and how values get into commands."""

import json

import pytest

from jobmon.batch.workflow.outcome import Outcome, read
from jobmon.batch.workflow.placeholders import FillError, Values, fill, fill_command, fill_key


def told(text, **more):
    return read(Outcome(rc=0, output_tail=text, **more))


def test_variables_and_items_are_read_among_other_lines():
    found = told('hello\n::set a=1\n::set a=2=3 \r\n  ::set b=1\n::item {"p": "x", "n": 1.5, "t": true, "z": null}\n')
    assert found.variables == {"a": "2=3 "}
    assert found.items == ({"p": "x", "n": "1.5", "t": "true", "z": ""},)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("::set", "must be ::set name=value"),
        ("::set a b=1", "must be ::set name=value"),
        ("::set ../x=1", "must be ::set name=value"),
        ("::set a=x\0y", "NUL"),
        ("::set a=" + "x" * 4097, "longer than 4096"),
        ("::item", "is not JSON"),
        ("::item {'a': 1}", "is not JSON"),
        ("::item [1]", "JSON object"),
        ("::item {}", "JSON object"),
        ('::item {"a": [1]}', "must be a text or a number"),
        ('::item {"a b": 1}', "must be named by letters"),
        ('::item {"a": "\\u0000"}', "NUL"),
        ("::item " + "[" * 5000, "is not JSON"),
        ('::item {"a": NaN}', "is not JSON"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(line, words):
    found = told(f"::set good=1\n{line}\n" + '::item {"good": 1}')
    assert found.variables == {"good": "1"}
    assert found.items == ({"good": "1"},)
    assert len(found.problems) == 1
    assert "line 2" in found.problems[0]
    assert words in found.problems[0]


def test_at_most_a_thousand_items_are_taken():
    found = told("".join(f"::item {json.dumps({'n': n})}\n" for n in range(1500)))
    assert len(found.items) == 1000
    assert "holds 1500 items" in found.problems[0]


def test_a_flood_of_bad_lines_is_told_in_few_words():
    found = told("::item x\n" * 5000)
    assert len(found.problems) == 22
    assert "980 more lines" in found.problems[20]


def test_of_a_long_output_the_end_is_read_and_no_half_line():
    text = "é" * 70_000 + "::set a=1\n::set b=2\n"
    outcome = Outcome(rc=0, output_tail=text)
    assert len(outcome.output_tail.encode()) <= 65_536
    assert read(outcome).variables == {"b": "2"}
    assert "longer than 64 KiB" in read(outcome).problems[0]


def test_a_tail_that_begins_within_a_line_is_not_taken_for_one_of_ours():
    assert told("::set a=1\n::set b=2", output_cut=True).variables == {"b": "2"}


def test_only_return_code_0_of_a_command_that_ended_by_itself_is_right():
    assert Outcome(rc=0).ok
    assert not Outcome(rc=None).ok
    assert not Outcome(rc=0, state="timeout").ok


VALUES = Values(run="7", stage="s", attempt=2, params={"p": "core"}, variables={"v": "1", "p": "evil"}, item={"p": "i"})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{p}", "core"),
        ("a{p}{v}b", "acore1b"),
        ("{run}/{stage}/{attempt}", "7/s/2"),
        ("{item.p} {set.v} {set.p}", "i 1 evil"),
        ("{last.cursor}", ""),
        ("{{p}} {{{p}}}", "{p} {core}"),
    ],
)
def test_placeholders(text, filled):
    assert fill(text, VALUES) == filled


HOSTILE = ["a\nb", "; rm -rf /", "$(id)", "{run}", "{{x}}", "{", "", " ", "--option", "\u202e"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_stays_one_element_as_it_is(value):
    values = Values(run="7", params={"p": value})
    assert fill_command(["build", "{p}", "--name={p}", "end"], values) == ["build", value, f"--name={value}", "end"]


@pytest.mark.parametrize(("value", "words"), [("a\0b", "NUL"), ("\ud800", "not UTF-8"), ("x" * 100_001, "longer than")])
def test_what_no_command_line_can_hold_is_refused(value, words):
    with pytest.raises(FillError, match=words):
        fill_command(["build", "{p}"], Values(params={"p": value}))


@pytest.mark.parametrize("text", ["{nothing}", "{item.q}", "{set.q}"])
def test_a_placeholder_without_a_value_is_never_empty(text):
    with pytest.raises(FillError, match="has no value"):
        fill(text, VALUES)


def test_keys_differ_where_values_do():
    pairs = [("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c"), ("a\nb", "c"), ("x" * 300, "c"), ("x" * 301, "c")]
    keys = {fill_key("{p}/{q}", Values(params={"p": p, "q": q})) for p, q in pairs}
    assert len(keys) == len(pairs)
    assert all(len(key) <= 200 and key.isprintable() for key in keys)
