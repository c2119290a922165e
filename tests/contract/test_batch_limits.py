"""How much one person may ask for, and what becomes of names that nobody gave, on SQLite and PostgreSQL."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import asgi
from batch_house import BatchHouse, housed
from finished_jobs import ended
from jobmon.api.access import Person
from jobmon.api.context import Context
from jobmon.batch import api, forgetting, jobs
from jobmon.batch.requests import JobRequest
from jobmon.batch.tables import CRONTAB, FIRE, JOB, RUN
from jobmon.engine import outbox
from jobmon.engine.outbox import Message, Target
from jobmon.engine.outbox_tables import OUTBOX
from jobmon.engine.submission.attempts import FAILED
from jobmon.live import finished
from stores import Open, opened, url

__all__ = ["opened", "url"]
pytestmark = pytest.mark.service
STRANGE = "/bin/a\nb\x1b[2J\u202e" + "x" * 300


@pytest.fixture
def house(opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchHouse]:
    with housed(opened(), tmp_path, monkeypatch, user_jobs=3, user_notices=4) as made:
        yield made


class Client:
    def __init__(self, house: BatchHouse, name: str, role: Any) -> None:
        access = asgi.Known(Person(name, role))
        routes = api.routes(Context(house.settings, opened=house.store))
        self.app = asgi.application(routes, access=access, prefix="/api/batch")

    def post(self, path: str, **body: Any) -> asgi.Answer:
        kind = {"content-type": "application/json", "x-requested-with": "test"}
        return asgi.get(self.app, f"/api/batch{path}", headers=kind, method="POST", body=json.dumps(body).encode())

    def get(self, path: str) -> asgi.Answer:
        return asgi.get(self.app, f"/api/batch{path}")


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> str:
    """Be somebody for whom jobs may run here."""
    monkeypatch.setattr("jobmon.batch.jobs.account", lambda user, settings: user)
    return "ada"


def changed(house: BatchHouse, number: int, **values: Any) -> None:
    with house.store.writing() as connection:
        connection.execute(JOB.update().where(JOB.c.job_id == number).values(**values))


def test_one_person_has_so_many_jobs_waiting_and_is_told_the_limit(house, root):
    ada, operator = Client(house, "ada", "user"), Client(house, "olga", "operator")
    assert [ada.post("/jobs", command=["true"]).status_code for _ in range(3)] == [201] * 3
    refused = ada.post("/jobs", command=["true"])
    assert refused.status_code == 429
    assert refused.json()["detail"] == "3 of your jobs wait already, which is the limit ([batch] user_jobs)"
    assert Client(house, "bob", "user").post("/jobs", command=["true"]).status_code == 201
    assert [operator.post("/jobs", command=["true"]).status_code for _ in range(5)] == [201] * 5
    changed(house, 1, status=FAILED)
    assert ada.post("/jobs/1/rerun").status_code == 200
    changed(house, 2, status=FAILED)
    assert ada.post("/jobs", command=["true"]).status_code == 201
    assert ada.post("/jobs/2/rerun").status_code == 429


def test_one_persons_jobs_send_so_many_notices(house, root):
    ada = Client(house, "ada", "user")
    three = ["email:a@example.org", "email:b@example.org", "email:c@example.org"]
    assert ada.post("/jobs", command=["true"], notify=three).status_code == 201
    refused = ada.post("/jobs", command=["true"], notify=three[:2])
    assert (refused.status_code, "[batch] user_notices" in refused.json()["detail"]) == (429, True)
    assert ada.post("/jobs", command=["true"]).status_code == 201
    assert ada.post("/jobs", command=["true"], notify=three[:1]).status_code == 201


# --- names that nobody gave -----------------------------------------------------------------------------------------


def test_a_name_taken_from_a_command_is_one_that_could_be_given(house):
    number = house.submit(STRANGE)
    job = house.job(number)
    assert job["name"].isprintable()
    assert (job["name"][:7], len(job["name"])) == ("a?b?[2J", 200)
    operator = Client(house, "olga", "operator")
    changed(house, number, status=FAILED)
    again = operator.post(f"/jobs/{number}/rerun")
    assert again.status_code == 200
    assert house.job(again.json()["result"])["name"] == job["name"]


def test_a_job_that_an_older_jobmon_kept_with_such_a_name_is_shown_and_runs_again(house):
    number = house.submit("true")
    changed(house, number, status=FAILED, name="a\nb\x1b[2J" + "x" * 300, labels={"k\x1b": "v\n" * 2000})
    operator = Client(house, "olga", "operator")
    assert operator.get(f"/jobs/{number}").status_code == 200
    assert operator.get("/jobs").status_code == 200
    again = house.job(operator.post(f"/jobs/{number}/rerun").json()["result"])
    assert again["name"].startswith("a?b?[2Jx")
    assert all(text.isprintable() for pair in again["labels"].items() for text in pair)


def test_a_job_that_cannot_be_asked_for_as_it_is_kept_is_refused_in_a_sentence(house):
    number = house.submit("true")
    operator = Client(house, "olga", "operator")
    for values in ({"working_dir": "relative"}, {"on_success": ["pigeon:x"]}, {"batch_opts": ["x"] * 500}):
        changed(house, number, **{"status": FAILED, "working_dir": "", "on_success": [], "batch_opts": [], **values})
        answer = operator.post(f"/jobs/{number}/rerun")
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith(f"job {number} as it is kept: ")


def test_an_entry_that_cannot_be_asked_for_as_it_is_kept_is_refused_in_a_sentence_and_needs_attention(house):
    house.cron("tick", "* * * * *", "true")
    with house.store.writing() as connection:
        connection.execute(CRONTAB.update().values(working_dir="relative", fired_until=0.0, effective_from=0.0))
    answer = Client(house, "olga", "operator").post("/cron/tick/run-now")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("crontab entry 'tick' as it is kept: working_dir: ")
    house.turn()
    (trouble,) = house.master.troubles()
    assert "crontab entry tick: crontab entry 'tick' as it is kept: working_dir: " in trouble
    assert not house.jobs()


def test_a_stage_whose_command_is_too_long_fails_with_a_sentence_and_nothing_else_does(house):
    parts = ", ".join(['"true"', *['"{p}"'] * 20])
    house.workflow(f'[workflow.long]\nparams = ["p"]\n[[workflow.long.stage]]\nname = "s"\ncommand = [{parts}]\n')
    number = house.start("long", p="x" * 9_000)
    run = house.run(number)["run"]
    assert run["status"] == "failed"
    assert "s cannot be started: stage s: command: has 180004 bytes, at most 100000" in run["reason"]


def test_a_stage_that_cannot_be_run_again_fails_and_keeps_nothing_from_going_on(house):
    house.workflow('[workflow.w]\n[[workflow.w.stage]]\nname = "s"\ncommand = ["false"]\n'
                   '[[workflow.w.stage.on]]\nwhen = { state = "any" }\nretry = { delay = 0 }\n')  # fmt: skip
    number = house.start("w")
    changed(house, 1, queue="q" * 500)
    run = house.until_run_ended(number)
    assert run["run"]["status"] == "failed"
    assert "s cannot be run again: job 1 as it is kept: queue" in run["run"]["reason"]
    assert house.until_ended(house.submit("true"))["status"] == "succeeded"
    with house.store.reading() as connection:
        assert connection.execute(RUN.select()).mappings().one()["finished_at"]


def test_names_of_an_imported_crontab_are_never_numbers():
    from jobmon.batch import crontab_file

    found = crontab_file.read("* * * * * /opt/123 x\n* * * * * 123\n")
    assert [entry.name for entry in found.entries] == ["entry-123", "entry-123-2"]
    assert not found.faults


# --- portions -------------------------------------------------------------------------------------------------------


def test_what_is_old_is_forgotten_in_portions_and_all_of_it_in_the_end(house, monkeypatch):
    monkeypatch.setattr(forgetting, "MOST", 10)
    house.cron("tick", "@daily", "true")
    target = Target("email", "a@example.org")
    with house.store.writing() as connection:
        numbers = jobs.submit_all(connection, [jobs.asked(JobRequest(command=["true"]), "ada", house.settings.batch)
                                               for _ in range(35)])  # fmt: skip
        connection.execute(JOB.update().where(JOB.c.job_id.in_(numbers)).values(status=FAILED, finished_at=1000.0))
        connection.execute(FIRE.insert(), [{"cron_id": 1, "scheduled_for": at, "fired_at": float(at),
                                            "outcome": "missed", "reason": ""} for at in range(35)])  # fmt: skip
        outbox.add(connection, *[Message(target, "x")] * 35)
        connection.execute(OUTBOX.update().values(state="sent", ended_at=1000.0))
    left = []
    for _ in range(4):
        house.turn()
        with house.store.reading() as connection:
            left.append([connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                         for table in (JOB, FIRE, OUTBOX)])  # fmt: skip
    assert left == [[25] * 3, [15] * 3, [5] * 3, [0] * 3]


def test_finished_jobs_are_written_and_expire_in_portions(house, monkeypatch):
    monkeypatch.setattr(finished, "TOGETHER", 10)
    monkeypatch.setattr(finished, "BATCH", 5)
    kept = finished.Finished(lambda: house.store)
    kept.add([ended(str(number), end=1000 + number) for number in range(35)], "c", 0.0)
    assert len(finished.find(house.store, finished.Search())[0]) == 35
    monkeypatch.setattr(finished, "EXPIRE_S", -1.0)
    assert not kept.expire(1030)
    assert len(finished.find(house.store, finished.Search())[0]) == 25
    monkeypatch.setattr(finished, "EXPIRE_S", 10.0)
    assert kept.expire(1030)
    assert len(finished.find(house.store, finished.Search())[0]) == 5
