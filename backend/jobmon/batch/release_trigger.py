"""Start builds that a person asks for, of packages that are known."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from jobmon.api.bodies import Body, example
from jobmon.batch import audit, release_files
from jobmon.batch.release_results import NAME, NAMED, is_name
from jobmon.batch.release_tables import BUILD
from jobmon.batch.runs import Runs
from jobmon.batch.tables import RUN
from jobmon.batch.workflow import placeholders
from jobmon.batch.workflow.placeholders import Values
from jobmon.errors import SettingsError

WORKFLOW = "release"
DEDUPE = "{item.package}/{item.version}/{item.variant}"
"""As in the shipped workflow: what a person asks for is not built a second time in the same folder."""


PATTERN = f"^{NAME.pattern}$"
Named = Annotated[str, Field(max_length=200, json_schema_extra={"pattern": PATTERN})]
"""What it must be is told in words of its own."""
Tag = Annotated[str, Field(max_length=200, json_schema_extra={"pattern": f"^$|{PATTERN}"})]


class Trigger(Body):
    """Ask for builds of one version; without variants for all that the package has."""

    model_config = example(package="core", version="v2", variants=["gcc"])
    package: Named
    version: Named
    tag: Tag = ""
    """What is checked out: a tag, a commit or a branch; "" for the version's own name."""
    variants: Annotated[list[Named], Field(max_length=100)] = []
    version_type: Literal["Manual"] = "Manual"


def packages(connection: sa.Connection, programs: str) -> dict[str, Any]:
    """Return the packages of which releases.ini or earlier builds tell, with their variants, and what is wrong."""
    known = release_files.catalogue(programs)
    found = {name: list(one.variants) for name, one in known.packages.items()}
    query = sa.select(BUILD.c.package, BUILD.c.variant).distinct().order_by(BUILD.c.package, BUILD.c.variant)
    for row in connection.execute(query):
        variants = found.setdefault(row.package, [])
        if row.variant not in variants:
            variants.append(row.variant)
    listed = [{"package": name, "variants": variants, "configured": name in known.packages}
              for name, variants in sorted(found.items())]  # fmt: skip
    return {"packages": listed, "root": known.root, "error": known.error}


def trigger(connection: sa.Connection, runs: Runs, asked: Trigger, who: str, programs: str) -> dict[str, Any]:
    """Start a run for each variant and return what became of each; SettingsError when nothing like it is known."""
    known = {one["package"]: one["variants"] for one in packages(connection, programs)["packages"]}
    tag = asked.tag or asked.version
    for name, value in (("package", asked.package), ("version", asked.version), ("tag", tag)):
        if not is_name(value):
            raise SettingsError(f"{name}: {value[:80]!r} {NAMED}")
    if asked.package not in known:
        raise SettingsError(f"package: {asked.package} is not known; known: {', '.join(sorted(known)) or 'none'}")
    variants = list(dict.fromkeys(asked.variants or known[asked.package]))
    unknown = [one for one in variants if one not in known[asked.package]]
    if unknown:
        raise SettingsError(f"variants: {unknown[0][:80]!r} is none of {', '.join(known[asked.package])}")
    started = []
    for variant in variants:
        item = {"package": asked.package, "version": asked.version, "version_type": asked.version_type, "tag": tag,
                "variant": variant}  # fmt: skip
        started.append({"variant": variant, **_started(connection, runs, item, who)})
    result = ", ".join(f"{one['variant']}: {one['text']}" for one in started)
    todo = audit.add(connection, who, "trigger", f"{asked.package} {asked.version}", result)
    return {"todo_id": todo, "builds": started}


def _started(connection: sa.Connection, runs: Runs, item: Mapping[str, str], who: str) -> dict[str, Any]:
    key = placeholders.fill_key(DEDUPE, Values(item=item))
    number = runs.start(connection, WORKFLOW, item, who, dedupe=key)
    if number is not None:
        return {"run_id": number, "build_id": _build(connection, number), "started": True, "text": f"run {number}"}
    query = sa.select(RUN.c.run_id).where(RUN.c.workflow == WORKFLOW, RUN.c.dedupe_key == key)
    before = connection.execute(query).scalar_one()
    text = f"run {before} is for this build already; run that again, or erase its entry first"
    return {"run_id": before, "build_id": _build(connection, before), "started": False, "text": text}


def _build(connection: sa.Connection, run: int) -> int | None:
    return connection.execute(sa.select(BUILD.c.build_id).where(BUILD.c.run_id == run)).scalar_one_or_none()
