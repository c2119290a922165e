"""The daemon's scorer does what the shared cases say, and a rule is one entry in a table."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobmon.errors import SettingsError
from jobmon.live.scores import Array, JobRows, NodeRows, Scores, evaluate, load_rules, score

CASES = sorted(Path(__file__).parents[1].glob("cases/scores/*/case.json"))
SERIES = ("known", "user", "system", "wait", "mem", "gpuUtil")


def column(values: list[Any]) -> Array:
    return np.array(values, dtype=np.float64)


def series(rows: list[dict[str, Any]], names: tuple[str, ...], times: int) -> dict[str, Array]:
    unknown = [None] * times
    wanted = [name for name in names if any(name in row["series"] for row in rows)]
    return {name: column([row["series"].get(name, unknown) for row in rows]).reshape(-1, times) for name in wanted}


def run(case: dict[str, Any]) -> Scores:
    rules, defaults = load_rules()
    rows, nodes, times = case["rows"], case["nodes"], case["times"]
    return score(
        rules,
        defaults | case["settings"],
        case["now"],
        times,
        JobRows(
            job=[row["job"] for row in rows],
            user=[row["user"] for row in rows],
            host=[row["host"] for row in rows],
            cores=column([row["cores"] for row in rows]),
            gpus=column([row["gpus"] for row in rows]),
            host_cpus=column([row["hostCpus"] for row in rows]),
            mem_req=column([row["memReq"] for row in rows]),
            mem_max=column([row["memMax"] for row in rows]),
            start=column([row["start"] for row in rows]),
            series=series(rows, SERIES, len(times)),
        ),
        NodeRows(
            [node["host"] for node in nodes],
            column([node["swapTotal"] for node in nodes]),
            series(nodes, ("swap",), len(times)),
        ),
    )


def test_there_are_cases() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.parent.name)
def test_case(file: Path) -> None:
    case = json.loads(file.read_text(encoding="utf-8"))
    expect, found = case["expect"], run(case)
    assert found.jobs == expect["jobs"]
    assert found.nodes == expect["nodes"]
    assert found.warned_jobs == set(expect["warnedJobs"])
    assert found.badness == expect["badness"]
    assert found.waste.keys() == expect["waste"].keys()
    for job, units in expect["waste"].items():
        assert found.waste[job] == pytest.approx(units, abs=1e-9)


def test_every_rule_is_pinned_by_a_case() -> None:
    rules, _ = load_rules()
    seen: set[str] = set()
    for file in CASES:
        expect = json.loads(file.read_text(encoding="utf-8"))["expect"]
        seen |= {rule for hosts in expect["jobs"].values() for found in hosts.values() for rule in found}
        seen |= {rule for found in expect["nodes"].values() for rule in found}
    assert seen == {rule.id for rule in rules}


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        (["and", "unknown", 0], 0),
        (["and", "unknown", 1], None),
        (["and", 1, 2], 1),
        (["or", "unknown", 1], 1),
        (["or", "unknown", 0], None),
        (["or", 0, 0], 0),
        (["not", "unknown"], None),
        (["not", 0], 1),
        (["<", "unknown", 1], None),
        ([">=", 2, 2], 1),
        (["max", 0, "unknown"], None),
        (["min", 3, 2, 1], 1),
        (["if", "unknown", 1, 2], None),
        (["if", 1, 7, "unknown"], 7),
        (["if", 0, "unknown", 8], 8),
        (["-", 5, ["*", 2, 3]], -1),
    ],
)
def test_unknown_goes_through_operators_unless_the_answer_is_certain(formula: Any, value: float | None) -> None:
    result = float(evaluate(formula, {"unknown": column([None])[0]}))
    assert np.isnan(result) if value is None else result == value


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("buzy", "buzy"),
        (["^", 1, 2], "^"),
        (["<", "busy"], "takes 2 operands"),
        (["and"], "at least 1"),
        ([], "no operator"),
    ],
)
def test_a_wrong_formula_is_named(formula: Any, told: str, tmp_path: Path) -> None:
    words = dict.fromkeys(("observedUnit", "threshold", "title", "sentence", "advice"), "")
    rule = {"id": "mine", "of": "job", "when": formula, "score": 1, "waste": None, "observed": "busy", **words}
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"settings": {}, "rules": [rule]}), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"rule mine") as error:
        load_rules(file)
    assert told in str(error.value)
