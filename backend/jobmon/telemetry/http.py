"""Talk HTTP with servers of metrics: secrets from files, answers in pieces, one deadline, errors in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from jobmon import clock
from jobmon.config.files import MOST_SECRET, read_text
from jobmon.config.telemetry import ServerSettings
from jobmon.deadline import Deadline, made
from jobmon.errors import SettingsError, SourceError

MAX_BYTES = 2 << 30
PIECE_BYTES = 1 << 16


class _Watched:
    """Tell of each connection that is made or used again, so that a deadline can cut it off."""

    sock: Any

    def _new_conn(self) -> Any:
        connection = super()._new_conn()  # type: ignore[misc] # of urllib3's class beside this one
        made(connection)
        return connection

    def request(self, *given: Any, **named: Any) -> Any:
        """Send a request."""
        if self.sock is not None:
            made(self.sock)
        return super().request(*given, **named)  # type: ignore[misc]


class _Plain(_Watched, HTTPConnection):
    pass


class _Secure(_Watched, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Secure


POOLS = {"http": _PlainPool, "https": _SecurePool}
"""What a pool manager of urllib3 makes its connections of, where deadlines are to hold."""


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *given: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(*given, **named)
        manager.pool_classes_by_scheme = POOLS
        return manager


def watched() -> requests.Session:
    """Return a session whose connections a deadline can cut off."""
    session = requests.Session()
    for scheme in POOLS:
        session.mount(f"{scheme}://", _Adapter())
    return session


def open_session(settings: ServerSettings, table: str, token_kind: str = "") -> requests.Session:
    """Return a session that goes straight to the server: a proxy of the environment is not meant for the cluster.

    It signs in when the kind of token is named ("Bearer"), with a token or with name and password. SettingsError when
    a file that `table` of the settings names cannot be read.
    """
    session = watched()
    if settings.ca_file:
        secret(settings.ca_file, f"[{table}] ca_file")
        session.verify = settings.ca_file
    if token_kind and settings.token_file:
        session.headers["Authorization"] = f"{token_kind} {secret(settings.token_file, f'[{table}] token_file')}"
    elif token_kind and settings.user:
        session.auth = (settings.user, password(settings, table))
    session.trust_env = False
    session.headers["Accept-Encoding"] = "identity"
    return session


def password(settings: ServerSettings, table: str) -> str:
    """Return the password that belongs to the name; empty without a file."""
    return secret(settings.password_file, f"[{table}] password_file") if settings.password_file else ""


def secret(file: str, setting: str) -> str:
    """Return what a file holds, blanks around it taken away; SettingsError names file and setting, never the secret."""
    try:
        return read_text(Path(file), MOST_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{setting} = {file!r}: cannot be read: {why}") from None


@contextmanager
def posted(
    session: requests.Session, url: str, form: dict[str, str] | bytes, deadline: float, where: str
) -> Iterator[requests.Response]:
    """Send a form or a body, and give the beginning of the answer; failures of the network are errors of `where`."""
    left_s = max(deadline - clock.monotonic(), 0.1)
    with Deadline(left_s) as limit:
        try:
            with limit.connecting():
                response = session.post(url, data=form, timeout=left_s, stream=True, allow_redirects=False)
            with response:
                limit.check()
                yield response
        except (requests.Timeout, urllib3.exceptions.ReadTimeoutError, TimeoutError):
            raise SourceError(f"{where} did not answer in time") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if limit.passed:
                raise SourceError(f"{where} did not answer in time") from None
            raise SourceError(f"{where} did not answer: {reason(error)}") from error


def pieces(response: requests.Response, deadline: float, where: str) -> Iterator[bytes]:
    """Yield the body as it arrives; TimeoutError at the deadline, SourceError when it does not end."""
    size = 0
    while piece := response.raw.read1(PIECE_BYTES):
        size += len(piece)
        if clock.monotonic() > deadline:
            raise TimeoutError
        if size > MAX_BYTES:
            raise SourceError(f"{where} answers with more than {MAX_BYTES >> 20} MiB")
        yield piece
    if clock.monotonic() > deadline:
        raise TimeoutError  # it was cut off, and what came is not all


def beginning(text: bytes) -> str:
    """Return the beginning of an answer for a message."""
    return text[:80].decode("utf-8", "replace").strip()


def reason(error: BaseException) -> str:
    """Return the innermost cause in words: the outer ones repeat addresses and objects."""
    cause = error
    while True:
        told = [getattr(cause, "reason", None), *cause.args, cause.__cause__]
        inner = next((each for each in told if isinstance(each, BaseException)), None)
        if inner is None or inner is cause:
            break
        cause = inner
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause)[:200] or type(cause).__name__
