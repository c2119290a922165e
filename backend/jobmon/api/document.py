"""Say in the OpenAPI document what holds for all routes: who may ask, what can go wrong, what leads to what."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from jobmon.api.problems import MEDIA_TYPE, MOST_DETAIL

ACCESS = "x-jobmon-access"
LEADS = "x-jobmon-leads"
ALSO = "x-jobmon-also"
ALWAYS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
          HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)  # fmt: skip
"""What every route can answer: bad values, a token that is not valid, a large body, trouble of our own."""
ACTING = (HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT)
CLOSED = {"sees-all", "staff"}
"""Levels at which somebody who has signed in may be refused."""
SIGNED_IN = {"person", "staff"}
DESCRIPTIONS = {
    HTTPStatus.BAD_REQUEST: "Something in the request is missing or wrong; `errors` say what.",
    HTTPStatus.UNAUTHORIZED: "One has to sign in for this, or the token is not valid.",
    HTTPStatus.FORBIDDEN: "Who asks may not do or see this.",
    HTTPStatus.NOT_FOUND: "There is no such thing, or not yet.",
    HTTPStatus.CONFLICT: "It is not possible as things are now.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body of the request is too large.",
    HTTPStatus.TOO_MANY_REQUESTS: "Who asks has reached a limit.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something failed here; the daemon's log says what.",
    HTTPStatus.SERVICE_UNAVAILABLE: "What is needed does not answer now, or too many ask at once.",
}
PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "Of `jobmon token create`; or the web server in "
              "front signs people in."}
}  # fmt: skip


class Fault(BaseModel):
    """Say what is wrong with one field of a request."""

    field: str = Field(max_length=MOST_DETAIL + 1)
    detail: str = Field(max_length=MOST_DETAIL + 1)


class Problem(BaseModel):
    """Say why a request was not answered as it was asked."""

    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(max_length=MOST_DETAIL + 1)
    errors: list[Fault] = []


def describe(app: FastAPI) -> None:
    """Let the document of `app` be complete."""
    made = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            complete(made())
        return app.openapi_schema or {}

    app.openapi = document  # type: ignore[method-assign]  # as FastAPI tells one to


def complete(document: dict[str, Any]) -> None:
    """Add to a document what the routes have in common."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Fault"] = Fault.model_json_schema()
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas["Problem"].pop("$defs")
    components["responses"] = {
        _name(status): {"description": told, "content": {MEDIA_TYPE: PROBLEM}} for status, told in DESCRIPTIONS.items()
    }
    components["securitySchemes"] = SCHEMES
    operations = list(_operations(document))
    for path, method, operation in operations:
        operation["operationId"] = f"{method}_{'_'.join(re.findall('[a-z]+', path.removeprefix('/api/')))}"
        _add_errors(path, method, operation)
        must = method != "get" or operation[ACCESS] in SIGNED_IN
        operation["security"] = [{"token": []}] if must else [{}, {"token": []}]
    for path, _method, operation in operations:
        _add_links(path, operation, operations)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _add_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)  # what FastAPI would answer
    possible = {*ALWAYS, *(ACTING if method != "get" else ()), *map(HTTPStatus, operation.pop(ALSO, ()))}
    if operation[ACCESS] in CLOSED:
        possible.add(HTTPStatus.FORBIDDEN)
    if "{" in path:
        possible.add(HTTPStatus.NOT_FOUND)
    for status in sorted(possible):
        common = {"$ref": f"#/components/responses/{_name(status)}"}
        own = responses.setdefault(str(int(status)), common)
        if own is not common:
            own.setdefault("content", {})[MEDIA_TYPE] = PROBLEM
    operation["responses"] = dict(sorted(responses.items()))


def _add_links(path: str, operation: dict[str, Any], operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Say for each address that an answer leads to where its parameters are found; others are for its body."""
    leads: dict[str, Any] = operation.pop(LEADS, {})
    success = next(response for status, response in operation["responses"].items() if status.startswith("2"))
    prefix = "/".join(path.split("/")[:3])
    for below, parameters in leads.items():
        for other, _method, target in operations:
            if f"{other}/".startswith(f"{prefix}{below}/") and ("{" in below or other == f"{prefix}{below}"):
                link: dict[str, Any] = {"operationId": target["operationId"], "parameters": {}}
                for name, expression in parameters.items():
                    place = link["parameters"] if f"{{{name}}}" in below else link.setdefault("requestBody", {})
                    place[name] = expression
                success.setdefault("links", {})[target["operationId"]] = link


def _name(status: HTTPStatus) -> str:
    return status.phrase.title().replace(" ", "")
