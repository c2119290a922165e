"""Say what follows an outcome: the rule that fires, the stages and workflows it leads to, retries, mails, variables."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from jobmon.batch.workflow import outcome as outputs
from jobmon.batch.workflow import placeholders
from jobmon.batch.workflow.matching import match
from jobmon.batch.workflow.models import ADDRESS, MOST_VISITS, End, Retry, Rule, Stage, Start
from jobmon.batch.workflow.outcome import Outcome, Told
from jobmon.batch.workflow.placeholders import FillError, Values
from jobmon.batch.workflow.searching import Searcher

LONGEST_DELAY_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class StartRun:
    """Ask for a run of another workflow."""

    workflow: str
    params: Mapping[str, str]
    """What the rule or the item says; fields of an item that are no parameters there are to be left out."""
    dedupe: str | None = None
    """Of runs with the same key one is started; None starts one each time."""
    from_item: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Hold all that follows one outcome of one stage."""

    rules: tuple[int, ...] = ()
    """The numbers of the rules that fired, the first is 1 as in messages; more than one with match = "all"."""
    next: tuple[str, ...] | None = None
    """The stages that follow; None when no rule says."""
    starts: tuple[StartRun, ...] = ()
    retry_s: float | None = None
    """After how many seconds the stage is tried again; None when it is not."""
    notify: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    """The variables that change."""
    stop: End | None = None
    hold: str | None = None
    """Why the run waits for somebody before it goes on to `next`; None when it does not."""
    fails: bool = False
    """Whether the run fails because of this stage: nothing new starts but the final stage."""
    reason: str = ""
    """One sentence for people."""
    notes: tuple[str, ...] = ()
    """What else they should know: expressions that were stopped, lines that could not be read."""

    @property
    def rule(self) -> int | None:
        """Return the number of the rule that fired first, None when none did."""
        return self.rules[0] if self.rules else None


def decide(stage: Stage, outcome: Outcome, values: Values, visits: Mapping[str, int], searcher: Searcher) -> Decision:
    """Return what follows; the same arguments always give the same decision.

    `values` is what placeholders stood for in this attempt, `visits` how often this run has come to each stage so far,
    this visit included. SearchUnavailable means to ask again later.
    """
    told = outputs.read(outcome)
    notes = list(told.problems)
    fired: list[tuple[int, Rule]] = []
    found = _allowed(told.variables, values, notes)
    for number, rule in enumerate(stage.rules, 1):
        answer = match(rule.when, outcome, values.params, searcher)
        if answer.note:
            notes.append(f"rule {number}: {answer.note}")
        if not answer.matched:
            continue
        if rule.retry is not None and outcome.attempt >= rule.retry.attempts:
            notes.append(f"rule {number} is passed over: all its {rule.retry.attempts} attempts are used")
            continue
        found |= _allowed(answer.groups, values, notes)
        fired.append((number, rule))
        if stage.match == "first":
            break
    values = replace(values, variables={**values.variables, **found}, attempt=outcome.attempt)
    for number, rule in fired:
        for name, text in rule.variables.items():
            if (value := _filled(text, values, f"rule {number}, set.{name}", notes)) is not None:
                found |= _allowed({name: value}, values, notes)
        values = replace(values, variables={**values.variables, **found})
    targets = _targets(fired, values, notes)
    decision = Decision(tuple(number for number, _ in fired), notify=targets, variables=found, notes=tuple(notes))
    return _settled(stage, outcome, fired, told, values, visits, decision)


def delay_s(retry: Retry, attempt: int) -> float:
    """Return for how long to wait after so many attempts, never more than a week."""
    longest = LONGEST_DELAY_S if retry.max is None else min(retry.max, LONGEST_DELAY_S)
    try:
        return float(min(retry.delay * retry.backoff ** (attempt - 1), longest))
    except OverflowError:
        return longest


