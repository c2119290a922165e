"""Read crontab files, as `crontab -l` prints them or as they lie in /etc/cron.d, into entries of our own."""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from jobmon.batch.requests import CronRequest, checked
from jobmon.errors import SettingsError

ASSIGNMENT = re.compile(r"""([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|(.*?))\s*$""")
MOST_LINES = 10_000
MOST_LINE = 10_000


@dataclass(slots=True)
class Found:
    """Hold what a file says: entries, and what is wrong with which line."""

    entries: list[CronRequest] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read(text: str, system: bool = False, zone: str = "UTC") -> Found:
    """Read a crontab; `system` says that a user stands before each command, as in /etc/crontab.

    Environment lines count for the lines below them: CRON_TZ becomes the entry's zone, MAILTO its recipient, SHELL its
    shell, and all others go before the command.
    """
    found = Found()
    environment: dict[str, str] = {}
    names: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if number > MOST_LINES:
            found.faults.append(f"line {number}: a file may have {MOST_LINES} lines at most")
            break
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        assignment = None if stripped[0] in "*@" or stripped[0].isdigit() else ASSIGNMENT.fullmatch(stripped)
        if assignment:
            environment[assignment[1]] = next(part for part in assignment.groups()[1:] if part is not None)
            continue
        try:
            found.entries.append(_entry(stripped, system, zone, environment, names))
        except SettingsError as error:
            found.faults.append(f"line {number}: {error}")
    return found


def _entry(line: str, system: bool, zone: str, environment: dict[str, str], names: dict[str, int]) -> CronRequest:
    if len(line) > MOST_LINE or not line.replace("\t", " ").isprintable():
        raise SettingsError("is too long, or holds control characters")
    count = (1 if line.startswith("@") else 5) + system
    words = line.split(None, count)
    if len(words) <= count:
        raise SettingsError(f"{line[:80]!r}: there is no command" if len(words) == count else
                            f"{line[:80]!r}: is neither five fields{', a user' if system else ''} and a command "
                            "nor NAME=value")  # fmt: skip
    fields, user, command = words[: count - system], words[count - 1] if system else "", words[count]
    command, stdin = _split_at_percent(command)
    if stdin is not None:
        end = "JOBMON_END"
        while end in stdin:
            end += "_"
        command = f"{command} <<'{end}'\n{stdin}\n{end}"
    env = dict(environment)
    shell, zone, mail = env.pop("SHELL", "/bin/sh"), env.pop("CRON_TZ", zone), env.pop("MAILTO", "")
    args = [*(["env", *(f"{name}={value}" for name, value in env.items())] if env else []), shell, "-c", command]
    base = _name_of(command)
    base = f"entry-{base}" if base.isdecimal() else base  # entries have numbers of their own
    names[base] = names.get(base, 0) + 1
    values = {
        "name": base if names[base] == 1 else f"{base}-{names[base]}",
        "schedule": " ".join(fields),
        "command": args,
        "timezone": zone,
        "user": user,
        "notify": [f"email:{address.strip()}?on=fail" for address in mail.split(",") if address.strip()],
    }
    request: CronRequest = checked(CronRequest, values, f"{line[:80]!r}")
    return request


def _split_at_percent(command: str) -> tuple[str, str | None]:
    """Split a command at the first % that is not escaped: what follows is its standard input, each % a new line."""
    parts = re.split(r"(?<!\\)%", command)
    told = [part.replace("\\%", "%") for part in parts]
    return told[0], "\n".join(told[1:]) if len(told) > 1 else None


def _name_of(command: str) -> str:
    """Return a name that says what is run: the program's, without its folder."""
    try:
        words: Iterable[str] = shlex.split(command)
    except ValueError:
        words = command.split()
    for word in words:
        name = re.sub(r"[^A-Za-z0-9._-]", "", PurePath(word).name)
        if name and "=" not in word:
            return name[:60]
    return "entry"
