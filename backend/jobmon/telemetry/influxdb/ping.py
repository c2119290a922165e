"""Find out which language a server speaks."""

import requests

from jobmon.config import InfluxSettings
from jobmon.deadline import Deadline
from jobmon.errors import SourceError
from jobmon.network import reason
from jobmon.telemetry import http

PING_S = 3.0


def spoken_at(settings: InfluxSettings) -> str:
    """Return which language a server speaks: "influxql" up to 1.x, "flux" from 2.0 on."""
    where = f"InfluxDB at {settings.url}"
    try:
        with http.open_session(settings, "influxdb") as session, Deadline(PING_S) as limit, limit.connecting():
            answer = session.get(settings.url.rstrip("/") + "/ping", timeout=PING_S, allow_redirects=False)
            limit.check()
    except TimeoutError:
        raise SourceError(f"{where} did not answer in time") from None
    except requests.RequestException as error:
        if limit.passed:
            raise SourceError(f"{where} did not answer in time") from None
        raise SourceError(f"{where} did not answer: {reason(error)}") from error
    version = answer.headers.get("X-Influxdb-Version", "")
    if not version:
        raise SourceError(f"{where} is no InfluxDB: /ping answered HTTP {answer.status_code} without a version")
    return "influxql" if version.lstrip("v").startswith(("0.", "1.")) else "flux"
