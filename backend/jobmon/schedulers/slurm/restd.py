"""Read Slurm through slurmrestd, its REST interface."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from jobmon import clock
from jobmon.errors import SourceError
from jobmon.model import ClusterState, Job, Skipped
from jobmon.schedulers.base import SchedulerSettings
from jobmon.schedulers.slurm import facts, http, openapi

log = logging.getLogger("jobmon.schedulers.slurm")

KNOWN = tuple(f"v0.0.{number}" for number in range(36, 46))
"""The API versions that were read from a real Slurm, or lie between two that were."""

_WITHOUT_RESERVATIONS = "v0.0.36"
_INEXACT = frozenset({"v0.0.36", "v0.0.37"})

Record = TypeVar("Record")


class RestReader:
    """Ask slurmrestd; the API version is settled with the first answer."""

    def __init__(self, settings: SchedulerSettings) -> None:
        self._settings = settings
        self._api: str = settings.slurmrestd_api
        self._release = ""
        if self._api and self._api not in KNOWN:
            log.warning("slurmrestd API %s is not known to jobmon; it is read like %s", self._api, KNOWN[-1])

    @property
    def name(self) -> str:
        """Return what the health display shows."""
        release = f" {self._release}" if self._release else ""
        api = f" {self._api}" if self._api else ""
        return f"slurm{release} (slurmrestd{api})"

    def load(self) -> ClusterState:
        """Return everything Slurm knows now; see SchedulerReader."""
        deadline = clock.monotonic() + self._settings.timeout
        loaded_at = clock.now()
        if not self._api:
            self._api = newest(self._settings, deadline)
        skipped: list[Skipped] = []
        about_nodes = self._get("nodes", deadline)
        nodes = _read(about_nodes, "nodes", "name", openapi.node, skipped)
        if not nodes:
            raise SourceError("slurmrestd answered with a cluster without nodes")
        answer = self._get("jobs", deadline)
        by_name = {node.name: node for node in nodes}
        jobs = _read(answer, "jobs", "job_id", lambda record: openapi.job(record, by_name, loaded_at), skipped)
        cluster = self._cluster_of(answer)
        partitions = _read(self._get("partitions", deadline), "partitions", "name", openapi.partition, skipped)
        reservations = []
        if self._api != _WITHOUT_RESERVATIONS:
            answer = self._get("reservations", deadline)
            reservations = _read(answer, "reservations", "name", openapi.reservation, skipped)
        skipped.extend(self._without_layout(jobs))
        if "alloc_cpus" not in about_nodes["nodes"][0]:
            nodes = facts.complete_nodes(nodes, jobs, partitions)
        return ClusterState(
            loaded_at=loaded_at,
            nodes=tuple(nodes),
            jobs=tuple(jobs),
            partitions=tuple(partitions),
            reservations=tuple(reservations),
            cluster=cluster,
            skipped=tuple(skipped),
        )

    def _get(self, page: str, deadline: float) -> dict[str, Any]:
        return http.get_json(f"/slurm/{self._api}/{page}", self._settings, deadline)

    def _cluster_of(self, answer: Mapping[str, Any]) -> str:
        """Return the cluster's name, and keep Slurm's release for our own name."""
        meta = answer.get("meta") or {}
        about = meta.get("slurm") or meta.get("Slurm") or {}
        self._release = str(about.get("release") or "")
        names = [about.get("cluster"), *(record.get("cluster") for record in answer["jobs"][:1])]
        return next((str(name) for name in names if name), "")

    def _without_layout(self, jobs: list[Job]) -> list[Skipped]:
        why = f"API {self._api} does not tell on which CPUs it runs" if self._api in _INEXACT else "no CPU ids"
        unknown = [job for job in jobs if job.state in {"RUNNING", "SUSPENDED"} and not job.layout]
        return [Skipped("slurmrestd", job.id, f"{why}; shown without its layout") for job in unknown]


def newest(settings: SchedulerSettings, deadline: float) -> str:
    """Return the newest API version that the server and jobmon both speak, else the server's oldest newer one."""
    response = http.get("/openapi/v3", settings, deadline)
    if response.status != 200:
        raise SourceError(
            f"slurmrestd answered /openapi/v3 with HTTP {response.status}; "
            "check [scheduler] slurmrestd_user and slurmrestd_token_file"
        )
    offered: set[str] = {match.decode() for match in re.findall(rb"slurm\\?/(v0\.0\.\d+)\\?/jobs", response.body)}
    both = [version for version in KNOWN if version in offered]
    if both:
        return both[-1]
    newer = sorted(offered, key=_number)
    newer = [version for version in newer if _number(version) > _number(KNOWN[-1])]
    if not newer:
        raise SourceError(f"slurmrestd offers no API version that jobmon can read ({', '.join(KNOWN)})")
    log.warning("slurmrestd offers only API versions unknown to jobmon; %s is read like %s", newer[0], KNOWN[-1])
    return newer[0]


def _number(version: str) -> int:
    return int(version.rpartition(".")[2])


def _read(
    answer: Mapping[str, Any],
    key: str,
    identity: str,
    read: Callable[[Mapping[str, Any]], Record],
    skipped: list[Skipped],
) -> list[Record]:
    """Read the records of an answer one by one; SourceError when they are not there or none is understood."""
    raw = answer.get(key)
    if not isinstance(raw, list):
        raise SourceError(f"slurmrestd answered without its list of {key}")
    records: list[Record] = []
    failed: list[Skipped] = []
    for entry in raw:
        try:
            records.append(read(entry))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, SourceError) as error:
            named = entry.get(identity) if isinstance(entry, Mapping) else entry
            failed.append(Skipped("slurmrestd", f"{key} {named}"[:60], f"{type(error).__name__}: {error}"))
    if failed and not records:
        raise SourceError(f"slurmrestd sent {key} in a form we do not know: {failed[0].error}")
    skipped.extend(failed)
    return records
