"""What follows when a stage has ended: the rows of tests/cases/workflow/decisions.toml, and what rows cannot say."""

import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmon.batch.workflow.decision import decide, delay_s
from jobmon.batch.workflow.definitions import parse
from jobmon.batch.workflow.models import Retry
from jobmon.batch.workflow.outcome import Outcome
from jobmon.batch.workflow.placeholders import Values
from jobmon.batch.workflow.searching import Searcher

CASES = tomllib.loads((Path(__file__).parents[1] / "cases/workflow/decisions.toml").read_text())
ENDING = ("rc", "signal", "state", "output", "attempt", "elapsed_s")
GIVEN = (*ENDING, "stage", "visits", "params")


@pytest.fixture(scope="module")
def searcher() -> Iterator[Searcher]:
    with Searcher() as kept:
        yield kept


def workflow_of(text, name="case"):
    return next(one.workflow for one in parse(text, "case.toml") if one.workflow.name == name)


CASE = workflow_of(CASES["definition"])


def outcome_of(row):
    given = {key: row[key] for key in ENDING if key in row}
    return Outcome(**{"output_tail" if key == "output" else key: value for key, value in given.items()})


def told(decision, row):
    """Return a decision in the words of the rows, without what is usual."""
    rules = list(decision.rules)
    found = {
        "rule": rules[0] if len(rules) == 1 else rules or None,
        "next": None if decision.next is None else list(decision.next),
        "retry_s": decision.retry_s,
        "starts": [start.dedupe or f"{start.workflow} {start.params['package']}" for start in decision.starts],
        "stop": decision.stop,
        "hold": decision.hold,
        "notify": list(decision.notify),
        "set": dict(decision.variables),
        "fails": decision.fails,
    }
    usual = {"starts": [], "notify": [], "set": {}, "fails": False}
    found = {key: value for key, value in found.items() if value is not None and value != usual.get(key, ...)}
    words = row.get("note", "")
    if any(words in note for note in decision.notes) if words else decision.notes:
        found["note"] = words or decision.notes
    return found


def identity(row):
    return "-".join(str(row[key])[:20] for key in ("stage", *ENDING) if key in row)


@pytest.mark.parametrize("row", CASES["case"], ids=identity)
def test_golden_decision(row, searcher):
    params = CASES["params"] | row.get("params", {})
    values = Values(run="7", workflow="case", stage=row["stage"], params=params, attempt=row.get("attempt", 1))
    decision = decide(CASE.stage(row["stage"]), outcome_of(row), values, row.get("visits", {}), searcher)
    assert told(decision, row) == {key: value for key, value in row.items() if key not in GIVEN}
    assert decision.reason.startswith(row["stage"])


def test_there_are_at_least_sixty_rows():
    assert len(CASES["case"]) >= 60


def one_rule(rule, more=""):
    text = f"""
[workflow.case]
params = ["package"]
[[workflow.case.stage]]
name = "s"
command = ["true"]
{more}
[[workflow.case.stage.on]]
{rule}
"""
    return workflow_of(text).stage("s")


def test_a_loop_that_ends_says_where_and_after_how_many_visits(searcher):
    stage = one_rule('when = { state = "any" }\nnext = ["s"]')
    decision = decide(stage, Outcome(rc=1), Values(), {"s": 20}, searcher)
    assert decision.fails
    assert decision.next is None
    assert "leads to s again, where the run has been 20 times: the loop ends here" in decision.reason


def test_a_rule_after_a_pathological_expression_is_still_tried_and_the_decision_comes_soon(searcher):
    rules = "when = { output = '(a+)+$' }\nstop = \"failed\"\n[[workflow.case.stage.on]]\nwhen = { rc = 1 }\nnext = []"
    before = time.monotonic()
    decision = decide(one_rule(rules), Outcome(rc=1, output_tail="a" * 65_000 + "!"), Values(), {}, searcher)
    assert time.monotonic() - before < 5
    assert decision.rule == 2
    assert decision.notes == ("rule 1: the expression '(a+)+$' was stopped after 100 ms, which counts as no match",)


def test_cheap_conditions_spare_the_search(searcher):
    stage = one_rule("when = { rc = 0, output = '(a+)+$' }\nnext = []")
    assert decide(stage, Outcome(rc=1, output_tail="a" * 100 + "!"), Values(), {}, searcher).notes == ()


def test_the_same_question_has_the_same_answer(searcher):
    stage = one_rule("when = { output = '(?P<x>.+)' }\nset = { y = \"{x}\" }\nnext = []")
    outcome = Outcome(rc=1, output_tail="::set a=1\nhello")
    assert len({repr(decide(stage, outcome, Values(), {}, searcher)) for _ in range(5)}) == 1


@pytest.mark.parametrize("hostile", ["a\nb", "{run}", "{{", "}", "$(reboot)", "a b", "", "é\u2028"])
def test_hostile_values_stay_what_they_are(hostile, searcher):
    stage = one_rule('when = { rc = 0 }\nset = { copy = "<{package}>" }\nnext = []')
    decision = decide(stage, Outcome(rc=0), Values(run="7", params={"package": hostile}), {}, searcher)
    assert decision.variables == {"copy": f"<{hostile}>"}


def test_a_value_with_nul_is_left_out_and_named(searcher):
    stage = one_rule('when = { rc = 0 }\nset = { copy = "{package}" }\nnext = []')
    decision = decide(stage, Outcome(rc=0), Values(params={"package": "a\0b"}), {}, searcher)
    assert decision.variables == {}
    assert "NUL" in decision.notes[0]


def test_a_group_that_is_too_long_for_a_variable_is_not_cut(searcher):
    stage = one_rule("when = { output = '(?P<all>x+)' }\nnext = []")
    decision = decide(stage, Outcome(rc=1, output_tail="x" * 5000), Values(), {}, searcher)
    assert decision.next == ()
    assert decision.variables == {}
    assert "longer than 4096" in decision.notes[0]


@pytest.mark.parametrize("backoff", [1.0, 2.0, 100.0])
def test_delays_never_shrink_and_never_pass_a_week(backoff):
    retry = Retry(delay=60, backoff=backoff)
    delays = [delay_s(retry, attempt) for attempt in range(1, 1001)]
    assert delays[0] == 60
    assert delays == sorted(delays)
    assert delays[-1] <= 7 * 86_400
