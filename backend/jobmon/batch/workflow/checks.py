"""Find what is wrong with a workflow although each of its values is right: names, ways through it, placeholders."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from jobmon.batch.workflow import placeholders
from jobmon.batch.workflow.kinds import groups
from jobmon.batch.workflow.models import Rule, Stage, Workflow

SHELLS = frozenset({"sh", "ash", "bash", "dash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish"})


def problems(workflow: Workflow) -> Iterator[str]:
    """Yield what is wrong within one workflow, each with its place."""
    start = f"workflow {workflow.name}"
    own = {*placeholders.OWN, *placeholders.SPACES}
    for name, count in Counter(workflow.params).items():
        if count > 1:
            yield f"{start}, params: {name} is there {count} times"
        if name in own:
            yield f"{start}, params: {name} is a name of jobmon's own; others are {_listed(own)}"
    for name, count in Counter(stage.name for stage in workflow.stages).items():
        if count > 1:
            yield f"{start}: there are {count} stages {name}"
    if workflow.concurrency is not None:
        yield from _unknown(workflow.concurrency.key, {*workflow.params, "workflow"}, (), f"{start}, concurrency.key")
    variables = _variables(workflow)
    for stage in workflow.stages:
        place = f"{start}, stage {stage.name}"
        yield from _stage_problems(workflow, stage, variables, place)
        for number, rule in enumerate(stage.rules, 1):
            yield from _rule_problems(workflow, stage, rule, variables, f"{place}, rule {number}")
    yield from _ways(workflow, start)


def wrong_starts(workflow: Workflow, known: Mapping[str, Workflow]) -> Iterator[str]:
    """Yield what is wrong with the starts of other workflows, given all that there are."""
    for stage in workflow.stages:
        for number, rule in enumerate(stage.rules, 1):
            if rule.start is None:
                continue
            place = f"workflow {workflow.name}, stage {stage.name}, rule {number}, start"
            other = known.get(rule.start.workflow)
            if other is None:
                yield f"{place}.workflow = {rule.start.workflow!r}: there is no such workflow; known: {_listed(known)}"
                continue
            for name in rule.start.params:
                if name not in other.params:
                    yield f"{place}.params.{name}: {other.name} has no such parameter; it has {_listed(other.params)}"
            missing = [name for name in other.params if name not in rule.start.params]
            if missing and rule.start.foreach is None:  # an item may bring them; that is seen when it is read
                yield f"{place}.params: {other.name} needs {_listed(missing)} as well"


def _variables(workflow: Workflow) -> set[str]:
    """Return the variables whose names the file itself says."""
    found: set[str] = set()
    for stage in workflow.stages:
        for rule in stage.rules:
            found.update(rule.variables, groups(rule.when.output))
    return found


def _stage_problems(workflow: Workflow, stage: Stage, variables: Collection[str], place: str) -> Iterator[str]:
    known = {*placeholders.OWN, *workflow.params, *variables}
    if placeholders.names(stage.command[0]):
        yield f"{place}, command: its first element is the program, and must not depend on values"
    for number, element in enumerate(stage.command, 1):
        yield from _unknown(element, known, ("last", "set"), f"{place}, command, element {number}")
    for shell, option, script in zip(stage.command, stage.command[1:], stage.command[2:], strict=False):
        called = PurePosixPath(shell).name in SHELLS and option.startswith("-") and option.endswith("c")
        if called and placeholders.names(script):
            yield (
                f"{place}, command: a shell would read the values in {script[:80]!r} as commands; write "
                '["sh", "-c", "make \\"$1\\"", "sh", "{package}"]'
            )
    if stage.final and stage.join != "all_ok":
        yield f"{place}, join = {stage.join!r}: the final stage waits for all others, so leave join out"


def _rule_problems(
    workflow: Workflow, stage: Stage, rule: Rule, variables: Collection[str], place: str
) -> Iterator[str]:
    own = {*placeholders.OWN, *placeholders.SPACES}
    known = {*placeholders.OWN, *workflow.params, *variables}
    spaces = ("last", "set")
    targets = [other.name for other in workflow.stages if not other.final]
    for name, count in Counter(rule.next_stages or ()).items():
        if name not in targets:
            also = ": it is final, and runs by itself at the end" if name in _names(workflow) else ""
            yield f"{place}, next: {name!r} cannot be next{also}; it must be one of {_listed(targets)}"
        if count > 1:
            yield f"{place}, next: {name!r} is there {count} times"
    for name in rule.when.param or ():
        if name not in workflow.params:
            yield f"{place}, when.param.{name}: there is no such parameter; known: {_listed(workflow.params)}"
    for key, names in (("set", rule.variables), ("when.output", groups(rule.when.output))):
        for name in names:
            if name in workflow.params or name in own:
                yield f"{place}, {key}: {name!r} is a parameter or a name of jobmon's own, and cannot be set"
    for name, text in rule.variables.items():
        yield from _unknown(text, known, spaces, f"{place}, set.{name}")
    for text in rule.notify:
        if text.startswith("email:"):
            yield from _unknown(text, known, spaces, f"{place}, notify")
    if rule.start is not None:
        here = (*spaces, "item") if rule.start.foreach else spaces
        for name, text in rule.start.params.items():
            yield from _unknown(text, known, here, f"{place}, start.params.{name}")
        yield from _unknown(rule.start.dedupe or "", known, here, f"{place}, start.dedupe")
    if stage.final and (rule.next_stages or rule.stop or rule.hold):
        yield f"{place}: the final stage is the last, so it cannot have next, stop or hold"
    if stage.optional and rule.stop == "failed":
        yield f'{place}, stop = "failed": an optional stage never fails the run; take away optional or stop'


def _ways(workflow: Workflow, start: str) -> Iterator[str]:
    """Yield what is wrong with the ways through the workflow; loops are allowed, for visits are counted."""
    if sum(stage.final for stage in workflow.stages) > 1:
        yield f"{start}: only one stage can be final"
    first = workflow.stages[0]
    if first.final:
        yield f"{start}, stage {first.name}: the first stage starts the run, so it cannot be final"
        return
    by_name = {stage.name: stage for stage in workflow.stages}
    reached, todo = {first.name}, [first]
    while todo:
        for name in todo.pop().leads_to:
            if name in by_name and name not in reached:
                reached.add(name)
                todo.append(by_name[name])
    for stage in workflow.stages:
        if stage.name not in reached and not stage.final:
            yield f"{start}, stage {stage.name}: no way leads here from {first.name}; name it in the next of a rule"


def _unknown(text: str, known: Collection[str], spaces: Collection[str], place: str) -> Iterator[str]:
    for name in placeholders.unknown(text, known, spaces):
        listed = _listed([*known, *(f"{space}.NAME" for space in spaces)])
        hint = "; what a program sets with ::set is {set.NAME}" if "set" in spaces else ""
        hint += '; {item.NAME} needs start with foreach = "item"' if name.startswith("item.") else ""
        yield f"{place}: there is no {{{name}}}; known here: {listed}{hint}"


def _names(workflow: Workflow) -> set[str]:
    return {stage.name for stage in workflow.stages}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
