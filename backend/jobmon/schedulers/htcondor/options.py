"""Keep the lines of a submit description that jobs may have; both lists, of commands and of attributes, are closed.

Most other commands start a job again, make many of one, or say what jobmon says. Any attribute of a job can be set
with a `+` or `MY.` before its name, those too by which HTCondor itself keeps account of the job; so only those are
taken that sites are known to ask for in their manuals, and that HTCondor does nothing with by itself.
"""

import re
from collections.abc import Sequence

from jobmon.errors import SettingsError

COMMANDS = frozenset((
    "accounting_group", "concurrency_limits", "cuda_version", "gpus_maximum_capability",
    "gpus_minimum_capability", "gpus_minimum_memory", "gpus_minimum_runtime", "nice_user", "priority", "rank",
    "request_cpus", "request_disk", "request_gpus", "request_memory", "require_gpus", "requirements",
))  # fmt: skip
ATTRIBUTES = frozenset((
    "acctgroup", "accountinggroup", "desired_sites", "jobflavour", "maxruntime", "projectname",
    "requestruntime", "requireswholemachine", "singularityimage", "undesired_sites", "wantgpulab",
))  # fmt: skip
RESOURCE = re.compile(r"request_[a-z0-9_]+")
"""A pool can have resources with names of its own, which jobs ask for in the same way."""

_LINE = re.compile(r"(?P<raw>\+|my\.)?(?P<name>[a-z_][a-z0-9_]*)\s*=\s*(?P<value>\S.*)", re.IGNORECASE)


def canonical(lines: Sequence[str]) -> tuple[str, ...]:
    """Return lines as NAME = VALUE; SettingsError says which one may not be set, and why."""
    return tuple(_canonical(line) for line in lines)


def _canonical(line: str) -> str:
    found = _LINE.fullmatch(line)
    if not found or not line.isprintable() or line.rstrip().endswith("\\"):
        raise SettingsError(f"{line!r} is not a line NAME = VALUE of a submit description")
    name, raw = found["name"], found["raw"]
    if "$" in found["value"]:
        raise SettingsError(f"{name}: must not hold $: HTCondor would put in what it knows of the daemon's own account")
    if raw and name.lower() not in ATTRIBUTES:
        known = ", ".join(sorted(ATTRIBUTES))
        raise SettingsError(f"the attribute {name} cannot be set: HTCondor may act on it; jobmon takes {known}")
    if not raw and name.lower() not in COMMANDS and not RESOURCE.fullmatch(name.lower()):
        known = ", ".join(sorted(COMMANDS))
        raise SettingsError(
            f"{name} cannot be set: jobmon submits each job under its own name, held, to run once; of the commands of "
            f"a submit description it takes {known}"
        )
    return f"{'+' if raw else ''}{name} = {found['value']}"
