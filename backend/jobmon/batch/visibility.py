"""Name what of `batch` is shown to whom; what is not named here is shown to nobody, on a terminal neither.

Names, states and times are for all who may read. What jobs contain - commands, options, folders, outputs, and texts
that may quote them - is for whose they are and for the staff, unless `[batch] content` opens it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from jobmon.api.access import SIGN_IN
from jobmon.api.problems import ProblemError
from jobmon.api.routes import Asker, asker
from jobmon.api.visibility import Kind, To
from jobmon.config import BatchSettings
from jobmon.engine.outbox import targets

JOB = Kind(
    "job",
    {
        To.READERS: "job_id status ending return_code signal queue scheduler scheduler_id attempt tries unknown "
        "priority limit_s not_before latest_start created_at submitted_at released_at cancel_at started_at "
        "finished_at host output_bytes cron_id run_id stage parent_job_id origin submit_key fence due_at content",
        To.OPENLY: "name user submitted_by cron",
        To.CONTENT: "command args reason put_aside batch_opts working_dir output_location output_tail labels",
        To.OWNER: "on_success",
    },
    owners=("user", "submitted_by"),
    people=frozenset({"user", "submitted_by"}),
    changed={"on_success": targets.all_shown},
)
EVENT = Kind(
    "event of a job",
    {To.READERS: "event_id job_id at origin fence status", To.OPENLY: "who", To.CONTENT: "text"},
    people=frozenset({"who"}),
)
ATTEMPT = Kind("attempt of a job", {To.READERS: "job_id attempt status"})
PLACE = Kind("files of a job", {To.CONTENT: "folder script output"})
ENTRY = Kind(
    "crontab entry",
    {
        To.READERS: "cron_id schedule timezone enabled overlap misfire misfire_window jitter start_within not_before "
        "not_after limit_s version next last content",
        To.OPENLY: "name user queue workflow",
        To.CONTENT: "command args params batch_opts working_dir output_location",
        To.OWNER: "on_success",
    },
    owners=("user",),
    people=frozenset({"user"}),
    changed={"on_success": targets.all_shown},
)
FIRE = Kind(
    "fire",
    {To.READERS: "cron_id scheduled_for fired_at fence outcome job_id run_id", To.CONTENT: "reason"},
)
WORKFLOW = Kind(
    "workflow",
    {To.OPENLY: "name params sha256 stages", To.CONTENT: "file", To.STAFF: "errors"},
)
STAGE = Kind(
    "stage of a workflow",
    {To.OPENLY: "name queue join final optional next rules", To.CONTENT: "command"},
)
RUN = Kind(
    "run",
    {
        To.OPENLY: "run_id workflow sha256 status stopped started_by origin created_at started_at finished_at "
        "parent_run_id cron_id",
        To.CONTENT: "reason params variables",
    },
    owners=("started_by",),
    people=frozenset({"started_by"}),
)
RUN_STAGE = Kind("stage of a run", {To.OPENLY: "name status visits job_id"})
RULE = Kind("rule that fired", {To.OPENLY: "fire_id run_id at stage job_id rule", To.CONTENT: "text"})
VERSION = Kind("release", {To.OPENLY: "package version version_type tag noticed_at running cells"})
BUILD = Kind(
    "build",
    {
        To.OPENLY: "build_id run_id package version version_type tag variant noticed_at status mark stages "
        "erased started_at finished_at title",
        To.CONTENT: "reason place log",
    },
)
PART = Kind(
    "sub-package",
    {To.OPENLY: "subpackage step rc log line seconds at", To.CONTENT: "first_error", To.STAFF: "owner"},
)
PACKAGE = Kind("package", {To.OPENLY: "package variants configured", To.STAFF: "root error"})
LIMIT = Kind("limit of a queue", {To.READERS: "queue max_pending max_running submits_per_minute"})
MASTER = Kind(
    "master",
    {
        To.READERS: "holder endpoint fence since expires_in takeovers candidates this preferred run_time run_time_left "
        "scheduler",
        To.STAFF: "troubles",
    },
)
CANDIDATE = Kind("candidate", {To.READERS: "holder host endpoint seen_at"})
ATTENTION = Kind(
    "what needs attention", {To.OPENLY: "unclear lost refused put_aside messages orphans", To.STAFF: "unsent"}
)
UNSENT = Kind("unsent message", {To.STAFF: "kind recipient subject state error"})
AUDIT = Kind(
    "what was asked for",
    {To.OPENLY: "todo_id at who what target", To.CONTENT: "result"},
    owners=("who",),
    people=frozenset({"who"}),
)
KINDS = (JOB, EVENT, ATTEMPT, PLACE, ENTRY, FIRE, WORKFLOW, STAGE, RUN, RUN_STAGE, RULE, VERSION, BUILD, PART, PACKAGE,
         LIMIT, MASTER, CANDIDATE, ATTENTION, UNSENT, AUDIT)  # fmt: skip

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """Show things to one person."""

    who: Asker
    opened: bool = False
    """Content is for all readers."""

    def job(self, row: Row) -> dict[str, Any]:
        """Return a job; `content` says whether its content is shown, which else is left out."""
        labels = row["labels"] if row["cron_id"] is not None else {}
        due = labels.get("scheduled_for", "")
        whole = {
            **row,
            "cron": labels.get("cron"),
            "due_at": int(due) if due.isdecimal() and len(due) < 12 else None,
            "content": self.reads(row),
        }
        return JOB.shown(whole, self.who, own=self.owns(row), opened=self.opened)

    def jobs(self, rows: Iterable[Row]) -> list[dict[str, Any]]:
        """Return jobs."""
        return [self.job(row) for row in rows]

    def owns(self, job: Row) -> bool:
        """Say whether a job is that person's, who is whom it runs as or who asked for it."""
        return JOB.belongs(job, self.who)

    def reads(self, job: Row) -> bool:
        """Say whether that person may read a job's content."""
        return self.to(own=self.owns(job)) >= To.CONTENT

    def to(self, *, own: bool = False) -> To:
        """Return the most that person is shown of something."""
        return Kind.to(self.who, own=own, opened=self.opened)

    def events(self, rows: Iterable[Row], job: Row) -> list[dict[str, Any]]:
        """Return what happened to a job."""
        return EVENT.all_shown(rows, self.who, own=self.owns(job), opened=self.opened)

    def entry(self, row: Row) -> dict[str, Any]:
        """Return a crontab entry, its last fire with it."""
        own = ENTRY.belongs(row, self.who)
        last = row.get("last") and FIRE.shown(row["last"], self.who, own=own, opened=self.opened)
        whole = {**row, "last": last, "content": self.to(own=own) >= To.CONTENT}
        return ENTRY.shown(whole, self.who, own=own, opened=self.opened)

    def sees_entry(self, row: Row) -> bool:
        """Say whether that person may know of a crontab entry at all: as of jobs, of all or of the own ones."""
        return not self.who.own or ENTRY.belongs(row, self.who)

    def fires(self, rows: Iterable[Row], entry: Row) -> list[dict[str, Any]]:
        """Return what came of an entry's due times."""
        return FIRE.all_shown(rows, self.who, own=ENTRY.belongs(entry, self.who), opened=self.opened)

    def workflows(self, found: Row) -> dict[str, Any]:
        """Return the workflows and, to the staff, what is wrong with their files."""
        listed = [
            WORKFLOW.shown({**one, "stages": self._some(STAGE, one["stages"])}, self.who, opened=self.opened)
            for one in found["workflows"]
        ]
        return {"workflows": listed, **WORKFLOW.shown({"errors": found["errors"]}, self.who)}

    def runs(self, rows: Iterable[Row]) -> list[dict[str, Any]]:
        """Return runs of workflows."""
        return self._some(RUN, rows)

    def run(self, found: Row) -> dict[str, Any]:
        """Return a run with its stages, its jobs and the rules that fired."""
        own = RUN.belongs(found["run"], self.who)
        return {
            "run": RUN.shown(found["run"], self.who, opened=self.opened),
            "stages": RUN_STAGE.all_shown(found["stages"], self.who),
            "jobs": self.jobs(found["jobs"]),
            "fires": RULE.all_shown(found["fires"], self.who, own=own, opened=self.opened),
        }

    def audit(self, rows: Iterable[Row]) -> list[dict[str, Any]]:
        """Return what people have asked for."""
        return self._some(AUDIT, rows)

    def overview(self, found: Row) -> dict[str, Any]:
        """Return how jobs and masters are doing."""
        attention, master = found["attention"], found["master"]
        troubled = {name: self.jobs_brief(attention[name]) for name in ("unclear", "lost", "refused", "put_aside")}
        unsent = UNSENT.all_shown(attention["unsent"], self.who)
        shown = ATTENTION.shown({**attention, **troubled, "unsent": unsent}, self.who)
        masters = {**master, "candidates": CANDIDATE.all_shown(master["candidates"], self.who)}
        return {
            "counts": found["counts"],
            "limits": LIMIT.all_shown(found["limits"], self.who),
            **({"attention": shown} if shown else {}),
            "master": MASTER.shown(masters, self.who),
        }

    def jobs_brief(self, rows: Iterable[Row]) -> list[dict[str, Any]]:
        """Return jobs of which only a few fields are known."""
        return [JOB.shown(row, self.who, own=self.owns(row), opened=self.opened) for row in rows]

    def releases(self, found: Row) -> dict[str, Any]:
        """Return versions with a cell per variant."""
        versions = [
            VERSION.shown({**one, "cells": self._each(BUILD, one["cells"])}, self.who) for one in found["versions"]
        ]
        return {"versions": versions, "variants": found["variants"], "next": found["next"]}

    def build(self, found: Row) -> dict[str, Any]:
        """Return a build with its stages, and its sub-packages beside other builds."""
        stages = [
            {**RUN_STAGE.shown(one, self.who), "jobs": self.jobs_brief(one["jobs"]),
             "fires": self._some(RULE, one["fires"])}
            for one in found["stages"]
        ]  # fmt: skip
        rows = [{"name": row["name"], "cells": [self._each(PART, cell) for cell in row["cells"]]}
                for row in found["subpackages"]]  # fmt: skip
        return {
            "build": BUILD.shown(found["build"], self.who, opened=self.opened),
            "stages": stages,
            "columns": self._some(BUILD, found["columns"]),
            "subpackages": rows,
            "failures": self._some(PART, found["failures"]),
        }

    def packages(self, found: Row) -> dict[str, Any]:
        """Return the packages that can be built."""
        listed = PACKAGE.all_shown(found["packages"], self.who)
        rest = {name: found[name] for name in ("root", "error")}
        return {"packages": listed, **PACKAGE.shown(rest, self.who)}

    def check_content(self, what: str, *, own: bool = False) -> None:
        """See that content may be read; else the answer is 401 or 403. `what` begins the sentence that says so."""
        if self.to(own=own) >= To.CONTENT:
            return
        if not self.who.name:
            raise ProblemError(401, f"{what}; sign in if that is you.", SIGN_IN)
        raise ProblemError(403, f"{what}.")

    def _some(self, kind: Kind, rows: Iterable[Row]) -> list[dict[str, Any]]:
        return kind.all_shown(rows, self.who, opened=self.opened)

    def _each(self, kind: Kind, rows: Mapping[str, Row]) -> dict[str, Any]:
        return {name: kind.shown(row, self.who, opened=self.opened) for name, row in rows.items()}


def terminal() -> View:
    """Return what shows things on a terminal: whoever may open the store reads all of it, but no secrets."""
    return View(Asker("", "admin", True, ""))


def view(request: Request, settings: BatchSettings) -> View:
    """Return what shows things to whoever asks."""
    return View(asker(request), settings.content == "readers")
