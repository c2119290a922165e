"""Read the XML that gmond and gmetad tell everybody who connects: one connection for all hosts they know of."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from xml.sax import SAXException

from defusedxml.common import DefusedXmlException
from defusedxml.sax import make_parser

from jobmon import clock
from jobmon.config import GangliaSettings, TelemetrySettings
from jobmon.errors import SourceError
from jobmon.telemetry.base import Metrics
from jobmon.telemetry.draft import Draft
from jobmon.telemetry.ganglia.reading import Host, Reading, take
from jobmon.telemetry.hosts import HostNames

PIECE_BYTES = 1 << 16
MOST_AT_ONCE = 8
"""As many daemons are read side by side: one that is dead must not cost the others their time."""


class Source:
    """Connect to each of the daemons, and read until it hangs up."""

    name = "ganglia"

    def __init__(self, settings: GangliaSettings, telemetry: TelemetrySettings) -> None:
        self._settings = settings
        self._timeout_s = telemetry.timeout
        self._names = HostNames(telemetry.host_pattern, telemetry.aliases)

    def load(self) -> Metrics:
        """Return all nodes; a daemon that fails is left out and named, SourceError when all of them do."""
        deadline = clock.monotonic() + self._timeout_s
        draft = Draft(self._names, clock.now())
        addresses = list(dict.fromkeys(self._settings.addresses))
        with ThreadPoolExecutor(min(len(addresses), MOST_AT_ONCE), thread_name_prefix="ganglia") as pool:
            readings = list(pool.map(lambda address: self._read(address, deadline), addresses))
        told: set[str] = set()
        for address, (hosts, error) in zip(addresses, readings, strict=True):
            if error:
                draft.skip("[ganglia]", address, error)
            for host in hosts:
                if host.name not in told:  # a cluster's daemons all tell the same
                    take(host, draft)
            told |= {host.name for host in hosts}
        errors = [error for _hosts, error in readings if error]
        if len(errors) == len(addresses):
            raise SourceError(errors[0])
        if not draft.nodes:
            raise SourceError(f"Ganglia at {', '.join(addresses)} knows no host")
        return draft.metrics()

    def _read(self, address: str, deadline: float) -> tuple[list[Host], str]:
        """Return the hosts that a daemon told, and why it did not tell all; empty when it did."""
        reading = Reading()
        try:
            self._feed(reading, address, deadline)
        except SourceError as error:
            return reading.hosts, str(error)
        return reading.hosts, ""

    def _feed(self, reading: Reading, address: str, deadline: float) -> None:
        """Feed one daemon's answer to the parser, piece by piece: neither its length nor its end can be trusted."""
        where = f"Ganglia at {address}"
        host, _, port = address.rpartition(":")
        parser = make_parser()
        parser.forbid_dtd = False  # gmond describes its own elements; entities and other files stay forbidden
        parser.setContentHandler(reading)
        limit = self._settings.max_mb << 20
        size = 0
        try:
            left_s = max(deadline - clock.monotonic(), 0.1)
            with closing(socket.create_connection((host.strip("[]"), int(port)), timeout=left_s)) as connection:
                while True:
                    left_s = deadline - clock.monotonic()
                    if left_s <= 0:
                        raise TimeoutError
                    connection.settimeout(left_s)
                    piece = connection.recv(PIECE_BYTES)
                    if not piece:
                        break
                    size += len(piece)
                    if size > limit:
                        raise SourceError(f"{where} tells more than {self._settings.max_mb} MiB ([ganglia] max_mb)")
                    parser.feed(piece)
            if not size:
                raise SourceError(f"{where} hangs up and tells nothing")
            parser.close()
        except TimeoutError:
            raise SourceError(f"{where} did not tell all within {self._timeout_s:g} s") from None
        except OSError as error:
            raise SourceError(f"{where} did not answer: {error.strerror or error}") from error
        except DefusedXmlException as error:
            raise SourceError(f"{where} sends forbidden XML: {type(error).__name__}") from None
        except SAXException as error:
            raise SourceError(f"{where} sends no XML, or only a part of it ({error.getMessage()})") from None
