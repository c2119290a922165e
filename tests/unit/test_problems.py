"""What is said of a request that is wrong: the field, in words of our own, and the methods that an address answers."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import asgi
from jobmon.api import document, faults
from jobmon.api.access import Person
from jobmon.api.context import Context
from jobmon.batch.requests import CronRequest, JobRequest
from jobmon.capabilities import ALL
from jobmon.config import LiveSettings, Settings
from jobmon.web.app import create

RIGHT = {"name": "n", "schedule": "@daily", "command": ["true"]}


@pytest.fixture
def app(tmp_path, monkeypatch) -> Any:
    monkeypatch.setattr("jobmon.api.access.Access.person", lambda self, request: Person("olga", "operator"))
    settings = Settings(live=LiveSettings(data_path=str(tmp_path)))
    return create(Context(settings), {name: declared.routes for name, declared in ALL.items()})


def sent(app: Any, method: str, path: str, body: bytes | None = None) -> asgi.Answer:
    kind = {"content-type": "application/json", "x-requested-with": "test"}
    path, _, query = path.partition("?")
    parameters = dict(one.split("=", 1) for one in query.split("&") if one)
    return asgi.get(app, path, parameters, kind, method=method, body=body or b"")


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({}, "command", "is missing"),
        ({"command": []}, "command", "must hold at least 1"),
        ({"command": "ls"}, "command", "must be a list"),
        ({"command": ["ls", 3]}, "command[1]", "must be a text"),
        ({"command": ["ls"], "nmae": "x"}, "nmae", "is not known here"),
        ({"command": ["ls"], "priority": 1.5}, "priority", "must be a whole number"),
        ({"command": ["ls"], "priority": 2000}, "priority", "must be at most 1000"),
        ({"command": ["ls"], "time_limit": -1}, "time_limit", "must be at least 0"),
        ({"command": ["ls"], "labels": {"a": 1}}, "labels.a", "must be a text"),
        ({"command": ["ls"], "labels": {"a\n": "b"}}, "labels.a\n", "must not hold control characters"),
        ({"command": ["ls"], "name": "x" * 201}, "name", "must have at most 200 characters"),
    ],
)
def test_what_is_wrong_is_said_of_each_field(app, values, field, words):
    answer = sent(app, "POST", "/api/batch/jobs", json.dumps(values).encode())
    problem = answer.json()
    assert (answer.status_code, problem["errors"]) == (400, [{"field": field, "detail": words}])
    assert problem["detail"] == f"{field}: {words}"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [("/api/batch/jobs", b"{", "body"), ("/api/batch/jobs", b"[]", "body"), ("/api/batch/jobs", b"", "body"),
     ("/api/batch/jobs", b'"\xff"', "body"), ("/api/batch/jobs/x/hold", None, "number")],
)  # fmt: skip
def test_a_body_that_is_none_is_told_as_one(app, path, body, field):
    problem = sent(app, "POST", path, body).json()
    assert [one["field"] for one in problem.get("errors", [{"field": "body"}])] == [field]
    assert "Input" not in problem["detail"]
    assert "error" not in problem["detail"]


def test_each_error_of_a_list_of_names_is_told(app):
    problem = sent(app, "GET", "/api/live/window?cores=x&nodes=0").json()
    assert problem["errors"] == [
        {"field": "cores", "detail": "must be a whole number"}, {"field": "nodes", "detail": "must be at least 1"},
    ]  # fmt: skip


@pytest.mark.parametrize("what", [int, float, bool, list[int], dict[str, int], JobRequest, CronRequest])
def test_no_error_is_told_in_words_of_a_library(what):
    values = ("x", 1.5, None, [], [None], {}, {"a": None}, float("nan"), float("inf"), 10**5000, "\ud800", object(),
              {**RIGHT, "enabled": 2}, {**RIGHT, "overlap": "?"}, {**RIGHT, "user": "a b"})  # fmt: skip
    for value in values:
        try:
            TypeAdapter(what).validate_python(value, strict=True)
        except ValidationError as error:
            for one in error.errors():
                assert faults.sentence(one) != "is not right", one["type"]
                assert "should" not in faults.sentence(one)


def test_a_whole_number_may_be_written_with_a_point():
    assert JobRequest.model_validate({"command": ["ls"], "priority": 5.0}).priority == 5
    with pytest.raises(ValidationError):
        JobRequest.model_validate({"command": ["ls"], "priority": 5.5})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/batch/master", "POST"),
        ("PATCH", "/api/batch/jobs", "GET, HEAD, POST"),
        ("POST", "/api/batch/cron/nightly", "DELETE, PUT"),
        ("POST", "/api/batch/cron/nightly/history", "GET, HEAD"),
        ("DELETE", "/healthz", "GET, HEAD"),
        ("POST", "/assets/x.js", "GET, HEAD"),
    ],
)
def test_an_address_says_which_methods_it_answers(app, method, path, allowed):
    answer = sent(app, method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["detail"].startswith("Only ")


def test_the_document_says_which_errors_can_come(app):
    made = app.openapi()
    assert not {"HTTPValidationError", "ValidationError"} & made["components"]["schemas"].keys()
    names = set()
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            names.add(operation["operationId"])
            codes = operation["responses"].keys()
            assert codes >= {"400", "401", "413", "500", "503"}, path
            assert "422" not in codes
            assert ("404" in codes) or "{" not in path, path
            assert {"403", "409"} <= codes or method == "get", path
            assert not {document.LEADS, document.ALSO} & operation.keys()
            for response in operation["responses"].values():
                assert set(response.get("links", {})) <= {
                    one["operationId"] for all_of in made["paths"].values() for one in all_of.values()
                }
    assert len(names) == sum(len(methods) for methods in made["paths"].values())
    links = made["paths"]["/api/batch/jobs"]["post"]["responses"]["201"]["links"]
    assert links["post_batch_jobs_number_cancel"]["parameters"] == {"number": "$response.body#/job_id"}


def test_an_unknown_workflow_is_not_found(app):
    answer = sent(app, "POST", "/api/batch/workflows/none/start", b'{"params": {}}')
    assert answer.status_code == 404
    assert "there is no workflow 'none'" in answer.json()["detail"]
