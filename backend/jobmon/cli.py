"""Be the command line."""

import argparse
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from jobmon import __version__, clock, config, logs, printing
from jobmon.batch import commands as batch_commands
from jobmon.batch.words import adder
from jobmon.config import secrets
from jobmon.errors import AlreadyRunningError, JobmonError, SettingsError
from jobmon.live import mark_commands
from jobmon.spool import lock

if TYPE_CHECKING:
    from jobmon.capabilities import Capability

# What takes a second to import is imported by the commands that need it: jobmon.sh asks for settings at every start.

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_RUNNING = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code: 0 good, 1 failed, 2 wrong settings or usage, 3 already running."""
    try:
        try:
            options = _parser().parse_args(arguments)
            code: int = options.run(options)
        finally:
            sys.stdout.flush()  # here, where it can still be told that the reader has gone
    except JobmonError as error:
        print(f"jobmon: {error}", file=sys.stderr)
        if isinstance(error, AlreadyRunningError):
            return EXIT_RUNNING
        return EXIT_USAGE if isinstance(error, SettingsError) else EXIT_FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone; nothing is left to say
        return 128 + signal.SIGPIPE
    return code


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", metavar="FILE", help="settings (default: $JOBMON_CONFIG, /etc/jobmon/jobmon.toml)")
    common.add_argument(
        "--set", metavar="TABLE.KEY=VALUE", action="append", default=[], dest="overrides",
        help="override one setting, such as live.backend=simulated; may be repeated",
    )  # fmt: skip
    parser = argparse.ArgumentParser(
        prog="jobmon", description="Show the people of an HPC cluster what their jobs are doing.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"jobmon {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    add = adder(commands, common)

    run = add("run", "Run the daemon: publish a snapshot at each interval and serve the page", _run)
    run.add_argument("--once", action="store_true", help="run one cycle, without the web server, and stop")
    run.add_argument("--only", metavar="NAME[,NAME]", default="", help="run only these capabilities")

    backend = commands.add_parser("backend", help="list and test back ends", description="List and test back ends.")
    actions = backend.add_subparsers(title="actions", metavar="ACTION", required=True)
    test = actions.add_parser("test", parents=[common], help="run the contract on a back end; writes nothing",
                              description="Run one cycle of a back end and say what is wrong with it.")  # fmt: skip
    test.add_argument("name", metavar="NAME", help="what [live] backend would say: NAME of backend_NAME.py")
    test.set_defaults(run=_backend_test)
    listing = actions.add_parser("list", parents=[common], help="list the back ends that can be named",
                                 description="List installed back ends and those in [live] backend_path.")  # fmt: skip
    listing.set_defaults(run=_backend_list)

    jobs = add("jobs", "List finished jobs, what they used and what they wasted", _jobs)
    jobs.add_argument("user", metavar="USER", nargs="?", default="", help="only this user's")
    jobs.add_argument("--since", metavar="TIME", help="ended after this: 12h, 7d, 2026-11-21, 2026-11-21T08:00")
    jobs.add_argument("--until", metavar="TIME", help="ended before this")
    jobs.add_argument("--state", default="", help="ended in this state, such as TIMEOUT")
    jobs.add_argument("--partition", default="", help="ran in this partition")
    jobs.add_argument("--find", metavar="TEXT", default="", help="part of an id, a name or an account")
    jobs.add_argument("--waste", action="store_true", help="only those with a warning, the most wasteful first")
    jobs.add_argument(
        "--limit", metavar="N", type=printing.number(1, 500), default=50, help="show so many (default: 50, at most 500)"
    )
    jobs.add_argument("--json", action="store_true", help="print JSON")
    one = add("job", "Show what one job used and wasted, and what request would have fitted", _job)
    one.add_argument("id", metavar="ID", help="the job's number, such as 123 or 123_4")
    one.add_argument("--json", action="store_true", help="print JSON")

    mark_commands.add(add, _load)
    add("rules", "Tell by which rules jobs are judged", _rules)
    token = commands.add_parser("token", help="make, list and revoke tokens for programs",
                                description="Make, list and revoke the tokens by which programs sign in.")  # fmt: skip
    acts = token.add_subparsers(title="actions", metavar="ACTION", required=True)
    create = acts.add_parser("create", parents=[common], help="make one; it is shown once",
                             description="Make a token, add it to [web] tokens_file, and show it once.")  # fmt: skip
    create.add_argument("name", metavar="NAME", help="who signs in with it: a user name of the cluster")
    create.add_argument("--role", choices=("user", "operator", "admin"), default="user", help="default: user")
    create.add_argument("--days", metavar="N", type=float, help="valid for so many days (default: for ever)")
    create.set_defaults(run=_token_create)
    shown = acts.add_parser("list", parents=[common], help="list names, roles and ends",
                            description="List names, roles and ends; the tokens themselves nobody knows.")  # fmt: skip
    shown.set_defaults(run=_token_list)
    revoke = acts.add_parser("revoke", parents=[common], help="revoke all tokens of a name",
                             description="Revoke all tokens of a name; that counts at once.")  # fmt: skip
    revoke.add_argument("name", metavar="NAME", help="whose tokens")
    revoke.set_defaults(run=_token_revoke)

    batch_commands.add(commands, common, _load)

    add("status", "Ask the running daemon how it is doing", _status)
    settings = add("settings", "Check the settings, and print those in force", _settings)
    settings.add_argument("names", metavar="TABLE.KEY", nargs="*", help="print only the values of these, one per line")
    return parser


def _load(options: argparse.Namespace) -> config.Settings:
    return config.use(config.load(options.config, options.overrides))


def _run(options: argparse.Namespace) -> int:
    from jobmon import capabilities, daemon
    from jobmon.config import trust

    only = [name for name in options.only.split(",") if name]

    def create(settings: config.Settings) -> list["Capability"]:
        config.use(settings)
        logs.start(settings.daemon.log_level)
        for warning in secrets.warnings(settings):
            logging.getLogger("jobmon").warning("%s", warning)
        return capabilities.create(settings, only)

    # Found once: a file that has gone by the time of a reload is an error, not a reason to act on the defaults.
    file = config.find_file(options.config)

    def load() -> config.Settings:
        settings = config.load(file, options.overrides)
        trust.check(settings, file)
        return settings

    if options.once:
        return daemon.run_once(load(), create)
    return daemon.Daemon(
        load=load,
        create=create,
        check=lambda settings, before: capabilities.check(settings, before, only),
        on_listening=lambda url: print(f"jobmon {__version__}: the page is at {url}", flush=True),
        only=only,
    ).run()


def _backend_test(options: argparse.Namespace) -> int:
    from jobmon import testing
    from jobmon.backends.child import BackendProcess, CycleFailed
    from jobmon.backends.loader import load_class
    from jobmon.config import trust

    settings = config.load(options.config, [*options.overrides, f"live.backend={json.dumps(options.name)}"])
    config.use(settings)
    logs.start("error")
    unsafe = trust.faults(settings, config.find_file(options.config))
    if unsafe and os.geteuid() == 0:
        raise SettingsError("\n".join([*unsafe, "others could act as root by it, so nothing is loaded"]))
    findings = [testing.Finding("warning", "settings", text) for text in unsafe]
    process = BackendProcess(settings, no_history=True)
    try:
        cycle = process.cycle()
        snapshot = cycle.snapshot
        findings += testing.check_skipped(cycle.skipped)
        findings += testing.check_snapshot(snapshot)
        findings += [testing.Finding("error", method, f"hung or crashed for {record or 'this cycle'}")
                     for method, record in process.quarantined()]  # fmt: skip
        nodes, jobs = snapshot["nodes"], snapshot["jobs"]
        running = sum(job["state"] == "RUNNING" for job in jobs.values())
        print(f"{options.name}: {len(nodes)} nodes ({sum(n['up'] for n in nodes.values())} up), {len(jobs)} jobs "
              f"({running} running), {cycle.collect_s:.2f} s, {len(cycle.body) / 1e6:.2f} MB")  # fmt: skip
        for source in cycle.sources:
            print(f"  {testing.describe_source(source)}")
        findings += testing.check_sources(cycle.sources)
        missing = [key for key in ("cpu", "mem", "swap", "gpus", "infiniband", "lustre", "jobfs")
                   if nodes and all(node[key] is None for node in nodes.values())]  # fmt: skip
        if missing:
            print(f"not known of any node, so the page leaves it out: {', '.join(missing)}")
    except CycleFailed as failure:
        findings.append(testing.Finding("error", "cycle", str(failure)))
    finally:
        process.close()
    if process.imported:  # else it would hang or crash here too
        findings += testing.check_class(load_class(settings.live.backend, settings.live.backend_path))
    for finding in findings:
        print(f"{finding.level}: {finding.method} {finding.text}")
    errors = sum(finding.level == "error" for finding in findings)
    print(f"{errors} errors, {len(findings) - errors} warnings" if findings else "all is well")
    return EXIT_FAILED if errors else 0


def _backend_list(options: argparse.Namespace) -> int:
    from jobmon.backends.loader import GROUP

    settings = _load(options)
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        print(f"{point.name:12} {point.value}")
    for folder in settings.live.backend_path.split(os.pathsep):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:  # noqa: PTH112, PTH208 - plain names
            if name.startswith("backend_") and name.endswith(".py"):
                print(f"{name[8:-3]:12} {folder}/{name}")
    return 0


def _jobs(options: argparse.Namespace) -> int:
    from jobmon.live import terminal

    query = {
        "user": options.user,
        "state": options.state.upper(),
        "partition": options.partition,
        "since": options.since and printing.time_of(options.since),
        "until": options.until and printing.time_of(options.until),
        "q": options.find,
        "waste": options.waste,
        "sort": "waste" if options.waste else "end",
        "limit": options.limit,
    }
    return terminal.jobs(_load(options), query, options.json)


def _job(options: argparse.Namespace) -> int:
    from jobmon.live import terminal

    return terminal.job(_load(options), options.id, options.json)


def _rules(options: argparse.Namespace) -> int:
    from jobmon.live import rules_text

    _load(options)
    print(rules_text.markdown(), end="")
    return 0


def _tokens_file(options: argparse.Namespace) -> Path:
    path = _load(options).web.tokens_file
    if not path:
        raise SettingsError("[web] tokens_file names no file; set it, such as /etc/jobmon/tokens.json")
    return Path(path)


def _token_create(options: argparse.Namespace) -> int:
    from jobmon.api import tokens

    if options.days is not None and not 0 < options.days < 36_500:
        raise SettingsError("--days must be above 0 and below 36500")
    expires = None if options.days is None else clock.now() + 86_400 * options.days
    print(tokens.create_token(_tokens_file(options), options.name, options.role, expires))
    return 0


def _token_list(options: argparse.Namespace) -> int:
    from jobmon.api import tokens

    for entry in sorted(tokens.load_tokens(_tokens_file(options)).values(), key=lambda entry: entry.name):
        print(f"{printing.plain(entry.name, 255):20} {entry.role:10} {_until(entry.expires)}")
    return 0


def _until(end: float | None) -> str:
    if end is None:
        return "for ever"
    try:
        return time.strftime("until %Y-%m-%d %H:%M", time.localtime(end))
    except (OverflowError, ValueError, OSError):  # beyond what the system's calendar knows
        return f"until {end:g}"


def _token_revoke(options: argparse.Namespace) -> int:
    from jobmon.api import tokens

    count = tokens.revoke_tokens(_tokens_file(options), options.name)
    print(f"{count} tokens revoked" if count != 1 else "1 token revoked")
    return 0 if count else EXIT_FAILED


def _status(options: argparse.Namespace) -> int:
    from jobmon import control

    data_path = Path(_load(options).live.data_path)
    try:
        _, body = control.ask(data_path, "/healthz")
        health = json.loads(body)
        lines = [f"{name}: {state['status']}: {state['error'] or state['now']}"
                 for name, state in health["capabilities"].items()]  # fmt: skip
        page = lock.address(data_path)
        if "web" in health:
            web = health["web"]
            lines.append(f"web: {web['status']}: {web['error'] or page or 'not there yet'}")
        well = health["status"] == "ok"
    except PermissionError:
        print(f"jobmon: only root and the account of the daemon may ask the one of {data_path}; "
              "from elsewhere ask its page: /healthz", file=sys.stderr)  # fmt: skip
        return EXIT_FAILED
    except FileNotFoundError:
        print(f"jobmon: no daemon runs on {data_path}", file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        print(f"jobmon: the daemon of {data_path} does not answer: {error.strerror or error}", file=sys.stderr)
        return EXIT_FAILED
    except (ValueError, LookupError, TypeError, AttributeError):
        print(f"jobmon: what answers for {data_path} is not jobmon", file=sys.stderr)
        return EXIT_FAILED
    print("\n".join(lines))
    return 0 if well else EXIT_FAILED


def _settings(options: argparse.Namespace) -> int:
    from jobmon.config import trust

    loaded = _load(options)
    tables = secrets.shown(loaded)
    if options.names:
        for name in options.names:
            table, _, key = name.partition(".")
            if key not in tables.get(table, {}):
                raise SettingsError(f"{name}: there is no such setting; `jobmon settings` prints them all")
            value = tables[table][key]
            print(value if isinstance(value, str) else json.dumps(value))
        return 0
    for table, values in tables.items():
        print(f"[{table}]")
        for key, value in values.items():
            print(f"{key} = {json.dumps(value)}")
        print()
    for fault in trust.faults(loaded, config.find_file(options.config)):
        refused = " (`jobmon run` does not start as root with it)" if os.geteuid() == 0 else ""
        print(f"jobmon: warning: {fault}{refused}", file=sys.stderr)
    return 0
