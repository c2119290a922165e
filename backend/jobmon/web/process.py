"""Serve the page and the data in a process of its own, started and watched by the daemon (jobmon.processes).

Visitors have its memory, its descriptors and its interpreter, and none of the daemon's. It gets sockets that are
listened on already and checked settings, and ends when the daemon does.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from jobmon import capabilities, clock, config, control, logs
from jobmon.api.context import Context
from jobmon.processes import PONG, READY, received
from jobmon.web import app, serving
from jobmon.web.connections import Connections

log = logging.getLogger("jobmon.web")

PR_SET_PDEATHSIG = 1
NICE = 5
"""Publishing and acting come first where processors are scarce."""
MOST_MEMORY = 4 << 30
"""So much address space it may have: the last line of defence, for all that is sent is bounded."""
STACK = 512 << 10
KEEP_S = 0.1
"""So long an answer of the daemon about itself serves all visitors."""
ASK_S = 5.0


class Visits(Collector):
    """Export how many visitors are there, and what has become of others."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        now = self._connections
        yield GaugeMetricFamily("jobmon_web_connections", "Connections of visitors.", len(now))
        yield CounterMetricFamily("jobmon_web_ended_connections", "Connections ended at a limit.", now.ended)
        yield CounterMetricFamily("jobmon_web_refused_connections", "Connections turned away.", now.refused)


class Daemon:
    """Ask the daemon how it is doing: once for all who ask at the same time."""

    def __init__(self, context: Context, connections: Connections) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, int, bytes]] = {}
        self._registry = CollectorRegistry()
        self._registry.register(Visits(connections))

    def health(self) -> Mapping[str, Any]:
        """Return what /healthz tells; a daemon that does not answer is not well."""
        status, body = self._ask("/healthz")
        try:
            found: dict[str, Any] = orjson.loads(body) if status else {}
        except orjson.JSONDecodeError:
            found = {}
        return found or {"status": "unavailable", "capabilities": {}, "error": "the daemon does not answer"}

    def metrics(self) -> bytes:
        """Return the daemon's metrics, and those of this process."""
        status, body = self._ask("/metrics")
        return (body if status == HTTPStatus.OK else b"") + generate_latest(self._registry)

    def _ask(self, path: str) -> tuple[int, bytes]:
        with self._lock:
            at, status, body = self._known.get(path, (float("-inf"), 0, b""))
            if clock.monotonic() - at > KEEP_S:
                try:
                    status, body = control.ask(self._context.data_path, path, ASK_S)
                except OSError as error:
                    log.warning("the daemon does not answer: %s", error)
                    status, body = 0, b""
                self._known[path] = (clock.monotonic(), status, body)
            return status, body


def main() -> None:
    """Serve until the daemon ends it, or ends itself."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    wire, given = received(int(sys.argv[1]))
    parent = int(sys.argv[2])
    if os.getppid() != parent:
        return  # it was killed while we were being loaded
    settings = config.use(config.parse(_mapping(given["settings"]), "settings"))
    logs.start(settings.daemon.log_level, seldom=True)
    _take_care()
    sockets = [socket.socket(fileno=int(number)) for number in _list(given["sockets"])]
    connections = serving.connections_of(settings, sockets)
    context = Context(settings, daemon_pid=parent)
    daemon = Daemon(context, connections)
    chosen = capabilities.chosen([str(name) for name in _list(given["only"])])
    people = next((declared.people for declared in chosen.values() if declared.people), None)
    application = app.create(
        context, {name: declared.routes for name, declared in chosen.items()}, people,
        health=daemon.health, metrics=daemon.metrics,
    )  # fmt: skip
    server = serving.server(application, settings, connections, lambda: _tell_ready(wire))
    server.run(sockets)
    context.close()


def _tell_ready(wire: socket.socket) -> None:
    """Say that visitors are answered, answer when asked whether that is still so, and end when the daemon has gone."""
    wire.setblocking(False)

    def heard() -> None:
        with contextlib.suppress(BlockingIOError):
            if not wire.recv(64):
                os._exit(0)  # the port is wanted by the next one
            wire.send(PONG)

    asyncio.get_running_loop().add_reader(wire, heard)
    wire.send(READY)


def _take_care() -> None:
    """Leave processors and memory to those who publish and act."""
    threading.stack_size(STACK)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MOST_MEMORY if hard == resource.RLIM_INFINITY else min(MOST_MEMORY, hard)
    try:
        os.nice(NICE)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        log.warning("the web process goes on without limits of its own: %s", error)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - a file of the kernel
        file.write("500")


def _mapping(value: object) -> Mapping[str, Any]:
    assert isinstance(value, dict)
    return value


def _list(value: object) -> list[Any]:
    assert isinstance(value, list)
    return value


if __name__ == "__main__":
    main()
