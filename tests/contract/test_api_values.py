"""What no route may stumble over, whatever is sent to it: generated bad values, on both stores."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

import asgi
from batch_house import housed
from jobmon import config
from jobmon.api.access import Person
from jobmon.api.context import Context
from jobmon.api.routes import Routes
from jobmon.batch import api
from jobmon.capabilities import ALL
from jobmon.live import jobs_api, marks_api, window_api
from jobmon.web.app import create
from stores import opened, url

__all__ = ["opened", "url"]

pytestmark = pytest.mark.service

TEXTS = ("a\0b", "\0", "²", "x" * 40_000, "\u202e\x1b[31m", "%", "../..", "9" * 5000)
SURROGATE = "\ud800"
NUMBERS = (-1, 0, 2**31, 2**31 - 1, 2**53, 2**63, 2**63 - 1, 10**30, -(2**63) - 1, 1e300, float("nan"), float("inf"))
DEEP = "<lists in lists>"
"""Stands for what is too deep to be written down here."""


@dataclass
class Call:
    """Be one request; `what` says what is wrong with it."""

    method: str
    path: str
    what: str
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None


@pytest.fixture
def app(opened, tmp_path: Path, monkeypatch) -> Iterator[FastAPI]:
    store = opened()
    with housed(store, tmp_path, monkeypatch) as house:
        house.submit("true")
        house.cron("nightly", "0 3 * * *", "true")
        house.workflow('[workflow.flow]\nparams = ["p"]\n[[workflow.flow.stage]]\nname = "s"\ncommand = ["true"]\n')
        house.start("flow", p="x")
        live = Routes(prefix="/live")
        for part in (jobs_api.router(lambda: store, tmp_path), marks_api.router(lambda: store),
                     window_api.router(lambda: None)):  # fmt: skip
            live.include(part)
        access = asgi.Known(Person("olga", "operator"))
        batch = api.routes(Context(house.settings, opened=store))
        yield asgi.application(batch, live, access=access, prefix="/api")


def good(schema: dict[str, Any], name: str) -> Any:
    """Return a value that a schema allows."""
    known = {"number": 1, "schedule": "* * * * *", "timezone": "UTC", "what": "enable", "command": ["true"]}
    if name in known:
        return known[name]
    if "anyOf" in schema:
        return good(schema["anyOf"][0], name)
    if "enum" in schema or "const" in schema:
        return schema.get("const") or schema["enum"][0]
    return {"integer": schema.get("minimum", 1), "number": 1.0, "boolean": False, "array": [], "object": {}}.get(
        schema.get("type", "string"), "nightly"
    )


def takes_text(schema: dict[str, Any]) -> bool:
    return schema.get("type", "string") == "string" and "anyOf" not in schema


def calls(app: FastAPI) -> Iterator[Call]:
    document = app.openapi()
    schemas = document.get("components", {}).get("schemas", {})
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parameters = operation.get("parameters", [])
            values = {one["name"]: good(one["schema"], one["name"]) for one in parameters if one["in"] == "path"}
            reference = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            model = schemas[reference["$ref"].rpartition("/")[2]] if reference else {}
            body = {name: good(of, name) for name, of in model.get("properties", {}).items()
                    if name in model.get("required", ())} if model else None  # fmt: skip
            for one in parameters:
                for bad in (*TEXTS, *NUMBERS):
                    place, query = path, {}
                    if one["in"] == "path":
                        place = path.replace(f"{{{one['name']}}}", str(bad))
                    else:
                        query = {one["name"]: bad}
                    yield Call(method.upper(), filled(place, values), f"{one['name']} = {bad!r:.40}", query, body)
            for name in model.get("properties", {}):
                lists = ([SURROGATE], {SURROGATE: SURROGATE}, {"a\0": "a\0"}, ["a\0b"], [10**30], DEEP)
                for bad in (*TEXTS, *NUMBERS, SURROGATE, *lists):
                    yield Call(method.upper(), filled(path, values), f"{name} = {bad!r:.40}", {},
                               {**(body or {}), name: bad})  # fmt: skip
            if model:
                for bad in ({SURROGATE: 1}, {"a\0": 1}, {"x" * 50_000: 1}):
                    yield Call(method.upper(), filled(path, values), f"key {bad!r:.40}", {}, {**(body or {}), **bad})


def filled(path: str, values: dict[str, Any]) -> str:
    return re.sub(r"\{(\w+)(?::path)?\}", lambda found: str(values.get(found[1], "x")), path)


def send(app: FastAPI, call: Call) -> asgi.Answer:
    kind = {"content-type": "application/json", "x-requested-with": "test"}
    content = b"" if call.body is None else json.dumps(call.body).encode()
    content = content.replace(json.dumps(DEEP).encode(), b"[" * 5000 + b"]" * 5000)
    return asgi.get(app, call.path, call.query, kind, method=call.method, body=content)


def test_no_bad_value_is_answered_as_if_something_here_were_broken(app):
    wrong, count = [], 0
    for call in calls(app):
        count += 1
        try:
            answer = send(app, call)
        except Exception as error:  # noqa: BLE001 - the server would answer 500, and log it
            wrong.append(f"{call.method} {call.path:.60}: {call.what}: {type(error).__name__}: {error!s:.60}")
            continue
        if answer.status_code >= 500 and "There is no snapshot yet" not in answer.body.decode():
            wrong.append(f"{call.method} {call.path:.60}: {call.what}: {answer.status_code} {answer.body.decode():.90}")
    assert not wrong, f"{len(wrong)} of {count}:\n" + "\n".join(wrong[:40])
    assert count > 1000


def test_a_value_that_no_store_takes_is_a_bad_request_wherever_it_stands(app):
    other = {}
    for call in calls(app):
        if "a\\x00b" in call.what and not call.what.startswith("key"):
            answer = send(app, call)
            if answer.status_code != 400:
                other[f"{call.method} {call.path!r}: {call.what}"] = answer.status_code
    assert not other


# --- the kind: what comes from outside is bounded where it enters ---------------------------------------------------


def unbounded(schema: dict[str, Any], schemas: dict[str, Any], place: str) -> Iterator[str]:
    """Name what in a schema has no end."""
    if "$ref" in schema:
        yield from unbounded(schemas[schema["$ref"].rpartition("/")[2]], schemas, place)
        return
    for one in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from unbounded(one, schemas, place)
    kind = schema.get("type")
    if kind == "string" and not {"maxLength", "enum", "const"} & set(schema):
        yield f"{place}: text without maxLength"
    ends = ({"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"})
    if kind in {"integer", "number"} and not all(end & set(schema) for end in ends):
        yield f"{place}: number without both ends"
    if kind == "array":
        if "maxItems" not in schema:
            yield f"{place}: list without maxItems"
        yield from unbounded(schema.get("items", {}), schemas, f"{place}[]")
    if kind == "object":
        if "additionalProperties" in schema and schema["additionalProperties"] is not False:
            if "maxProperties" not in schema:
                yield f"{place}: table without maxProperties"
            yield from unbounded(schema["additionalProperties"], schemas, f"{place}{{}}")
        elif schema.get("additionalProperties") is not False:
            yield f"{place}: table that takes any key"
        for name, of in schema.get("properties", {}).items():
            yield from unbounded(of, schemas, f"{place}.{name}")


def test_each_number_text_and_list_that_a_route_takes_has_an_end(tmp_path):
    settings = config.parse({"live": {"data_path": str(tmp_path)}}, "test")
    routes = {name: declared.routes for name, declared in ALL.items()}
    document = create(Context(settings), routes).openapi()
    schemas = document["components"]["schemas"]
    found, count = [], 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for one in operation.get("parameters", []):
                count += 1
                found += unbounded(one["schema"], schemas, f"{method} {path} {one['in']} {one['name']}")
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if body:
                found += unbounded(body, schemas, f"{method} {path} body")
    assert not found, "\n".join(found)
    assert count > 50
