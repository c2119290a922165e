"""Define the words of `jobmon batch releases`."""

import argparse
import json
import sys
from collections.abc import Callable
from getpass import getuser
from typing import Any

from jobmon import printing
from jobmon.batch import words
from jobmon.batch.words import adder
from jobmon.config import Settings
from jobmon.printing import moment_s, plain

Load = Callable[[argparse.Namespace], Settings]
PARTS = ("build", "logs", "documentation", "archive", "entry")


def add(actions: Any, common: argparse.ArgumentParser, load: Load) -> None:
    """Add the actions."""
    add_one = adder(actions, common)
    command = add_one("list", "List versions, those that are being built first", lambda o: _list(load(o), o))
    command.add_argument("--package", metavar="NAME", default="", help="of this package only")
    command.add_argument("--json", action="store_true", help="print JSON")
    command = add_one("show", "Show a build, its stages and its sub-packages", lambda o: _show(load(o), o))
    command.add_argument("number", metavar="BUILD", type=words.IDS, help="its number")
    command.add_argument("--json", action="store_true", help="print JSON")
    command = add_one("trigger", "Build a version now", lambda o: _trigger(load(o), o))
    command.add_argument("package", metavar="PACKAGE", help="its name in releases.ini")
    command.add_argument("version", metavar="VERSION", help="what the build is called")
    command.add_argument("--tag", metavar="TAG", default="", help="tag, commit or branch (default: as the version)")
    command.add_argument("--variant", metavar="NAME", action="append", default=[],
                         help="may be repeated (default: all of the package)")  # fmt: skip
    command = add_one("erase", "Erase parts of builds, after a look at them", lambda o: _erase(load(o), o))
    command.add_argument("numbers", metavar="BUILD", type=words.IDS, nargs="+", help="their numbers")
    command.add_argument("--part", choices=PARTS, action="append", required=True, help="may be repeated")
    command.add_argument("--yes", action="store_true", help="do not ask")


def _list(settings: Settings, options: argparse.Namespace) -> int:
    from jobmon.batch import release_rows, visibility
    from jobmon.batch.terminal import opened

    with opened(settings) as store, store.reading() as connection:
        found = release_rows.overview(connection, package=options.package)
    if options.json:
        print(json.dumps(visibility.terminal().releases(found), indent=2))
        return 0
    rows = [
        (one["package"], one["version"], one["version_type"], moment_s(one["noticed_at"]), variant,
         str(cell["build_id"]), " ".join([cell["mark"], *cell["stages"]]), plain(cell["reason"], 60))
        for one in found["versions"] for variant, cell in sorted(one["cells"].items())
    ]  # fmt: skip
    printing.table(("package", "version", "kind", "noticed", "variant", "build", "state", "reason"), rows)
    return 0


def _show(settings: Settings, options: argparse.Namespace) -> int:
    from jobmon.batch import release_rows, visibility
    from jobmon.batch.terminal import opened

    with opened(settings) as store, store.reading() as connection:
        found = release_rows.details(connection, options.number)
    if options.json:
        print(json.dumps(visibility.terminal().build(found), indent=2))
        return 0
    build = found["build"]
    title = f"{build['package']} {build['version']} {build['variant']}"
    print(f"build {build['build_id']}: {title}, {build['mark']} {plain(build['reason'], 300)}".rstrip())
    print(f"{plain(build['place'], 300)}\n")
    fires = [(stage["name"], stage["status"], moment_s(fire["at"]), fire["rule"], plain(fire["text"], 120))
             for stage in found["stages"] for fire in stage["fires"]]  # fmt: skip
    printing.table(("stage", "status", "when", "rule", "what"), fires)
    print()
    titles = [column["title"] for column in found["columns"]]
    rows = [(row["name"], *(_cell(cell) for cell in row["cells"])) for row in found["subpackages"]]
    printing.table(("sub-package", *titles), rows)
    for one in found["failures"]:
        where = f"log/{one['log']}" + (f":{one['line']}" if one["line"] else "")
        print(
            f"\n{one['subpackage']}: {one['step']} ended with {one['rc']}, {where}\n  {plain(one['first_error'], 300)}"
        )
    return 0


def _cell(cell: dict[str, Any]) -> str:
    wrong = [step for step, one in cell.items() if one["rc"]]
    return " ".join(wrong) if wrong else ("ok" if cell else "")


def _trigger(settings: Settings, options: argparse.Namespace) -> int:
    from jobmon.batch import release_trigger
    from jobmon.batch.terminal import opened, runs_of

    asked = release_trigger.Trigger(
        package=options.package, version=options.version, tag=options.tag, variants=options.variant
    )
    with opened(settings) as store, runs_of(settings) as runs, store.writing() as connection:
        found = release_trigger.trigger(connection, runs, asked, getuser(), settings.batch.programs)
    for one in found["builds"]:
        print(f"{one['variant']}: {one['text']}")
    return 0 if all(one["started"] for one in found["builds"]) else 1


def _erase(settings: Settings, options: argparse.Namespace) -> int:
    from jobmon.batch import release_erase
    from jobmon.batch.terminal import opened

    with opened(settings) as store:
        with store.reading() as connection:
            answer, places = release_erase.preview(connection, options.numbers, options.part, getuser())
        found = release_erase.measured(answer, places)
        rows = [(str(row["build_id"]), row["package"], row["version"], row["variant"],
                 ", ".join(f"{part} {size['bytes']:,}" for part, size in row["sizes"].items()))
                for row in found["builds"]]  # fmt: skip
        printing.table(("build", "package", "version", "variant", "bytes"), rows)
        least = "" if found["complete"] else "at least "
        print(f"{', '.join(found['parts'])}: {least}{found['bytes']:,} bytes")
        if not options.yes and not _agreed():
            return 1
        with store.writing() as connection:
            done = release_erase.start(connection, options.numbers, options.part, getuser(), settings.batch)
    print(f"job {done['job_id']}" if done["job_id"] else "erased")
    return 0


def _agreed() -> bool:
    print("Erase this? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
