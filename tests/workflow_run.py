"""Play runs of workflows without a scheduler."""

from dataclasses import replace

from jobmon.batch.workflow.decision import decide
from jobmon.batch.workflow.definitions import parse
from jobmon.batch.workflow.joins import StageState, begun, ended, progress
from jobmon.batch.workflow.outcome import Outcome
from jobmon.batch.workflow.placeholders import Values
from jobmon.batch.workflow.searching import Searcher


def workflow_of(*stages):
    """Return a workflow of (name, options, {return code: next stages})."""
    text = "[workflow.w]\n"
    for name, options, ways in stages:
        text += f'[[workflow.w.stage]]\nname = "{name}"\ncommand = ["x"]\n{options}\n'
        for code, names in ways.items():
            text += f"[[workflow.w.stage.on]]\nwhen = {{ rc = {code} }}\nnext = {names!r}\n"
    return parse(text, "w.toml")[0].workflow


class Run:
    """Play a run without a scheduler: stages start when they can, and end when the test says so."""

    def __init__(self, workflow, version_type="Release"):
        self.workflow = workflow
        self.states = {}
        self.started = []
        self.stopped = None
        self.params = dict.fromkeys(workflow.params, "x") | {"version_type": version_type}
        self.go()

    def go(self):
        self.now = progress(self.workflow, self.states, self.stopped)
        assert progress(self.workflow, dict(self.states), self.stopped) == self.now
        for ready in self.now.ready:
            self.states[ready.stage] = begun(self.states.get(ready.stage, StageState()), ready)
            self.started.append(ready.stage)

    @property
    def active(self):
        return {name for name, state in self.states.items() if state.status == "active"}

    def end(self, name, rc=0, **more):
        assert name in self.active
        stage = self.workflow.stage(name)
        outcome = Outcome(rc=rc, **more)
        visits = {other: state.visits for other, state in self.states.items()}
        with Searcher() as searcher:
            decision = decide(stage, outcome, Values(params=self.params), visits, searcher)
        self.stopped = self.stopped or decision.stop
        self.states[name] = ended(self.states[name], outcome, decision)
        self.go()
        return decision

    def tried_again(self, name):
        assert self.states[name].status == "retry"
        self.states[name] = replace(self.states[name], status="active")
