"""Read Slurm through its command line: squeue for jobs, scontrol for the rest."""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from jobmon import clock
from jobmon.errors import SourceError
from jobmon.model import ClusterState, Job, Skipped
from jobmon.schedulers.base import SchedulerSettings
from jobmon.schedulers.slurm import command, facts, scontrol, squeue

ONE_BY_ONE = 60
"""Asking for one job costs about as much as reading this many in the answer that holds all."""


class CommandLineReader:
    """Ask Slurm's commands, and remember the layout of each running job, which is dear and cannot change."""

    def __init__(self, settings: SchedulerSettings) -> None:
        self._settings = settings
        self._version = command.version(settings)
        self._cluster = ""
        self._known: dict[tuple[str, int | None], scontrol.Detail] = {}
        self._rows: dict[str, squeue.Row] = {}
        self._deadline = 0.0

    @property
    def name(self) -> str:
        """Return what the health display shows."""
        return f"slurm {self._version} (command line)"

    def load(self) -> ClusterState:
        """Return everything Slurm knows now; see SchedulerReader."""
        self._deadline = clock.monotonic() + self._settings.timeout
        loaded_at = clock.now()
        end = squeue.mark()
        questions = [
            ("squeue", squeue.arguments(end)),
            ("scontrol", ["--detail", "--all", "--oneliner", "show", "node"]),
            ("scontrol", ["--all", "--oneliner", "show", "partition"]),
            ("scontrol", ["--oneliner", "show", "reservation"]),
        ]
        with ThreadPoolExecutor(len(questions)) as pool:
            jobs_text, nodes_text, partitions_text, reservations_text = pool.map(lambda q: self._ask(*q), questions)
        rows, skipped = squeue.parse(jobs_text, end, loaded_at, self._rows)
        nodes, skipped_nodes = scontrol.nodes(nodes_text)
        partitions, skipped_partitions = scontrol.partitions(partitions_text)
        reservations, skipped_reservations = scontrol.reservations(reservations_text)
        jobs, skipped_details = self._with_details(rows)
        return ClusterState(
            loaded_at=loaded_at,
            nodes=tuple(nodes),
            jobs=tuple(jobs),
            partitions=tuple(partitions),
            reservations=tuple(reservations),
            cluster=self._cluster_name(),
            skipped=(*skipped, *skipped_nodes, *skipped_partitions, *skipped_reservations, *skipped_details),
        )

    def _ask(self, program: str, arguments: list[str]) -> str:
        return command.ask(program, arguments, self._settings, self._deadline - clock.monotonic())

    def _cluster_name(self) -> str:
        if not self._cluster:
            found = re.search(r"(?m)^ClusterName\s*= (\S+)", self._ask("scontrol", ["show", "config"]))
            self._cluster = found[1] if found else ""
        return self._cluster

    # --- which CPUs and GPUs ---------------------------------------------------------------------------------------

    def _with_details(self, rows: Sequence[squeue.Row]) -> tuple[list[Job], list[Skipped]]:
        """Complete the jobs that hold nodes with their CPU and GPU indices, asked for only when they are new."""
        missing = [row for row in rows if self._needs_detail(row)]
        if missing:
            self._learn(missing, rows)
        jobs: list[Job] = []
        skipped: list[Skipped] = []
        for row in rows:
            detail = self._known.get(_key(row.job)) if row.job.state in facts.ACTIVE else None
            if detail is None or not detail.layout:
                jobs.append(row.job)
                if row.job.state in {"RUNNING", "SUSPENDED"}:
                    skipped.append(Skipped("scontrol", row.job.id, "no CPU indices; shown without its layout"))
                continue
            memory = row.job.memory_request_mb
            if row.memory_per_cpu_mb:
                memory = facts.memory_per_node_mb(None, row.memory_per_cpu_mb, 0, 1, detail.layout)
            jobs.append(
                replace(
                    row.job,
                    layout=detail.layout,
                    gpu_layout=detail.gpu_layout,
                    gpus=detail.gpus or row.job.gpus,
                    memory_request_mb=memory,
                )
            )
        current = {_key(row.job) for row in rows}
        self._known = {key: detail for key, detail in self._known.items() if key in current}
        return jobs, skipped

    def _needs_detail(self, row: squeue.Row) -> bool:
        if row.job.state not in facts.ACTIVE or not row.hosts:
            return False
        known = self._known.get(_key(row.job))
        # A job may be resized; one that is completing gives its nodes back one by one and keeps what was known.
        return known is None or (row.job.state != "COMPLETING" and known.layout.keys() != set(row.hosts))

    def _learn(self, missing: Sequence[squeue.Row], rows: Sequence[squeue.Row]) -> None:
        names = {row.job.scheduler_id: row.job.name for row in rows if scontrol.suspicious(row.job.name)}
        wanted = [row.job.scheduler_id for row in missing]
        if len(wanted) * ONE_BY_ONE < len(rows) or len(wanted) == 1:
            answer = self._one_by_one(wanted)
        else:
            answer = self._ask("scontrol", ["--detail", "--all", "--oneliner", "show", "job"])
        found, doubtful = scontrol.details(answer, names)
        for job_id in doubtful.intersection(wanted):
            alone, _ = scontrol.details(self._one_by_one([job_id]), names)
            found[job_id] = alone.get(job_id, found[job_id])
        for row in rows:
            detail = found.get(row.job.scheduler_id)
            if detail is not None and detail.layout:
                self._known[_key(row.job)] = detail

    def _one_by_one(self, job_ids: Iterable[str]) -> str:
        """Ask for some jobs through the standard input of one scontrol; those that are gone by now are left out."""
        questions = "".join(f"show job {job_id}\n" for job_id in job_ids)
        left_s = self._deadline - clock.monotonic()
        arguments = ["--detail", "--all", "--oneliner"]
        answer = command.run("scontrol", arguments, self._settings, left_s, stdin=questions)
        complaints = [line for line in answer.err.splitlines() if line.strip() and "Invalid job id" not in line]
        if complaints or answer.code > 1:
            raise SourceError(f"scontrol show job ended with {answer.code}: {' '.join(complaints)[:300]}")
        return answer.out


def _key(job: Job) -> tuple[str, int | None]:
    return job.scheduler_id, job.start_at
