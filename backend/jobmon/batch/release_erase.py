"""Erase builds in parts: show what would go, let it be confirmed, have a job do it, and keep what came of it."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from jobmon import clock
from jobmon.batch import audit, jobs, release_files
from jobmon.batch.jobs import NoSuchThing, NotPossible
from jobmon.batch.release_results import FILE_PARTS, Freed, freed
from jobmon.batch.release_tables import BUILD, ERASE, PART
from jobmon.batch.requests import JobRequest, checked
from jobmon.batch.tables import AUDIT, RUN
from jobmon.config import BatchSettings
from jobmon.engine.submission import Attempt
from jobmon.errors import SettingsError

PARTS = (*FILE_PARTS, "entry")
MOST_BUILDS = 100
VALID_S = 600.0
LOOK_S = 10.0
"""So long the preview looks at files at most."""
SECRET = secrets.token_bytes(32)
"""What only this process knows; who confirms after a restart has to look again."""


def preview(
    connection: sa.Connection, builds: Sequence[int], parts: Sequence[str], who: str
) -> tuple[dict[str, Any], dict[int, str]]:
    """Return what would be erased, with what confirms it, and where that lies, for `measured`."""
    found = _builds(connection, builds)
    wanted = _wanted(parts)
    shown = [{name: row[name] for name in ("build_id", "package", "version", "version_type", "variant", "erased")}
             for row in found]  # fmt: skip
    expires = clock.now() + VALID_S
    numbers = [row["build_id"] for row in found]
    token = _signed({"builds": numbers, "parts": wanted, "who": who, "until": expires, "once": secrets.token_hex(8)})
    answer = {"builds": shown, "parts": wanted, "token": token, "expires_at": expires}
    return answer, {row["build_id"]: row["place"] for row in found}


def measured(answer: dict[str, Any], places: Mapping[int, str]) -> dict[str, Any]:
    """Add the sizes to a preview; without a transaction, as it may take a while."""
    until = clock.monotonic() + LOOK_S
    wanted = [part for part in answer["parts"] if part in FILE_PARTS]
    total, complete = 0, True
    for row in answer["builds"]:
        sizes = release_files.sizes(places[row["build_id"]], wanted, until)
        row["sizes"] = {part: {"bytes": one.bytes, "files": one.files, "complete": one.complete}
                        for part, one in sizes.items()}  # fmt: skip
        total += sum(one.bytes for one in sizes.values())
        complete = complete and all(one.complete for one in sizes.values())
    return {**answer, "bytes": total, "complete": complete}


def confirmed(connection: sa.Connection, token: str, who: str, settings: BatchSettings) -> dict[str, Any]:
    """Erase what a preview has shown, and return the number of the to-do, and of the job if there are files to go."""
    asked = _checked(token, who)
    return start(connection, asked["builds"], asked["parts"], who, settings)


def start(
    connection: sa.Connection, builds: Sequence[int], parts: Sequence[str], who: str, settings: BatchSettings
) -> dict[str, Any]:
    """Have parts of builds erased; builds that go on are not touched."""
    found, wanted = _builds(connection, builds), _wanted(parts)
    files = [part for part in wanted if part in FILE_PARTS]
    names = [f"{row['package']}/{row['version']}/{row['variant']}" for row in found]
    target = f"{', '.join(wanted)} of {', '.join(names)}"
    if not files:
        _forget(connection, [row["build_id"] for row in found])
        todo = audit.add(connection, who, "erase", target, f"done: {len(found)} entries")
        return {"todo_id": todo, "job_id": None}
    command = [str(Path(settings.programs) / "rm-erase"), ",".join(files), *dict.fromkeys(names)]
    values = {"command": command, "name": "rm-erase", "labels": {jobs.CONFIRMED: "the erasing of builds"}}
    request: JobRequest = checked(JobRequest, values, "erase")
    number = jobs.submit(connection, request, who, settings)
    todo = audit.add(connection, who, "erase", target, f"job {number} was asked for")
    numbers = [row["build_id"] for row in found]
    connection.execute(ERASE.insert().values(job_id=number, todo_id=todo, builds=numbers, parts=wanted))
    return {"todo_id": todo, "job_id": number}


def jobs_ended(connection: sa.Connection, attempts: Sequence[Attempt]) -> None:
    """Keep what jobs that erase have told; those that nobody asked for in this way are none."""
    by_number = {attempt.row["job_id"]: attempt for attempt in attempts}
    if by_number:
        query = sa.select(ERASE).where(ERASE.c.job_id.in_(list(by_number)))
        for asked in connection.execute(query).mappings().all():
            _erased(connection, dict(asked), by_number[asked["job_id"]])


def _erased(connection: sa.Connection, asked: Mapping[str, Any], attempt: Attempt) -> None:
    told = freed(attempt.output, attempt.output_cut)
    files = {part for part in asked["parts"] if part in FILE_PARTS}
    gone: list[int] = []
    listed = sa.select(BUILD).where(BUILD.c.build_id.in_(asked["builds"]))
    for build in connection.execute(listed).mappings().all():
        names = (BUILD.c.package == build["package"], BUILD.c.version == build["version"],
                 BUILD.c.variant == build["variant"])  # fmt: skip
        title = f"{build['package']}/{build['version']}/{build['variant']}"
        done = {one.part for one in told if one.build == title and one.rc == 0} & files
        erased = sorted({*build["erased"], *done})
        connection.execute(BUILD.update().where(*names).values(erased=erased))  # all in this folder share its fate
        if done == files:
            gone.append(build["build_id"])
    if "entry" in asked["parts"]:  # but not of what goes again meanwhile
        _forget(connection, sorted(set(gone).difference(row["build_id"] for row in _going_on(connection))))
    text = _told(told, attempt, len(asked["builds"]) - len(gone))
    connection.execute(AUDIT.update().where(AUDIT.c.todo_id == asked["todo_id"]).values(result=text[:500]))
    connection.execute(ERASE.delete().where(ERASE.c.job_id == asked["job_id"]))


def _told(told: Sequence[Freed], attempt: Attempt, failed: int) -> str:
    size = f"{sum(one.bytes for one in told):,} bytes were freed"
    if not failed:
        return f"done: {size}"
    errors = [f"{one.part} of {one.build}: {one.error}" for one in told if one.rc]
    return f"{failed} builds could not be erased, {size}: {'; '.join(errors) or attempt.text}"


def _builds(connection: sa.Connection, builds: Sequence[int]) -> list[dict[str, Any]]:
    """Return the rows; NoSuchThing when one is missing, NotPossible when something still goes on in a folder."""
    numbers = list(dict.fromkeys(builds))
    if not 1 <= len(numbers) <= MOST_BUILDS:
        raise SettingsError(f"builds: name 1 to {MOST_BUILDS} of them")
    query = sa.select(BUILD).where(BUILD.c.build_id.in_(numbers)).order_by(BUILD.c.build_id)
    found = [dict(row) for row in connection.execute(query).mappings()]
    missing = set(numbers).difference(row["build_id"] for row in found)
    if missing:
        raise NoSuchThing(f"there is no build {min(missing)}")
    names = {(row["package"], row["version"], row["variant"]) for row in found}
    for busy in _going_on(connection):
        if (busy["package"], busy["version"], busy["variant"]) in names:  # perhaps another one in the same folder
            raise NotPossible(f"build {busy['build_id']} is {busy['status']}; stop it first")
    return found


def _going_on(connection: sa.Connection) -> list[dict[str, Any]]:
    query = sa.select(BUILD, RUN.c.status).join(RUN, RUN.c.run_id == BUILD.c.run_id)
    found = connection.execute(query.where(RUN.c.status.in_(("queued", "running"))))
    return [dict(row) for row in found.mappings()]


def _wanted(parts: Sequence[str]) -> list[str]:
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not parts:
        wrong = f"{unknown[0][:40]!r} is none" if unknown else "there are none"
        raise SettingsError(f"parts: {wrong}; known are {', '.join(PARTS)}")
    return [part for part in PARTS if part in parts]


def _forget(connection: sa.Connection, builds: Sequence[int]) -> None:
    """Delete entries; their runs stay, and the same version may be built again."""
    runs = sa.select(BUILD.c.run_id).where(BUILD.c.build_id.in_(builds))
    connection.execute(RUN.update().where(RUN.c.run_id.in_(runs)).values(dedupe_key=None))
    connection.execute(PART.delete().where(PART.c.build_id.in_(builds)))
    connection.execute(BUILD.delete().where(BUILD.c.build_id.in_(builds)))


# --- confirmation ---------------------------------------------------------------------------------------------------


def _signed(asked: Mapping[str, Any]) -> str:
    body = base64.urlsafe_b64encode(orjson.dumps(asked)).decode()
    return f"{body}.{_mac(body)}"


def _mac(body: str) -> str:
    return hmac.new(SECRET, body.encode(), hashlib.sha256).hexdigest()


_used: dict[str, float] = {}
"""The tokens that were used, until they expire."""


def _checked(token: str, who: str) -> dict[str, Any]:
    """Return what a token confirms, once; NotPossible when it is not this person's, too old or used."""
    body, _, mac = token.partition(".")
    if not token.isascii() or not hmac.compare_digest(_mac(body), mac):
        raise NotPossible("this confirmation is not known here; look again at what would be erased")
    asked: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(body))
    now = clock.now()
    for old in [one for one, until in list(_used.items()) if until < now]:
        _used.pop(old, None)
    if asked["who"] != who or asked["until"] < now or asked["once"] in _used:
        raise NotPossible("this confirmation is somebody else's, used or too old; look again at what would be erased")
    _used[asked["once"]] = asked["until"]
    return asked
