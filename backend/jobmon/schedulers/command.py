"""Run a batch system's commands with a deadline, and hand nothing of the daemon's on to them or to its jobs."""

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobmon.errors import SourceError
from jobmon.schedulers.acting import Refused, Result, Silent, Unknown

CHUNK = 200
"""So many ids or names go into one command."""


class Missing(SourceError):
    """A command is not installed, so nothing happened."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what a command printed."""

    out: str
    err: str
    code: int

    @property
    def words(self) -> str:
        """Return what it complained about, on one line and not too long; "" if it did not."""
        return " ".join(self.err.split())[:300]


def find(program: str, bin_path: str) -> str | None:
    """Return the path of a command, None when it is not installed; bin_path "" means the search path."""
    return shutil.which(program, path=bin_path or None)


def run(
    program: str,
    arguments: list[str],
    *,
    bin_path: str,
    env: dict[str, str],
    timeout_s: float,
    stdin: str = "",
    user: str = "",
) -> Answer:
    """Run a command, in the name of `user`, and return its answer whatever its exit code.

    Missing when it is not installed, another SourceError when it takes too long, KeyError when there is no such user.
    """
    path = find(program, bin_path)
    if path is None:
        where = bin_path or "the search path"
        raise Missing(f"{program} was not found in {where}; set [scheduler] bin_path to the directory that has it")
    who = identity(user)
    try:
        done = subprocess.run(
            [path, *arguments],
            env=env,
            **who,
            input=stdin.encode(),
            capture_output=True,
            timeout=max(timeout_s, 0.1),
            check=False,
            cwd=Path("/"),
        )
    except subprocess.TimeoutExpired:
        raise SourceError(f"{program} did not answer within {round(timeout_s, 1):g} s") from None
    except OSError as error:
        raise SourceError(f"{program} could not be started: {error}") from error
    out, err = (raw.decode("utf-8", "replace") for raw in (done.stdout, done.stderr))
    return Answer(out, err, done.returncode)


@dataclass(frozen=True, slots=True)
class Complaints:
    """Hold what a batch system's own command says when it does not take a job.

    The lists are closed: a message that is in none of them may have left a job behind.
    """

    permanent: re.Pattern[str]
    passing: re.Pattern[str]
    unreached: re.Pattern[str]
    unclear: re.Pattern[str]
    """What is said when the job may be there all the same; it counts before all others."""

    def read(self, program: str, answer: Answer, *, taken: bool) -> Refused | Unknown | Silent:
        """Read the answer to a submission that was not accepted as it should be; `taken` says that a job may be."""
        words = answer.words or f"{program} ended with {answer.code} and no message"
        if answer.code <= 0 or taken or self.unclear.search(answer.err):
            return Unknown(words)
        if self.unreached.search(answer.err):
            return Silent(words)
        if self.passing.search(answer.err):
            return Refused(words, for_good=False)
        return Refused(words, for_good=True) if self.permanent.search(answer.err) else Unknown(words)


def submit(call: Callable[[], Answer], read: Callable[[Answer], Result], user: str) -> Result:
    """Run a submission and read its answer; where it gave none, say whether the job may be there all the same."""
    try:
        answer = call()
    except KeyError:
        return Refused(f"there is no user {user}", for_good=True)
    except Missing as error:
        return Refused(str(error), for_good=False)
    except SourceError as error:
        return Unknown(str(error))
    return read(answer)


def identity(user: str) -> dict[str, Any]:
    """Return what subprocess needs in order to become a user; nothing for ""."""
    if not user:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(user, entry.pw_gid)}


def own_environment(foreign: re.Pattern[str], kept: Collection[str]) -> dict[str, str]:
    """Return the daemon's environment for a command, without what could bend it, but for the names in `kept`."""
    env = {name: value for name, value in os.environ.items() if not foreign.match(name) or name in kept}
    return env | {"LC_ALL": "C", "TZ": "UTC"}


def job_environment(user: str, kept: Collection[str] = ()) -> dict[str, str]:
    """Return the environment in which a job is submitted: a login's, and of the daemon's only the names in `kept`."""
    entry = pwd.getpwnam(user) if user else pwd.getpwuid(os.geteuid())
    env = {"PATH": os.environ.get("PATH", os.defpath), "LANG": os.environ.get("LANG", "C.UTF-8")}
    env |= {"USER": entry.pw_name, "LOGNAME": entry.pw_name, "HOME": entry.pw_dir, "SHELL": entry.pw_shell}
    return env | {name: os.environ[name] for name in kept if name in os.environ}


def own_name() -> str:
    """Return the name of the account that the daemon runs in."""
    return pwd.getpwuid(os.geteuid()).pw_name


def chunks(values: Collection[str]) -> Iterable[list[str]]:
    """Split what would be too long for one command."""
    listed = list(values)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]
