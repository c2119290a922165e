"""Run workflows: start runs, decide after each job what follows, and keep all of it in the job's own transaction."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from jobmon import clock
from jobmon.batch import jobs, releases, run_telling
from jobmon.batch import run_rows as rows
from jobmon.batch.jobs import NoSuchThing, NotPossible
from jobmon.batch.origin import Machinery, Who, columns_of, text_of
from jobmon.batch.requests import JobRequest, checked
from jobmon.batch.tables import JOB, RUN, STAGE, WORKFLOW
from jobmon.batch.workflow import definitions, joins, placeholders
from jobmon.batch.workflow.decision import StartRun, decide
from jobmon.batch.workflow.definitions import Definition
from jobmon.batch.workflow.joins import Ready, StageState
from jobmon.batch.workflow.library import Library
from jobmon.batch.workflow.models import Stage, Workflow
from jobmon.batch.workflow.placeholders import Values
from jobmon.batch.workflow.searching import Searcher
from jobmon.config import BatchSettings
from jobmon.engine.submission import ACTIVE, Attempt
from jobmon.engine.submission.attempts import HELD, SUBMITTING, WAITING
from jobmon.errors import SettingsError

QUEUED, RUNNING, SKIPPED = "queued", "running", "skipped"


class Runs:
    """Start runs and carry them on; all methods work in the caller's transaction."""

    def __init__(self, library: Library, settings: BatchSettings) -> None:
        self._library = library
        self._settings = settings
        self._searcher = Searcher()
        self._parsed: dict[tuple[str, str], Workflow] = {}

    @property
    def library(self) -> Library:
        """Return the workflows that can be started."""
        return self._library

    def close(self) -> None:
        """End the process that searches outputs."""
        self._searcher.close()

    # --- starting --------------------------------------------------------------------------------------------------

    def start(
        self, connection: sa.Connection, name: str, params: Mapping[str, str], who: Who, *, dedupe: str | None = None,
        parent: int | None = None, cron: int | None = None,
    ) -> int | None:  # fmt: skip
        """Start a run and return its number; None when there is one with the same `dedupe` already.

        SettingsError when there is no such workflow, or the parameters are not its own.
        """
        rows.lock(connection)
        found = self._library.find(name)
        wrong = found.workflow.problems_of(dict(params)) or releases.problems_of(found.workflow.params, params)
        if wrong:
            raise SettingsError(f"workflow {name}: {'; '.join(wrong)}")
        same = (RUN.c.workflow == name, RUN.c.dedupe_key == dedupe)
        if dedupe is not None and connection.execute(sa.select(RUN.c.run_id).where(*same)).first():
            return None
        self._keep_text(connection, found)
        values = {
            "workflow": name,
            "sha256": found.sha256,
            "params": dict(params),
            "variables": {},
            "last": self._last_variables(connection, name),
            "status": QUEUED,
            "reason": "",
            "concurrency_key": self._key(found.workflow, params),
            "dedupe_key": dedupe,
            **columns_of("started_by", who),
            "created_at": clock.now(),
            "parent_run_id": parent,
            "cron_id": cron,
        }
        key = connection.execute(RUN.insert().values(**values)).inserted_primary_key
        assert key is not None
        number = int(key[0])
        releases.run_started(connection, number, params, self._settings.programs)
        self._admit(connection, number, found.workflow)
        return number

    def _admit(self, connection: sa.Connection, number: int, workflow: Workflow) -> None:
        """Let a new run go on, wait or be left out, as its workflow wants it when others go on."""
        row = rows.find(connection, number)
        limit = workflow.concurrency
        others = self._going_on(connection, row) if limit is not None else []
        if limit is not None and len(others) >= limit.max:
            if limit.policy == "queue":
                return
            if limit.policy == "skip":
                reason = f"run {others[0]} of {row['concurrency_key']} had not ended"
                rows.change(connection, number, status=SKIPPED, reason=reason, finished_at=clock.now())
                return
            for other in others[: len(others) - limit.max + 1]:
                self.stop(connection, other, Machinery.WORKFLOW, f"replaced by run {number}")
        self._begin(connection, number)

    def _begin(self, connection: sa.Connection, number: int) -> None:
        rows.change(connection, number, status=RUNNING, started_at=clock.now())
        self._advance(connection, number)

    def _going_on(self, connection: sa.Connection, row: Mapping[str, Any]) -> list[int]:
        same = (RUN.c.workflow == row["workflow"], RUN.c.concurrency_key == row["concurrency_key"])
        query = sa.select(RUN.c.run_id).where(*same, RUN.c.status == RUNNING).order_by(RUN.c.run_id)
        return list(connection.execute(query).scalars())

    def _key(self, workflow: Workflow, params: Mapping[str, str]) -> str | None:
        if workflow.concurrency is None:
            return None
        return placeholders.fill_key(workflow.concurrency.key, Values(workflow=workflow.name, params=dict(params)))

    def _keep_text(self, connection: sa.Connection, found: Definition) -> None:
        """Keep the file's text: a run goes on with the text that it was started with."""
        if connection.execute(sa.select(WORKFLOW.c.sha256).where(WORKFLOW.c.sha256 == found.sha256)).first():
            return
        values = {"sha256": found.sha256, "file": found.file, "text": found.text, "loaded_at": clock.now()}
        connection.execute(WORKFLOW.insert().values(**values))

    def _last_variables(self, connection: sa.Connection, name: str) -> dict[str, str]:
        query = sa.select(RUN.c.variables).where(RUN.c.workflow == name, RUN.c.status == "succeeded")
        found = connection.execute(query.order_by(RUN.c.run_id.desc()).limit(1)).scalar_one_or_none()
        return dict(found or {})

    # --- carrying on -----------------------------------------------------------------------------------------------

    def job_changed(self, connection: sa.Connection, attempt: Attempt, ended: bool) -> None:
        """Carry a run on after a change of one of its jobs, in the transaction of that change."""
        row = attempt.row
        if row["run_id"] is None:
            return
        if attempt.status == SUBMITTING and attempt.before == WAITING:
            condition = (STAGE.c.run_id == row["run_id"], STAGE.c.job_id == row["job_id"], STAGE.c.status == "retry")
            connection.execute(STAGE.update().where(*condition).values(status="active"))
        if ended:
            self._decide(connection, attempt)

    def _decide(self, connection: sa.Connection, attempt: Attempt) -> None:
        job = attempt.row
        number, name = job["run_id"], job["stage"]
        rows.lock(connection)
        run = rows.find(connection, number)
        workflow = self._workflow(connection, run)
        states = rows.states(connection, number)
        if rows.job_of(connection, number, name) != job["job_id"] or states[name].status not in {"active", "retry"}:
            return  # it was run again by hand, beside the run, or nobody waits for it any more
        stage, outcome = workflow.stage(name), rows.outcome_of(attempt)
        visits = {other: state.visits for other, state in states.items()}
        decision = decide(stage, outcome, _values(run, name, outcome.attempt), visits, self._searcher)
        if run["stopped"] is not None:  # what ends because of that is no failure, and nothing follows it
            decision = replace(decision, fails=False, retry_s=None, starts=(), hold=None)
        run_telling.write_down(connection, run, job, decision)
        states[name] = joins.ended(states[name], outcome, decision)
        rows.keep_state(connection, number, name, states[name], job["job_id"])
        if decision.variables:
            rows.change(connection, number, variables={**run["variables"], **decision.variables})
        if decision.stop is not None and run["stopped"] is None:
            rows.change(connection, number, stopped=decision.stop, reason=decision.reason)
        elif decision.fails:
            rows.change(connection, number, reason=decision.reason)
        for start in decision.starts:
            self._start_other(connection, run, name, job["job_id"], start)
        if decision.retry_s is not None:
            failed = replace(states[name], status="failed", fails=not stage.optional)
            self._retry(connection, job, decision.retry_s, failed)
        run_telling.tell(connection, run, job, decision)
        self._advance(connection, number)

    def _start_other(
        self, connection: sa.Connection, run: Mapping[str, Any], stage: str, job: int, start: StartRun
    ) -> None:
        try:
            wanted = self._library.find(start.workflow).workflow.params
            params = {name: value for name, value in start.params.items() if not start.from_item or name in wanted}
            number = self.start(connection, start.workflow, params, Machinery.WORKFLOW, dedupe=start.dedupe,
                                parent=run["run_id"])  # fmt: skip
            text = f"run {number} of {start.workflow} was started" if number else f"{start.dedupe} was started before"
        except SettingsError as error:
            text = f"{start.workflow} could not be started: {error}"
        rows.fire(connection, run["run_id"], stage, job, "start", text)

    def _retry(
        self, connection: sa.Connection, job: Mapping[str, Any], delay_s: float, failed: StageState
    ) -> None:  # fmt: skip
        """Ask for a stage's job again; the stage becomes `failed` when that cannot be."""
        number, stage = job["run_id"], job["stage"]
        more = {"attempt": job["attempt"] + 1, "parent_job_id": job["job_id"], "run_id": job["run_id"],
                "stage": job["stage"]}  # fmt: skip
        try:
            request = jobs.request_of(job).model_copy(update={"not_before": clock.now() + delay_s})
            again = jobs.submit(connection, request, Machinery.WORKFLOW, self._settings, **more)
        except SettingsError as error:
            rows.keep_state(connection, number, stage, failed, job["job_id"])
            rows.fire(connection, number, stage, job["job_id"], "", f"{stage} cannot be run again: {error}")
            rows.change(connection, number, reason=f"{stage} cannot be run again: {error}")
            return
        condition = (STAGE.c.run_id == number, STAGE.c.stage == stage)
        connection.execute(STAGE.update().where(*condition).values(job_id=again))

    def _advance(self, connection: sa.Connection, number: int) -> None:
        """Start what can start now, give up what nobody waits for, and end the run when it is over."""
        while True:
            run = rows.find(connection, number)
            workflow = self._workflow(connection, run)
            states = rows.states(connection, number)
            progress = joins.progress(workflow, states, run["stopped"])
            for name in progress.given_up:
                self._give_up(connection, number, name, states[name])
            if progress.looping:
                reason = f"{', '.join(progress.looping)}: the run has been there too often; the loop ends here"
                rows.change(connection, number, reason=reason, stopped="failed")
            if progress.finished is not None:
                self._finish(connection, run, progress.finished)
                return
            broken = [ready for ready in progress.ready if not self._launch(connection, run, workflow, ready, states)]
            if not broken:
                return

    def _launch(
        self, connection: sa.Connection, run: Mapping[str, Any], workflow: Workflow, ready: Ready,
        states: Mapping[str, StageState],
    ) -> bool:  # fmt: skip
        """Ask for a stage's job; False when its command cannot be filled, for which the stage fails."""
        number, stage = run["run_id"], workflow.stage(ready.stage)
        state = joins.begun(states.get(ready.stage, StageState()), ready)
        try:
            request = self._request(run, stage)
            more = {"run_id": number, "stage": stage.name}
            job = jobs.submit(connection, request, Machinery.WORKFLOW, self._settings, **more)
        except SettingsError as error:
            failed = StageState("failed", state.visits, (), state.seen, fails=not stage.optional)
            rows.keep_state(connection, number, stage.name, failed, None)
            rows.fire(connection, number, stage.name, None, "", f"{stage.name} cannot be started: {error}")
            rows.change(connection, number, reason=f"{stage.name} cannot be started: {error}")
            return False
        rows.keep_state(connection, number, stage.name, state, job)
        return True

    def _request(self, run: Mapping[str, Any], stage: Stage) -> JobRequest:
        """Return the job of a stage; SettingsError when a placeholder has no value, or no job can be what is asked."""
        values = {
            "command": placeholders.fill_command(stage.command, _values(run, stage.name, 1)),
            "name": f"{run['workflow']}-{stage.name}", "queue": stage.queue or "", "options": list(stage.options),
            "time_limit": stage.time_limit or 0.0,
            "labels": {"workflow": run["workflow"], "run": str(run["run_id"]), "stage": stage.name},
        }  # fmt: skip
        request: JobRequest = checked(JobRequest, values, f"stage {stage.name}")
        return request

    def _give_up(self, connection: sa.Connection, number: int, name: str, state: StageState) -> None:
        job = rows.job_of(connection, number, name)
        rows.keep_state(connection, number, name, StageState("failed", state.visits, (), state.seen, state.fails), job)
        waiting = (JOB.c.job_id == job, JOB.c.status.in_((WAITING, HELD)))
        if job is not None and connection.execute(sa.select(JOB.c.job_id).where(*waiting)).first():
            jobs.cancel(connection, job, Machinery.WORKFLOW)

    def _finish(self, connection: sa.Connection, run: Mapping[str, Any], status: str) -> None:
        rows.change(connection, run["run_id"], status=status, finished_at=clock.now())
        releases.run_ended(connection, run, status, self._settings.programs)
        if run["concurrency_key"] is None:
            return
        same = (RUN.c.workflow == run["workflow"], RUN.c.concurrency_key == run["concurrency_key"])
        queued = sa.select(RUN).where(*same, RUN.c.status == QUEUED).order_by(RUN.c.run_id).limit(1)
        following = connection.execute(queued).mappings().one_or_none()
        if following is None:
            return
        limit = self._workflow(connection, dict(following)).concurrency
        if limit is None or len(self._going_on(connection, dict(following))) < limit.max:
            self._begin(connection, following["run_id"])

    # --- what people do --------------------------------------------------------------------------------------------

    def stop(self, connection: sa.Connection, number: int, who: Who, reason: str = "") -> None:
        """Stop a run: what waits is cancelled, what runs is asked to end, and its final stage still comes."""
        reason = reason or f"stopped by {text_of(who)}"
        rows.lock(connection)
        run = rows.find(connection, number)
        if run["status"] == QUEUED:
            rows.change(connection, number, status="stopped", reason=reason, finished_at=clock.now())
            return
        if run["status"] != RUNNING:
            raise NotPossible(f"run {number} has ended already: {run['status']}")
        rows.change(connection, number, stopped=run["stopped"] or "stopped", reason=reason)
        self._advance(connection, number)
        workflow = self._workflow(connection, run)
        final = workflow.final.name if workflow.final else ""
        running = (JOB.c.run_id == number, JOB.c.stage != final, JOB.c.status.in_((WAITING, HELD, *ACTIVE)))
        for job in connection.execute(sa.select(JOB.c.job_id).where(*running)).scalars().all():
            jobs.cancel(connection, job, who)

    def release(self, connection: sa.Connection, number: int, stage: str, who: str) -> None:
        """Let a held stage go on."""
        rows.lock(connection)
        states = rows.states(connection, number)
        run = rows.find(connection, number)
        if run["status"] != RUNNING or stage not in states or states[stage].status != "held":
            raise NotPossible(f"stage {stage[:80]!r} of run {number} is not held")
        job = rows.job_of(connection, number, stage)
        assert job is not None  # what is held has run
        outcome = rows.outcome_of(Attempt(jobs.find(connection, job), ""))
        rows.keep_state(connection, number, stage, joins.released(states[stage], outcome), job)
        rows.fire(connection, number, stage, job, "", f"let go by {who}")
        self._advance(connection, number)

    def rerun(self, connection: sa.Connection, number: int, stage: str, who: str) -> None:
        """Run an ended run again from a stage on; what does not come after that stage stays as it was."""
        rows.lock(connection)
        run = rows.find(connection, number)
        workflow = self._workflow(connection, run)
        if run["status"] in {RUNNING, QUEUED}:
            raise NotPossible(f"run {number} is {run['status']}; stop it first")
        if stage not in {known.name for known in workflow.stages}:
            raise NoSuchThing(f"workflow {run['workflow']} has no stage {stage[:80]!r}")
        again = workflow.after(stage)
        states = rows.states(connection, number)
        seen = {name: state.visits for name, state in states.items() if name not in again}
        connection.execute(STAGE.delete().where(STAGE.c.run_id == number, STAGE.c.stage.in_(again)))
        # What went wrong elsewhere, and is not run again, must not fail the run a second time.
        connection.execute(STAGE.update().where(STAGE.c.run_id == number).values(fails=False))
        values = {"status": RUNNING, "stopped": None, "reason": f"run again from {stage} by {who}", "finished_at": None}
        rows.change(connection, number, **values)
        rows.fire(connection, number, stage, None, "", f"run again by {who}")
        self._launch(
            connection, rows.find(connection, number), workflow, Ready(stage, seen), rows.states(connection, number)
        )
        self._advance(connection, number)

    # --- rows ------------------------------------------------------------------------------------------------------

    def _workflow(self, connection: sa.Connection, run: Mapping[str, Any]) -> Workflow:
        key = (run["sha256"], run["workflow"])
        if key not in self._parsed:
            query = sa.select(WORKFLOW.c.text, WORKFLOW.c.file).where(WORKFLOW.c.sha256 == run["sha256"])
            text, file = connection.execute(query).one()
            for one in definitions.parse(text, file):
                self._parsed[run["sha256"], one.workflow.name] = one.workflow
        return self._parsed[key]


def _values(run: Mapping[str, Any], stage: str, attempt: int) -> Values:
    return Values(str(run["run_id"]), run["workflow"], stage, attempt, run["params"], run["variables"], run["last"])
