"""Say what a workflow file can hold: one frozen model per table, where unknown keys and other types are errors."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from jobmon.batch.workflow import placeholders
from jobmon.batch.workflow.kinds import (
    Attempts,
    Duration,
    Elapsed,
    Limit,
    Line,
    Name,
    Pattern,
    ReturnCodes,
    Texts,
    Variable,
    one_or_more,
    sequence,
)

State = Literal["exit", "signal", "timeout", "oom", "node_fail", "cancelled", "lost", "late", "submit_error"]
"""How a job can have ended; `exit` is a command that ended by itself, whatever its return code."""
End = Literal["succeeded", "failed", "stopped"]
ADDRESS = re.compile(r"[^\s,;:<>()\"\\@\x00-\x20]{1,64}@[^\s,;:<>()\"\\@\x00-\x20]{1,190}")
"""One address of mail, without anything that could add a second one or a header."""
MOST_VISITS = 20
"""So often one run comes to one stage; whoever asks for more has written a loop without an end."""


def _template(value: str) -> str:
    placeholders.names(value)
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    return value


def _target(value: str) -> str:
    kind, _, rest = value.partition(":")
    right = {"email": "{" in rest or ADDRESS.fullmatch(rest) is not None, "script": rest.startswith("/")}.get(
        kind, kind == "webhook" and rest.startswith(("https://", "http://"))
    )
    if not right:
        raise ValueError('must be "email:address", "script:/path" or "webhook:https://…"')
    if kind == "email":
        placeholders.names(value)
    return value


def _hold(value: object) -> object:
    return "a rule holds it until somebody releases it" if value is True else value


def _variables(value: object) -> object:
    if not isinstance(value, dict):
        return value
    whole = (int,)  # TOML's true is an int for isinstance, and no number
    return {key: str(entry) if type(entry) in whole else entry for key, entry in value.items()}


Template = Annotated[str, Field(max_length=10_000), AfterValidator(_template)]
Key = Annotated[Line, AfterValidator(_template)]
Command = Annotated[tuple[Template, ...], BeforeValidator(sequence), Field(min_length=1, max_length=500)]
Templates = Annotated[dict[Variable, Template], BeforeValidator(_variables), Field(max_length=100)]
Names = Annotated[tuple[Name, ...], BeforeValidator(sequence), Field(max_length=100)]
Targets = Annotated[
    tuple[Annotated[Line, AfterValidator(_target)], ...], BeforeValidator(one_or_more), Field(max_length=20)
]


class Table(BaseModel):
    """Be the base of all tables; texts stay as they are written."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class When(Table):
    """Say for which outcomes a rule is meant; all that is given must hold."""

    rc: ReturnCodes | None = None
    state: Annotated[tuple[Literal[State, "any"], ...], BeforeValidator(one_or_more), Field(min_length=1)] | None = None
    output: Pattern | None = None
    attempt: Attempts | None = None
    elapsed: Elapsed | None = None
    param: Annotated[dict[Variable, Texts], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError('must say something; { state = "any" } means every outcome')
        return self


class Start(Table):
    """Start another workflow, once or for each item that the output names."""

    workflow: Name
    params: Templates = Field(default_factory=dict)
    foreach: Literal["item"] | None = None
    dedupe: Key | None = None
    """Of runs with the same key, one is started."""


class Retry(Table):
    """Run the same stage again after a while."""

    delay: Duration = 60.0
    backoff: float = Field(default=1.0, ge=1, le=100)
    """By what each delay is longer than the one before."""
    max: Duration | None = None
    """The longest delay."""
    attempts: int = Field(default=MOST_VISITS, ge=2, le=1000)
    """All attempts together, the first included; after that the rule is passed over."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max is not None and self.max < self.delay:
            raise ValueError("max must not be shorter than delay")
        return self


class Rule(Table):
    """Say what follows an outcome."""

    when: When
    next_stages: Names | None = Field(default=None, alias="next")
    """None when the rule does not say; an empty list says that nothing follows, and that this is right."""
    start: Start | None = None
    retry: Retry | None = None
    notify: Targets = ()
    variables: Templates = Field(default_factory=dict, alias="set")
    stop: End | None = None
    hold: Annotated[Line, BeforeValidator(_hold)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.model_fields_set <= {"when"}:
            raise ValueError("must say what follows: next, start, retry, notify, set, stop or hold")
        for one, others in (("retry", ("next_stages", "start", "stop", "hold")), ("stop", ("next_stages", "hold"))):
            for other in others:
                if getattr(self, one) is not None and getattr(self, other) is not None:
                    raise ValueError(f"must not have both {one} and {other.removesuffix('_stages')}")
        return self

    @property
    def settles(self) -> bool:
        """Say whether the rule says how the run goes on; a mail or a variable alone repairs no failure."""
        given = (self.next_stages, self.start, self.retry, self.stop, self.hold)
        return any(action is not None for action in given)


class Stage(Table):
    """Hold one stage: what runs, and the rules for what follows."""

    name: Name
    command: Command
    queue: Line | None = None
    options: Annotated[tuple[Line, ...], BeforeValidator(sequence), Field(max_length=100)] = ()
    time_limit: Limit | None = None
    join: Literal["all_ok", "all_done", "any"] = "all_ok"
    final: bool = False
    optional: bool = False
    match: Literal["first", "all"] = "first"
    rules: Annotated[tuple[Rule, ...], BeforeValidator(sequence), Field(max_length=50)] = Field(default=(), alias="on")

    @property
    def leads_to(self) -> tuple[str, ...]:
        """Return the stages that any of its rules names, each once."""
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.next_stages or ()))


class Concurrency(Table):
    """Say how many runs with the same key there may be at a time, and what happens to one more."""

    key: Key
    max: int = Field(default=1, ge=1, le=10_000)
    policy: Literal["queue", "skip", "replace"] = "queue"


class Workflow(Table):
    """Hold one workflow; its first stage starts a run."""

    name: Name
    params: Annotated[tuple[Variable, ...], BeforeValidator(sequence), Field(max_length=100)] = ()
    concurrency: Concurrency | None = None
    stages: Annotated[tuple[Stage, ...], BeforeValidator(sequence), Field(min_length=1, max_length=100)] = Field(
        alias="stage"
    )

    def stage(self, name: str) -> Stage:
        """Return a stage by its name; KeyError when there is none."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise KeyError(name)

    @property
    def final(self) -> Stage | None:
        """Return the stage that runs once at the end, if there is one."""
        return next((stage for stage in self.stages if stage.final), None)

    def after(self, name: str) -> set[str]:
        """Return a stage and all that may come after it, which the final one always does."""
        found = {name, *(stage.name for stage in self.stages if stage.final)}
        todo = [name]
        while todo:
            new = set(self.stage(todo.pop()).leads_to) - found
            found |= new
            todo += new
        return found

    def problems_of(self, given: dict[str, Any]) -> list[str]:
        """Return what is wrong with the parameters that somebody wants to start a run with."""
        wrong = [f"{name[:80]!r}: is no parameter of {self.name}" for name in given if name not in self.params]
        wrong += [f"{name}: is missing" for name in self.params if name not in given]
        for name, value in given.items():
            if name in self.params and not (isinstance(value, str) and "\0" not in value and len(value) <= 10_000):
                wrong.append(f"{name}: must be a text of at most 10000 characters without NUL")
        return wrong
