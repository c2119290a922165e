"""Ask a back end everything once, and put the answers together into a snapshot.

One bad answer costs that value of that host or job: it is left out (unknown), counted and named.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobmon import clock, config
from jobmon.backends import normalise as n
from jobmon.backends.base import BackendBase, Snapshot
from jobmon.config import LiveSettings
from jobmon.model import ClusterState, Skipped

API_VERSION = 15
MAX_SKIPPED = 1000
"""More skipped records than this are counted, but not named one by one."""


@dataclass(frozen=True, slots=True)
class Question:
    """Tie a field of the snapshot to the method that answers it."""

    key: str
    """Name of the field; empty when the answer brings names of its own."""
    method: str
    normalise: n.Normaliser
    default: Any = None
    """What the snapshot holds when the method is not overridden, fails, or answers None."""
    of_pending: bool = True
    """False: a job that has not started has nothing to answer, and is not asked."""


NODE_QUESTIONS = (
    Question("up", "node_up", n.flag, False),
    Question("cpu", "cpu_usage", n.cpu_usage),
    Question("mem", "mem", n.pair_mb("used", "total")),
    Question("swap", "swap", n.pair_mb("free", "total")),
    Question("gpus", "gpus", n.gpus),
    Question("infiniband", "infiniband", n.rates("bytes_in", "bytes_out", "pkts_in", "pkts_out")),
    Question("lustre", "lustre", n.rates("read", "write")),
    Question("jobfs", "jobfs", n.rates("read", "write")),
    Question("isCounted", "is_counted", n.flag, True),
    Question("nCpus", "n_cpus", n.whole(0, n.MAX_CORES), 0),
    Question("nGpus", "n_gpus", n.whole(0, 4096), 0),
)
NODE_DETAILS = Question(
    "",
    "node_details",
    n.details(
        state=n.text,
        reason=n.text,
        partitions=n.texts,
        features=n.texts,
        load=lambda v: n.number(v, 0, 1e6),
        pressure=n.percentages,
    ),
    {},
)
JOB_QUESTIONS = (
    Question("state", "job_state", lambda v: n.text(v, 64)),
    Question("name", "job_name", n.text, ""),
    Question("username", "job_username", lambda v: n.text(v, 255), "unknown"),
    Question("nCpus", "job_ncpus", n.whole(0, n.MAX_CORES), 0),
    Question("nGpus", "job_ngpus", n.whole(0, 1 << 20), 0),
    Question("layout", "job_layout", n.layout, {}, of_pending=False),
    Question("gpuLayout", "job_gpu_layout", n.layout, {}, of_pending=False),
    Question("timeLimit", "job_time_limit", n.whole(0, n.MAX_MINUTES)),
    Question("runTime", "job_run_time", n.whole(0, n.MAX_MINUTES), 0, of_pending=False),
    Question("startTime", "job_start_time", n.whole(0, 1 << 40)),
    Question("mem", "job_mem", n.per_host_mb, {}, of_pending=False),
    Question("memMax", "job_mem_max", n.size_mb, 0, of_pending=False),
    Question("memReq", "job_mem_request", n.request_mb),
    Question("", "job_cpu", n.accounted_cores, {}, of_pending=False),
    Question("lustre", "job_lustre", n.file_systems, {}, of_pending=False),
    Question("jobfs", "jobfs_usage", n.per_host_mb, {}, of_pending=False),
    Question("jobfsReq", "jobfs_request", n.request_mb),
)
JOB_DETAILS = Question(
    "",
    "job_details",
    n.details(
        partition=n.text,
        account=n.text,
        reason=n.text,
        priority=n.whole(-(1 << 40), 1 << 62),
        submitTime=n.whole(0, 1 << 40),
        endTime=n.whole(0, 1 << 40),
        nNodes=n.whole(0, 1 << 24),
        arrayTasks=n.text,
        dependency=n.text,
        exitCode=n.whole(-(1 << 31), 1 << 32),
        signal=n.whole(0, 1 << 16),
        plannedNodes=n.texts,
    ),
    {},
)
PHASES = ("idle", "import", "__init__", "init", "pre_update", "sources", "cluster_name", "hostnames", "job_ids",
          "core_usage", "cluster_state", "calculate_backfill", "write_influx")  # fmt: skip
DISPENSABLE = ("sources", "cluster_name", "core_usage", "cluster_state", "calculate_backfill", "write_influx")
"""Phases without which there still is a snapshot."""
METHODS = (*PHASES, *(q.method for q in (*NODE_QUESTIONS, NODE_DETAILS, *JOB_QUESTIONS, JOB_DETAILS)))
"""Every method by the number under which a running cycle reports it."""
EVERY = "*"
"""Stands for all hosts or jobs in a pair of method and record that is not to be called."""


@dataclass(slots=True)
class Progress:
    """Say which method is being called for which record, readable from outside while the call hangs."""

    cells: Any = field(default_factory=lambda: [0, 0])
    """[index into METHODS, index of the host or job among the announced names]."""

    def phase(self, name: str) -> None:
        """Note that a method without a host or job is being called."""
        self.cells[1] = 0
        self.cells[0] = METHODS.index(name)


@dataclass(slots=True)
class Collector:
    """Collect snapshots from one back end; remembers the largest memory of each job."""

    backend: BackendBase
    announce: Callable[[list[str], list[str]], None] = lambda _hosts, _jobs: None
    """Called with the host names and job ids before the first of them is asked about."""
    nodes_ready: Callable[[dict[str, Any]], None] = lambda _nodes: None
    """Called with the snapshot's nodes before the jobs are asked about; they do not change any more."""
    progress: Progress = field(default_factory=Progress)
    mem_max: dict[str, int] = field(default_factory=dict)
    quarantined: Collection[tuple[str, str]] = ()
    skipped: list[Skipped] = field(default_factory=list)
    skipped_count: int = 0
    sources_s: float = 0.0
    """How long the last `pre_update()` took."""

    def collect(self, timestamp: int, settings: LiveSettings) -> Snapshot:
        """Return the snapshot; what `pre_update` raises is passed on, for without it there is nothing to ask."""
        self.skipped, self.skipped_count = [], 0
        self.progress.phase("pre_update")
        began = clock.monotonic()
        self.backend.pre_update()
        self.sources_s = clock.monotonic() - began
        hosts = self._names("hostnames", self.backend.hostnames)
        if settings.nodes:
            hosts = [host for host in hosts if config.matches(host, settings.nodes)]
        jobs = self._names("job_ids", self.backend.job_ids)
        self.announce(hosts, jobs)
        data: Snapshot = {"api": API_VERSION, "timestamp": timestamp}
        data["nodes"] = self._ask_all(hosts, NODE_QUESTIONS, NODE_DETAILS)
        for host, node in data["nodes"].items():
            if settings.core_count_nodes and not config.matches(host, settings.core_count_nodes):
                node["isCounted"] = False
        self.nodes_ready(data["nodes"])
        data["jobs"] = self._finish_jobs(self._ask_all(jobs, JOB_QUESTIONS, JOB_DETAILS), data["nodes"])
        usage = self.one("core_usage", lambda: n.usage(self.backend.core_usage(data, silent=True)), None)
        data["usage"] = usage or BackendBase.core_usage(self.backend, data, silent=True)
        data["cluster"] = self.one("cluster_name", lambda: n.text(self.backend.cluster_name()), None) or ""
        state = self.one("cluster_state", self.backend.cluster_state, None)
        data.update(_partitions(state, set(data["nodes"])))
        return data

    def backfill(self) -> dict[str, Any]:
        """Return the back end's backfill; {} when it fails."""
        found: dict[str, Any] = self.one(
            "calculate_backfill", lambda: n.backfill(self.backend.calculate_backfill()), {}
        )
        return found

    def _names(self, method: str, ask: Callable[[], list[str]]) -> list[str]:
        """Return unique names; what is none is skipped. What the method itself raises is passed on."""
        self.progress.phase(method)
        names: dict[str, None] = {}
        for name in ask():
            try:
                checked = n.identity(name)
            except ValueError as error:
                self._skip(method, str(name)[:80], str(error))
                continue
            if checked in names:
                self._skip(method, checked, "is listed twice")
            names[checked] = None
        return list(names)

    def one(self, method: str, ask: Callable[[], Any], default: Any) -> Any:
        """Return the answer of a method that is asked once, `default` when it fails."""
        self.progress.phase(method)
        if (method, "") in self.quarantined:
            return default
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - a site's code may raise anything; it is logged by name
            self._skip(method, "", _described(error))
            return default

    def _ask_all(
        self, names: Sequence[str], questions: Sequence[Question], extra: Question
    ) -> dict[str, dict[str, Any]]:
        """Return {name: record} by asking each question that the back end answers itself about each name."""
        template: dict[str, Any] = {}
        asked: list[Question] = []
        for question in (*questions, extra):
            silent = (question.method, EVERY) in self.quarantined
            template[question.key] = question.default
            if silent or not _is_inherited(self.backend, question.method):
                asked += [] if silent else [question]
            elif names:  # nobody answers: the base class is asked once, for all of them
                answer = getattr(self.backend, question.method)(names[0])
                template[question.key] = question.default if answer is None else answer
        template.pop(extra.key)
        records = {name: template.copy() for name in names}
        everybody = list(enumerate(records.items()))
        started: list[tuple[int, tuple[str, dict[str, Any]]]] | None = None
        for question in asked:
            if question.of_pending:
                self._ask(question, everybody)
                continue
            if started is None:
                started = [item for item in everybody if item[1][1]["state"] != "PENDING"]
            self._ask(question, started)
        return records

    def _ask(self, question: Question, about: list[tuple[int, tuple[str, dict[str, Any]]]]) -> None:
        """Ask one question about each (index, (name, record)), and put the answers into the records."""
        ask, check, key = getattr(self.backend, question.method), question.normalise, question.key
        avoid = {record for method, record in self.quarantined if method == question.method}
        cells = self.progress.cells
        cells[1] = 0
        cells[0] = METHODS.index(question.method)
        for cells[1], (name, record) in about:  # this is the hot loop: nodes and jobs times questions
            if name in avoid:
                continue
            try:
                value = check(ask(name))
            except Exception as error:  # noqa: BLE001 - a site's code may raise anything; it is logged by name
                self._skip(question.method, name, _described(error))
                continue
            if value is None:
                continue
            if key:
                record[key] = value
            else:
                record.update(value)

    def _finish_jobs(self, jobs: dict[str, dict[str, Any]], nodes: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the jobs that can be shown, their layouts on nodes that are there, their memory maximum kept."""
        finished = {}
        for job_id, job in jobs.items():
            if job["state"] == "PENDING":
                finished[job_id] = job
                continue
            if job["state"] is None:
                if not any(s.record == job_id and s.method == "job_state" for s in self.skipped):
                    self._skip("job_state", job_id, "is None: a job without a state is left out")
                continue
            if job["state"].startswith("CANCELLED"):
                continue
            for key in ("layout", "gpuLayout"):
                strangers = [host for host in job[key] if host not in nodes]
                if strangers:
                    job[key] = {host: indices for host, indices in job[key].items() if host in nodes}
                    self._skip(f"job_{'layout' if key == 'layout' else 'gpu_layout'}", job_id,
                               f"names hosts that are not there: {', '.join(strangers[:5])}")  # fmt: skip
            if job["state"] == "RUNNING":
                down = [host for host in job["layout"] if not nodes[host]["up"]]
                if down:
                    job["layoutDown"] = {host: job["layout"][host] for host in down}
                    job["layout"] = {host: cores for host, cores in job["layout"].items() if host not in down}
            if job["state"] in {"RUNNING", "COMPLETING", "SUSPENDED"}:
                job["memMax"] = max(job["memMax"] or 0, self.mem_max.get(job_id, 0), *job["mem"].values(), 0)
            finished[job_id] = job
        self.mem_max = {job_id: job["memMax"] for job_id, job in finished.items() if job["memMax"]}
        return finished

    def _skip(self, method: str, record: str, error: str) -> None:
        self.skipped_count += 1
        if len(self.skipped) < MAX_SKIPPED:
            self.skipped.append(Skipped(method, record, error[:500]))


def _is_inherited(backend: BackendBase, method: str) -> bool:
    return getattr(type(backend), method) is getattr(BackendBase, method) and method not in vars(backend)


def _described(error: BaseException) -> str:
    """Return kind, text and place of an exception in a site's code."""
    where = ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file != __file__ and not file.endswith("normalise.py"):
            where = f" ({file.rpartition('/')[2]}:{trace.tb_lineno})"
        trace = trace.tb_next
    kind = "" if type(error) is ValueError and not where else f"{type(error).__name__}: "
    return f"{kind}{error}{where}"


def _partitions(state: ClusterState | None, hosts: Collection[str]) -> dict[str, Any]:
    """Return what the snapshot tells of partitions and reservations beyond the ancestor's contract."""
    if state is None:
        return {"partitions": [], "reservations": []}
    return {
        "partitions": [
            {
                "name": p.name,
                "up": p.up,
                "default": p.default,
                "maxTime": None if p.max_time_s is None else p.max_time_s // 60,
                "maxNodes": p.max_nodes,
                "maxCpusPerNode": p.max_cpus_per_node,
                "maxMemPerNode": p.max_memory_per_node_mb,
                "nodes": [host for host in p.nodes if host in hosts],
            }
            for p in state.partitions
        ],
        "reservations": [
            {
                "name": r.name,
                "start": r.start_at,
                "end": r.end_at,
                "maintenance": r.maintenance,
                "nodes": [host for host in r.nodes if host in hosts],
            }
            for r in state.reservations
        ],
    }
