"""A site in which every text is a word of its own, so that a test can say of each who has been told it.

`plant` fills every table of the store: each column of texts holds `word(table, column)`, unless it means something to
jobmon. A column that is added is therefore a word that nobody may be told, until a test says otherwise.
"""

import gzip
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from jobmon import clock, config
from jobmon.api.tokens import create_token
from jobmon.batch import release_tables, tables
from jobmon.config import Settings
from jobmon.engine import outbox_tables
from jobmon.engine import tables as engine_tables
from jobmon.engine.submission.folder import Folders
from jobmon.live import tables as live_tables
from jobmon.store import Store

WORD = re.compile(r"zq[.-][a-z0-9_.-]+?[.-]qz")
KEY = "0a1b2c-b1-1"
PEOPLE = {"owner": "zq.alice.qz", "other": "zq.eve.qz", "operator": "zq.olga.qz", "admin": "zq.adam.qz"}
OWNER, OTHER, OPERATOR = PEOPLE["owner"], PEOPLE["other"], PEOPLE["operator"]
SOMEBODY = "zq.bob.qz"
"""Never signs in; some things are hers."""
ROLES = {"owner": "user", "other": "user", "operator": "operator", "admin": "admin"}
METADATA = (engine_tables.METADATA, tables.METADATA, live_tables.METADATA)
assert outbox_tables.OUTBOX.metadata is engine_tables.METADATA
assert release_tables.BUILD.metadata is tables.METADATA

BACKEND = """
from backend_base import BackendBase

class Backend(BackendBase):
    def hostnames(self):
        return ["zq.node.qz"]
    def n_cpus(self, name):
        return 4
    def job_ids(self):
        return ["zq-live-id-qz", "zq-bobs-id-qz"]
    def job_name(self, job_id):
        return job_id.replace("id", "name")
    def job_username(self, job_id):
        return "{owner}" if "live" in job_id else "{somebody}"
    def job_state(self, job_id):
        return "RUNNING"
    def job_ncpus(self, job_id):
        return 1
    def job_layout(self, job_id):
        return {{"zq.node.qz": [0]}}
    def job_details(self, job_id):
        return {{"account": job_id.replace("id", "account"), "partition": "zq.partition.qz"}}
"""
WORKFLOW = """
[workflow.flow]
params = ["zq_flow_param_qz"]
[[workflow.flow.stage]]
name = "zq-flow-stage-qz"
command = ["echo", "zq.flow.command.qz"]
queue = "zq.flow.queue.qz"
[[workflow.flow.stage.on]]
when = { rc = 1 }
notify = ["webhook:https://hook.example.org/zq.flow.webhook.qz"]
"""
BROKEN = """
[workflow.broken]
[[workflow.broken.stage]]
name = "a"
command = ["true"]
[[workflow.broken.stage.on]]
when = { rc = 1 }
notify = ["webhook:https://u:zq.broken.password.qz@hook.example.org/zq.broken.webhook.qz"]
"""


def word(*parts: str) -> str:
    """Return a word that stands nowhere else."""
    return f"zq.{'.'.join(parts)}.qz"


