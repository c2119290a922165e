"""Show jobs in a terminal: `jobmon jobs` and `jobmon job`.

The daemon is asked if it runs, for the store is its own; else the store is read.
"""

import json
import os
import shutil
import sys
import textwrap
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from jobmon import clock, printing
from jobmon.config import Settings
from jobmon.errors import JobmonError
from jobmon.live import scores
from jobmon.live.run_summary import memory_words
from jobmon.printing import moment, plain, styled
from jobmon.spool import lock

TIMEOUT_S = 10


class AnswerError(JobmonError):
    """The daemon refused, or does not know."""


def jobs(settings: Settings, query: Mapping[str, Any], as_json: bool) -> int:
    """Print finished jobs; 0 when there are any, 1 when none fits."""
    parameters = {name: value for name, value in query.items() if value not in (None, "", False)}
    answer = _ask(settings, f"jobs?{urllib.parse.urlencode(parameters)}")
    if answer is None:
        answer = _search_store(settings, query)
    if as_json:
        print(json.dumps(answer["jobs"], indent=2))
        return 0 if answer["jobs"] else 1
    if not answer["jobs"]:
        print("no finished job fits")
        return 1
    rows = [_row(job) for job in answer["jobs"]]
    head = ("JOB", "USER", "NAME", "STATE", "ENDED", "RAN", "CORES", "CPU", "MEMORY", "GPU", "WASTED")
    wasteful = [number for number, row in enumerate(rows) if row[-1]]
    printing.table(head, rows, right={5, 6, 7, 8, 9}, marked=wasteful)
    left = answer["total"] - len(rows)
    if left > 0:
        print(styled("faint", f"and {left:,} more; --limit shows more of them"))
    return 0


def job(settings: Settings, job_id: str, as_json: bool) -> int:
    """Print what one job used and wasted, and what would have fitted; 1 when it is not known."""
    found = _ask(settings, f"jobs/{urllib.parse.quote(job_id, safe='')}")
    if found is None:
        found = _find_in_store(settings, job_id)
    if found is None:
        print(f"jobmon: job {job_id} is not running, and was not seen to end", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=2) if as_json else "\n".join(_lines(found)))
    return 0


def _ask(settings: Settings, path: str) -> Any:
    """Return the daemon's answer; None when no daemon runs, or when it knows no such job."""
    page = lock.address(Path(settings.live.data_path))
    if not page:
        return None
    request = urllib.request.Request(f"{page}api/live/{path}")  # noqa: S310 - the address is the daemon's own
    token = os.environ.get("JOBMON_TOKEN")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the daemon is not behind the proxy
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        if error.code in {401, 403}:
            raise AnswerError("the daemon wants to know who asks: put a token into JOBMON_TOKEN") from error
        raise AnswerError(f"the daemon at {page} answers {error.code}: {_detail(error)}") from error
    except (OSError, HTTPException, ValueError):
        return None  # it is about to start or to stop: the store is there


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error).get("detail", error.reason))
    except (ValueError, AttributeError):
        return str(error.reason)


def _search_store(settings: Settings, query: Mapping[str, Any]) -> dict[str, Any]:
    from jobmon.live.finished import Search, find
    from jobmon.store import store_of

    words = {"q": "text", "waste": "warned"}
    given = {words.get(name, name): value for name, value in query.items() if value is not None}
    store = store_of(settings)
    try:
        found, total = find(store, Search(**given))
    finally:
        store.close()
    return {"jobs": found, "total": total}


def _find_in_store(settings: Settings, job_id: str) -> dict[str, Any] | None:
    from jobmon.live.finished import find_one
    from jobmon.live.jobs_api import newest, running
    from jobmon.store import store_of

    store = store_of(settings)
    try:
        return newest(running(Path(settings.live.data_path), job_id), find_one(store, job_id))
    finally:
        store.close()


def _row(job: Mapping[str, Any]) -> tuple[str, ...]:
    warned = [warning["rule"] for warning in job["warnings"] if warning["held"]]
    waste = ", ".join(f"{amount:.3g} {unit}" for unit, amount in job["waste"].items() if amount >= 0.005)
    ran = job["end"] - job["start"] if job["end"] and job["start"] else None
    share = 100 * job["memMax"] / job["memReq"] if job["memMax"] and job["memReq"] else None
    return (
        plain(job["id"], 20), plain(job["user"], 16), plain(job["name"], 20), plain(job["state"], 14),
        moment(job["end"]), _duration(ran), str(job["cpus"]), _percent(job["cpu"]), _percent(share),
        _percent(job["gpu"]), waste or ("yes" if warned else ""),
    )  # fmt: skip


def _lines(job: Mapping[str, Any]) -> list[str]:
    """Return the text of one job."""
    running = job["end"] is None
    ran = (job["end"] or int(clock.now())) - job["start"] if job["start"] else None
    limit = "no limit" if job["timeLimit"] is None else _duration(60 * job["timeLimit"])
    peak = job["cpuPeak"]
    facts = [
        ("user", plain(job["user"], 64) + (f" ({plain(job['account'], 64)})" if job["account"] else "")),
        ("partition", plain(job["partition"], 64)),
        ("waited", _duration(job["wait"]) if job["wait"] is not None else ""),
        ("started", moment(job["start"]) if job["start"] else ""),
        ("ended", "" if running else moment(job["end"])),
        ("ran", f"{_duration(ran)} of {limit}" if ran is not None else ""),
        ("nodes", plain(", ".join(job["hosts"][:8]), 200) + (" …" if (job["nNodes"] or 0) > 8 else "")),
        ("cores", f"{job['cpus']}, {_percent(job['cpu'])} busy" + (f", at most {peak:g}" if peak else "")),
        ("memory", f"{memory_words(job['memMax'])} at most, asked for {memory_words(job['memReq'])} per node"
         if job["memMax"] or job["memReq"] else ""),
        ("GPUs", f"{job['gpus']}, {_percent(job['gpu'])} busy" if job["gpus"] else ""),
        ("watched", f"{_duration(job['seen'])} of the run" if ran and job["seen"] < 0.95 * ran else ""),
    ]  # fmt: skip
    lines = [f"{styled('head', 'job ' + plain(job['id'], 64))}  {plain(job['name'], 80)}  {plain(job['state'], 40)}"]
    lines += [f"  {name:<10} {value}" for name, value in facts if value]
    rules = {rule.id: rule for rule in scores.load_rules()[0]}
    width = max(40, shutil.get_terminal_size().columns - 4)
    for warning in job["warnings"]:
        rule = rules.get(warning["rule"])
        if not warning["held"] or rule is None:
            continue
        cost = f" Lost: {warning['cost']:.3g} {warning['unit']}." if warning["unit"] and warning["cost"] else ""
        held = f"Seen in {_duration(warning['fired'])} of {_duration(warning['seen'])} that were judged."
        lines += ["", styled("warn", f"▲ {rule.title}")]
        lines += textwrap.wrap(f"{warning['text']} {held}{cost} {rule.advice}", width, initial_indent="  ",
                               subsequent_indent="  ")  # fmt: skip
    if job["fitText"]:
        lines += ["", job["fitText"], f"  {job['fitLine']}"]
    elif not any(warning["held"] for warning in job["warnings"]) and job["seen"]:
        lines += ["", "Nothing to complain about."]
    return lines


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} %"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes = int(seconds) // 60
    days, rest = divmod(minutes, 1440)
    if minutes == 0:
        return f"{int(seconds)} s"
    return f"{days} d {rest // 60}:{rest % 60:02d}" if days else f"{rest // 60}:{rest % 60:02d} h"
