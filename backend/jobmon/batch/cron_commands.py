"""Define the words of `jobmon batch cron`."""

import argparse
import os
from collections.abc import Callable
from getpass import getuser
from typing import Any

from jobmon.batch import words
from jobmon.batch.words import Load, adder
from jobmon.printing import number, time_of


def add(actions: Any, common: argparse.ArgumentParser, load: Load) -> None:
    """Add `cron` and all below it."""
    add_one = adder(actions, common)

    def values_of(options: argparse.Namespace) -> dict[str, Any]:
        command = words.command_of(options)
        params = dict(pair.partition("=")[::2] for pair in options.param)
        given = {**words.asked(options), "name": options.name, "schedule": options.schedule, "command": command,
                 "timezone": options.zone, "overlap": options.overlap, "misfire": options.misfire,
                 "misfire_window": options.misfire_window, "jitter": options.jitter,
                 "start_within": options.start_within, "workflow": options.workflow, "params": params}  # fmt: skip
        if options.dir:
            given["working_dir"] = os.path.abspath(options.dir)  # noqa: PTH100 - as typed, links kept
        return given

    def run_add(options: argparse.Namespace) -> int:
        from jobmon.batch import crontab, terminal

        settings = load(options)
        request = terminal.cron_request(settings, values_of(options))

        def do(connection: Any) -> str:
            return f"entry {crontab.add(connection, request, settings.batch)}"

        return terminal.cron_change(settings, getuser(), "add", request.name, do)

    def run_edit(options: argparse.Namespace) -> int:
        from jobmon.batch import crontab, terminal

        settings = load(options)
        request = terminal.cron_request(settings, values_of(options))

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
        command.add_argument("--start-within", metavar="SECONDS", type=int, default=0,
                             help="skip a job that has not started so long after its time")  # fmt: skip
        command.add_argument("--dir", metavar="FOLDER", default="", help="where it runs (default: the home folder)")
        command.add_argument("--workflow", metavar="NAME", default="", help="start this instead of a command")
        command.add_argument("--param", metavar="NAME=VALUE", action="append", default=[], help="of the workflow")
        words.run_options(command)
        command.add_argument("command", nargs="*", metavar="-- COMMAND ARGUMENTS", help="what to run")

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
        add_one(name, text, _acting(name, load)).add_argument("name", metavar="NAME", help="of the entry")

    def run_replay(options: argparse.Namespace) -> int:
        from jobmon import clock
        from jobmon.batch import terminal

        settings, who = load(options), getuser()
        since, until = time_of(options.since), time_of(options.until) if options.until else clock.now_s()

        return terminal.replay(settings, who, options.name, since, until)

    command = add_one("replay", "Run what was missed or skipped, each due time once", run_replay)
    command.add_argument("name", metavar="NAME", help="of the entry")
    command.add_argument("--since", metavar="TIME", required=True, help="12h, 7d, 2026-11-21, 2026-11-21T08:00")
    command.add_argument("--until", metavar="TIME", default="", help="default: now")

    def run_next(options: argparse.Namespace) -> int:
        from jobmon.batch import terminal

        return terminal.cron_next(load(options), options.name, options.count)

    command = add_one("next", "Show when an entry is due", run_next)
    command.add_argument("name", metavar="NAME", help="of the entry")
    command.add_argument(
        "--count", metavar="N", type=number(1, 1000), default=5, help="so many times (default: 5, at most 1000)"
    )

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


def _acting(what: str, load: Load) -> Callable[[argparse.Namespace], int]:
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
