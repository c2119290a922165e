"""Say which stages of a run can start now, which never will, and when the run is over: plain data in and out.

A stage arrives at another when it ends and its rules name that one. Each arrival counts once: a stage keeps which
visits it has seen, so that loops work, and asking again after a crash gives the same answer.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from jobmon.batch.workflow.decision import Decision
from jobmon.batch.workflow.models import MOST_VISITS, End, Stage, Workflow
from jobmon.batch.workflow.outcome import Outcome

Status = Literal["waiting", "active", "retry", "held", "succeeded", "failed"]
"""`waiting` was never started, `active` is submitted or runs, `retry` waits to be tried again, `held` for somebody."""
UNFINISHED = ("active", "retry", "held")


@dataclass(frozen=True, slots=True)
class StageState:
    """Hold where a stage of a run is."""

    status: Status = "waiting"
    visits: int = 0
    chosen: tuple[str, ...] | None = None
    """The stages that its last decision named; None when no rule said, or there is none yet."""
    seen: Mapping[str, int] = field(default_factory=dict)
    """The visits to which its last start goes back: what has been used already."""
    fails: bool = False
    """Whether the run fails because of it."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Name a stage that can start, and what it will have seen then."""

    stage: str
    seen: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """Say how a run goes on."""

    ready: tuple[Ready, ...] = ()
    skipped: tuple[str, ...] = ()
    """Stages that were never started and never will be."""
    given_up: tuple[str, ...] = ()
    """Stages whose retry or release nobody waits for any more, because the run ends."""
    looping: tuple[str, ...] = ()
    """Stages that were to start once more than the cap of visits allows, for which the run fails."""
    finished: End | None = None


def begun(state: StageState, ready: Ready) -> StageState:
    """Return the state of a stage that was started."""
    return StageState("active", state.visits + 1, seen=ready.seen)


def ended(state: StageState, outcome: Outcome, decision: Decision) -> StageState:
    """Return the state of a stage about whose outcome was decided."""
    if decision.retry_s is not None:
        return replace(state, status="retry")
    if decision.hold is not None:
        return replace(state, status="held", chosen=decision.next)
    status: Status = "succeeded" if outcome.ok else "failed"
    return replace(state, status=status, chosen=decision.next, fails=state.fails or decision.fails)


def released(state: StageState, outcome: Outcome) -> StageState:
    """Return the state of a held stage that somebody lets go on."""
    return replace(state, status="succeeded" if outcome.ok else "failed")


def progress(workflow: Workflow, states: Mapping[str, StageState], stopped: End | None = None) -> Progress:
    """Return what can start and whether the run is over; `stopped` is how a rule or a person stopped it.

    Stages that run when a run fails or is stopped end by themselves, and nothing new starts after them. The final stage
    starts when nothing else goes on.
    """
    stages = {stage.name: stage for stage in workflow.stages}
    leads = {stage.name: stage.leads_to for stage in workflow.stages}
    run = _Run(stages, {name: states.get(name, StageState()) for name in stages}, leads)
    failed = stopped == "failed" or any(state.fails for state in run.states.values())
    ending = failed or stopped is not None
    ready, pending = ([], set()) if ending else run.startable(run.unfinished())
    looping = tuple(one.stage for one in ready if run.states[one.stage].visits >= MOST_VISITS)
    if looping:
        failed, ending, ready, pending = True, True, [], set()
    given_up = tuple(
        name
        for name, state in run.states.items()
        if ending and state.status in {"retry", "held"} and not stages[name].final
    )
    active = run.unfinished().difference(given_up)
    alive = {*active, *pending, *(one.stage for one in ready)}
    reachable = alive if ending else {*alive, *run.reached(alive, avoiding=None)}
    skipped = tuple(
        name
        for name, state in run.states.items()
        if state.visits == 0 and name not in reachable and not stages[name].final
    )
    if ready or active:
        return Progress(tuple(ready), skipped, given_up, looping)
    final = workflow.final
    if final is not None and run.states[final.name].visits == 0:
        return Progress((Ready(final.name),), skipped, given_up, looping)
    return Progress((), skipped, given_up, looping, "failed" if failed else stopped or "succeeded")


