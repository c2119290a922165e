"""Which stages wait for which, what a loop starts again, and that a run of any shape comes to its end."""

import random
from collections import Counter

import pytest

from jobmon.batch.workflow.models import MOST_VISITS
from workflow_run import Run, workflow_of

DIAMOND = (
    ("a", "", {0: ["b", "c"]}),
    ("b", "", {0: ["d"], 1: ["e"], 2: []}),
    ("c", "optional = true", {0: ["d"], 2: []}),
)


@pytest.mark.parametrize(
    ("join", "b", "c", "runs"),
    [
        ("all_ok", 0, 0, True),
        ("all_ok", 0, 1, True),  # optional and failed: not asked
        ("all_ok", 0, 2, True),  # also if its rule leads elsewhere
        ("all_ok", 2, 0, False),  # its rule says that nothing follows
        ("all_ok", 1, 0, False),
        ("all_ok", 1, 1, False),
        ("all_done", 0, 2, True),
        ("all_done", 1, 0, True),
        ("all_done", 1, 1, True),  # nobody said that it follows, but one failed and no rule said otherwise
        ("all_done", 2, 2, False),
        ("any", 0, 2, True),
        ("any", 1, 0, True),
        ("any", 1, 1, False),
    ],
)
@pytest.mark.parametrize("order", ["bc", "cb"])
def test_joins(join, b, c, runs, order):
    run = Run(workflow_of(*DIAMOND, ("d", f'join = "{join}"', {}), ("e", "", {})))
    run.end("a")
    for name in order:
        run.end(name, rc={"b": b, "c": c}[name])
    while run.active:
        run.end(min(run.active))
    assert run.started.count("d") == int(runs)
    assert ("d" in run.now.skipped) is not runs
    assert run.now.finished == "succeeded"


def test_any_starts_at_the_first_and_once():
    run = Run(workflow_of(*DIAMOND, ("d", 'join = "any"', {}), ("e", "", {})))
    run.end("a")
    run.end("c")
    assert run.active == {"b", "d"}
    run.end("d")
    run.end("b")
    assert run.started.count("d") == 1
    assert run.now.finished == "succeeded"


def test_any_does_not_wait_for_one_that_has_not_begun():
    """The longer way comes later, and is not a second reason to start."""
    stages = (("a", "", {0: ["b", "c"]}), ("b", "", {0: ["d"]}), ("c", "", {0: ["e"]}), ("e", "", {0: ["d"]}))
    run = Run(workflow_of(*stages, ("d", 'join = "any"', {})))
    for name in "abdce":
        run.end(name)
    assert run.started == ["a", "b", "c", "d", "e"]


def test_any_is_not_started_again_by_one_that_took_a_loop_on_its_way():
    stages = (("a", "", {0: ["b", "c"]}), ("b", "", {0: ["d"], 1: ["b"]}), ("c", "", {0: ["d"]}))
    run = Run(workflow_of(*stages, ("d", 'join = "any"', {})))
    run.end("a")
    run.end("c")
    run.end("b", rc=1)
    run.end("d")
    run.end("b")
    assert run.now.finished == "succeeded"
    assert Counter(run.started) == {"a": 1, "b": 2, "c": 1, "d": 1}


def test_the_cap_holds_when_two_arrive_at_once():
    """Each of them sees a stage that may be visited once more, but only one of them can have that visit."""
    stages = (("a", 'join = "any"', {0: ["b", "c"]}), ("b", "", {0: ["a"]}), ("c", "", {0: ["a"]}))
    run = Run(workflow_of(*stages))
    while run.active:
        run.end(max(run.active))
    assert run.now.finished == "failed"
    assert run.started.count("a") <= MOST_VISITS


def test_any_is_started_again_by_what_it_led_to_itself():
    stages = (("a", "", {0: ["b", "c"]}), ("b", "", {0: ["d"]}), ("c", "", {0: ["d"]}))
    run = Run(workflow_of(*stages, ("d", 'join = "any"', {0: [], 1: ["a"]})))
    run.end("a")
    run.end("b")
    run.end("c")
    run.end("d", rc=1)
    run.end("a")
    run.end("c")
    run.end("b")
    run.end("d")
    assert run.now.finished == "succeeded"
    assert set(Counter(run.started).values()) == {2}


