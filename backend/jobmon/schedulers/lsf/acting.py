"""Act on IBM Spectrum LSF through its command line.

What `bsub` says counts only where it cannot be misread: an id is an id, and a refusal is one of a closed list of
messages. Everything else may have left a job behind, and is looked up by name.
"""

import contextlib
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from shlex import quote
from typing import Any

import orjson

from jobmon.errors import SettingsError, SourceError
from jobmon.schedulers import command
from jobmon.schedulers.acting import (
    PREFIX,
    SAFE_KEY,
    Accepted,
    Ending,
    JobSpec,
    Phase,
    Refused,
    Result,
    Seen,
    Silent,
)
from jobmon.schedulers.base import SchedulerSettings
from jobmon.schedulers.command import Answer, Complaints
from jobmon.schedulers.lsf import options

SUBMIT_S = 30.0
LEAST_CLEAN_PERIOD_S = 60
FIELDS = "jobid stat job_name exit_code exit_reason start_time pend_reason"
KEPT = ("LSF_ENVDIR", "LSF_BINDIR", "LSF_LIBDIR", "LSF_SERVERDIR", "XLSF_UIDDIR")
"""Where LSF is: its commands do not work without them, and nothing else of its variables is handed on."""

_FOREIGN = re.compile(r"(LSF|LSB|BSUB|XLSF)_")
_SUBMITTED = re.compile(r"^Job <(\d{1,19})> is submitted to (?:default )?queue <", re.MULTILINE)
_RESUMED = re.compile(r"^Job <(\d{1,19})> is being resumed", re.MULTILINE)
_NONE = re.compile(rf"(?:Job <{PREFIX}\*> is not found|No (?:matching |unfinished )?job found)\.?")
_PERMANENT = re.compile(
    r"no such queue|user cannot use the queue|user permission denied|unknown user|root job submission is disabled"
    r"|bad resource requirement syntax|bad resource name|no resource defined|bad argument|bad time specification"
    r"|bad (?:cpu limit|host|rlimit) specification|bad host name|no such user/host group|bad user (?:group|priority)"
    r"|host or host group is not used by the queue|cannot exceed queue's|too (?:many|few) processors requested"
    r"|queue (?:does not accept exclusive|only accepts interactive) jobs|user not in the specified user group"
    r"|no user is defined in the lsb\.users|job group does not exist|bad/empty job group name|request aborted by esub"
    r"|illegal option|option requires an argument|bad job name",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"queue has been closed|pending job (?:slots )?threshold reached|destination queue has reached its job limit"
    r"|no job id can be used now|request from non-lsf host rejected",
    re.IGNORECASE,
)
_UNREACHED = re.compile(r"\blim is down|connection refused by server", re.IGNORECASE)
_COMPLAINTS = Complaints(_PERMANENT, _PASSING, _UNREACHED, unclear=re.compile("timeout", re.IGNORECASE))
_PHASES: dict[str, Phase] = {"PSUSP": "held", "PEND": "pending", "WAIT": "pending", "DONE": "ended", "EXIT": "ended"}
"""All other states are those of a job that has started, or may have: RUN, USUSP, SSUSP, PROV, UNKWN, ZOMBI."""
_ENDINGS: dict[str, Ending] = {
    "TERM_RUNLIMIT": "timeout",
    "TERM_CPULIMIT": "timeout",
    "TERM_DEADLINE": "timeout",
    "TERM_MEMLIMIT": "oom",
    "TERM_SWAP": "oom",
    "TERM_PREEMPT": "node_fail",
    "TERM_LOAD": "node_fail",
    "TERM_WINDOW": "node_fail",
    "TERM_REMOVE_HUNG_JOB": "node_fail",
    "TERM_OWNER": "cancelled",
    "TERM_FORCE_OWNER": "cancelled",
    "TERM_ADMIN": "cancelled",
    "TERM_FORCE_ADMIN": "cancelled",
    "TERM_BUCKET_KILL": "cancelled",
    "TERM_ORPHAN_SYSTEM": "cancelled",
}


@dataclass(frozen=True, slots=True)
class _Listed:
    """Hold a job and whether it has ever run."""

    seen: Seen
    started: bool


