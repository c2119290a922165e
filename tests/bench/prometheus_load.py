"""Serve answers of a Prometheus as large as a large cluster's: `python prometheus_load.py NODES CORES JOBS_FILE`.

A process of its own, so that its memory and its time are not counted. Prints its address; GET /count tells how many
requests it has answered. Three samples per core and a fourth for every fifth: what node_exporter gives on a cluster
that works, zeros left out.
"""

import json
import random
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qs

sys.path.insert(0, str(Path(__file__).parents[1]))

from fakes import http_server
from fakes import prometheus_server as fake


def bodies(hosts: list[str], cores: int, jobs: dict[str, list[str]]) -> dict[str, bytes]:
    """Return the answer to each of the four requests; the key is the first setting that each asks for."""
    dice = random.Random(1)
    cpu: list[fake.Sample] = []
    nodes: dict[str, list[fake.Sample]] = {}
    for host in hosts:
        here = {"instance": f"{host}:9100"}
        for core in range(cores):
            user = dice.random()
            shares = {"user": user, "system": 0.01 + 0.02 * dice.random(), "idle": 0.97 - 0.97 * user}
            if core % 5 == 0:
                shares["softirq"] = 0.001 * dice.random()
            cpu += [(here | {"cpu": str(core), "mode": mode}, max(0.0, share)) for mode, share in shares.items()]
        for name, value in {
            "load": cores * 0.8, "boot_time": 1.7e9, "memory_total": 512 << 30, "memory_available": 200 << 30,
            "swap_total": 1 << 30, "swap_free": 1 << 30, "network_in": 1e6, "network_out": 1e6, "packets_in": 1e3,
            "packets_out": 1e3, "infiniband_in": 1e9, "infiniband_out": 1e9, "infiniband_packets_in": 1e6,
            "infiniband_packets_out": 1e6, "filesystem_read": 1e7, "filesystem_write": 1e7, "disk_read": 1e5,
            "disk_write": 1e5, "pressure_cpu": 1.0, "pressure_memory": 0.0, "pressure_io": 0.5,
        }.items():  # fmt: skip
            nodes.setdefault(name, []).append((here, value * (0.9 + 0.1 * dice.random())))
    measured: dict[str, list[fake.Sample]] = {"job_memory": [], "job_cpu": []}
    for job, where in jobs.items():
        for host in where:
            labels = {"instance": f"{host}:9306", "jobid": job, "cgroup": f"/slurm/uid_1000/job_{job}"}
            measured["job_memory"].append((labels, dice.random() * (64 << 30)))
            measured["job_cpu"].append((labels, dice.random() * 16))
    nodes["memory_available"] = [(labels, 0.4 * (512 << 30)) for labels, _value in nodes["memory_total"]]
    nodes["memory_total"] = [(labels, float(512 << 30)) for labels, _value in nodes["memory_total"]]
    return {
        "cpu": fake.body({"cpu": cpu}, named=False),
        "seen": fake.body(nodes),
        "gpu_util": fake.body({}),
        "job_memory": fake.body(measured),
    }


def main() -> None:
    """Serve until the parent stops it."""
    told = json.loads(Path(sys.argv[1]).read_text())
    ready = bodies(told["hosts"], told["cores"], told["jobs"])
    asked = 0

    class Handler(http_server.Quiet):
        def get(self) -> None:
            self.send(200, str(asked).encode())

        def post(self) -> None:
            nonlocal asked
            query = parse_qs(self.body())["query"][0]
            names = fake.NAMED.findall(query)
            asked += 1
            self.send(200, ready[names[0] if names else "cpu"])

    with http_server.serving(Handler) as url:
        sizes = {name: len(answer) for name, answer in ready.items()}
        print(json.dumps({"url": url, "sizes": sizes}), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
