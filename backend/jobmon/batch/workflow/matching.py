"""Say whether a rule is meant for an outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jobmon.batch.workflow.models import When
from jobmon.batch.workflow.outcome import Outcome
from jobmon.batch.workflow.searching import Searcher


@dataclass(frozen=True, slots=True)
class Match:
    """Say whether it is, and which variables the named groups of its expression gave."""

    matched: bool
    groups: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    """What a person should know about how this was found out."""


NO = Match(False)


def match(when: When, outcome: Outcome, params: Mapping[str, str], searcher: Searcher) -> Match:
    """Compare all that a rule asks for with an outcome; the output is searched last, because that costs most.

    A return code counts for a command that ended by itself: one that was stopped and then said 0 has not done its work.
    Whoever means another state names it beside the code. What is unknown never matches.
    """
    if when.state is not None and "any" not in when.state and outcome.state not in when.state:
        return NO
    if when.rc is not None:
        if outcome.rc is None or outcome.rc not in when.rc:
            return NO
        if when.state is None and outcome.state != "exit":
            return NO
    if when.attempt is not None and outcome.attempt not in when.attempt:
        return NO
    if when.elapsed is not None and (outcome.elapsed_s is None or outcome.elapsed_s not in when.elapsed):
        return NO
    if any(params.get(name) not in allowed for name, allowed in (when.param or {}).items()):
        return NO
    if when.output is None:
        return Match(True)
    found = searcher.search(when.output, outcome.output_tail)
    if found.stopped:
        return Match(False, note=f"the expression {when.output[:80]!r} {found.stopped}, which counts as no match")
    return Match(found.matched, found.groups)