def is_here(settings: SchedulerSettings) -> bool:
    """Say whether this host submits to an LSF."""
    return command.find("bsub", settings.bin_path) is not None and bool(os.environ.get("LSF_ENVDIR"))


class LsfScheduler:
    """Act on the LSF of this host."""

    name = "lsf"

    def __init__(self, settings: SchedulerSettings) -> None:
        self._settings = settings

    def submit_held(self, spec: JobSpec) -> Result:
        """Run bsub; an unclear end is Unknown, and never tried again before the listing was asked."""
        try:
            words = options.canonical(spec.options)
        except SettingsError as error:
            return Refused(str(error), for_good=True)
        if not SAFE_KEY.fullmatch(spec.key):
            return Refused(f"{spec.key!r} cannot be the name of a job", for_good=True)
        if spec.queue.startswith("-"):
            return Refused(f"{spec.queue!r} cannot be the name of a queue", for_good=True)
        # The report that LSF adds to the output of a job has no place in its log, so the shell writes that.
        own = ["-H", "-rn", "-J", f"{PREFIX}{spec.key}", "-o", "/dev/null"]
        if spec.queue:
            own += ["-q", spec.queue]
        if spec.limit_s and "-W" not in words:
            own += ["-W", str(int(spec.limit_s // 60) + 2)]  # the script is more exact, and ends it first
        # The script itself is not sent: bsub searches what it is sent for options, wherever a long line is cut.
        text = f"#!/bin/sh\nexec {quote(str(spec.script))} >>{quote(str(spec.log))} 2>&1\n"
        return command.submit(
            lambda: command.run(
                "bsub", [*words, *own], bin_path=self._settings.bin_path, timeout_s=SUBMIT_S, stdin=text,
                env=command.job_environment(spec.user, KEPT), user=spec.user,
            ),
            read_submission, spec.user,
        )  # fmt: skip

    def seen(self) -> tuple[Seen, ...] | Silent:
        """Ask bjobs for all our jobs.

        It may answer from a copy that is some seconds old (MBD_REFRESH_TIME): a job that is resubmitted because of that
        has a twin which is held and on no record, and is cancelled as such.
        """
        listed = self._listed()
        return listed if isinstance(listed, Silent) else tuple(job.seen for job in listed)

    def past(self, keys: Collection[str]) -> tuple[Seen, ...] | Silent:
        """Return nothing: bhist and bacct tell of the past in prose, for people."""
        return ()

    def release(self, ids: Collection[str]) -> tuple[str, ...]:
        """Run bresume; of those for which it did not say that it did, the listing tells."""
        free: set[str] = set()
        for chunk in command.chunks(ids):
            with contextlib.suppress(SourceError):
                free |= set(_RESUMED.findall(self._run("bresume", chunk).out))
        if not free.issuperset(ids):
            listed = self._listed()
            if not isinstance(listed, Silent):
                # What has ended and never ran was cancelled while it was held.
                free |= {job.seen.id for job in listed
                         if job.started or job.seen.phase not in {"held", "ended"}}  # fmt: skip
        return tuple(number for number in ids if number in free)

    def cancel(self, ids: Collection[str], only_held: bool = False) -> None:
        """Run bkill; bkill cannot choose by state, so with `only_held` the listing does."""
        self._kill(self._among(ids, {"held"}) if only_held else ids)

    def withdraw(self, ids: Collection[str]) -> None:
        """Run bkill for those of which the listing says that they wait."""
        self._kill(self._among(ids, {"held", "pending"}))

    def _among(self, ids: Collection[str], phases: Collection[Phase]) -> list[str]:
        """Return the jobs that are in one of these phases; none when LSF does not say."""
        listed = self._listed()
        known = () if isinstance(listed, Silent) else listed
        found = {job.seen.id for job in known if job.seen.phase in phases}
        return [number for number in ids if number in found]

    def _kill(self, ids: Collection[str]) -> None:
        for chunk in command.chunks(ids):
            with contextlib.suppress(SourceError):  # who wants them to end will see that they have not
                self._run("bkill", chunk)

    def warnings(self) -> list[str]:
        """Look at how long LSF remembers jobs."""
        try:
            answer = self._run("bparams", ["-a"])
        except command.Missing:
            return []
        except SourceError as error:
            return [str(error)]
        found = re.search(r"\bCLEAN_PERIOD\s*=\s*(\d+)", answer.out)
        if found and int(found[1]) < LEAST_CLEAN_PERIOD_S:
            return [
                f"LSF forgets jobs {found[1]} s after their end (CLEAN_PERIOD): the end of a job whose host dies may "
                "stay unknown; set CLEAN_PERIOD to 300 or more"
            ]
        return []

    def _listed(self) -> tuple[_Listed, ...] | Silent:
        whose = "all" if os.geteuid() == 0 else command.own_name()
        question = ["-a", "-u", whose, "-J", f"{PREFIX}*"]
        try:
            answer = self._run("bjobs", [*question, "-json", "-o", FIELDS])
            if answer.code > 0 and not answer.words:
                # With -json, some fail alike when there is no job and when nobody answers; without it they say why.
                reason = self._run("bjobs", [*question, "-o", "jobid", "-noheader"])
                answer = reason if read_listing(reason) == () else answer
        except SourceError as error:
            return Silent(str(error))
        return read_listing(answer)

    def _run(self, program: str, arguments: list[str]) -> Answer:
        return command.run(
            program, arguments, bin_path=self._settings.bin_path, timeout_s=self._settings.timeout,
            env=command.own_environment(_FOREIGN, KEPT),
        )  # fmt: skip


def read_submission(answer: Answer) -> Result:
    """Read what bsub said."""
    found = _SUBMITTED.findall(answer.out)
    if answer.code == 0 and len(found) == 1:
        return Accepted(found[0])
    return _COMPLAINTS.read("bsub", answer, taken=bool(found))


def read_listing(answer: Answer) -> tuple[_Listed, ...] | Silent:
    """Read what bjobs said; that there is no such job is the one fault that is an answer."""
    text = answer.out[max(answer.out.find("{"), 0) :]  # before it, bjobs may have asked for patience
    if not text.strip() and _NONE.fullmatch(answer.err.strip()):
        return ()
    if answer.code:
        return Silent(f"bjobs ended with {answer.code}: {answer.words or 'no message'}")
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Silent(f"bjobs answered what is not JSON: {error}")
    rows = found.get("RECORDS") if isinstance(found, dict) else None
    if not isinstance(rows, list) or found.get("JOBS", len(rows)) != len(rows):
        return Silent("bjobs answered with something other than a whole list of jobs")
    faults = [str(row["ERROR"]) for row in rows if isinstance(row, dict) and "ERROR" in row]
    if not all(_NONE.fullmatch(fault) for fault in faults):
        return Silent(f"bjobs: {' '.join(faults)[:300]}")
    return tuple(job for row in rows if isinstance(row, dict) and (job := _read(row)) is not None)


def _read(row: dict[str, Any]) -> _Listed | None:
    """Read one record; None for what is not ours, such as the tasks of an array."""
    number, state, name, ended, told, began, waits = (str(row.get(field.upper()) or "") for field in FIELDS.split())
    key = name.removeprefix(PREFIX)
    if not re.fullmatch(r"[0-9]{1,19}", number) or key == name or not SAFE_KEY.fullmatch(key) or not state:
        return None
    started = began not in {"", "-"}
    phase = _PHASES.get(state, "running")
    if phase != "ended":
        return _Listed(Seen(number, key, phase, reason=waits[:300]), started or phase == "running")
    code = int(ended) if re.fullmatch(r"[0-9]{1,3}", ended) else None
    signal = code - 128 if code is not None and 128 < code < 193 else None
    ending: Ending = "signal" if signal else "unknown" if code is None else "exit"
    if state == "DONE":
        ending, code = "exit", 0
    elif not started and "START_TIME" in row:
        ending = "cancelled"
    ending = _ENDINGS.get(told.partition(":")[0], ending)
    return _Listed(Seen(number, key, "ended", ending, None if signal else code, signal, told[:300]), started)