@dataclass(frozen=True, slots=True)
class _Run:
    """Hold the stages of a run while it is asked about them."""

    stages: Mapping[str, Stage]
    states: Mapping[str, StageState]
    leads: Mapping[str, tuple[str, ...]]

    def unfinished(self) -> set[str]:
        """Return the stages that run or wait for another attempt or a person."""
        return {name for name, state in self.states.items() if state.status in UNFINISHED}

    def startable(self, active: Collection[str]) -> tuple[list[Ready], set[str]]:
        """Return the stages that can start, and those at which others have arrived but that still wait."""
        if all(state.visits == 0 for state in self.states.values()):
            return [Ready(next(iter(self.stages)))], set()
        pending = {name for name in self.states if name not in active and self._arrivals(name)}
        while True:
            settled = {name for name in pending if self._settled(name, active, pending)}
            if pending and not settled and not active:
                # Stages that wait for each other would wait for ever: the one that the file names first goes on.
                settled = {next(name for name in self.states if name in pending)}
            dropped = {name for name in settled if not self._wanted(name)}
            if not dropped:
                break
            pending -= dropped
        ready = [Ready(name, self._seen(name)) for name in self.states if name in settled]
        return ready, pending - settled

    def reached(self, sources: Iterable[str], avoiding: str | None) -> set[str]:
        """Return the stages to which a way leads from one of these, without going through another."""
        found: set[str] = set()
        todo = [name for name in sources if name != avoiding]
        while todo:
            for name in self.leads[todo.pop()]:
                if name not in found:
                    found.add(name)
                    if name != avoiding:
                        todo.append(name)
        return found

    def _before(self, name: str) -> list[str]:
        return [other for other, names in self.leads.items() if name in names]

    def _news(self, name: str) -> list[str]:
        """Return the stages before it that have ended since it last started.

        For "any" only those count that follow from its last visit: the others are late for what it has done.
        """
        own = self.states[name]
        late = self.stages[name].join == "any"
        return [
            other
            for other in self._before(name)
            if (state := self.states[other]).status in {"succeeded", "failed"}
            and state.visits > own.seen.get(other, 0)
            and not (late and other != name and state.seen.get(name, 0) < own.visits)
        ]

    def _arrived(self, other: str, name: str) -> bool:
        state = self.states[other]
        if state.chosen is None:  # no rule said; for all_done an optional stage that failed is done as well
            return self.stages[name].join == "all_done" and state.status == "failed"
        return name in state.chosen

    def _arrivals(self, name: str) -> list[str]:
        return [other for other in self._news(name) if self._arrived(other, name)]

    def _to_come(self, name: str, active: Collection[str], pending: Collection[str]) -> set[str]:
        """Return the stages before it that it waits for: they run, or may still run before it does.

        One that has arrived is not waited for because a loop could lead to it again.
        """
        sources = {*active, *pending} - {name}
        possible = self.reached(sources, avoiding=name).difference(self._arrivals(name))
        return ({*sources, *possible} - {name}) & set(self._before(name))

    def _settled(self, name: str, active: Collection[str], pending: Collection[str]) -> bool:
        return self.stages[name].join == "any" or not self._to_come(name, active, pending)

    def _wanted(self, name: str) -> bool:
        """Say whether its join is fulfilled now that nothing more can come."""
        if self.stages[name].join != "all_ok":
            return True
        return all(
            self._arrived(other, name) or (self.stages[other].optional and self.states[other].status == "failed")
            for other in self._news(name)
        )

    def _seen(self, name: str) -> dict[str, int]:
        """Return what a start uses up: all that has arrived, and all from which that followed."""
        seen = dict(self.states[name].seen)
        for other in self._news(name):
            state = self.states[other]
            for one, visits in {**state.seen, other: state.visits}.items():
                seen[one] = max(visits, seen.get(one, 0))
        return seen
