"""Ask InfluxDB 2.x in Flux, by its own client library: all questions to a bucket in one request, answered as CSV."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import urllib3

from jobmon import clock
from jobmon.config import InfluxSettings
from jobmon.config.secrets import text_of
from jobmon.deadline import Deadline
from jobmon.errors import MissingExtraError, SourceError
from jobmon.network import POOLS, reason
from jobmon.telemetry import http
from jobmon.telemetry.influxdb.questions import Question, Series, host_tags

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client import InfluxDBClient


def open_client(settings: InfluxSettings, timeout_s: float) -> "InfluxDBClient":
    """Return the library's client; MissingExtraError when the library is not installed."""
    try:
        from influxdb_client.client.influxdb_client import InfluxDBClient
    except ImportError:
        raise MissingExtraError(
            "InfluxDB 2 needs the package influxdb-client: pip install 'jobmon[influxdb]'"
        ) from None
    token = text_of(settings.token_file, "[influxdb] token_file") if settings.token_file else ""
    if not token and settings.user:
        token = f"{settings.user}:{http.password(settings, 'influxdb')}"
    client = InfluxDBClient(
        url=settings.url,
        token=token,
        org=settings.org or "-",
        timeout=int(timeout_s * 1000),
        retries=False,
        ssl_ca_cert=settings.ca_file or None,
    )
    client.api_client.rest_client.pool_manager.pool_classes_by_scheme = POOLS
    return client


class Flux:
    """Speak the language of InfluxDB 2.x."""

    def __init__(self, settings: InfluxSettings, timeout_s: float) -> None:
        self._where = f"InfluxDB at {settings.url}"
        self._host_tag = settings.host_tag
        self._queries = open_client(settings, timeout_s).query_api()

    def ask(self, bucket: str, window_s: int, questions: Iterable[Question], deadline: float) -> Iterator[Series]:
        """Yield all series of the last `window_s` seconds; SourceError when the bucket cannot be read."""
        from influxdb_client.rest import ApiException

        asked = list(questions)
        with Deadline(deadline - clock.monotonic()) as limit:
            try:
                rows = self._rows(self.query(bucket, window_s, asked), deadline, limit)
                yield from self._series(rows, asked, bucket)
            except ApiException as error:
                body = error.body if isinstance(error.body, bytes) else str(error.body or error.reason).encode()
                raise SourceError(f"{self._where} answered HTTP {error.status}: {_said(body)}") from None
            except (urllib3.exceptions.TimeoutError, TimeoutError):
                raise SourceError(f"{self._where} did not answer in time") from None
            except (csv.Error, UnicodeDecodeError) as error:
                raise SourceError(f"{self._where} sends no annotated CSV: {error}") from None
            except (urllib3.exceptions.HTTPError, OSError) as error:
                why = "in time" if limit.passed else f": {reason(error)}"
                raise SourceError(f"{self._where} did not answer {why}".replace(" :", ":")) from error

    def query(self, bucket: str, window_s: int, questions: Sequence[Question]) -> str:
        """Return the questions in Flux; each yields a result named by its place."""
        return "\n\n".join(self._pipe(bucket, window_s, place, question) for place, question in enumerate(questions))

    def _pipe(self, bucket: str, window_s: int, place: int, question: Question) -> str:
        fields = " or ".join(f"r._field == {_text(field)}" for field in question.fields)
        tags = [*host_tags(question, self._host_tag), *question.tags]
        kept = ", ".join(_text(column) for column in ("_time", "_value", "_field", *tags))
        steps = [
            f"from(bucket: {_text(bucket)})",
            f"range(start: -{window_s}s)",
            f"filter(fn: (r) => r._measurement == {_text(question.measurement)} and ({fields}))",
        ]
        if question.numbered:
            steps.append(f"filter(fn: (r) => r[{_text(question.numbered)}] =~ /^[0-9]/)")
        if question.kind == "newest":
            steps.append("last()")
        steps += ["toFloat()", f"keep(columns: [{kept}])", f'yield(name: "{place}")']
        return "\n  |> ".join(steps)

    def _rows(self, query: str, deadline: float, limit: Deadline) -> Iterator[list[str]]:
        with limit.connecting():
            answer = self._queries.query_csv(query)
        for row in answer:
            if clock.monotonic() > deadline:
                raise TimeoutError
            yield row
        limit.check()  # what came may not be all

    def _series(self, rows: Iterable[list[str]], asked: list[Question], bucket: str) -> Iterator[Series]:
        """Yield the series in annotated CSV: rows of one table and field stand together, in the order of time."""
        names: list[str] = []
        defaults: list[str] = []
        awaits_names = any_names = False
        key: tuple[str, ...] = ()
        record: dict[str, str] = {}
        samples: list[tuple[float, float]] = []
        for row in rows:
            if not row or row[0].startswith("#"):
                awaits_names = True
                if row and row[0] == "#default":
                    defaults = row
                continue
            if awaits_names:
                names, awaits_names, any_names = row, False, "error" in row or {"result", "table"} <= set(row)
                continue
            if not any_names or len(row) != len(names):
                raise SourceError(f"{self._where} sends no annotated CSV: {','.join(row)[:80]!r}")
            found = dict(zip(names, row, strict=True))
            if "error" in found:
                raise SourceError(f"{self._where}, {bucket}: {found['error'][:300]}")
            if not found["result"] and len(defaults) == len(row):
                found["result"] = defaults[names.index("result")]
            new = (found["result"], found["table"], found.get("_field", ""))
            if new != key:
                yield from self._one(asked, record, samples)
                key, record, samples = new, found, []
            if found.get("_value"):
                try:
                    samples.append((_epoch(found["_time"]), float(found["_value"])))
                except (LookupError, ValueError) as error:
                    raise SourceError(f"{self._where} sends a sample that is none: {error}") from None
        yield from self._one(asked, record, samples)

    def _one(
        self, asked: list[Question], record: dict[str, str], samples: list[tuple[float, float]]
    ) -> Iterator[Series]:
        if not samples:
            return
        place = record["result"]
        if not (place.isdecimal() and int(place) < len(asked)):
            raise SourceError(f"{self._where} answers a question that was not asked: result {place[:80]!r}")
        yield Series(asked[int(place)], record, record["_field"], sorted(samples))


def _text(value: str) -> str:
    """Return a Flux string, which knows the escapes of JSON and ${…} besides."""
    return json.dumps(value, ensure_ascii=False).replace("${", "\\${")


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _said(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])[:300]
    except (ValueError, LookupError, TypeError):
        return http.beginning(body)
