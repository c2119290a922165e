"""Keep what runs that build software say of it, in the transactions that carry these runs on."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from jobmon import clock
from jobmon.batch import release_erase, release_files
from jobmon.batch import run_rows as rows
from jobmon.batch.release_results import FILE_PARTS, NAMED, Result, is_name, results
from jobmon.batch.release_tables import BUILD, PART
from jobmon.engine import outbox
from jobmon.engine.outbox import Message, Target
from jobmon.engine.outbox.targets import is_email
from jobmon.engine.submission import Attempt

PARAMS = ("package", "version", "version_type", "tag", "variant")
"""A workflow that has these parameters makes builds."""
STEPS = ("checkout", "build", "test", "doxygen", "package")
"""In the order in which one needs the other; what a step says makes all words on later ones worthless."""
REMADE = {"checkout": FILE_PARTS, "doxygen": ("documentation", "logs"), "package": ("archive", "logs")}
MOST_LISTED = 100


def problems_of(wanted: Sequence[str], params: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the parameters of a run that builds: each becomes a folder and an argument."""
    if not set(PARAMS) <= set(wanted):
        return []
    return [f"{name}: {params[name][:80]!r} {NAMED}" for name in PARAMS if name in params and not is_name(params[name])]


def run_started(connection: sa.Connection, number: int, params: Mapping[str, str], programs: str) -> None:
    """Write down the build of a new run."""
    if not set(PARAMS) <= set(params):
        return
    named = {name: params[name] for name in PARAMS}
    place = release_files.place(programs, named["package"], named["version"], named["variant"])
    connection.execute(BUILD.insert().values(run_id=number, noticed_at=clock.now(), erased=[], place=place, **named))


def jobs_ended(connection: sa.Connection, attempts: Sequence[Attempt]) -> None:
    """Keep the results that jobs have told."""
    release_erase.jobs_ended(connection, [attempt for attempt in attempts if attempt.row["run_id"] is None])
    for attempt in attempts:
        if attempt.row["run_id"] is not None:
            _keep_results(connection, attempt)


def _keep_results(connection: sa.Connection, attempt: Attempt) -> None:
    row = attempt.row
    query = sa.select(BUILD.c.build_id, BUILD.c.erased).where(BUILD.c.run_id == row["run_id"])
    build = connection.execute(query).one_or_none()
    if build is None:
        return
    found, wrong = results(attempt.output, attempt.output_cut, row["stage"])
    steps = {row["stage"], *(one.step for one in found)}
    known = [STEPS.index(step) for step in steps if step in STEPS]
    if known and STEPS[min(known)] in {"checkout", "build"}:
        steps |= set(STEPS[min(known) :])
    connection.execute(PART.delete().where(PART.c.build_id == build.build_id, PART.c.step.in_(steps)))
    if found:
        connection.execute(PART.insert(), [_part(build.build_id, one) for one in found])
    remade = REMADE.get(row["stage"], ("logs",))
    if found and set(build.erased) & set(remade):
        left = [part for part in build.erased if part not in remade]
        connection.execute(BUILD.update().where(BUILD.c.build_id == build.build_id).values(erased=left))
    for text in wrong:
        rows.fire(connection, row["run_id"], row["stage"], row["job_id"], "note", text)


def _part(build: int, one: Result) -> dict[str, Any]:
    return {"build_id": build, "subpackage": one.subpackage, "step": one.step, "rc": one.rc, "log": one.log,
            "line": one.line, "first_error": one.first_error, "seconds": one.seconds, "owner": one.owner,
            "at": clock.now()}  # fmt: skip


# --- mail -----------------------------------------------------------------------------------------------------------


def run_ended(connection: sa.Connection, run: Mapping[str, Any], status: str, programs: str) -> None:
    """Write one message to each person of whom something failed, for the whole build."""
    build = connection.execute(sa.select(BUILD).where(BUILD.c.run_id == run["run_id"])).mappings().one_or_none()
    if build is None:
        return
    order = (PART.c.subpackage, PART.c.step)
    query = sa.select(PART).where(PART.c.build_id == build["build_id"], PART.c.rc != 0).order_by(*order)
    owners: dict[str, list[dict[str, Any]]] = {}
    failing = connection.execute(query).mappings().all()
    for part in failing:
        owners.setdefault(part["owner"], []).append(dict(part))
    owners.pop("", None)
    if not failing and status == "failed":  # a lost node, a time limit: nobody's part, so the package's owner is told
        known = release_files.catalogue(programs).packages.get(build["package"])
        if known and is_email(known.owner):
            owners[known.owner] = []
    for owner, parts in owners.items():
        outbox.add(connection, _message(owner, dict(build), parts, run, status))


def _message(
    owner: str, build: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], run: Mapping[str, Any], status: str
) -> Message:
    title = f"{build['package']} {build['version']} {build['variant']}"
    names = sorted({part["subpackage"] for part in parts})
    what = f"{', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''} failed"
    subject = f"{title}: {what if parts else f'the build {status}: ' + run['reason']}"
    lines = [f"{title} ({build['version_type']} {build['tag']}), run {run['run_id']}: {status}. {run['reason']}", ""]
    for part in parts[:MOST_LISTED]:
        where = f", log/{part['log']}:{part['line']}" if part["line"] else ""
        lines += [f"{part['subpackage']}: {part['step']} ended with {part['rc']}{where}"]
        lines += [f"    {part['first_error'][:150]}"] if part["first_error"] else []
    if len(parts) > MOST_LISTED:
        lines.append(f"and {len(parts) - MOST_LISTED} more")
    facts = {name: build[name] for name in ("build_id", *PARAMS)}
    facts |= {"run": run["run_id"], "status": status, "failed": len(parts)}
    return Message(Target("email", owner), subject, f"build {build['build_id']}", "\n".join(lines), facts)