@dataclass
class Site:
    """Hold the folders and the settings of the site."""

    root: Path
    read: str = "open"
    names: str = "full"
    content: str = "owner"

    def __post_init__(self) -> None:
        for name in ("backends", f"{word('path', 'workflows')}", f"{word('path', 'programs')}"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        text = BACKEND.format(owner=OWNER, somebody=SOMEBODY)
        (self.root / "backends/backend_site.py").write_text(text)
        (self.workflows / "flow.toml").write_text(WORKFLOW)
        (self.workflows / "broken.toml").write_text(BROKEN)
        ini = f"[releases]\nroot = {self.root}/{word('path', 'releases')}\n[package core]\nvariants = zq-variant-qz\n"
        (self.programs / "releases.ini").write_text(f"{ini}owner = zq.package.owner.qz@example.org\n")
        logs = Path(self.place) / "log"
        logs.mkdir(parents=True, exist_ok=True)
        (logs / "build-io.log").write_text(word("log"))
        self.tokens = {role: create_token(self.root / "tokens.json", name, ROLES[role], None)
                       for role, name in PEOPLE.items()}  # fmt: skip

    @property
    def workflows(self) -> Path:
        return self.root / word("path", "workflows")

    @property
    def programs(self) -> Path:
        return self.root / word("path", "programs")

    @property
    def place(self) -> str:
        return f"{self.root}/{word('path', 'releases')}/core/v1/gcc"

    @property
    def shared(self) -> Path:
        return self.root / word("path", "shared")

    @property
    def attempt(self) -> Path:
        return Folders(self.shared).of(KEY)

    @property
    def settings(self) -> Settings:
        return config.parse(
            {
                "live": {"backend": "site", "backend_path": str(self.root / "backends"),
                         "data_path": str(self.root / "data"), "update_interval": 1},
                "web": {"read": self.read, "names": self.names, "tokens_file": str(self.root / "tokens.json")},
                "batch": {"scheduler": "local", "workflows": str(self.workflows), "programs": str(self.programs),
                          "shared_path": str(self.shared), "content": self.content},
            },
            "test",
        )  # fmt: skip

    def write_files(self) -> None:
        """Put the files of a job where a daemon would, and one where a job would."""
        self.attempt.mkdir(parents=True, exist_ok=True)
        (self.attempt / "script").write_text(word("script"))
        (self.attempt / "output").write_text(word("output"))
        own = self.root / "data/batch/attempts" / KEY
        own.mkdir(parents=True, exist_ok=True)
        (own / "x.json.gz").write_bytes(gzip.compress(f'"{word("file", "of", "a", "job")}"'.encode()))


def targets(table: str) -> list[str]:
    """Return whom something tells: a secret in the path and in the query of a webhook, a mail address, a script."""
    hook = f"webhook:https://hook.example.org/{word(table, 'webhook')}?key={word(table, 'query')}"
    return [f"{hook}&on=fail", f"email:{word(table, 'mail')}@example.org", f"script:/{word(table, 'path')}"]


def meant(site: Site, now: float) -> dict[tuple[str, str], Any]:
    """Return, by table and column, what means something to jobmon and cannot be any word."""
    told = f'{{"scheduler": "{word("told", "scheduler")}", "troubles": ["{word("told", "troubles")}"], "orphans": 1}}'
    webhook = f"https://hook.example.org/{word('engine_outbox', 'address')}"
    return {
        ("engine_candidate", "name"): "batch", ("engine_candidate", "seen_at"): now + 1000,
        ("engine_candidate", "holder"): word("engine_lease", "holder"), ("engine_candidate", "told"): told,
        ("engine_lease", "name"): "batch", ("engine_lease", "expires_at"): now + 1000,
        ("engine_identity", "id"): "0a1b2c",
        ("engine_mark", "source"): f"person:{OPERATOR}", ("engine_mark", "at"): now - 10,
        ("engine_mark", "until"): now + 10,
        ("engine_outbox", "kind"): "webhook", ("engine_outbox", "state"): "failed", ("engine_outbox", "facts"): "{}",
        ("engine_outbox", "address"): webhook, ("engine_outbox", "delivery"): 1,
        ("engine_outbox", "error"): f"{word('engine_outbox', 'error')}: cannot reach {webhook}",
        ("batch_build", "place"): site.place, ("batch_build", "erased"): ["logs"],
        ("batch_build", "package"): "core", ("batch_build", "version"): "v1",
        ("batch_build_part", "subpackage"): "io", ("batch_build_part", "step"): "build", ("batch_build_part", "rc"): 1,
        ("batch_cron_fire", "outcome"): "skipped", ("batch_cron_fire", "scheduled_for"): int(now),
        ("batch_crontab", "user"): OWNER, ("batch_crontab", "timezone"): "UTC", ("batch_crontab", "minute"): "5",
        ("batch_crontab", "hour"): "5", ("batch_crontab", "day_of_month"): "*", ("batch_crontab", "month"): "*",
        ("batch_crontab", "day_of_week"): "*", ("batch_crontab", "overlap"): "skip",
        ("batch_crontab", "misfire"): "last", ("batch_crontab", "on_success"): targets("batch_crontab"),
        ("batch_crontab", "name"): word("batch_crontab", "name"), ("batch_crontab", "enabled"): True,
        ("batch_erase", "builds"): [1], ("batch_erase", "parts"): ["logs"], ("batch_erase", "job_id"): 999,
        ("batch_job", "status"): "lost", ("batch_job", "submit_key"): KEY, ("batch_job", "user"): OWNER,
        ("batch_job", "submitted_by"): OWNER, ("batch_job", "on_success"): targets("batch_job"),
        ("batch_job", "output_location"): "", ("batch_job", "cron_id"): None, ("batch_job", "run_id"): 1,
        ("batch_job", "parent_job_id"): None, ("batch_job", "stage"): "zq-flow-stage-qz",
        ("batch_job", "args"): ["true", word("batch_job", "args")], ("batch_job", "batch_opts"): [],
        ("batch_job", "working_dir"): f"/{word('batch_job', 'working_dir')}",
        ("batch_crontab", "working_dir"): f"/{word('batch_crontab', 'working_dir')}",
        ("batch_crontab", "output_location"): f"/{word('batch_crontab', 'output_location')}",
        ("batch_job", "origin"): "person", ("batch_run", "origin"): "person", ("batch_job_event", "origin"): "person",
        ("batch_job_event", "who"): OPERATOR, ("batch_job_event", "status"): "lost",
        ("batch_rule_fire", "stage"): "zq-flow-stage-qz",
        ("batch_run", "workflow"): "flow", ("batch_run", "status"): "failed", ("batch_run", "started_by"): OPERATOR,
        ("batch_run", "params"): {"a": word("batch_run", "params")}, ("batch_run", "stopped"): None,
        ("batch_run", "variables"): {"v": word("batch_run", "variables")},
        ("batch_run_stage", "stage"): "zq-flow-stage-qz", ("batch_run_stage", "status"): "failed",
        ("batch_settings", "name"): "master",
        ("batch_todo", "who"): OPERATOR,
        ("live_job", "summary"): summary(), ("live_job", "user"): OWNER,
    }  # fmt: skip


def summary() -> str:
    """Return what is kept of a finished job, with a field of which nobody knows."""
    import orjson

    from finished_jobs import ended

    texts = {name: word("finished", name) for name in ("id", "name", "account", "partition", "state")}
    return orjson.dumps(ended("1", **{**texts, "user": OWNER, "unheard_of": word("finished", "unheard")})).decode()


def plant(store: Store, site: Site) -> None:
    """Write a row into each table, and a second job, which is somebody else's."""
    now = clock.now()
    known = meant(site, now)
    columns = {(table.name, column.name) for metadata in METADATA for table in metadata.sorted_tables
               for column in table.columns}  # fmt: skip
    assert known.keys() <= columns, "what means something is a column"
    with store.writing() as connection:
        for table in (table for metadata in METADATA for table in metadata.sorted_tables):
            connection.execute(table.delete())
            connection.execute(table.insert().values(**_row(table, known, now)))
        job = {**_row(tables.JOB, known, now), "job_id": 2, "submit_key": "0a1b2c-b2-1", "user": SOMEBODY,
               "submitted_by": SOMEBODY, "run_id": None}  # fmt: skip
        bobs = {name: _of_bob(value) for name, value in job.items()}
        connection.execute(tables.JOB.insert().values(**bobs))


def _of_bob(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("zq.batch_job.", "zq.bobs_job.")
    if isinstance(value, list):
        return [_of_bob(one) for one in value]
    return {name: _of_bob(one) for name, one in value.items()} if isinstance(value, dict) else value


def _row(table: sa.Table, known: dict[tuple[str, str], Any], now: float) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in table.columns:
        kind = column.type
        if (table.name, column.name) in known:
            row[column.name] = known[table.name, column.name]
        elif column.name == "origin":
            row[column.name] = "person"
        elif isinstance(kind, sa.JSON):
            row[column.name] = {"x": word(table.name, column.name)}
        elif isinstance(kind, sa.Text):
            row[column.name] = word(table.name, column.name)
        elif isinstance(kind, sa.Boolean):
            row[column.name] = False
        elif column.name.endswith(("_at", "_from", "_until")):
            row[column.name] = now
        else:
            row[column.name] = 1
    return row
