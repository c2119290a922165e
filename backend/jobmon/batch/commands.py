"""Define the words of `jobmon batch`."""

import argparse
import os
import shlex
from collections.abc import Callable
from getpass import getuser
from typing import Any

from jobmon.batch import release_commands, workflow_commands
from jobmon.batch.words import adder
from jobmon.config import Settings
from jobmon.errors import SettingsError
from jobmon.printing import time_of

Load = Callable[[argparse.Namespace], Settings]


def add(commands: Any, common: argparse.ArgumentParser, load: Load) -> None:
    """Add `batch` and all below it to the command line."""
    text = "Submit jobs exactly once, and keep a crontab that has no single host."
    batch = commands.add_parser("batch", help="submit jobs, keep a crontab, run workflows", description=text)
    actions = batch.add_subparsers(title="actions", metavar="ACTION", required=True)
    _jobs(actions, common, load)
    cron = actions.add_parser("cron", help="list and change crontab entries",
                              description="List and change crontab entries; each due time fires once.")  # fmt: skip
    _cron(cron.add_subparsers(title="actions", metavar="ACTION", required=True), common, load)
    text = "Check, start and follow workflows, whose rules are TOML files."
    workflow = actions.add_parser("workflow", help="check, start and follow workflows", description=text)
    actions_of = workflow.add_subparsers(title="actions", metavar="ACTION", required=True)
    workflow_commands.add(actions_of, common, load)
    text = "List, trigger and erase builds of software."
    releases = actions.add_parser("releases", help="list, trigger and erase builds", description=text)
    release_commands.add(releases.add_subparsers(title="actions", metavar="ACTION", required=True), common, load)
    _master(actions, common, load)


def _request_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--queue", metavar="NAME", default="", help="queue or partition")
    command.add_argument("--opts", metavar="TEXT", default="", help='options of the scheduler, such as "-n 4 --mem=2G"')
    command.add_argument(
        "--output", metavar="FILE", default="", help="where the output goes (default: jobmon keeps it)"
    )
    command.add_argument("--time-limit", metavar="SECONDS", type=float, default=0, help="end it after so long")
    whom = "email:ADDRESS, script:/PATH or webhook:URL, with ?on=submit,start,finish,fail; may be repeated"
    command.add_argument("--notify", metavar="TARGET", action="append", default=[], help=whom)
    command.add_argument("--user", metavar="NAME", default="", help="run as this account ([batch] users)")


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    try:
        words = shlex.split(options.opts)
    except ValueError as error:
        raise SettingsError(f"--opts {options.opts!r}: {error}") from error
    output = os.path.abspath(options.output) if options.output else ""  # noqa: PTH100 - as typed, links kept
    return {"queue": options.queue, "options": words, "output": output, "time_limit": options.time_limit,
            "notify": options.notify, "user": options.user}  # fmt: skip


def _command(options: argparse.Namespace) -> list[str]:
    """Return what stands after the options; one "--" before it is not part of it."""
    words: list[str] = options.command
    return words[1:] if words[:1] == ["--"] else words


def _jobs(actions: Any, common: argparse.ArgumentParser, load: Load) -> None:
    add_one = adder(actions, common)

    def run_submit(options: argparse.Namespace) -> int:
        from jobmon.batch import terminal

        directory = os.path.abspath(options.dir or os.getcwd())  # noqa: PTH100, PTH109 - as typed, links kept
        values = {**_asked(options), "command": _command(options), "name": options.name, "working_dir": directory,
                  "priority": options.priority}  # fmt: skip
        return terminal.submit(load(options), values, getuser(), options.wait)

    command = add_one("submit", "Submit a command; prints the job's number", run_submit)
    command.add_argument("--name", default="", help="what people call it (default: the program's name)")
    command.add_argument("--dir", metavar="FOLDER", default="", help="where it runs (default: here)")
    command.add_argument("--priority", metavar="N", type=int, default=0, help="the higher, the sooner (default: 0)")
    command.add_argument("--wait", action="store_true", help="wait for its end, and end with its return code")
    _request_options(command)
    command.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ARGUMENTS", help="what to run")

    def run_status(options: argparse.Namespace) -> int:
        from jobmon.batch import terminal

        return terminal.show(load(options), options.number, options.json)

    command = add_one("status", "Show one job and what happened to it", run_status)
    command.add_argument("number", metavar="JOB", type=int, help="its number")
    command.add_argument("--json", action="store_true", help="print JSON")

    def run_list(options: argparse.Namespace) -> int:
        from jobmon.batch import terminal

        return terminal.listing(load(options), options.status, options.find, options.limit, options.json)

    command = add_one("list", "List jobs, the newest first", run_list)
    command.add_argument("--status", default="", help="waiting, pending, running, failed … or active, ended")
    command.add_argument("--find", metavar="TEXT", default="", help="part of a name or command, or a scheduler's id")
    command.add_argument("--limit", metavar="N", type=int, default=50, help="show so many (default: 50)")
    command.add_argument("--json", action="store_true", help="print JSON")

    for what, text in (
        ("cancel", "End jobs"),
        ("rerun", "Run ended jobs again, as new jobs"),
        ("hold", "Keep waiting jobs from being submitted"),
        ("release", "Let held jobs be submitted"),
    ):
        command = add_one(what, text, _acting(what, load))
        command.add_argument("numbers", metavar="JOB", type=int, nargs="+", help="their numbers")


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


