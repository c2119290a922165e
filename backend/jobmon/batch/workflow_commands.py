"""Define the words of `jobmon batch workflow`."""

import argparse
import json
import sys
from collections.abc import Callable
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobmon import printing
from jobmon.batch import words
from jobmon.batch.words import adder
from jobmon.config import Settings
from jobmon.config.files import read_text
from jobmon.errors import SettingsError
from jobmon.printing import moment_s, number, plain

if TYPE_CHECKING:
    from jobmon.batch.workflow.definitions import Definition

Load = Callable[[argparse.Namespace], Settings]
MOST_OUTPUT = 10_000_000

MOST_BYTES = 10 << 20
"""More of a file is not read."""


def add(actions: Any, common: argparse.ArgumentParser, load: Load) -> None:
    """Add the actions."""
    add_one = adder(actions, common)
    command = add_one("check", "Say what is wrong with workflow files", lambda options: _check(load(options), options))
    command.add_argument("files", metavar="FILE", nargs="*", help="default: all in [batch] workflows")
    add_one("list", "List the workflows that can be started", lambda options: _list(load(options)))
    command = add_one("start", "Start a run; prints its number", lambda options: _start(load(options), options))
    command.add_argument("name", metavar="WORKFLOW", help="its name")
    command.add_argument("params", metavar="NAME=VALUE", nargs="*", help="all parameters of the workflow")
    command = add_one("show", "Show a run and the rules that fired, or the newest runs", _shown(load))
    command.add_argument(
        "number", metavar="RUN", type=words.IDS, nargs="?", help="its number; without it the newest runs are listed"
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    for what, text in (
        ("stop", "Stop a run; its final stage still comes"),
        ("rerun", "Run an ended run again from a stage on"),
        ("release", "Let a held stage go on"),
    ):
        command = add_one(what, text, _acting(what, load))
        command.add_argument("number", metavar="RUN", type=words.IDS, help="its number")
        if what != "stop":
            command.add_argument("stage", metavar="STAGE", help="its name")
    command = add_one("test", "Say what would follow an outcome, without running anything", _test)
    command.add_argument("file", metavar="FILE", help="a workflow file")
    command.add_argument("--workflow", metavar="NAME", default="", help="default: the one that has the stage")
    command.add_argument("--stage", metavar="NAME", required=True, help="the stage that has ended")
    command.add_argument("--rc", metavar="N", type=number(0, 255), help="the return code")
    states = ("exit", "signal", "timeout", "oom", "node_fail", "cancelled", "lost", "late", "submit_error")
    command.add_argument("--state", choices=states, default="exit", help="default: exit")
    command.add_argument("--output", metavar="FILE", help="what the command said")
    command.add_argument("--attempt", metavar="N", type=number(1, 1000), default=1,
                         help="which attempt it was (default: 1)")  # fmt: skip
    command.add_argument("--elapsed", metavar="SECONDS", type=float, help="how long it ran")
    command.add_argument("--param", metavar="NAME=VALUE", action="append", default=[], help="a parameter")


def _check(settings: Settings, options: argparse.Namespace) -> int:
    from jobmon.batch.workflow import definitions

    wrong: list[str] = []
    found: list[Definition] = []
    if options.files:
        for name in options.files:
            try:
                found += definitions.parse(_text(name), name)
            except SettingsError as error:
                wrong += str(error).split("\n")
    else:
        known = definitions.load(settings.batch.workflows)
        found, wrong = list(known.workflows.values()), list(known.errors)
    right = 0
    for one in found:
        options_wrong = _wrong_options(settings, one)
        right += not options_wrong
        wrong += options_wrong
    for line in wrong:
        print(plain(line, 1000), file=sys.stderr)
    print(f"{right} workflows are right, {len(wrong)} mistakes")
    return 1 if wrong else 0


def _wrong_options(settings: Settings, definition: "Definition") -> list[str]:
    """Return what the scheduler here would not take of the options of stages."""
    from jobmon.engine.scheduler import check_options

    wrong = []
    for stage in definition.workflow.stages:
        try:
            check_options(settings, stage.options)
        except SettingsError as error:
            wrong.append(f"{definition.file}: workflow {definition.workflow.name}, stage {stage.name}, {error}")
    return wrong


def _text(name: str) -> str:
    try:
        return read_text(Path(name), MOST_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _list(settings: Settings) -> int:
    from jobmon.batch.workflow import definitions

    known = definitions.load(settings.batch.workflows)
    rows = [(name, " ".join(found.workflow.params), " ".join(stage.name for stage in found.workflow.stages), found.file)
            for name, found in sorted(known.workflows.items())]  # fmt: skip
    printing.table(("workflow", "parameters", "stages", "file"), rows)
    for line in known.errors:
        print(plain(line, 1000), file=sys.stderr)
    return 0


def _pairs(words: list[str]) -> dict[str, str]:
    wrong = [word for word in words if "=" not in word]
    if wrong:
        raise SettingsError(f"{wrong[0][:80]!r}: write NAME=VALUE")
    return dict(word.partition("=")[::2] for word in words)


def _start(settings: Settings, options: argparse.Namespace) -> int:
    from jobmon.batch import audit
    from jobmon.batch.terminal import opened, runs_of

    params = _pairs(options.params)
    with opened(settings) as store, runs_of(settings) as runs, store.writing() as connection:
        number = runs.start(connection, options.name, params, getuser())
        audit.add(connection, getuser(), "start", f"workflow {options.name}", f"run {number}")
    print(f"run {number}")
    return 0


def _shown(load: Load) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        from jobmon.batch import run_rows, visibility
        from jobmon.batch.terminal import opened

        view = visibility.terminal()
        with opened(load(options)) as store, store.reading() as connection:
            if options.number is None:
                found: Any = run_rows.listing(connection, limit=50)
            else:
                found = run_rows.details(connection, options.number)
        if options.json:
            print(json.dumps(view.runs(found) if options.number is None else view.run(found), indent=2))
        elif options.number is None:
            rows = [(str(row["run_id"]), row["workflow"], row["status"], moment_s(row["created_at"]),
                     moment_s(row["finished_at"]), plain(row["reason"], 80)) for row in found]  # fmt: skip
            printing.table(("run", "workflow", "status", "asked for", "finished", "reason"), rows)
        else:
            _print_run(found)
        return 0

    return run


def _print_run(found: dict[str, Any]) -> None:
    row = found["run"]
    print(f"run {row['run_id']} of {row['workflow']}: {row['status']} {plain(row['reason'], 300)}".rstrip())
    for name, value in row["params"].items():
        print(f"  {name} = {plain(value, 200)}")
    print()
    stages = [(stage["name"], stage["status"], str(stage["visits"]), str(stage["job_id"] or ""))
              for stage in found["stages"]]  # fmt: skip
    printing.table(("stage", "status", "visits", "job"), stages)
    print()
    fires = [(moment_s(fire["at"]), fire["stage"], fire["rule"], plain(fire["text"], 160)) for fire in found["fires"]]
    printing.table(("when", "stage", "rule", "what"), fires)


def _acting(what: str, load: Load) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        from jobmon.batch import audit
        from jobmon.batch.terminal import opened, runs_of

        settings, who = load(options), getuser()
        with opened(settings) as store, runs_of(settings) as runs, store.writing() as connection:
            if what == "stop":
                runs.stop(connection, options.number, who)
            elif what == "rerun":
                runs.rerun(connection, options.number, options.stage, who)
            else:
                runs.release(connection, options.number, options.stage, who)
            audit.add(connection, who, what, f"run {options.number}", getattr(options, "stage", "") or "done")
        print(f"run {options.number}: {what}")
        return 0

    return run


def _test(options: argparse.Namespace) -> int:
    from jobmon.batch.workflow import definitions
    from jobmon.batch.workflow.decision import decide
    from jobmon.batch.workflow.outcome import Outcome
    from jobmon.batch.workflow.placeholders import Values
    from jobmon.batch.workflow.searching import Searcher
    from jobmon.engine.outbox import targets

    workflows = [one.workflow for one in definitions.parse(_text(options.file), options.file)]
    found = [w for w in workflows if options.workflow in {"", w.name} and options.stage in {s.name for s in w.stages}]
    if len(found) != 1:
        several = ", ".join(workflow.name for workflow in found)
        what = f"is in several workflows, name one with --workflow: {several}" if found else "is in no workflow there"
        raise SettingsError(f"stage {options.stage!r}: {what}")
    workflow = found[0]
    params = dict.fromkeys(workflow.params, "x") | _pairs(options.param)
    output = _text(options.output)[-MOST_OUTPUT:] if options.output else ""
    outcome = Outcome(options.rc, None, options.state, output, options.attempt, options.elapsed)
    values = Values("1", workflow.name, options.stage, options.attempt, params)
    with Searcher() as searcher:
        decision = decide(workflow.stage(options.stage), outcome, values, {options.stage: 1}, searcher)
    print(decision.reason)
    facts = [
        ("rule", ", ".join(map(str, decision.rules)) or "none"), ("next", ", ".join(decision.next or ())),
        ("retry", "" if decision.retry_s is None else f"in {decision.retry_s:g} s"), ("stop", decision.stop),
        ("hold", decision.hold), ("notify", ", ".join(targets.all_shown(decision.notify))),
        ("set", ", ".join(f"{name}={value}" for name, value in decision.variables.items())),
        ("fails", "yes" if decision.fails else ""),
    ]  # fmt: skip
    for name, value in facts:
        if value:
            print(f"  {name:8} {plain(value, 300)}")
    for start in decision.starts:
        print(f"  start    {start.workflow} {plain(json.dumps(dict(start.params)), 300)} {start.dedupe or ''}".rstrip())
    for note in decision.notes:
        print(f"  note     {plain(note, 300)}")
    return 0
