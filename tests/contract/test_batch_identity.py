"""People and machinery, and people and the daemon's own account: nobody is taken for what has the same name."""

import importlib
import json
import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

import asgi
from batch_house import BatchHouse, housed
from jobmon import clock
from jobmon.api.access import Person, Role
from jobmon.api.context import Context
from jobmon.batch import api, jobs, tables
from jobmon.batch.requests import JobRequest
from jobmon.config import StoreSettings
from jobmon.store import Store, open_store
from stores import opened, url

__all__ = ["opened", "url"]
pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]
WORKFLOW = """
[workflow.w]
[[workflow.w.stage]]
name = "only"
command = ["true"]
"""
OWN = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def house(
    opened: Callable[[], Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BatchHouse]:  # fmt: skip
    with housed(opened(), tmp_path, monkeypatch) as made:
        yield made


class Web:
    """Ask over HTTP as somebody."""

    def __init__(self, house: BatchHouse, url: str) -> None:
        settings = house.settings.model_copy(update={"store": StoreSettings(url=url)})
        self._context = Context(settings)
        self._access = asgi.Known(Person("", "anonymous"))
        self._app = asgi.application(api.routes(self._context), access=self._access, prefix="/api/batch")

    def ask(self, who: str, role: Role, path: str, body: Any = None) -> asgi.Answer:
        self._access.who = Person(who, role)
        if body is None:
            return asgi.get(self._app, f"/api/batch/{path}")
        kind = {"content-type": "application/json", "x-requested-with": "test"}
        sent = json.dumps(body).encode()
        return asgi.get(self._app, f"/api/batch/{path}", headers=kind, method="POST", body=sent)

    def close(self) -> None:
        self._context.close()


@pytest.fixture
def web(house: BatchHouse, url: str) -> Iterator[Web]:
    made = Web(house, url)
    yield made
    made.close()


def fired(house: BatchHouse) -> dict[str, Any]:
    """Return a job of cron's that has ended."""
    house.cron("nightly", "* * * * *", "true")
    house.until(lambda: house.jobs() or house.turn(clock.now() + 61))
    return house.until_ended(house.jobs()[0]["job_id"])


def of_a_run(house: BatchHouse) -> dict[str, Any]:
    """Return a job of a workflow that has ended."""
    house.workflow(WORKFLOW)
    number = house.start("w")
    assert number is not None
    return house.job(house.until_run_ended(number)["jobs"][0]["job_id"])


@pytest.mark.parametrize(("made", "name"), [(fired, "cron"), (of_a_run, "workflow")])
def test_a_login_that_is_called_like_machinery_is_a_login_like_others(
    house: BatchHouse, web: Web, made: Callable[[BatchHouse], dict[str, Any]], name: str
) -> None:
    job = made(house)
    number = job["job_id"]
    assert (job["origin"], job["submitted_by"]) == (name, "")
    for what in ("rerun", "cancel", "hold", "release"):
        for login in (name, "master", "", "person"):
            answer = web.ask(login, "user", f"jobs/{number}/{what}", {})
            assert answer.status_code == 403, (login, what, answer.body)
    with house.store.reading() as connection:
        happened = jobs.events(connection, number)
        assert jobs.listing(connection, user=name) == []
    assert [(one["who"], one["origin"]) for one in happened[:2]] == [("", name), ("", "master")]
    again = web.ask("olga", "operator", f"jobs/{number}/rerun", {}).json()["result"]
    assert (house.job(again)["origin"], house.job(again)["submitted_by"]) == ("person", "olga")


def test_runs_tell_people_from_machinery(house: BatchHouse) -> None:
    house.workflow(WORKFLOW)
    by_hand = house.start("w")
    assert by_hand is not None
    assert {key: house.run(by_hand)["run"][key] for key in ("origin", "started_by")} == {
        "origin": "person",
        "started_by": "alice",
    }


@pytest.mark.parametrize("as_named", ["", "own"])
def test_only_staff_submit_as_the_daemons_own_account(house: BatchHouse, web: Web, as_named: str) -> None:
    body = {"command": ["true"], "user": OWN if as_named else ""}
    refused = web.ask(OWN, "user", "jobs", body)
    assert refused.status_code == 403
    assert "not the daemon's" in refused.json()["detail"]
    assert house.jobs() == []
    assert web.ask("olga", "operator", "jobs", body).status_code == 201
    assert house.jobs()[0]["user"] == ""


def test_who_is_staff_no_more_lets_nothing_run_as_the_daemons_own_account(house: BatchHouse, web: Web) -> None:
    number = web.ask("ada", "operator", "jobs", {"command": ["true"]}).json()["job_id"]
    assert web.ask("ada", "operator", f"jobs/{number}/hold", {}).status_code == 200
    assert web.ask("ada", "user", f"jobs/{number}/release", {}).status_code == 403
    assert web.ask("ada", "user", f"jobs/{number}/cancel", {}).status_code == 200
    house.until_ended(number)
    assert web.ask("ada", "user", f"jobs/{number}/rerun", {}).status_code == 403
    assert len(house.jobs()) == 1


def test_nobody_runs_again_what_was_submitted_for_somebody_else(house: BatchHouse, web: Web) -> None:
    with house.store.writing() as connection:
        number = jobs.submit(connection, JobRequest(command=["true"]), "ada", house.settings.batch)
        ended = {"status": "failed", "finished_at": 1.0, "user": "bob"}
        connection.execute(tables.JOB.update().where(tables.JOB.c.job_id == number).values(**ended))
    assert web.ask("ada", "user", f"jobs/{number}/rerun", {}).status_code == 403
    assert len(house.jobs()) == 1


def test_rows_of_the_version_before_are_told_apart(url: str, tmp_path: Path) -> None:
    store = open_store(url, tmp_path)
    text = {sa.Text: "x", sa.JSON: [], sa.Boolean: True}

    def row(table: sa.Table, **values: Any) -> dict[str, Any]:
        key = next(iter(table.primary_key)).name
        columns = [
            c for c in table.columns if c.name not in {"origin", key} and not (c.nullable and c.name not in values)
        ]
        return {c.name: values.get(c.name, text.get(type(c.type), 1)) for c in columns}

    with store.writing() as connection:
        for table in (tables.JOB, tables.RUN, tables.EVENT):
            connection.execute(sa.text(f"ALTER TABLE {table.name} DROP COLUMN origin"))
        for key, by, more in (("a", "cron", {"cron_id": 1}), ("b", "workflow", {"run_id": 1}), ("c", "ada", {}),
                              ("d", "cron", {}), ("e", "ada", {"cron_id": 1})):  # fmt: skip
            connection.execute(tables.JOB.insert().values(**row(tables.JOB, submit_key=key, submitted_by=by, **more)))
        for by, more in (("cron", {"cron_id": 1}), ("run 7", {"parent_run_id": 7}), ("ada", {})):
            connection.execute(tables.RUN.insert().values(**row(tables.RUN, started_by=by, **more)))
        for who, fence in (("master", 3), ("master", None), ("cron", None), ("replaced by run 2", None), ("ada", None)):
            connection.execute(tables.EVENT.insert().values(**row(tables.EVENT, who=who, fence=fence)))
        with Operations.context(MigrationContext.configure(connection)):
            importlib.import_module("jobmon.batch.migrations.batch_0006_origin").upgrade()
    with store.reading() as connection:
        found = {
            table.name: [tuple(one) for one in connection.execute(
                sa.select(table.c.origin, table.c[column]).order_by(*table.primary_key))]
            for table, column in ((tables.JOB, "submitted_by"), (tables.RUN, "started_by"), (tables.EVENT, "who"))
        }  # fmt: skip
    store.close()
    assert found == {
        "batch_job": [("cron", ""), ("workflow", ""), ("person", "ada"), ("person", "cron"), ("person", "ada")],
        "batch_run": [("cron", ""), ("workflow", ""), ("person", "ada")],
        "batch_job_event": [("master", ""), ("person", "master"), ("cron", ""), ("workflow", ""), ("person", "ada")],
    }
