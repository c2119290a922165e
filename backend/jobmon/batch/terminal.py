"""Be `jobmon batch` on a terminal: it speaks with the store itself, so it works whether a daemon runs or not."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jobmon import clock, printing
from jobmon.batch import audit, crontab, crontab_file, jobs, limits, master
from jobmon.batch.origin import shown
from jobmon.batch.requests import CronRequest, JobRequest, checked
from jobmon.batch.runs import Runs
from jobmon.batch.submitting import output_of
from jobmon.batch.workflow.library import Library
from jobmon.config import Settings
from jobmon.config.files import read_text
from jobmon.engine.scheduler import check_options
from jobmon.engine.submission import ENDED, wrapper
from jobmon.engine.submission.attempts import SKIPPED
from jobmon.engine.tables import CANDIDATE, LEASE
from jobmon.errors import SettingsError
from jobmon.printing import moment_s, plain
from jobmon.store import Store, store_of

if TYPE_CHECKING:
    from jobmon.batch.visibility import View

POLL_S = 0.25
NOBODY_AFTER_S = 15.0
MOST_CRONTAB = 10 << 20


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """Open the store for one command."""
    store = store_of(settings)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def runs_of(settings: Settings) -> Iterator[Runs]:
    """Be able to start and change runs, for one command."""
    runs = Runs(Library(settings.batch.workflows), settings.batch)
    try:
        yield runs
    finally:
        runs.close()


def _view() -> "View":
    from jobmon.batch.visibility import terminal  # takes long to load, and most commands print no JSON

    return terminal()


# --- jobs -----------------------------------------------------------------------------------------------------------


def submit(settings: Settings, values: Mapping[str, Any], who: str, wait: bool) -> int:
    """Submit a job, print its number, and with `wait` end as it ends."""
    request: JobRequest = checked(JobRequest, values, "job")
    check_options(settings, request.options)
    with opened(settings) as store:
        with store.writing() as connection:
            number = jobs.submit(connection, request, who, settings.batch)
            audit.add(connection, who, "submit", f"job {number}", "asked for")
        print(f"job {number}", flush=True)
        if not wait:
            return 0
        with store.reading() as connection:
            row = jobs.find(connection, number)
        print(f"output: {output_of(settings, row)}", flush=True)
        return _wait(store, number)


def _wait(store: Store, number: int) -> int:
    """Wait for the end of a job, telling what happens; return its code, 128 + signal, or 1 if it has none.

    A job that was skipped gives what its script would have left with on the node.
    """
    began, told, warned = clock.monotonic(), "", False
    while True:
        with store.reading() as connection:
            row = jobs.find(connection, number)
            acting = _acts(connection) if row["status"] == "waiting" else True
        state = f"{row['status']}{': ' + row['reason'] if row['reason'] else ''}"
        if state != told:
            told = state
            print(f"job {number} is {plain(state, 300)}", file=sys.stderr, flush=True)
        if row["status"] in ENDED:
            if row["status"] in {"failed", "succeeded"} and row["return_code"] is not None:
                return int(row["return_code"])
            if row["status"] == SKIPPED:
                return wrapper.LATE
            return 128 + int(row["signal"]) if row["signal"] else 1
        if not acting and not warned and clock.monotonic() - began > NOBODY_AFTER_S:
            warned = True
            print("no master acts: is `jobmon run` up with these settings?", file=sys.stderr, flush=True)
        time.sleep(POLL_S)


def _acts(connection: sa.Connection) -> bool:
    from jobmon.engine.lease import now_of

    expires = connection.execute(sa.select(LEASE.c.expires_at).where(LEASE.c.name == master.ROLE)).scalar_one_or_none()
    return expires is not None and expires > now_of(connection)


def show(settings: Settings, number: int, as_json: bool) -> int:
    """Print all there is to know of a job."""
    with opened(settings) as store, store.reading() as connection:
        row = jobs.find(connection, number)
        happened = jobs.events(connection, number)
    if as_json:
        view = _view()
        print(json.dumps({"job": view.job(row), "events": view.events(happened, row)}, indent=2))
        return 0
    ended = row["reason"] or ("" if row["return_code"] is None else f"ended with {row['return_code']}")
    facts = [
        ("job", f"{number} {plain(row['name'], 60)}"),
        ("command", plain(row["command"], 500)), ("status", row["status"]),
        ("end", plain(ended, 300)), ("scheduler", f"{row['scheduler']} {row['scheduler_id'] or ''}"),
        ("host", row["host"]), ("asked for", moment_s(row["created_at"])),
        ("not before", moment_s(row["not_before"] or None)), ("start by", moment_s(row["latest_start"])),
        ("started", moment_s(row["started_at"])), ("finished", moment_s(row["finished_at"])),
        ("output", str(output_of(settings, row))), ("bytes", row["output_bytes"]),
    ]  # fmt: skip
    for name, value in facts:
        if value not in {None, ""}:
            print(f"{name:10} {value}")
    print()
    rows = [(moment_s(e["at"]), plain(shown(e["origin"], e["who"]), 20), e["status"], plain(e["text"], 120))
            for e in happened]  # fmt: skip
    printing.table(("when", "who", "state", "what"), rows)
    if row["output_tail"]:
        print(
            "\nthe end of its output:\n" + "\n".join(plain(line, 200) for line in row["output_tail"].splitlines()[-20:])
        )
    return 0


def listing(settings: Settings, status: str, text: str, limit: int, as_json: bool) -> int:
    """Print jobs, the newest first."""
    with opened(settings) as store, store.reading() as connection:
        found = jobs.listing(connection, status=status, text=text, limit=limit)
    if as_json:
        print(json.dumps(_view().jobs(found), indent=2))
        return 0
    rows = [
        (str(row["job_id"]), plain(row["name"], 24), row["status"],
         str(row["return_code"]) if row["return_code"] is not None else plain(row["ending"], 20),
         plain(row["scheduler_id"], 20), moment_s(row["created_at"]), moment_s(row["finished_at"]),
         plain(row["command"], 40))
        for row in found
    ]  # fmt: skip
    printing.table(("job", "name", "status", "end", "id", "asked for", "finished", "command"), rows)
    return 0


def act(settings: Settings, who: str, what: str, numbers: Sequence[int], do: Callable[[Any, int], Any]) -> int:
    """Do the same with some jobs; what cannot be done with one of them does not keep it from the others."""
    failed = 0
    with opened(settings) as store:
        for number in numbers:
            try:
                with store.writing() as connection:
                    result = do(connection, number)
                    audit.add(connection, who, what, f"job {number}", str(result or "done"))
                print(f"job {number}: {result or what}")
            except (jobs.NotPossible, jobs.NoSuchThing) as error:
                print(f"jobmon: {error}", file=sys.stderr)
                failed += 1
    return 1 if failed else 0


# --- crontab --------------------------------------------------------------------------------------------------------


def cron_listing(settings: Settings, as_json: bool) -> int:
    """Print all entries."""
    with opened(settings) as store, store.reading() as connection:
        entries = crontab.listing(connection, clock.now(), 1)
    if as_json:
        view = _view()
        print(json.dumps([view.entry(entry) for entry in entries], indent=2))
        return 0
    rows = []
    for entry in entries:
        last = entry["last"]
        rows.append((
            plain(entry["name"], 30), entry["schedule"], plain(entry["timezone"], 40),
            "yes" if entry["enabled"] else "no", moment_s(entry["next"][0]) if entry["next"] else "",
            f"{moment_s(last['scheduled_for'])} {last['outcome']}" if last else "", entry["overlap"], entry["misfire"],
            plain(entry["command"], 40),
        ))  # fmt: skip
    printing.table(("name", "schedule", "zone", "on", "next", "last", "overlap", "misfire", "command"), rows)
    return 0


def cron_change(settings: Settings, who: str, what: str, name: str, do: Callable[[Any], Any]) -> int:
    """Change one entry, and tell what came of it."""
    with opened(settings) as store, store.writing() as connection:
        result = do(connection)
        audit.add(connection, who, what, f"cron {name}", str(result or "done"))
    print(f"cron {name}: {result or what}")
    return 0


def replay(settings: Settings, who: str, name: str, since: int, until: int) -> int:
    """Run what an entry has missed or skipped in a span, and tell how much."""
    with opened(settings) as store:
        with store.reading() as connection:
            entry = crontab.find(connection, name)
        times = crontab.to_replay(entry, since, until)
        with store.writing() as connection:
            result = f"{len(crontab.replay(connection, entry, times, who, settings.batch))} jobs"
            audit.add(connection, who, "replay", f"cron {name}", result)
    print(f"cron {name}: {result}")
    return 0


def cron_next(settings: Settings, name: str, count: int) -> int:
    """Print when an entry is due."""
    from jobmon.engine import cron

    with opened(settings) as store, store.reading() as connection:
        row = crontab.find(connection, name)
    schedule = cron.parse(crontab.expression(row), row["timezone"], row["name"])
    for at in cron.next_times(schedule, int(clock.now()), count):
        print(datetime.fromtimestamp(at, schedule.zone).strftime("%a %Y-%m-%d %H:%M %Z (UTC%z)"))
    return 0


def import_crontab(settings: Settings, who: str, file: str, system: bool, zone: str, skip_bad: bool) -> int:
    """Take over a crontab file; entries that are there already are left as they are."""
    try:
        text = sys.stdin.read(MOST_CRONTAB) if file == "-" else read_text(Path(file), MOST_CRONTAB)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    found = crontab_file.read(text, system, zone)
    for fault in found.faults:
        print(f"jobmon: {file}: {plain(fault, 400)}", file=sys.stderr)
    if found.faults and not skip_bad:
        raise SettingsError(f"{file}: nothing was taken over; mend these lines, or leave them out with --skip-bad")
    added = 0
    with opened(settings) as store, store.writing() as connection:
        known = {row["name"]: (crontab.expression(row), row["args"]) for row in crontab.listing(connection, 0.0, 0)}
        for entry in found.entries:
            same = (crontab.expression(entry.fields()), entry.command)
            if same in known.values():
                continue
            name, number = entry.name, 2
            while name in known:
                name, number = f"{entry.name}-{number}", number + 1
            crontab.add(connection, entry.model_copy(update={"name": name}), settings.batch)
            known[name] = same
            added += 1
        audit.add(connection, who, "import", Path(file).name, f"{added} entries")
    left = len(found.entries) - added
    print(f"{added} entries taken over" + (f", {left} were there already" if left else ""))
    return 0


def cron_request(settings: Settings, values: Mapping[str, Any]) -> CronRequest:
    """Return a request for an entry; SettingsError says what is wrong."""
    request: CronRequest = checked(CronRequest, values, "cron")
    check_options(settings, request.options)
    return request


# --- masters and limits ---------------------------------------------------------------------------------------------


def show_master(settings: Settings) -> int:
    """Print who acts and who stands by."""
    from jobmon.engine.lease import now_of

    with opened(settings) as store, store.reading() as connection:
        now = now_of(connection)
        lease = connection.execute(sa.select(LEASE).where(LEASE.c.name == master.ROLE)).one_or_none()
        others = connection.execute(sa.select(CANDIDATE).where(CANDIDATE.c.name == master.ROLE)).all()
        preferred, run_time = master.setting(connection, "master"), master.setting(connection, "run_time")
    if lease is None or lease.expires_at < now:
        print("nobody acts")
    else:
        print(f"{lease.holder} acts since {moment_s(lease.acquired_at)}, fence {lease.fence}")
    for other in others:
        if (lease is None or other.holder != lease.holder) and other.seen_at > now - 3 * settings.batch.lease_ttl:
            print(f"{other.holder} stands by")
    limit = f"{run_time} s" if run_time != "0" else "no limit"
    print(f"preferred: {preferred or 'whoever comes first'}; run time: {limit}")
    return 0


def change_master(settings: Settings, who: str, name: str, value: str) -> int:
    """Prefer a host, or limit how long a process runs."""
    with opened(settings) as store, store.writing() as connection:
        master.change_setting(connection, name, value)
        audit.add(connection, who, "set", name, value)
    print(f"{name} = {value or 'whoever comes first'}")
    return 0


def change_limit(settings: Settings, who: str, queue: str, values: Mapping[str, int | None]) -> int:
    """Limit a queue, or print the limits when nothing is given."""
    with opened(settings) as store:
        if values:
            with store.writing() as connection:
                limits.set_limit(connection, queue, values)
                audit.add(connection, who, "limit", f"queue {queue}", str(dict(values)))
        with store.reading() as connection:
            found = limits.listing(connection)
    head = ("queue", *limits.NAMES)
    printing.table(head, [tuple("" if row[name] is None else str(row[name]) for name in head) for row in found])
    return 0
