"""Talk HTTP with servers of metrics: sign in, read answers in pieces, one deadline, errors in words."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3

from jobmon import clock
from jobmon.config.secrets import check_readable, text_of
from jobmon.config.telemetry import ServerSettings
from jobmon.deadline import Deadline
from jobmon.errors import SourceError
from jobmon.network import reason, watched

MAX_BYTES = 2 << 30
PIECE_BYTES = 1 << 16


def open_session(settings: ServerSettings, table: str, token_kind: str = "") -> requests.Session:
    """Return a session that goes straight to the server: a proxy of the environment is not meant for the cluster.

    It signs in when the kind of token is named ("Bearer"), with a token or with name and password. SettingsError when
    a file that `table` of the settings names cannot be read.
    """
    session = watched()
    if settings.ca_file:
        check_readable(settings.ca_file, f"[{table}] ca_file")
        session.verify = settings.ca_file
    if token_kind and settings.token_file:
        session.headers["Authorization"] = f"{token_kind} {text_of(settings.token_file, f'[{table}] token_file')}"
    elif token_kind and settings.user:
        session.auth = (settings.user, password(settings, table))
    session.trust_env = False
    session.headers["Accept-Encoding"] = "identity"
    return session


def password(settings: ServerSettings, table: str) -> str:
    """Return the password that belongs to the name; empty without a file."""
    return text_of(settings.password_file, f"[{table}] password_file") if settings.password_file else ""


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