def test_a_branch_that_is_not_taken_keeps_nobody_waiting():
    stages = (("a", "", {0: ["b"], 1: ["c"]}), ("b", "", {0: ["d"]}), ("c", "", {0: ["d"]}), ("d", "", {}))
    run = Run(workflow_of(*stages))
    run.end("a", rc=1)
    run.end("c")
    run.end("d")
    assert run.started == ["a", "c", "d"]
    assert run.now.skipped == ("b",)


@pytest.mark.parametrize("join", ["all_ok", "all_done", "any"])
def test_a_loop_runs_its_stages_again(join):
    """Test sends back to build, where checkout came from too."""
    stages = (
        ("checkout", "", {0: ["build"]}),
        ("build", f'join = "{join}"', {0: ["test", "docs"]}),
        ("test", "", {0: ["pack"], 1: ["build"]}),
        ("docs", "", {0: ["pack"]}),
        ("pack", f'join = "{join}"', {}),
    )
    run = Run(workflow_of(*stages))
    run.end("checkout")
    run.end("build")
    run.end("test", rc=1)
    assert run.active == {"docs", "build"}
    run.end("docs")
    assert ("pack" in run.active) is (join == "any")
    run.end("build")
    assert {"docs", "test"} <= run.active
    for name in ("docs", "test", "pack"):
        while name in run.active:
            run.end(name)
    counted = Counter(run.started)
    assert counted == {"checkout": 1, "build": 2, "test": 2, "docs": 2, "pack": 1}
    assert run.now.finished == "succeeded"


@pytest.mark.parametrize("join", ["all_ok", "all_done", "any"])
def test_a_loop_without_an_end_ends_after_twenty_visits(join):
    run = Run(workflow_of(("a", f'join = "{join}"', {1: ["a"]}), ("z", "final = true", {})))
    while "a" in run.active:
        decision = run.end("a", rc=1)
    assert run.started == ["a"] * MOST_VISITS + ["z"]
    assert "the loop ends here" in decision.reason
    run.end("z")
    assert run.now.finished == "failed"


def test_stages_that_wait_for_each_other_do_not_wait_for_ever():
    stages = (("a", "", {0: ["b", "c"]}), ("b", "", {0: ["c"]}), ("c", "", {0: ["b"]}))
    run = Run(workflow_of(*stages))
    run.end("a")
    assert run.active == {"b"}


@pytest.mark.parametrize("seed", range(150))
def test_every_run_of_any_shape_ends(seed):
    """No shape of stages and no order of endings leaves a run that neither goes on nor ends."""
    draw = random.Random(seed)
    names = [f"s{number}" for number in range(draw.randint(2, 7))]
    stages = []
    for index, name in enumerate(names):
        after = {*names[index + 1 : index + 2], *draw.sample(names, draw.randint(0, len(names) // 2))}
        join = draw.choice(["all_ok", "all_done", "any"])
        options = f'join = "{join}"\noptional = {"true" if draw.random() < 0.3 else "false"}'
        stages.append((name, options, {0: sorted(after), 1: draw.sample(names, draw.randint(0, 2))}))
    run = Run(workflow_of(*stages, ("last", "final = true", {})))
    for _ in range(2000):
        if not run.active:
            break
        assert not run.now.finished
        assert max(Counter(run.started).values()) <= MOST_VISITS
        run.end(draw.choice(sorted(run.active)), rc=draw.choice([0, 0, 1, 2]) if len(run.started) > 5 else 0)
    assert run.now.finished
    assert run.started.count("last") == 1
    assert run.started[-1] == "last"
    assert {name for name, state in run.states.items() if state.visits}.isdisjoint(run.now.skipped)
    assert {*run.started, *run.now.skipped} == {*names, "last"}
