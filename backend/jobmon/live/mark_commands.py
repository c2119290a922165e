"""Be `jobmon mark` and `jobmon marks`: they speak with the store itself, so they work whether a daemon runs or not."""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from getpass import getuser
from typing import TYPE_CHECKING

from jobmon import clock, printing
from jobmon.config import Settings
from jobmon.errors import SettingsError
from jobmon.printing import moment_s, plain

if TYPE_CHECKING:
    from jobmon.engine.marks import Mark

# What speaks with the store takes long to import: jobmon.sh asks for settings at every start.

Add = Callable[[str, str, Callable[[argparse.Namespace], int]], argparse.ArgumentParser]
Load = Callable[[argparse.Namespace], Settings]

SHOWN_S = 90 * 86_400


def add(add_word: Add, load: Load) -> None:
    """Add both words to the command line."""

    def run_mark(options: argparse.Namespace) -> int:
        at = int(clock.now()) if options.at is None else printing.time_of(options.at)
        until = None if options.until is None else printing.time_of(options.until)
        return mark(load(options), options.name, at, until, options.note)

    one = add_word("mark", "Declare an event, such as a maintenance or a change of software", run_mark)
    one.add_argument("name", metavar="NAME", help='one line that everybody may read, such as "kernel 6.1"')
    one.add_argument(
        "--at", metavar="TIME", help="when it was or begins (default: now): 2h (ago), +2h, 2026-11-21T08:00"
    )
    one.add_argument("--until", metavar="TIME", help="when it ends, such as +4h from now (default: it is a moment)")
    one.add_argument("--note", metavar="TEXT", default="", help="more about it; hidden where [web] hides anything")

    def run_marks(options: argparse.Namespace) -> int:
        if options.remove is not None:
            if options.since or options.until or options.json:
                raise SettingsError("--remove goes with no other option")
            return remove(load(options), options.remove)
        since = clock.now() - SHOWN_S if options.since is None else printing.time_of(options.since)
        until = None if options.until is None else printing.time_of(options.until)
        return listing(load(options), since, until, options.json)

    several = add_word("marks", "List declared events, or take one back", run_marks)
    several.add_argument("--since", metavar="TIME", help="in or after this (default: 90d): 12h, 7d, 2026-11-21")
    several.add_argument("--until", metavar="TIME", help="before or in this (default: all that lies ahead)")
    several.add_argument("--json", action="store_true", help="print JSON")
    several.add_argument("--remove", metavar="NUMBER", type=printing.number(1, 2**63 - 1),
                         help="take back what a person declared by mistake")  # fmt: skip


def mark(settings: Settings, name: str, at: int, until: int | None, note: str) -> int:
    """Record a mark and print it; one that is there already is printed as it was recorded."""
    from jobmon.engine import marks
    from jobmon.store import store_of

    if until is not None and until < at:
        raise SettingsError(
            f"--until is {moment_s(until)}, before the beginning, {moment_s(at)}; write +4h for four hours from now"
        )
    source = f"{marks.PERSON}{_me()}"
    store = store_of(settings)
    try:
        with store.writing() as connection:
            new = marks.add(connection, name, at, until=until, note=note, source=source)
            found = marks.find(connection, name, at, source)
    finally:
        store.close()
    assert found is not None  # it was recorded, or was there, in this transaction
    print(_sentence(found) if new else f"{_sentence(found)}; it was there already")
    return 0


def listing(settings: Settings, since: float, until: float | None, as_json: bool) -> int:
    """Print the marks of a span of time, epoch seconds; all that lies ahead when `until` is None."""
    from jobmon.engine import marks
    from jobmon.store import store_of

    store = store_of(settings)
    try:
        with store.reading() as connection:
            found = marks.listing(connection, since, marks.LATEST if until is None else until)
    finally:
        store.close()
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    elif not found:
        print("no mark in this span")
    else:
        rows = [
            (str(one.id), moment_s(one.at), moment_s(one.until), plain(one.name, 60), plain(one.source, 40),
             plain(one.note, 60))
            for one in found
        ]  # fmt: skip
        printing.table(("NUMBER", "FROM", "UNTIL", "NAME", "SOURCE", "NOTE"), rows, right={0})
    return 0


def remove(settings: Settings, number: int) -> int:
    """Take back a mark of a person, and print what it was."""
    from jobmon.engine import marks
    from jobmon.store import store_of

    store = store_of(settings)
    try:
        with store.writing() as connection:
            gone = marks.remove(connection, number)
    finally:
        store.close()
    print(f"{_sentence(gone)}; it is taken back")
    return 0


def _me() -> str:
    """Return the account that declares; its number where it has no name."""
    try:
        return getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _sentence(one: "Mark") -> str:
    end = "" if one.until is None else f" until {moment_s(one.until)}"
    return f"mark {one.id}: {plain(one.name, 100)}, {moment_s(one.at)}{end}"