def _settled(
    stage: Stage,
    outcome: Outcome,
    fired: list[tuple[int, Rule]],
    told: Told,
    values: Values,
    visits: Mapping[str, int],
    decision: Decision,
) -> Decision:
    """Add what the run does; of rules that contradict each other a stop wins over a retry, that over all else."""
    number = ", ".join(str(number) for number, _ in fired)
    why = f"{stage.name} {outcome}: " + (f"rule {number}" if len(fired) < 2 else f"rules {number}")
    rules = [rule for _, rule in fired]
    stops = [rule.stop for rule in rules if rule.stop is not None]
    retries = [rule.retry for rule in rules if rule.retry is not None]
    if retries and not stops:
        wait_s = min(delay_s(retry, outcome.attempt) for retry in retries)
        reason = f"{why} tries again in {wait_s:g} s, as attempt {outcome.attempt + 1}"
        return replace(decision, retry_s=wait_s, reason=reason)
    notes = list(decision.notes)
    starts, lost = _starts(fired, told, values, notes)
    decision = replace(decision, starts=starts, notes=tuple(notes))
    if stops:
        end: End = "failed" if "failed" in stops else stops[0]
        return replace(decision, stop=end, reason=f"{why} stops the run as {end}")
    if not outcome.ok and not any(rule.settles for rule in rules):
        said = why if fired else f"{stage.name} {outcome}: no rule"
        if stage.optional:
            return replace(decision, reason=f"{said} says what follows, and the stage is optional, so the run goes on")
        return replace(decision, fails=True, reason=f"{said} says what follows, so the run fails")
    if lost and not stage.optional:
        return replace(decision, fails=True, starts=(), reason=f"{why} cannot start {lost}, so the run fails")
    named = [name for rule in rules for name in rule.next_stages or ()]
    following = tuple(dict.fromkeys(named))
    ended = [name for name in following if visits.get(name, 0) >= MOST_VISITS]
    if ended:
        reason = (
            f"{why} leads to {', '.join(ended)} again, where the run has been {MOST_VISITS} times: the loop ends here"
        )
        if not stage.optional:
            return replace(decision, fails=True, starts=(), reason=f"{reason} and the run fails")
        following = tuple(name for name in following if name not in ended)
        return replace(decision, next=following, reason=reason)
    says = any(rule.next_stages is not None for rule in rules)
    hold = next((rule.hold for rule in rules if rule.hold is not None), None)
    words = [f"goes on to {', '.join(following)}"] if following else []
    words += [f"starts {len(starts)} × {starts[0].workflow}"] if starts else []
    words += [f"holds the run: {hold}"] if hold else []
    reason = (
        f"{why} {' and '.join(words)}" if words else f"{why if fired else f'{stage.name} {outcome}'}: nothing follows"
    )
    return replace(decision, next=following if says else None, hold=hold, reason=reason)


def _starts(
    fired: list[tuple[int, Rule]], told: Told, values: Values, notes: list[str]
) -> tuple[tuple[StartRun, ...], str]:
    """Return the runs to start, those with the same key once, and a workflow that cannot be started.

    A bad item costs that item; a start without items that cannot be made is a mistake of the workflow.
    """
    found: list[StartRun] = []
    lost = ""
    keys: set[tuple[str, str]] = set()
    for number, rule in fired:
        if rule.start is None:
            continue
        items = told.items if rule.start.foreach else (None,)
        if not items:
            notes.append(f"rule {number} starts {rule.start.workflow} for each item, and the output holds none")
        for index, item in enumerate(items, 1):
            where = f"rule {number}, start" + ("" if item is None else f" for item {index}")
            try:
                start = _start(rule.start, replace(values, item=item))
            except FillError as error:
                notes.append(f"{where}: {error}; it is left out")
                lost = lost if item is not None else rule.start.workflow
                continue
            if start.dedupe is not None and (start.workflow, start.dedupe) in keys:
                notes.append(f"{where}: {start.dedupe} is there twice, and started once")
                continue
            keys.add((start.workflow, start.dedupe or ""))
            found.append(start)
    return tuple(found), lost


def _start(start: Start, values: Values) -> StartRun:
    params = dict(values.item or {})
    params |= {name: placeholders.fill(text, values) for name, text in start.params.items()}
    key = None if start.dedupe is None else placeholders.fill_key(start.dedupe, values)
    return StartRun(start.workflow, params, key, from_item=values.item is not None)


def _allowed(variables: Mapping[str, str], values: Values, notes: list[str]) -> dict[str, str]:
    """Return the variables that may be set; parameters and names of jobmon's own stay what they are."""
    found = {}
    for name, value in variables.items():
        if name in values.params or name in placeholders.OWN or name in placeholders.SPACES:
            notes.append(f"{name}: is a parameter or a name of jobmon's own, and is not set by an output")
        elif problem := outputs.value_problem(value):
            notes.append(f"{name}: {problem}, and is not set")
        else:
            found[name] = value
    return found


def _targets(fired: list[tuple[int, Rule]], values: Values, notes: list[str]) -> tuple[str, ...]:
    """Return whom to tell, each once; an address with a line feed would be a header of its own."""
    found: dict[str, None] = {}
    for number, rule in fired:
        for text in rule.notify:
            target = _filled(text, values, f"rule {number}, notify", notes) if text.startswith("email:") else text
            if target is None:
                continue
            if text.startswith("email:") and not ADDRESS.fullmatch(target.removeprefix("email:")):
                notes.append(f"rule {number}, notify: {target[:80]!r} is no address, and gets nothing")
                continue
            found[target] = None
    return tuple(found)


def _filled(text: str, values: Values, where: str, notes: list[str]) -> str | None:
    try:
        return placeholders.fill(text, values)
    except FillError as error:
        notes.append(f"{where}: {error}; it is left out")
        return None
