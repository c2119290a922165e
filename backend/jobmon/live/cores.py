"""Build live/cores/K: the detail of each core and GPU, in shards of nodes (schema/cores)."""

from collections.abc import Iterator
from typing import Any

from jobmon.model import compress_indices, natural_key

FORMAT = 1
CORES_PER_SHARD = 4096
"""A shard of this many cores is about 20 kB on the wire."""


def shards(nodes: dict[str, Any]) -> dict[str, int]:
    """Return the number of the shard of each host: neighbours by name stay together."""
    result: dict[str, int] = {}
    shard = filled = 0
    for host in sorted(nodes, key=natural_key):
        size = max(1, nodes[host]["nCpus"])
        if filled and filled + size > CORES_PER_SHARD:
            shard, filled = shard + 1, 0
        result[host] = shard
        filled += size
    return result


def documents(snapshot: dict[str, Any], shard_of: dict[str, int]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, document) of each shard."""
    nodes: dict[str, Any] = snapshot["nodes"]
    jobs_on: dict[str, dict[str, list[str]]] = {host: {} for host in nodes}
    for job_id, job in snapshot["jobs"].items():
        if job["state"] == "RUNNING":
            for host, indices in job["layout"].items():
                devices = job["gpuLayout"].get(host, ())
                jobs_on[host][job_id] = [compress_indices(indices), compress_indices(devices)]
    members: dict[int, dict[str, Any]] = {}
    for host, shard in shard_of.items():
        members.setdefault(shard, {})[host] = {
            "cores": _cores(nodes[host]["cpu"]),
            "gpus": _gpus(nodes[host]),
            "jobs": jobs_on[host],
            "load": nodes[host].get("load"),
            "pressure": nodes[host].get("pressure"),
        }
    for shard, content in members.items():
        yield f"live/cores/{shard}", {"format": FORMAT, "timestamp": snapshot["timestamp"], "nodes": content}


def _cores(cpu: dict[str, Any] | None) -> list[list[int] | None] | None:
    if not cpu:
        return None
    return [core and [core[0] + core[1], core[2], core[3]] for core in cpu["core"]]


def _gpus(node: dict[str, Any]) -> list[dict[str, Any]]:
    found = node["gpus"] or {}
    unknown: dict[str, Any] = {"util": None, "memory": {"used": None, "total": None}}
    listed = [found.get(f"gpu{index}", unknown) for index in range(max(node["nGpus"], len(found)))]
    return [
        {"util": gpu["util"], "memUsed": gpu["memory"]["used"], "memTotal": gpu["memory"]["total"]} for gpu in listed
    ]
