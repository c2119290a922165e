"""Write numbers of jobmon's own into InfluxDB, when the settings name a bucket for them; never anywhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobmon import clock
from jobmon.config import InfluxSettings
from jobmon.deadline import Deadline
from jobmon.errors import MissingExtraError, SourceError
from jobmon.network import reason
from jobmon.telemetry import http
from jobmon.telemetry.influxdb.flux import open_client
from jobmon.telemetry.influxdb.ping import spoken_at


@dataclass(frozen=True, slots=True)
class Point:
    """Hold the fields of one series at one time (epoch seconds); fields that are None are left out."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, float | int | None]
    at: float


class Writer:
    """Write points into `[influxdb] write_bucket`, in one request each time."""

    def __init__(self, settings: InfluxSettings, timeout_s: float) -> None:
        """MissingExtraError when the library that knows the line protocol is not installed."""
        self._settings = settings
        self._timeout_s = timeout_s
        self._where = f"InfluxDB at {settings.url}"
        self._session = http.open_session(settings, "influxdb", "Token")
        self._language: str = "" if settings.language == "auto" else settings.language
        try:
            import influxdb_client  # noqa: F401 - asked here, so that settings are wrong at the start or never
        except ImportError:
            raise MissingExtraError(
                "[influxdb] write_bucket needs the package influxdb-client: pip install 'jobmon[influxdb]'"
            ) from None

    def write(self, points: Sequence[Point]) -> None:
        """Write points; SourceError when they were not taken, and then they are lost."""
        lines = [line for line in map(_line, points) if line]
        if not lines:
            return
        if not self._language:
            self._language = spoken_at(self._settings)
        if self._language == "influxql":
            self._write_1(lines)
        else:
            self._write_2(lines)

    def _write_1(self, lines: list[str]) -> None:
        database, _, policy = self._settings.write_bucket.partition("/")
        url = f"{self._settings.url.rstrip('/')}/write"
        self._session.params = {"db": database, "precision": "ms", **({"rp": policy} if policy else {})}
        deadline = clock.monotonic() + self._timeout_s
        with http.posted(self._session, url, "\n".join(lines).encode(), deadline, self._where) as response:
            if response.status_code != 204:
                text = http.beginning(response.raw.read(4096))
                raise SourceError(f"{self._where} did not take what was written: HTTP {response.status_code}: {text}")

    def _write_2(self, lines: list[str]) -> None:
        import urllib3
        from influxdb_client.client.write_api import SYNCHRONOUS
        from influxdb_client.rest import ApiException

        limit = Deadline(self._timeout_s)
        try:
            with limit, limit.connecting(), open_client(self._settings, self._timeout_s) as client:
                api = client.write_api(write_options=SYNCHRONOUS)
                api.write(bucket=self._settings.write_bucket, record=lines, write_precision="ms")
                limit.check()
        except TimeoutError:
            raise SourceError(f"{self._where} did not answer in time") from None
        except ApiException as error:
            text = http.beginning(str(error.body or error.reason).encode())
            raise SourceError(f"{self._where} did not take what was written: HTTP {error.status}: {text}") from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise SourceError(f"{self._where} did not answer: {reason(error)}") from error


def _line(point: Point) -> str:
    """Return a point in the line protocol; empty when it has no field."""
    from influxdb_client.client.write.point import Point as Protocol

    made = Protocol(point.measurement)  # type: ignore[no-untyped-call]
    made.time(round(point.at * 1000), write_precision="ms")  # type: ignore[no-untyped-call]
    for name, value in point.tags.items():
        made.tag(name, value)  # type: ignore[no-untyped-call]
    for name, number in point.fields.items():
        if number is not None:
            made.field(name, float(number))  # type: ignore[no-untyped-call]
    return str(made.to_line_protocol())  # type: ignore[no-untyped-call]
