"""Runs of workflows with real jobs of this machine, on SQLite and PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from batch_house import BatchHouse, housed
from jobmon import clock
from jobmon.batch import run_rows
from jobmon.batch.jobs import NotPossible
from jobmon.batch.tables import RULE_FIRE, RUN, STAGE, WORKFLOW
from jobmon.errors import SettingsError
from stores import Open, opened, url

__all__ = ["opened", "url"]
pytestmark = pytest.mark.service


class Crash(BaseException):
    """Be the end of a master."""


@pytest.fixture
def house(opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchHouse]:
    with housed(opened(), tmp_path, monkeypatch) as made:
        yield made


def stage(name: str, command: str, *rules: str, **options: str) -> str:
    text = f"[[workflow.w.stage]]\nname = \"{name}\"\ncommand = [\"sh\", \"-c\", '''{command}''']\n"
    text += "".join(f"{key} = {value}\n" for key, value in options.items())
    return text + "".join(f"[[workflow.w.stage.on]]\n{rule}\n" for rule in rules)


def statuses(found: dict) -> dict[str, str]:
    return {row["name"]: row["status"] for row in found["stages"]}


NEXT = 'when = {{ rc = 0 }}\nnext = ["{}"]'


def test_stages_follow_each_other_and_the_run_succeeds(house):
    house.workflow(
        "[workflow.w]\nparams = ['name']\n" + stage("a", "echo {{a}}", NEXT.format("b")) + stage("b", "exit 0")
    )
    found = house.until_run_ended(house.start("w", name="x"))
    assert found["run"]["status"] == "succeeded"
    assert statuses(found) == {"a": "succeeded", "b": "succeeded"}
    assert [fire["rule"] for fire in found["fires"]] == ["1", ""]
    assert [job["stage"] for job in found["jobs"]] == ["a", "b"]


def test_what_is_split_is_joined_again(house):
    house.workflow(
        "[workflow.w]\n"
        + stage("a", "true", 'when = { rc = 0 }\nnext = ["b", "c"]')
        + stage("b", "sleep 0.5", NEXT.format("d"))
        + stage("c", "true", NEXT.format("d"))
        + stage("d", "date +%s.%N > joined")
    )
    found = house.until_run_ended(house.start("w"))
    assert found["run"]["status"] == "succeeded"
    assert [job["stage"] for job in found["jobs"]].count("d") == 1
    jobs = {job["stage"]: job for job in found["jobs"]}
    assert jobs["d"]["created_at"] >= jobs["b"]["finished_at"]


def test_a_failure_without_a_rule_fails_the_run_and_the_final_stage_still_comes(house):
    house.workflow("[workflow.w]\n" + stage("a", "exit 3", NEXT.format("b")) + stage("b", "true")
                   + stage("z", "touch final", final="true"))  # fmt: skip
    found = house.until_run_ended(house.start("w"))
    assert found["run"]["status"] == "failed"
    assert "return code 3" in found["run"]["reason"]
    assert statuses(found) == {"a": "failed", "z": "succeeded"}


def test_a_retry_is_a_new_attempt_after_its_delay(house):
    rule = "when = { rc = 75 }\nretry = { delay = 0.3, attempts = 3 }"
    house.workflow("[workflow.w]\n" + stage("a", "[ $JOBMON_ATTEMPT -ge 3 ] || exit 75", rule))
    found = house.until_run_ended(house.start("w"))
    assert found["run"]["status"] == "succeeded"
    first, second, third = found["jobs"]
    assert [job["attempt"] for job in found["jobs"]] == [1, 2, 3]
    assert second["parent_job_id"] == first["job_id"]
    assert second["submitted_at"] >= first["finished_at"] + 0.2
    assert third["status"] == "succeeded"


def test_retries_end_when_their_attempts_are_used(house):
    rule = "when = { rc = 75 }\nretry = { delay = 0.1, attempts = 2 }"
    house.workflow("[workflow.w]\n" + stage("a", "exit 75", rule))
    found = house.until_run_ended(house.start("w"))
    assert found["run"]["status"] == "failed"
    assert len(found["jobs"]) == 2


def test_each_item_of_an_output_starts_a_run_once(house):
    rule = "when = { rc = 0 }\nstart = { workflow = 'other', foreach = 'item', dedupe = '{item.name}' }"
    said = 'for n in one two one; do printf "::item {{\\042name\\042: \\042$n\\042, \\042more\\042: 1}}\\n"; done'
    house.workflow("[workflow.w]\n" + stage("a", said, rule) + "[workflow.other]\nparams = ['name']\n"
                   "[[workflow.other.stage]]\nname = 'x'\ncommand = ['echo', '{name}']\n")  # fmt: skip
    for _ in range(2):
        house.until_run_ended(house.start("w"))
    with house.store.reading() as connection:
        others = [run["run_id"] for run in run_rows.listing(connection, workflow="other")]
    assert sorted(house.until_run_ended(number)["run"]["params"]["name"] for number in others) == ["one", "two"]


def test_variables_reach_later_stages_and_the_next_run(house):
    house.workflow("[workflow.w]\n" + stage("a", "echo ::set cursor=$1", NEXT.format("b"))
                   .replace("]\n[[workflow.w.stage.on]]", ", 'sh', '7{last.cursor}']\n[[workflow.w.stage.on]]")
                   + stage("b", "echo $1").replace("echo $1''']", "echo $1''', 'sh', '{set.cursor}']"))  # fmt: skip
    first = house.until_run_ended(house.start("w"))
    assert first["run"]["status"] == "succeeded"
    assert house.job(first["jobs"][1]["job_id"])["output_tail"] == "7\n"
    second = house.until_run_ended(house.start("w"))
    assert second["run"]["variables"] == {"cursor": "77"}


def test_one_run_at_a_time_of_each_key(house):
    head = "[workflow.w]\nparams = ['key']\nconcurrency = { key = '{key}', policy = 'POLICY' }\n"
    body = stage("a", "sleep 0.6")
    house.workflow(head.replace("POLICY", "queue") + body)
    numbers = [house.start("w", key="same"), house.start("w", key="same"), house.start("w", key="other")]
    assert [house.run(number)["run"]["status"] for number in numbers] == ["running", "queued", "running"]
    ended = [house.until_run_ended(number)["run"] for number in numbers]
    assert [run["status"] for run in ended] == ["succeeded"] * 3
    assert ended[1]["started_at"] >= ended[0]["finished_at"]


@pytest.mark.parametrize(
    ("policy", "ends"), [("skip", ["succeeded", "skipped"]), ("replace", ["stopped", "succeeded"])]
)
def test_one_run_more_is_left_out_or_replaces_the_older(house, policy, ends):
    head = f"[workflow.w]\nconcurrency = {{ key = 'k', policy = '{policy}' }}\n"
    house.workflow(head + stage("a", "sleep 1.5"))
    numbers = [house.start("w"), house.start("w")]
    assert [house.until_run_ended(number)["run"]["status"] for number in numbers] == ends


def test_a_restart_between_the_end_and_what_follows_starts_nothing_twice(house, monkeypatch):
    house.workflow("[workflow.w]\n" + stage("a", "true", NEXT.format("b")) + stage("b", "true"))
    number = house.start("w")
    decide = type(house.master.runs)._decide
    crashes = iter([Crash("between the end and its commit")])

    def crashing(runs, connection, attempt):
        decide(runs, connection, attempt)
        for crash in crashes:
            raise crash

    monkeypatch.setattr(type(house.master.runs), "_decide", crashing)
    with pytest.raises(Crash):
        house.until_run_ended(number)
    assert statuses(house.run(number)) == {"a": "active"}
    house.new_master()
    found = house.until_run_ended(number)
    assert [job["stage"] for job in found["jobs"]] == ["a", "b"]


def test_a_loop_ends_at_the_cap(house):
    house.workflow("[workflow.w]\n" + stage("a", "true", NEXT.format("b")) + stage("b", "true", NEXT.format("a")))
    found = house.until_run_ended(house.start("w"))
    assert found["run"]["status"] == "failed"
    assert max(row["visits"] for row in found["stages"]) == 20


def test_a_held_stage_waits_for_somebody(house):
    house.workflow("[workflow.w]\n" + stage("a", "true", "when = { rc = 0 }\nhold = 'look first'\nnext = ['b']")
                   + stage("b", "true"))  # fmt: skip
    number = house.start("w")
    house.until(lambda: statuses(house.run(number)).get("a") == "held")
    with house.store.writing() as connection:
        house.master.runs.release(connection, number, "a", "alice")
    assert house.until_run_ended(number)["run"]["status"] == "succeeded"
    with pytest.raises(NotPossible), house.store.writing() as connection:
        house.master.runs.release(connection, number, "a", "alice")


def test_a_stopped_run_ends_what_runs_and_what_waits(house):
    rule = "when = { rc = 75 }\nretry = { delay = 100 }"
    house.workflow("[workflow.w]\n" + stage("a", "true", 'when = { rc = 0 }\nnext = ["b", "c"]')
                   + stage("b", "sleep 100") + stage("c", "exit 75", rule)
                   + stage("z", "true", final="true"))  # fmt: skip
    number = house.start("w")
    house.until(lambda: statuses(house.run(number)).get("c") == "retry")
    with house.store.writing() as connection:
        house.master.runs.stop(connection, number, "alice")
    found = house.until_run_ended(number)
    assert found["run"]["status"] == "stopped"
    assert statuses(found)["z"] == "succeeded"
    assert {job["stage"]: job["status"] for job in found["jobs"]}["b"] == "cancelled"


def test_an_ended_run_goes_again_from_a_stage_on(house):
    house.workflow("[workflow.w]\n" + stage("a", "true", NEXT.format("b")) + stage("b", "test -e mended"))
    number = house.start("w")
    assert house.until_run_ended(number)["run"]["status"] == "failed"
    house.workflow("[workflow.w]\n" + stage("a", "true", NEXT.format("b")) + stage("b", "false"))
    (house.folder / "mended").touch()
    with house.store.writing() as connection:
        house.master.runs.rerun(connection, number, "b", "alice")
    found = house.until_run_ended(number)
    assert found["run"]["status"] == "succeeded"
    assert [job["stage"] for job in found["jobs"]] == ["a", "b", "b"]


def test_what_cannot_be_started_is_told(house):
    house.workflow("[workflow.w]\nparams = ['x']\n" + stage("a", "true"))
    with pytest.raises(SettingsError, match="there is no workflow 'v'"):
        house.start("v")
    with pytest.raises(SettingsError, match="x: is missing"):
        house.start("w")
    assert house.jobs() == []


def test_a_file_that_turns_bad_does_not_harm_what_runs(house):
    house.workflow("[workflow.w]\n" + stage("a", "sleep 0.3", NEXT.format("b")) + stage("b", "true"))
    number = house.start("w")
    house.workflow("nonsense [")
    assert house.until_run_ended(number)["run"]["status"] == "succeeded"


def test_old_runs_are_forgotten_unless_something_depends_on_them(house):
    command = """name = "a"\ncommand = ["sh", "-c", "exit $1", "sh", "{code}"]\n"""
    house.workflow("[workflow.w]\nparams = ['code']\n[[workflow.w.stage]]\n" + command)
    house.workflow("[[workflow.v.stage]]\nname = 'a'\ncommand = ['false']\n", "v")
    with house.store.writing() as connection:
        once = house.master.runs.start(connection, "w", {"code": "0"}, "alice", dedupe="only once")
    _, last_good, _ = [house.start("w", code=code) for code in "003"]
    house.start("v")
    house.until(lambda: all(row["finished_at"] for row in rows_of(house, RUN)))
    assert len(rows_of(house, WORKFLOW)) == 2
    long_ago = clock.now() - 91 * 86_400
    with house.store.writing() as connection:
        connection.execute(RUN.update().values(finished_at=long_ago))
        connection.execute(WORKFLOW.update().values(loaded_at=long_ago))
    house.new_master().turn(clock.now())
    for table in (RUN, STAGE, RULE_FIRE):
        assert {row["run_id"] for row in rows_of(house, table)} == {once, last_good}
    assert {row["sha256"] for row in rows_of(house, WORKFLOW)} == {row["sha256"] for row in rows_of(house, RUN)}


def rows_of(house: BatchHouse, table: sa.Table) -> list[dict[str, Any]]:
    with house.store.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]
