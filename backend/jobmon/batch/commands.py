"""Define the words of `jobmon batch`."""

import argparse
import os
from collections.abc import Callable
from getpass import getuser
from typing import Any

from jobmon.batch import cron_commands, release_commands, words, workflow_commands
from jobmon.batch.words import Load, adder
from jobmon.errors import SettingsError
from jobmon.printing import number, time_of

MOST_LIMIT = 1_000_000_000


def add(commands: Any, common: argparse.ArgumentParser, load: Load) -> None:
    """Add `batch` and all below it to the command line."""
    text = "Submit jobs exactly once, and keep a crontab that has no single host."
    batch = commands.add_parser("batch", help="submit jobs, keep a crontab, run workflows", description=text)
    actions = batch.add_subparsers(title="actions", metavar="ACTION", required=True)
    _jobs(actions, common, load)
    cron = actions.add_parser("cron", help="list and change crontab entries",
                              description="List and change crontab entries; each due time fires once.")  # fmt: skip
    actions_of = cron.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=words.WithCommand)
    cron_commands.add(actions_of, common, load)
    text = "Check, start and follow workflows, whose rules are TOML files."
    workflow = actions.add_parser("workflow", help="check, start and follow workflows", description=text)
    actions_of = workflow.add_subparsers(title="actions", metavar="ACTION", required=True)
    workflow_commands.add(actions_of, common, load)
    text = "List, trigger and erase builds of software."
    releases = actions.add_parser("releases", help="list, trigger and erase builds", description=text)
    release_commands.add(releases.add_subparsers(title="actions", metavar="ACTION", required=True), common, load)
    _master(actions, common, load)


def _jobs(actions: Any, common: argparse.ArgumentParser, load: Load) -> None:
    add_one = adder(actions, common)

    def run_submit(options: argparse.Namespace) -> int:
        from jobmon.batch import terminal

        directory = os.path.abspath(options.dir or os.getcwd())  # noqa: PTH100, PTH109 - as typed, links kept
        values = {**words.asked(options), "command": words.command_of(options), "name": options.name,
                  "working_dir": directory, "priority": options.priority}  # fmt: skip
        for key in ("not_before", "latest_start"):
            if (given := getattr(options, key)) is not None:
                values[key] = float(time_of(given))
        return terminal.submit(load(options), values, getuser(), options.wait)

    command = add_one("submit", "Submit a command; prints the job's number", run_submit)
    command.add_argument("--name", default="", help="what people call it (default: the program's name)")
    command.add_argument("--dir", metavar="FOLDER", default="", help="where it runs (default: here)")
    command.add_argument("--priority", metavar="N", type=int, default=0, help="the higher, the sooner (default: 0)")
    command.add_argument("--not-before", metavar="TIME", help="start it no earlier: +30m, 2026-11-21T08:00")
    command.add_argument("--latest-start", metavar="TIME", help="skip it if it has not started by then")
    command.add_argument("--wait", action="store_true", help="wait for its end, and end with its return code")
    words.run_options(command)
    command.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ARGUMENTS", help="what to run")

    def run_status(options: argparse.Namespace) -> int:
        from jobmon.batch import terminal

        return terminal.show(load(options), options.number, options.json)

    command = add_one("status", "Show one job and what happened to it", run_status)
    command.add_argument("number", metavar="JOB", type=words.IDS, help="its number")
    command.add_argument("--json", action="store_true", help="print JSON")

    def run_list(options: argparse.Namespace) -> int:
        from jobmon.batch import terminal

        return terminal.listing(load(options), options.status, options.find, options.limit, options.json)

    command = add_one("list", "List jobs, the newest first", run_list)
    command.add_argument("--status", default="", help="waiting, pending, running, failed … or active, ended")
    command.add_argument("--find", metavar="TEXT", default="", help="part of a name or command, or a scheduler's id")
    command.add_argument(
        "--limit", metavar="N", type=number(1, 500), default=50, help="show so many (default: 50, at most 500)"
    )
    command.add_argument("--json", action="store_true", help="print JSON")

    for what, text in (
        ("cancel", "End jobs"),
        ("rerun", "Run ended jobs again, as new jobs"),
        ("hold", "Keep waiting jobs from being submitted"),
        ("release", "Let held jobs be submitted"),
    ):
        command = add_one(what, text, _acting(what, load))
        command.add_argument("numbers", metavar="JOB", type=words.IDS, nargs="+", help="their numbers")


def _acting(what: str, load: Load) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        from jobmon.batch import jobs, terminal

        settings, who = load(options), getuser()

        def do(connection: Any, number: int) -> str:
            if what == "rerun":
                return f"runs again as job {jobs.rerun(connection, number, who, settings.batch)}"
            if what == "cancel":
                jobs.cancel(connection, number, who)
                return "is being cancelled"
            (jobs.hold if what == "hold" else jobs.let_go)(connection, number, who)
            return {"hold": "held", "release": "released"}[what]

        return terminal.act(settings, who, what, options.numbers, do)

    return run


def _master(actions: Any, common: argparse.ArgumentParser, load: Load) -> None:
    add_one = adder(actions, common)

    def run_master(options: argparse.Namespace) -> int:
        from jobmon.batch import terminal

        if options.what == "promote":
            return terminal.change_master(load(options), getuser(), "master", options.value)
        if options.what == "run-time":
            return terminal.change_master(load(options), getuser(), "run_time", options.value)
        return terminal.show_master(load(options))

    command = add_one(
        "master", "Show who acts; promote HOST prefers a host, run-time SECONDS ends each process", run_master
    )
    command.add_argument(
        "what", nargs="?", choices=("show", "promote", "run-time"), default="show", help="default: show"
    )
    command.add_argument("value", nargs="?", default="", help='a host, "" for whoever comes first; or seconds')

    def run_limit(options: argparse.Namespace) -> int:
        from jobmon.batch import terminal

        given = {name: getattr(options, name) for name in ("max_pending", "max_running", "submits_per_minute")}
        values = {name: None if value < 0 else value for name, value in given.items() if value is not None}
        if values and not options.queue:
            raise SettingsError('name a queue; "*" stands for each queue without limits of its own')
        return terminal.change_limit(load(options), getuser(), options.queue, values)

    command = add_one("limit", "Show or set the limits of queues; -1 takes a limit away", run_limit)
    command.add_argument("queue", metavar="QUEUE", nargs="?", default="", help='"*" for each queue without its own')
    for name in ("max-pending", "max-running", "submits-per-minute"):
        text = f"allow {name.replace('-', ' ')} of N"
        command.add_argument(f"--{name}", metavar="N", type=number(-1, MOST_LIMIT), help=text)
