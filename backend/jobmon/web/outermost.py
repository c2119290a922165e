"""Wrap the application: what holds for every request and every answer, whatever they are about."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobmon.api import problems
from jobmon.api.problems import ProblemError

SAFETY = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
PIECE = 1 << 16
"""So much is handed to a connection at a time: a reader who takes it slowly has no more of it waiting."""
MOST_BODY = 1 << 20
TOO_LARGE = f"The body of a request has at most {MOST_BODY >> 20} MiB."
MOST_IGNORED = 8 << 20
"""So much of a body that nobody reads is taken before the connection ends, so that the answer arrives."""


class Outermost:
    """Answer HEAD wherever GET is answered, add the security headers, and bound what is read and sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; the server leaves out the body of an answer to HEAD by itself."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        wholly_read, received = not _has_body(headers), 0

        async def receive_noting() -> Message:
            nonlocal wholly_read, received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MOST_BODY:
                raise ProblemError(413, TOO_LARGE)
            wholly_read = wholly_read or (message["type"] == "http.request" and not message.get("more_body", False))
            return message

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in SAFETY.items():
                    answer.setdefault(name, value)
                if not wholly_read and _length(headers) > MOST_IGNORED:
                    answer["Connection"] = "close"
            if message["type"] != "http.response.body" or len(message.get("body", b"")) <= PIECE:
                await send(message)
                return
            body = memoryview(message["body"])
            for start in range(0, len(body), PIECE):
                more = message.get("more_body", False) or start + PIECE < len(body)
                await send({**message, "body": bytes(body[start : start + PIECE]), "more_body": more})

        refusal = _refusal(headers)
        if refusal is not None:
            await refusal(scope, receive_noting, send_safely)
            return
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        await self._app({**scope, "method": method}, receive_noting, send_safely)


def _refusal(headers: Headers) -> Response | None:
    """Return the answer to a request of which nothing but its head is looked at; None for all others."""
    if "transfer-encoding" in headers and "content-length" in headers:
        # Two programs on the way could disagree about where this request ends, and the next one begins.
        return problems.response(400, "A request has one length.", {"Connection": "close"})
    if "content-length" in headers and _length(headers) > MOST_BODY:
        return problems.response(413, TOO_LARGE)
    return None


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _length(headers: Headers) -> float:
    """Return how long the body of a request is said to be; without end where that is not said."""
    told = headers.get("content-length", "")
    return int(told) if told.isdigit() and len(told) < 20 else float("inf")
