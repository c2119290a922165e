"""Answer every error as application/problem+json, in words that hold nothing a reader sent."""

from collections.abc import Sequence
from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jobmon.api import faults
from jobmon.errors import StoreError, StoreTimeoutError, StoreValueError

MOST_DETAIL = 2000
FOREIGN: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: "The body of the request cannot be read.",
    HTTPStatus.NOT_FOUND: "There is no such address.",
}
"""What is said where a library refuses a request in words of its own."""
MEDIA_TYPE = "application/problem+json"


class ProblemError(HTTPException):
    """Answer with a status other than success and a sentence about it."""

    def __init__(
        self, status: int, detail: str, headers: dict[str, str] | None = None, errors: Sequence[dict[str, str]] = ()
    ) -> None:
        super().__init__(status, detail, headers)
        self.errors = errors


def of_store(error: StoreError, what: str = "The store") -> ProblemError:
    """Return the answer to a request for which the store failed: only an outage is told as one."""
    if isinstance(error, StoreValueError):
        return ProblemError(HTTPStatus.BAD_REQUEST, "The request holds a value that can neither be kept nor found.")
    if isinstance(error, StoreTimeoutError):
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "5"})
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"{what} does not answer.")


def response(
    status: int, detail: str, headers: dict[str, str] | None = None, errors: Sequence[dict[str, str]] = ()
) -> Response:
    """Return the answer to a request that failed; `errors` say for each field that is wrong what is."""
    problem: dict[str, object] = {"title": HTTPStatus(status).phrase, "status": status, "detail": _sent(detail)}
    if errors:
        problem["errors"] = [{name: _sent(text) for name, text in error.items()} for error in errors]
    return Response(orjson.dumps(problem) + b"\n", status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


def _sent(text: str) -> str:
    """Return a text as it can be sent: keys that somebody has sent may stand in it."""
    text = text.encode(errors="replace").decode()
    return text if len(text) <= MOST_DETAIL else f"{text[:MOST_DETAIL]}…"


def wrong_method(methods: Sequence[str]) -> ProblemError:
    """Return the answer to a request with a method that an address does not know."""
    told = f"{', '.join(methods[:-1])} and {methods[-1]} are" if len(methods) > 1 else f"{methods[0]} is"
    return ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, f"Only {told} answered here.", {"Allow": ", ".join(methods)})


def install(app: FastAPI) -> None:
    """Let `app` answer all its errors this way."""

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        if isinstance(error, ProblemError):
            return response(error.status_code, error.detail, dict(error.headers or {}), error.errors)
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            problem = wrong_method(request.app.state.addresses.methods(request.url.path))
            return response(problem.status_code, problem.detail, dict(problem.headers or {}))
        return response(error.status_code, FOREIGN.get(error.status_code, "The request cannot be answered."))

    @app.exception_handler(RequestValidationError)
    def misunderstood(_request: Request, error: RequestValidationError) -> Response:
        told = faults.told(error.errors())
        detail = "; ".join(f"{one['field']}: {one['detail']}" for one in told)
        return response(HTTPStatus.BAD_REQUEST, detail, errors=told)

    @app.exception_handler(StoreError)
    def not_kept(_request: Request, error: StoreError) -> Response:
        problem = of_store(error)
        return response(problem.status_code, problem.detail, dict(problem.headers or {}))

    @app.exception_handler(Exception)
    def failed(_request: Request, _error: Exception) -> Response:
        # The server logs the error with its trace after this answer.
        return response(
            HTTPStatus.INTERNAL_SERVER_ERROR, "The request could not be answered; the daemon's log says why."
        )
