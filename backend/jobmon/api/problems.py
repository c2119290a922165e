"""Answer every error as application/problem+json, in words that hold nothing a reader sent."""

from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response


class ProblemError(HTTPException):
    """Answer with a status other than success and a sentence about it."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def response(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return the answer to a request that failed."""
    title = HTTPStatus(status).phrase
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

    @app.exception_handler(Exception)
    def failed(_request: Request, _error: Exception) -> Response:
        # The server logs the error with its trace after this answer.
        return response(
            HTTPStatus.INTERNAL_SERVER_ERROR, "The request could not be answered; the daemon's log says why."
        )
