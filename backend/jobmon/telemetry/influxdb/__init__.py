"""Read what Telegraf and Slurm wrote into InfluxDB: one request per bucket, in InfluxQL or Flux."""

from jobmon import clock
from jobmon.config import InfluxSettings, TelemetrySettings
from jobmon.errors import SourceError
from jobmon.telemetry.base import Metrics
from jobmon.telemetry.draft import Draft
from jobmon.telemetry.hosts import HostNames
from jobmon.telemetry.influxdb.flux import Flux
from jobmon.telemetry.influxdb.influxql import InfluxQL
from jobmon.telemetry.influxdb.ping import spoken_at
from jobmon.telemetry.influxdb.questions import JOBSTATS, SLURM, TELEGRAF, Language
from jobmon.telemetry.influxdb.series import Taker
from jobmon.telemetry.rates import Rates


class Source:
    """Ask range queries that answer for all nodes and jobs at once, and make the rates of counters here."""

    name = "influxdb"

    def __init__(self, settings: InfluxSettings, telemetry: TelemetrySettings) -> None:
        self._settings = settings
        self._timeout_s = telemetry.timeout
        self._names = HostNames(telemetry.host_pattern, telemetry.aliases)
        self._rates = Rates(max_gap_s=max(300.0, 2.0 * settings.window))
        self._language = None if settings.language == "auto" else speak(settings.language, settings, self._timeout_s)

    def load(self) -> Metrics:
        """Return all nodes and jobs; SourceError when the bucket of the nodes cannot be read or is empty.

        A further bucket (jobstats, Slurm's) that fails alone is left out and named.
        """
        deadline = clock.monotonic() + self._timeout_s
        settings = self._settings
        if self._language is None:
            self._language = speak(spoken_at(settings), settings, self._timeout_s)
        draft = Draft(self._names, clock.now())
        taker = Taker(draft, self._rates, settings.host_tag)
        asked = list(TELEGRAF)
        if settings.jobstats_bucket in {"", settings.bucket}:
            asked += JOBSTATS
        for series in self._language.ask(settings.bucket, settings.window, asked, deadline):
            taker.take(series)
        for bucket, questions, window_s in (
            (settings.jobstats_bucket, JOBSTATS, settings.window),
            (settings.slurm_bucket, SLURM, settings.slurm_window),
        ):
            if not bucket or (questions is JOBSTATS and bucket == settings.bucket):
                continue
            try:
                for series in self._language.ask(bucket, window_s, questions, deadline):
                    taker.take(series)
            except SourceError as error:
                draft.skip("[influxdb]", bucket, str(error))
        taker.finish()
        self._rates.forget(draft.loaded_at - self._rates.max_gap_s)
        if not draft.nodes and not draft.jobs:
            raise SourceError(
                f"InfluxDB at {settings.url} has none of Telegraf's series in {settings.bucket} "
                f"from the last {settings.window} s"
            )
        return draft.metrics()


def speak(language: str, settings: InfluxSettings, timeout_s: float) -> Language:
    """Return the language by its name."""
    return InfluxQL(settings) if language == "influxql" else Flux(settings, timeout_s)
