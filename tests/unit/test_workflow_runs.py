"""Whole runs, stage by stage: how they go on, how a failure, a stop or a person ends them."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from jobmon.batch.workflow.definitions import load, parse
from jobmon.batch.workflow.joins import released
from jobmon.batch.workflow.outcome import Outcome
from workflow_run import Run, workflow_of

RELEASE = load(Path(__file__).parents[2] / "etc/workflows.d").workflows["release"].workflow


def test_a_release_from_its_checkout_to_its_report():
    run = Run(RELEASE)
    assert run.started == ["checkout"]
    run.end("checkout")
    run.end("build")
    assert run.active == {"test", "doxygen"}
    run.end("doxygen")
    assert run.active == {"test"}  # package waits for both
    run.end("test")
    assert run.active == {"package"}
    run.end("package")
    assert run.active == {"report"}
    run.end("report")
    assert run.now.finished == "succeeded"
    assert run.now.skipped == ()
    assert Counter(run.started).most_common(1)[0][1] == 1


def test_what_is_no_release_is_not_packaged():
    run = Run(RELEASE, version_type="HEAD")
    for name in ("checkout", "build", "test", "doxygen"):
        run.end(name)
    assert run.active == {"report"}
    assert run.now.skipped == ("package",)
    run.end("report")
    assert run.now.finished == "succeeded"


@pytest.mark.parametrize("order", [("doxygen", "test"), ("test", "doxygen")])
def test_an_optional_stage_that_fails_holds_nothing_up(order):
    run = Run(RELEASE)
    run.end("checkout")
    run.end("build")
    for name in order:
        run.end(name, rc=1 if name == "doxygen" else 0)
    run.end("package")
    run.end("report")
    assert run.now.finished == "succeeded"


def test_after_a_stop_the_report_still_comes_and_nothing_else():
    run = Run(RELEASE)
    run.end("checkout", rc=1)
    assert run.started == ["checkout", "report"]
    assert run.now.skipped == ("build", "test", "doxygen", "package")
    run.end("report")
    assert run.now.finished == "failed"


def test_after_a_stop_the_report_waits_for_what_still_runs():
    run = Run(RELEASE)
    run.end("checkout")
    run.end("build")
    run.end("test", rc=1)
    assert run.active == {"doxygen"}
    run.end("doxygen")
    assert run.active == {"report"}


def test_the_report_may_be_tried_again_after_a_stop():
    run = Run(RELEASE)
    run.end("checkout", rc=1)
    run.end("report", rc=1)
    assert run.now.finished is None
    assert run.now.given_up == ()
    run.tried_again("report")
    run.end("report", attempt=2)
    assert run.now.finished == "failed"
    assert run.started.count("report") == 1


def test_a_report_that_fails_makes_the_run_fail():
    run = Run(workflow_of(("a", "", {}), ("z", "final = true", {})))
    run.end("a")
    run.end("z", rc=1)
    assert run.now.finished == "failed"


def test_a_person_stops_a_run():
    run = Run(RELEASE)
    run.end("checkout")
    run.stopped = "stopped"
    run.end("build")
    run.end("report")
    assert run.now.finished == "stopped"
    assert run.started == ["checkout", "build", "report"]


def test_a_failure_without_a_rule_fails_the_run_and_what_runs_may_end():
    run = Run(workflow_of(("a", "", {0: ["b", "c"]}), ("b", "", {0: ["d"]}), ("c", "", {}), ("d", "", {})))
    run.end("a")
    run.end("c", rc=1)
    assert run.now.finished is None
    assert run.now.skipped == ("d",)
    run.end("b")
    assert run.now.finished == "failed"
    assert "d" not in run.started


HELD = """
[workflow.w]
[[workflow.w.stage]]
name = "a"
command = ["x"]
[[workflow.w.stage.on]]
when = { rc = 0 }
hold = "look at it"
next = ["b"]
[[workflow.w.stage]]
name = "b"
command = ["x"]
"""


def test_a_held_run_goes_on_when_it_is_released():
    run = Run(parse(HELD, "w.toml")[0].workflow)
    run.end("a")
    assert run.now == replace(run.now, ready=(), skipped=(), finished=None)
    run.states["a"] = released(run.states["a"], Outcome(rc=0))
    run.go()
    run.end("b")
    assert run.now.finished == "succeeded"


def test_a_stop_lets_go_of_what_is_held():
    run = Run(parse(HELD, "w.toml")[0].workflow)
    run.end("a")
    run.stopped = "stopped"
    run.go()
    assert run.now.given_up == ("a",)
    assert run.now.finished == "stopped"
