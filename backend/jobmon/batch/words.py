"""Add words to a command line, all in the same way."""

import argparse
import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jobmon.config import Settings
from jobmon.errors import SettingsError
from jobmon.printing import number

IDS = number(1, 2**31 - 1)
"""Reads the number of a job, a run or a build."""

Run = Callable[[argparse.Namespace], int]
Load = Callable[[argparse.Namespace], Settings]


class WithCommand(argparse.ArgumentParser):
    """Take options wherever they stand before "--", and what stands after it as the command.

    argparse by itself takes all that follows the last argument with a name for the command, options too.
    """

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return what was said, and what was not understood of it."""
        words = list(args or ())
        if "--" not in words or all(action.dest != "command" for action in self._actions):
            return super().parse_known_args(args, namespace)
        at = words.index("--")
        options, rest = super().parse_known_args(words[:at], namespace)
        options.command = [*options.command, *words[at + 1 :]]
        return options, rest


def adder(actions: Any, common: argparse.ArgumentParser) -> Callable[[str, str, Run], argparse.ArgumentParser]:
    """Return what adds a word with its sentence of help and what it runs."""

    def add(name: str, text: str, run: Run) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = actions.add_parser(
            name, parents=[common], help=text[0].lower() + text[1:], description=f"{text}.", allow_abbrev=False
        )
        command.set_defaults(run=run)
        return command

    return add


def run_options(command: argparse.ArgumentParser) -> None:
    """Add the options of how something is to run, which jobs and crontab entries have in common."""
    command.add_argument("--queue", metavar="NAME", default="", help="queue or partition")
    command.add_argument("--opts", metavar="TEXT", default="", help='options of the scheduler, such as "-n 4 --mem=2G"')
    command.add_argument(
        "--output", metavar="FILE", default="", help="where the output goes (default: jobmon keeps it)"
    )
    command.add_argument("--time-limit", metavar="SECONDS", type=float, default=0, help="end it after so long")
    whom = (
        "email:ADDRESS, script:/PATH or webhook:URL, with ?on=submit,start,finish,fail; may be repeated; @FILE has one "
        "per line, which keeps the secret of a webhook out of the list of processes"
    )
    command.add_argument("--notify", metavar="TARGET", action="append", default=[], help=whom)
    command.add_argument("--user", metavar="NAME", default="", help="run as this account ([batch] users)")


def asked(options: argparse.Namespace) -> dict[str, Any]:
    """Return what these options say, by the names of requests; SettingsError when it cannot be read."""
    try:
        words = shlex.split(options.opts)
    except ValueError as error:
        raise SettingsError(f"--opts {options.opts!r}: {error}") from error
    output = os.path.abspath(options.output) if options.output else ""  # noqa: PTH100 - as typed, links kept
    return {"queue": options.queue, "options": words, "output": output, "time_limit": options.time_limit,
            "notify": _targets(options.notify), "user": options.user}  # fmt: skip


def _targets(given: Sequence[str]) -> list[str]:
    """Return whom to tell; of "@FILE" what that file says, a target per line."""
    found: list[str] = []
    for one in given:
        if not one.startswith("@"):
            found.append(one)
            continue
        try:
            lines = Path(one[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"--notify {one}: cannot be read: {getattr(error, 'strerror', 'is no text')}") from None
        found += [line.strip() for line in lines if line.strip()]
    return found


def command_of(options: argparse.Namespace) -> list[str]:
    """Return what stands after the options; one "--" before it is not part of it."""
    words: list[str] = options.command
    return words[1:] if words[:1] == ["--"] else words
