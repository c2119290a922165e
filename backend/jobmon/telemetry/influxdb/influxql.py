"""Ask InfluxDB 1.x in InfluxQL over HTTP: all questions to a database in one request, answered in pieces."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from jobmon.config import InfluxSettings
from jobmon.errors import SourceError
from jobmon.telemetry import http
from jobmon.telemetry.influxdb.questions import Question, Series, host_tags

AHEAD_S = 60
"""Samples may be this much ahead of the server's clock."""


class InfluxQL:
    """Speak the language of InfluxDB 1.x."""

    def __init__(self, settings: InfluxSettings) -> None:
        self._url = settings.url.rstrip("/") + "/query"
        self._where = f"InfluxDB at {settings.url}"
        self._host_tag = settings.host_tag
        self._session = http.open_session(settings, "influxdb", "Token")

    def ask(self, bucket: str, window_s: int, questions: Iterable[Question], deadline: float) -> Iterator[Series]:
        """Yield all series of the last `window_s` seconds; SourceError when the database cannot be read."""
        asked = list(questions)
        database, _, policy = bucket.partition("/")
        form = {
            "db": database,
            "rp": policy,
            "q": "; ".join(self.statement(question, window_s) for question in asked),
            "epoch": "ms",
            "chunked": "true",
        }
        with http.posted(self._session, self._url, form, deadline, self._where) as response:
            if response.status_code != 200:
                raise SourceError(
                    f"{self._where} answered HTTP {response.status_code}: {_said(response.raw.read(4096))}"
                )
            rest = b""
            for piece in http.pieces(response, deadline, self._where):
                *lines, rest = (rest + piece).split(b"\n") if b"\n" in piece else (rest + piece,)
                for line in lines:
                    yield from self._series(line, asked, bucket)
            yield from self._series(rest, asked, bucket)

    def statement(self, question: Question, window_s: int) -> str:
        """Return the question in InfluxQL."""
        tags = [*host_tags(question, self._host_tag), *question.tags]
        fields = ", ".join(_quoted(field) for field in question.fields)
        # a host that started with a wrong clock must not hide what it says later
        where = f"time > now() - {window_s}s AND time <= now() + {AHEAD_S}s"
        if question.numbered:
            where += f" AND {_quoted(question.numbered)} =~ /^[0-9]/"
        newest = " ORDER BY time DESC LIMIT 1" if question.kind == "newest" else ""
        grouped = ", ".join(map(_quoted, tags))
        measurement = _quoted(question.measurement)
        return f"SELECT {fields} FROM {measurement} WHERE {where} GROUP BY {grouped}{newest}"  # noqa: S608 - quoted

    def _series(self, line: bytes, asked: list[Question], bucket: str) -> Iterator[Series]:
        """Yield what one line of the answer holds; a line is JSON of its own."""
        if not line.strip():
            return
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            shown = http.beginning(line)
            raise SourceError(f"{self._where} sends no JSON, or only a part of it: {shown!r}") from None
        if not isinstance(document, dict) or document.get("error"):
            raise SourceError(f"{self._where} answers: {_said(line)}")
        for result in document.get("results", ()):
            if "error" in result:
                raise SourceError(f"{self._where}, {bucket}: {str(result['error'])[:300]}")
            for series in result.get("series", ()):
                yield from _columns(asked[result["statement_id"]], series)


def _columns(question: Question, series: dict[str, Any]) -> Iterator[Series]:
    tags = series.get("tags", {})
    rows = series["values"]
    for place, field in enumerate(series["columns"][1:], 1):
        samples = [(row[0] / 1000, row[place]) for row in rows if type(row[place]) in {int, float}]
        if samples:
            yield Series(question, tags, field, samples)


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _said(text: bytes) -> str:
    try:
        return str(orjson.loads(text)["error"])[:300]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return http.beginning(text)
