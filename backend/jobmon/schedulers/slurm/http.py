"""Fetch JSON from slurmrestd over TCP or a unix socket, with one deadline, a size limit and no mercy for errors."""

import http.client
import re
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from jobmon import clock
from jobmon.config.secrets import text_of
from jobmon.deadline import Deadline, made
from jobmon.errors import SettingsError, SourceError
from jobmon.schedulers.base import SchedulerSettings

MAX_BODY_BYTES = 512 * 1024 * 1024
"""A cluster of 10,000 nodes and 50,000 jobs answers with 192 MB; more than this is a fault."""

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """Hold an answer as it came."""

    status: int
    content_type: str
    body: bytes


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the unix socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        made(self.sock)
        self.sock.connect(self._path)


def get(path: str, settings: SchedulerSettings, deadline: float) -> Response:
    """Return the answer to a GET, whatever its status; SourceError when none arrives before the monotonic deadline."""
    where = f"slurmrestd at {settings.slurmrestd_url}"
    left_s = max(deadline - clock.monotonic(), 0.1)
    connection = _connection(settings.slurmrestd_url, left_s)
    limit = Deadline(left_s)
    try:
        with limit:
            return _answer(connection, path, settings, deadline, limit)
    except TimeoutError:
        raise SourceError(f"{where} did not answer {path} within {settings.timeout} s") from None
    except (OSError, http.client.HTTPException) as error:
        if limit.passed:
            raise SourceError(f"{where} did not answer {path} within {settings.timeout} s") from None
        raise SourceError(f"{where} did not answer {path}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _answer(
    connection: http.client.HTTPConnection, path: str, settings: SchedulerSettings, deadline: float, limit: Deadline
) -> Response:
    where = f"slurmrestd at {settings.slurmrestd_url}"
    with limit.connecting():
        connection.request("GET", path, headers=_headers(settings))
    if connection.sock is not None:
        connection.sock.settimeout(max(deadline - clock.monotonic(), 0.1))
    answer = connection.getresponse()
    parts: list[bytes] = []
    size = 0
    while chunk := answer.read1(_CHUNK_BYTES):  # read() would wait for a full chunk
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise SourceError(f"{where} answered {path} with more than {MAX_BODY_BYTES // 2**20} MiB")
        if clock.monotonic() > deadline:
            raise TimeoutError
    limit.check()
    if answer.length:
        raise SourceError(f"{where} stopped in the middle of its answer to {path}")
    return Response(answer.status, answer.headers.get("Content-Type", ""), b"".join(parts))


def get_json(path: str, settings: SchedulerSettings, deadline: float) -> dict[str, Any]:
    """Return the object of an answer; SourceError unless the status, the body and its own list of errors are good."""
    response = get(path, settings, deadline)
    # The status comes first: a slurmrestd that cannot reach its controller sends 500 with an empty list of jobs.
    if response.status != 200:
        raise SourceError(f"slurmrestd answered {path} with HTTP {response.status}: {_excerpt(response.body)}")
    try:
        body = orjson.loads(response.body)
    except orjson.JSONDecodeError as error:
        kind = response.content_type or "no content type"
        raise SourceError(f"slurmrestd answered {path} with {kind} that is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise SourceError(f"slurmrestd answered {path} with JSON that is not an object")
    if body.get("errors"):
        raise SourceError(f"slurmrestd answered {path} with an error: {_error_text(body['errors'])}")
    return body


def _connect(*given: Any, **named: Any) -> socket.socket:
    """Connect as http.client does by itself, so that a deadline holds for TLS too."""
    connection = socket.create_connection(*given, **named)
    made(connection)
    return connection


def _connection(url: str, timeout_s: float) -> http.client.HTTPConnection:
    if url.startswith("unix:"):
        return _UnixConnection(url.removeprefix("unix:").replace("//", "/", 1), timeout_s)
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port or 443, timeout=timeout_s, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port or 80, timeout=timeout_s)
    connection._create_connection = _connect  # type: ignore[attr-defined] # noqa: SLF001 - it has no public name
    return connection


def _headers(settings: SchedulerSettings) -> dict[str, str]:
    headers = {"Accept": "application/json", "Connection": "close"}
    if settings.slurmrestd_user:
        headers["X-SLURM-USER-NAME"] = settings.slurmrestd_user
    if settings.slurmrestd_token_file:
        try:
            token = text_of(settings.slurmrestd_token_file, "[scheduler] slurmrestd_token_file")
        except SettingsError as error:
            # who renews it may be about to write it, so the next time may be better
            raise SourceError(f"the token file of slurmrestd: {error}") from None
        if not token.isascii() or not token.isprintable():
            raise SourceError("[scheduler] slurmrestd_token_file: what it holds is no token")
        headers["X-SLURM-USER-TOKEN"] = token.removeprefix("SLURM_JWT=")
    return headers


def _excerpt(body: bytes) -> str:
    """Return the few words of a body that tell what went wrong; a page of markup is not one of them."""
    try:
        errors = orjson.loads(body)["errors"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return re.sub(r"<[^>]*>|\s+", " ", body[:500].decode("utf-8", "replace")).strip()[:200] or "no body"
    return _error_text(errors)


def _error_text(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) and errors else errors
    if isinstance(first, dict):
        first = first.get("description") or first.get("error") or first
    return str(first)[:200]
