"""Measure the CGI scripts behind a real lighttpd on one core."""

import http.client
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

import web_servers
from web_servers import Web

REQUESTS = 100
WARM_UP = 10


def measure(data_path: Path) -> dict[str, float]:
    """Return milliseconds per request and requests per second for a data path that a daemon has filled.

    Server and scripts share one core; the client has another when there is one. Times are medians.
    `live_ms`: the newest snapshot; `time_ms`: the one nearest to a time; `page_ms`: live/summary; `first_view_ms`: the
    summary and the open chunk in one request; `per_second`: live/latest, asked without a pause; `cpu_ms`: what
    one of these costs the core, whatever else the machine does; `floor_ms`: an interpreter that does nothing.
    """
    cores = sorted(os.sched_getaffinity(0))
    page = web_servers.ROOT / "frontend/public"
    os.sched_setaffinity(0, cores[:1])  # what is started now inherits it
    try:
        with web_servers.behind("lighttpd", data_path, page, 1) as web:
            floor = _median(lambda: subprocess.run(["/usr/bin/python3", "-IS", os.devnull], check=True))
            os.sched_setaffinity(0, cores[-1:])
            return {"floor_ms": floor, **_measure(web, data_path)}
    finally:
        os.sched_setaffinity(0, cores)


def _measure(web: Web, data_path: Path) -> dict[str, float]:
    lines = (data_path / "cgi.index").read_text(encoding="utf-8").split("\n")[1:-1]
    middle = int(lines[len(lines) // 2]) + 1 if lines else 0
    (server,) = [child for child in psutil.Process().children() if child.name() == "lighttpd"]
    before = sum(server.cpu_times()[:4])  # its own and that of the scripts that have ended
    latest = _times(web, "api/page.py?name=live/latest")
    cpu_ms = 1000 * (sum(server.cpu_times()[:4]) - before) / (WARM_UP + REQUESTS)
    return {
        "live_ms": statistics.median(_times(web, "api/data.py")),
        "time_ms": statistics.median(_times(web, f"api/data.py?time={middle}")),
        "page_ms": statistics.median(_times(web, "api/page.py?name=live/summary")),
        "first_view_ms": statistics.median(_times(web, "api/page.py?name=live/summary&name=live/series/day/open")),
        "per_second": 1000 * len(latest) / sum(latest),
        "cpu_ms": cpu_ms,
    }


def _times(web: Web, path: str) -> list[float]:
    """Return the milliseconds of each request, over one connection as a browser keeps it."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
    try:

        def ask() -> None:
            connection.request("GET", web.prefix + path, headers={"Accept-Encoding": "gzip"})
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                raise RuntimeError(f"{path}: the server answers {response.status}")

        return _each(ask)
    finally:
        connection.close()


def _each(ask: Callable[[], object]) -> list[float]:
    for _ in range(WARM_UP):
        ask()
    times = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - started))
    return times


def _median(ask: Callable[[], object]) -> float:
    return statistics.median(_each(ask))