def _cron(actions: Any, common: argparse.ArgumentParser, load: Load) -> None:
    add_one = adder(actions, common)

    def values_of(options: argparse.Namespace) -> dict[str, Any]:
        command = _command(options)
        params = dict(pair.partition("=")[::2] for pair in options.param)
        given = {**_asked(options), "name": options.name, "schedule": options.schedule, "command": command,
                 "timezone": options.zone, "overlap": options.overlap, "misfire": options.misfire,
                 "misfire_window": options.misfire_window, "jitter": options.jitter, "workflow": options.workflow,
                 "params": params}  # fmt: skip
        if options.dir:
            given["working_dir"] = os.path.abspath(options.dir)  # noqa: PTH100 - as typed, links kept
        return given

    def run_add(options: argparse.Namespace) -> int:
        from jobmon.batch import crontab, terminal

        settings, request = load(options), terminal.cron_request(values_of(options))

        def do(connection: Any) -> str:
            return f"entry {crontab.add(connection, request, settings.batch)}"

        return terminal.cron_change(settings, getuser(), "add", request.name, do)

    def run_edit(options: argparse.Namespace) -> int:
        from jobmon.batch import crontab, terminal

        settings, request = load(options), terminal.cron_request(values_of(options))

        def do(connection: Any) -> None:
            crontab.edit(connection, request.name, request, settings.batch)

        return terminal.cron_change(settings, getuser(), "edit", request.name, do)

    for name, text, run in (
        ("add", "Add an entry, which counts from now on", run_add),
        ("edit", "Replace an entry; a new schedule counts from now on", run_edit),
    ):
        command = add_one(name, text, run)
        command.add_argument("name", metavar="NAME", help="of the entry")
        command.add_argument("schedule", metavar="SCHEDULE", help='"*/15 * * * *", "H 3 * * *", @daily, @reboot')
        command.add_argument("--zone", default="UTC", help="time zone, such as Europe/Berlin (default: UTC)")
        command.add_argument("--overlap", choices=("allow", "skip", "queue", "replace"), default="allow",
                             help="what to do when the last one still runs (default: allow)")  # fmt: skip
        command.add_argument("--misfire", choices=("skip", "last", "all"), default="last",
                             help="what to make up for when no master was there (default: last)")  # fmt: skip
        command.add_argument("--misfire-window", metavar="SECONDS", type=int, default=86_400,
                             help="make up for nothing older (default: 86400)")  # fmt: skip
        command.add_argument("--jitter", metavar="SECONDS", type=int, default=0, help="put it off by up to so much")
        command.add_argument("--dir", metavar="FOLDER", default="", help="where it runs (default: the home folder)")
        command.add_argument("--workflow", metavar="NAME", default="", help="start this instead of a command")
        command.add_argument("--param", metavar="NAME=VALUE", action="append", default=[], help="of the workflow")
        _request_options(command)
        command.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ARGUMENTS", help="what to run")

    def run_list(options: argparse.Namespace) -> int:
        from jobmon.batch import terminal

        return terminal.cron_listing(load(options), options.json)

    add_one("list", "List entries, when they are due and what came of them last", run_list).add_argument(
        "--json", action="store_true", help="print JSON"
    )
    for name, text in (
        ("enable", "Let an entry fire again"),
        ("disable", "Keep an entry from firing"),
        ("remove", "Take an entry out"),
        ("run-now", "Run an entry's command now, beside its schedule"),
    ):
        add_one(name, text, _cron_acting(name, load)).add_argument("name", metavar="NAME", help="of the entry")

    def run_replay(options: argparse.Namespace) -> int:
        from jobmon import clock
        from jobmon.batch import crontab, terminal

        settings, who = load(options), getuser()
        since, until = time_of(options.since), time_of(options.until) if options.until else clock.now_s()

        def do(connection: Any) -> str:
            return f"{len(crontab.replay(connection, options.name, since, until, who, settings.batch))} jobs"

        return terminal.cron_change(settings, who, "replay", options.name, do)

    command = add_one("replay", "Run what was missed or skipped, each due time once", run_replay)
    command.add_argument("name", metavar="NAME", help="of the entry")
    command.add_argument("--since", metavar="TIME", required=True, help="12h, 7d, 2026-11-21, 2026-11-21T08:00")
    command.add_argument("--until", metavar="TIME", default="", help="default: now")

    def run_next(options: argparse.Namespace) -> int:
        from jobmon.batch import terminal

        return terminal.cron_next(load(options), options.name, options.count)

    command = add_one("next", "Show when an entry is due", run_next)
    command.add_argument("name", metavar="NAME", help="of the entry")
    command.add_argument("--count", metavar="N", type=int, default=5, help="so many times (default: 5)")

    def run_import(options: argparse.Namespace) -> int:
        from jobmon.batch import terminal

        return terminal.import_crontab(
            load(options), getuser(), options.file, options.system, options.zone, options.skip_bad
        )

    command = add_one("import-crontab", "Take over a crontab file", run_import)
    command.add_argument("file", metavar="FILE", help='as `crontab -l` prints it; "-" for standard input')
    command.add_argument("--system", action="store_true", help="a user stands before each command, as in /etc/crontab")
    command.add_argument("--zone", default="UTC", help="time zone of entries without CRON_TZ (default: UTC)")
    command.add_argument("--skip-bad", action="store_true", help="leave out lines that are wrong")


def _cron_acting(what: str, load: Load) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        from jobmon.batch import crontab, terminal

        settings, who = load(options), getuser()

        def do(connection: Any) -> str | None:
            if what == "run-now":
                return f"job {crontab.run_now(connection, options.name, who, settings.batch)}"
            if what == "remove":
                crontab.remove(connection, options.name)
                return "removed"
            crontab.enable(connection, options.name, what == "enable")
            return f"{what}d"

        return terminal.cron_change(settings, who, what, options.name, do)

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
        command.add_argument(f"--{name}", metavar="N", type=int, help=f"allow {name.replace('-', ' ')} of N")
