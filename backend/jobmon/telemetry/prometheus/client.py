"""Send instant queries over HTTP, and read the answers piece by piece: they can be larger than memory should be."""

from collections.abc import Iterator
from typing import Any

import orjson
import requests

from jobmon import clock
from jobmon.config import PrometheusSettings
from jobmon.errors import SourceError
from jobmon.telemetry import http

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
        self._session = http.open_session(settings, "prometheus", "Bearer")

    def query(self, expression: str, deadline: float) -> Iterator[list[Any]]:
        """Yield the samples of an instant vector in pieces: {"metric": labels, "value": [time, text]}.

        RefusedError when the server says no, SourceError when it says nothing or nonsense. `deadline` is monotonic.
        """
        left_s = max(1, int(deadline - clock.monotonic()))
        form = {"query": expression, "timeout": f"{left_s}s"}
        with http.posted(self._session, self._url, form, deadline, self._where) as response:
            if response.status_code != 200:
                raise self._refusal(response)
            yield from self._samples(response, deadline)

    def _samples(self, response: requests.Response, deadline: float) -> Iterator[list[Any]]:
        head, rest = b"", b""
        for piece in http.pieces(response, deadline, self._where):
            rest += piece
            if not head:
                begin = rest.find(BEGIN)
                if begin < 0:
                    if len(rest) > 4 * http.PIECE_BYTES:
                        break
                    continue
                head, rest = rest[: begin + len(BEGIN)], rest[begin + len(BEGIN) :]
            if len(rest) >= http.PIECE_BYTES and (cut := rest.rfind(BETWEEN)) > 0:
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
            shown = http.beginning(text)
            raise SourceError(f"{self._where} sends no JSON, or only a part of it: {shown!r}") from None

    def _refusal(self, response: requests.Response) -> SourceError:
        text = response.raw.read(4096)
        try:
            said = orjson.loads(text)
            message, is_json = str(said.get("error") or said)[:500], True
        except (orjson.JSONDecodeError, AttributeError):
            message, is_json = http.beginning(text), False
        words = f"{self._where} answered HTTP {response.status_code}: {message}"
        # 400 and 422 speak about this expression; everything else about the server, the password or a proxy.
        return RefusedError(words) if is_json and response.status_code in {400, 422} else SourceError(words)
