"""Send instant queries over HTTP, and read the answers piece by piece: they can be larger than memory should be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import requests
import urllib3

from jobmon import clock
from jobmon.config import PrometheusSettings
from jobmon.errors import SettingsError, SourceError

MAX_BYTES = 2 << 30
PIECE_BYTES = 1 << 16
BEGIN = b'"result":['
BETWEEN = b'},{"metric":'
"""Stands between two samples. Inside a text the quotes would be escaped, so that it stands nowhere else."""


class RefusedError(SourceError):
    """The server understood that it is asked, and says no: a wrong expression, or too much for it."""


class Client:
    """Talk to one server; every question ends at a deadline."""

    def __init__(self, settings: PrometheusSettings) -> None:
        self._url = settings.url.rstrip("/") + "/api/v1/query"
        self._where = f"Prometheus at {settings.url}"
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment is not meant for the cluster's own network
        self._session.headers["Accept-Encoding"] = "identity"
        if settings.token_file:
            self._session.headers["Authorization"] = f"Bearer {_secret(settings.token_file, 'token_file')}"
        elif settings.user:
            password = _secret(settings.password_file, "password_file") if settings.password_file else ""
            self._session.auth = (settings.user, password)

    def query(self, expression: str, deadline: float) -> Iterator[list[Any]]:
        """Yield the samples of an instant vector in pieces: {"metric": labels, "value": [time, text]}.

        RefusedError when the server says no, SourceError when it says nothing or nonsense. `deadline` is monotonic.
        """
        left_s = max(deadline - clock.monotonic(), 0.1)
        try:
            response = self._session.post(
                self._url,
                data={"query": expression, "timeout": f"{max(1, int(left_s))}s"},
                timeout=left_s,
                stream=True,
                allow_redirects=False,
            )
            with response:
                if response.status_code != 200:
                    raise self._refusal(response)
                yield from self._samples(response, deadline)
        except (requests.Timeout, urllib3.exceptions.ReadTimeoutError, TimeoutError):
            raise SourceError(f"{self._where} did not answer in time") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise SourceError(f"{self._where} did not answer: {_reason(error)}") from error

    def _samples(self, response: requests.Response, deadline: float) -> Iterator[list[Any]]:
        head, rest, size = b"", b"", 0
        while piece := response.raw.read1(PIECE_BYTES):
            size += len(piece)
            if clock.monotonic() > deadline:
                raise TimeoutError
            if size > MAX_BYTES:
                raise SourceError(f"{self._where} answers with more than {MAX_BYTES >> 20} MiB")
            rest += piece
            if not head:
                begin = rest.find(BEGIN)
                if begin < 0:
                    if len(rest) > 4 * PIECE_BYTES:
                        break
                    continue
                head, rest = rest[: begin + len(BEGIN)], rest[begin + len(BEGIN) :]
            if len(rest) >= PIECE_BYTES and (cut := rest.rfind(BETWEEN)) > 0:
                yield self._parsed(b"[" + rest[: cut + 1] + b"]")
                rest = rest[cut + 2 :]
        document = self._parsed(head + rest)
        data = document.get("data") if isinstance(document, dict) else None
        if not isinstance(data, dict) or document.get("status") != "success":
            raise SourceError(f"{self._where} sends JSON that is no answer to a query")
        if data.get("resultType") != "vector" or not isinstance(data.get("result"), list):
            raise RefusedError(f"{self._where}: the expression gives a {data.get('resultType')}, not a vector")
        yield data["result"]

    def _parsed(self, text: bytes) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            shown = text[:60].decode("utf-8", "replace").strip()
            raise SourceError(f"{self._where} sends no JSON, or only a part of it: {shown!r}") from None

    def _refusal(self, response: requests.Response) -> SourceError:
        text = response.raw.read(4096)
        try:
            said = orjson.loads(text)
            message, is_json = str(said.get("error") or said)[:500], True
        except (orjson.JSONDecodeError, AttributeError):
            message, is_json = text[:80].decode("utf-8", "replace").strip(), False
        words = f"{self._where} answered HTTP {response.status_code}: {message}"
        # 400 and 422 speak about this expression; everything else about the server, the password or a proxy.
        return RefusedError(words) if is_json and response.status_code in {400, 422} else SourceError(words)


def _secret(file: str, setting: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise SettingsError(f"[prometheus] {setting} = {file!r}: cannot be read: {reason}") from None


def _reason(error: Exception) -> str:
    """Return the innermost cause in words: the outer ones repeat addresses and objects."""
    cause: BaseException = error
    while isinstance(cause, requests.RequestException | urllib3.exceptions.HTTPError):
        inner = getattr(cause, "reason", None) or (cause.args[0] if cause.args else None)
        if not isinstance(inner, BaseException):
            break
        cause = inner
    return str(cause)[:200] or type(cause).__name__
