"""Stand in for Prometheus: answer the queries of jobmon from a table of values, or misbehave on purpose.

It understands no PromQL: which number is asked for it sees from the label that jobmon gives to each expression, or from
the name of the metric of the CPU query. That the real one understands the expressions is shown by the contract suite.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from fakes import http_server

Sample = tuple[dict[str, str], float]

NAMED = re.compile(r'"jobmon", "(\w+)"')
MODES = ("user", "system", "idle")


@dataclass
class Told:
    """Hold what the stand-in answers, and how it behaves."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    """Setting of [prometheus] → samples."""
    mood: str = "well"
    refused: str = ""
    """A word in an expression that is refused as a wrong one."""
    mood_after: dict[str, str] = field(default_factory=dict)
    """Word → the mood in which the server is for all others once it has refused it."""
    wait_s: float = 0.0
    queries: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


def cluster(hosts: Iterable[str], cores: int = 2, at: float | None = None) -> dict[str, list[Sample]]:
    """Return the samples of nodes that are all alike: 60 % user, 10 % system, 30 % idle, 1 of 4 GiB used."""
    told: dict[str, list[Sample]] = {}
    measured_at = time.time() if at is None else at
    for host in hosts:
        here = {"instance": f"{host}:9100"}
        for core in range(cores):
            for mode, share in zip(MODES, (0.6, 0.1, 0.3), strict=True):
                told.setdefault("cpu", []).append((here | {"cpu": str(core), "mode": mode}, share))
        for name, value in {
            "seen": measured_at, "load": 1.5, "boot_time": 1.7e9, "memory_total": 4 << 30, "memory_available": 3 << 30,
            "swap_total": 2 << 30, "swap_free": 1 << 30, "network_in": 1000.0, "network_out": 2000.0,
            "packets_in": 10.0, "packets_out": 20.0, "disk_read": 300.0, "disk_write": 400.0, "pressure_cpu": 5.0,
        }.items():  # fmt: skip
            told.setdefault(name, []).append((here, value))
    return told


def body(told: dict[str, list[Sample]], named: bool = True) -> bytes:
    """Return an answer to an instant query, as the real one writes it; samples bear the name that they answer."""
    records = [
        {
            "metric": dict(sorted((labels | ({"jobmon": name} if named else {})).items())),
            "value": [1.7e9, _text(value)],
        }
        for name, samples in told.items()
        for labels, value in samples
    ]
    data = {"resultType": "vector", "result": records}
    return json.dumps({"status": "success", "data": data}, separators=(",", ":")).encode()


def _text(value: float) -> str:
    return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(str(value), str(value))


@contextmanager
def serving(told: Told, certificate: str = "") -> Iterator[str]:
    """Serve, over TLS with a file of key and certificate; yield the address."""

    class Handler(http_server.Quiet):
        def post(self) -> None:
            query = parse_qs(self.body())["query"][0]
            told.queries.append(query)
            told.headers.append(dict(self.headers))
            time.sleep(told.wait_s)
            try:
                self._answer(query)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _answer(self, query: str) -> None:
            if told.mood == "html":
                return self.send(200, b"<!DOCTYPE html><title>Sign in</title>", "text/html")
            if told.mood == "redirect":
                self.send_response(302)
                self.send_header("Location", "/login")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            if told.mood == "locked":
                return self.send(401, b"Unauthorized", "text/plain")
            if told.mood == "scalar":
                return self.send(200, b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}')
            if told.mood == "broken":
                self.close_connection = True
                return None
            if told.mood == "broken_but_cpu" and "node_cpu_seconds" not in query:
                self.close_connection = True
                return None
            if told.refused and told.refused in query:
                told.mood = told.mood_after.get(told.refused, told.mood)
                error = {"status": "error", "errorType": "bad_data", "error": f"unknown function {told.refused}"}
                return self.send(400, json.dumps(error).encode())
            answer = _answer(told, query)
            if told.mood == "half":
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer[: len(answer) // 2])
                self.close_connection = True
                return None
            if told.mood == "endless":
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                piece = answer[:-3] + b"," + b" " * 1000
                while True:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    time.sleep(0.01)
            return self.send(200, answer)

    with http_server.serving(Handler, certificate) as url:
        yield url


def _answer(told: Told, query: str) -> bytes:
    names = NAMED.findall(query)
    if not names:  # a query that asks for one thing alone is sent as it is
        alone = [name for name in told.samples if name == "cpu" or f"only_{name}" in query][:1]
        return body({name: told.samples[name] for name in alone}, named=False)
    return body({name: told.samples.get(name, []) for name in names})
