"""Answer every error as application/problem+json, in words that hold nothing a reader sent."""

from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jobmon.errors import StoreError, StoreTimeoutError, StoreValueError

MOST_DETAIL = 2000


class ProblemError(HTTPException):
    """Answer with a status other than success and a sentence about it."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def of_store(error: StoreError, what: str = "The store") -> ProblemError:
    """Return the answer to a request for which the store failed: only an outage is told as one."""
    if isinstance(error, StoreValueError):
        return ProblemError(HTTPStatus.BAD_REQUEST, "The request holds a value that can neither be kept nor found.")
    if isinstance(error, StoreTimeoutError):
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "5"})
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"{what} does not answer.")


def response(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return the answer to a request that failed."""
    title = HTTPStatus(status).phrase
    detail = detail.encode(errors="replace").decode()  # keys that somebody sent may stand in it
    detail = detail if len(detail) <= MOST_DETAIL else f"{detail[:MOST_DETAIL]}…"
    return Response(
        orjson.dumps({"title": title, "status": status, "detail": detail}) + b"\n",
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        "application/problem+json",
    )


def install(app: FastAPI) -> None:
    """Let `app` answer all its errors this way."""

    @app.exception_handler(HTTPException)
    def refused(_request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and headers.get("Allow") == "GET":
            headers["Allow"] = "GET, HEAD"  # what answers GET answers HEAD too, see app.Outermost
            return response(error.status_code, "Only GET and HEAD are answered here.", headers)
        return response(error.status_code, error.detail, headers)

    @app.exception_handler(RequestValidationError)
    def misunderstood(_request: Request, error: RequestValidationError) -> Response:
        told = {f"{problem['loc'][-1]}: {problem['msg']}" for problem in error.errors()}
        return response(HTTPStatus.BAD_REQUEST, "; ".join(sorted(told)))

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
