"""Workflow files are checked when they are read, and each message says where it is wrong and what is allowed."""

import hashlib
import os
import re
import tomllib
from pathlib import Path

import pytest

from jobmon.batch.workflow.definitions import load, parse
from jobmon.batch.workflow.library import Library
from jobmon.errors import SettingsError

SAMPLES = Path(__file__).parents[2] / "etc/workflows.d"

CASES = tomllib.loads((Path(__file__).parents[1] / "cases/workflow/mistakes.toml").read_text())
GOOD = CASES["good"]


def rule(text):
    return GOOD.replace('when = { rc = 0 }\nnext = ["b"]', text)


def errors_of(text):
    with pytest.raises(SettingsError) as caught:
        parse(text, "w.toml")
    return str(caught.value).split("\n")


def test_the_sample_loads_and_is_that_of_the_specification():
    found = load(SAMPLES)
    assert found.errors == ()
    release = found.workflows["release"].workflow
    assert [stage.name for stage in release.stages] == ["checkout", "build", "test", "doxygen", "package", "report"]
    assert [stage.name for stage in release.stages if stage.optional] == ["doxygen"]
    assert release.final.name == "report"


def test_every_rule_of_the_sample_is_explained():
    """A newcomer learns from it: every key of a rule's `when` and every action is named in its first comment."""
    head = SAMPLES.joinpath("release.toml").read_text().partition("\n[workflow.")[0]
    for word in ("rc", "state", "output", "attempt", "elapsed", "param."):
        assert re.search(rf"^#   {re.escape(word)}", head, re.MULTILINE), word
    for word in ("next", "start", "retry", "notify", "set", "stop", "hold"):
        assert word in head.partition("What can follow:")[2]


def test_text_and_digest_are_kept(tmp_path):
    tmp_path.joinpath("w.toml").write_text(GOOD)
    found = load(tmp_path).workflows["w"]
    assert found.text == GOOD
    assert found.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()
    assert parse(found.text, "kept")[0].workflow == found.workflow


@pytest.mark.parametrize("row", CASES["case"], ids=lambda row: row["says"][:60])
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(row):
    text = (
        rule(row["rule"])
        if "rule" in row
        else row.get("text") or GOOD.replace(row.get("replace", GOOD), row.get("by", ""))
    )
    errors = errors_of(text)
    assert any(row["says"] in error for error in errors), errors
    assert all(error.startswith("w.toml: ") and error.isprintable() for error in errors)


@pytest.mark.parametrize("text", ["workflow = " + "[" * 5000, "[workflow.w]\nstage = " + "9" * 5000])
def test_what_breaks_a_parser_is_no_toml(text):
    assert errors_of(text)[0].startswith("w.toml: is not TOML")


def test_an_optional_stage_cannot_stop_the_run_as_failed():
    text = GOOD.replace('name = "b"', 'name = "b"\noptional = true')
    assert (
        "an optional stage never fails the run"
        in errors_of(text + '[[workflow.w.stage.on]]\nwhen = { rc = 1 }\nstop = "failed"')[0]
    )


def test_all_mistakes_of_a_file_are_told_at_once():
    text = GOOD.replace('"{p}"', '"{q}"').replace('next = ["b"]', 'next = ["b", "c"]')
    assert len(errors_of(text)) == 2


def test_a_flood_of_mistakes_is_cut():
    text = GOOD + "".join(f"x{number} = 1\n" for number in range(500))
    assert len(errors_of(text)) == 51


@pytest.mark.parametrize(
    "text",
    [
        rule('when = { rc = [0, "1-63", ">200"] }\nnext = ["b"]'),
        rule('when = { rc = "1,2, 64-78" }\nnext = ["b"]'),
        rule('when = { attempt = ["<3", 5] }\nnext = ["a", "b"]'),  # a loop, ended by the cap of visits
        rule('when = { state = ["any"] }\nnext = ["b"]\nhold = "ask"'),
        rule('when = { param.p = ["x", 3] }\nnext = ["b"]\nnotify = "email:{p}"'),
        rule('when = { elapsed = "10m-2h" }\nnext = ["b"]\nset = { n = 3 }'),
        GOOD.replace('["run"]', '["run"]\ntime_limit = 30'),
        GOOD.replace('["run"]', '["run"]\ntime_limit = "1h30m"'),
        GOOD.replace('["run", "{p}"]', '["sh", "-c", "make \\"$1\\"", "sh", "{p}"]'),
    ],
)
def test_what_is_allowed_is_accepted(text):
    assert len(parse(text, "w.toml")) == 1


