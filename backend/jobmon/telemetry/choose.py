"""Open the sources of metrics that the settings name."""

from jobmon.config import Settings
from jobmon.telemetry.base import TelemetrySource


def open_sources(settings: Settings) -> list[TelemetrySource]:
    """Return the sources of `[telemetry] sources` in their order; SettingsError when one cannot be set up."""
    return [_open(name, settings) for name in dict.fromkeys(settings.telemetry.sources)]


def _open(name: str, settings: Settings) -> TelemetrySource:
    # What a source needs is imported only where it is asked for: some of it is an optional package.
    if name == "prometheus":
        from jobmon.telemetry import prometheus

        return prometheus.Source(settings.prometheus, settings.telemetry)
    if name == "influxdb":
        from jobmon.telemetry import influxdb

        return influxdb.Source(settings.influxdb, settings.telemetry)
    if name == "ganglia":
        from jobmon.telemetry import ganglia

        return ganglia.Source(settings.ganglia, settings.telemetry)
    from jobmon.telemetry import procfs

    return procfs.Source()