def test_one_bad_file_never_hides_the_others(tmp_path):
    tmp_path.joinpath("a.toml").write_text("[workflow")
    tmp_path.joinpath("b.toml").write_bytes(b"# \xff\n[workflow.x]")
    tmp_path.joinpath("c.toml").write_bytes(b"#" * ((1 << 20) + 1))
    tmp_path.joinpath("d.toml").mkdir()
    os.mkfifo(tmp_path / "e.toml")
    tmp_path.joinpath("f.toml").symlink_to("nowhere")
    tmp_path.joinpath("good.toml").write_text(GOOD)
    tmp_path.joinpath("good.toml.bak").write_text("[")
    tmp_path.joinpath(".hidden.toml").write_text("[")
    found = load(tmp_path)
    assert list(found.workflows) == ["w"]
    told = [error.removeprefix(f"{tmp_path}/").partition(": ")[::2] for error in found.errors]
    assert [name for name, _ in told] == ["a.toml", "b.toml", "c.toml", "d.toml", "e.toml", "f.toml"]
    words = ("is not TOML", "is not UTF-8 in line 1", "larger than 1 MiB", "is no file", "is no file", "cannot be read")
    assert all(expected in text for expected, (_, text) in zip(words, told, strict=True)), told


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert load(tmp_path / "none") == load(tmp_path)


def test_a_name_in_two_files_is_taken_from_neither(tmp_path):
    for name in ("old", "new"):
        tmp_path.joinpath(f"{name}.toml").write_text(GOOD + starting("x" + name, "nowhere"))
    found = load(tmp_path)
    assert found.workflows == {}
    assert len(found.errors) == 2
    assert f"workflow w: is in {tmp_path}/old.toml too; keep one of them" in found.errors[0]


def starting(name, other, more=""):
    return f"""
[workflow.{name}]
[[workflow.{name}.stage]]
name = "s"
command = ["run"]
[[workflow.{name}.stage.on]]
when = {{ rc = 0 }}
start = {{ workflow = "{other}"{more} }}
"""


@pytest.mark.parametrize(
    ("other", "more", "message"),
    [
        ("v", "", "workflow x, stage s, rule 1, start.workflow = 'v': there is no such workflow; known: w, x"),
        ("w", "", "workflow x, stage s, rule 1, start.params: w needs p as well"),
        (
            "w",
            ', params = { p = "1", q = "2" }',
            "workflow x, stage s, rule 1, start.params.q: w has no such parameter; it has p",
        ),
    ],
)
def test_a_start_is_held_against_the_other_workflows(tmp_path, other, more, message):
    tmp_path.joinpath("w.toml").write_text(GOOD)
    tmp_path.joinpath("x.toml").write_text(starting("x", other, more))
    found = load(tmp_path)
    assert list(found.workflows) == ["w"]
    assert found.errors == (f"{tmp_path}/x.toml: {message}",)


def test_what_starts_a_bad_workflow_is_bad_as_well(tmp_path):
    tmp_path.joinpath("w.toml").write_text(GOOD)
    tmp_path.joinpath("x.toml").write_text(starting("x", "y"))
    tmp_path.joinpath("y.toml").write_text(starting("y", "z"))
    found = load(tmp_path)
    assert list(found.workflows) == ["w"]
    assert len(found.errors) == 2


def test_items_may_bring_the_parameters(tmp_path):
    tmp_path.joinpath("w.toml").write_text(GOOD)
    tmp_path.joinpath("x.toml").write_text(starting("x", "w", ', foreach = "item"'))
    assert sorted(load(tmp_path).workflows) == ["w", "x"]


def test_parameters_of_a_run_are_checked():
    workflow = parse(GOOD, "w.toml")[0].workflow
    assert workflow.problems_of({"p": "core"}) == []
    assert workflow.problems_of({"q": "1"}) == ["'q': is no parameter of w", "p: is missing"]
    for bad in (1, None, "a\0b", "x" * 10_001):
        assert "p: must be a text" in workflow.problems_of({"p": bad})[0]


def test_the_sample_is_toml_without_tabs():
    text = SAMPLES.joinpath("release.toml").read_text()
    assert "\t" not in text
    assert set(tomllib.loads(text)) == {"workflow"}


def test_a_link_that_leads_nowhere_keeps_no_other_file_from_being_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr("jobmon.batch.workflow.library.LOOK_S", 0)
    text = '[workflow.{0}]\n[[workflow.{0}.stage]]\nname = "a"\ncommand = ["true"]\n'
    (tmp_path / "gone.toml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a.toml").write_text(text.format("first"))
    library = Library(str(tmp_path))
    assert set(library.current().workflows) == {"first"}
    (tmp_path / "b.toml").write_text(text.format("second"))
    assert set(library.current().workflows) == {"first", "second"}
    assert any("gone.toml" in error for error in library.current().errors)
