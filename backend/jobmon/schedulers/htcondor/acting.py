"""Act on HTCondor through its command line.

A job is ours when its ad has a JobmonKey. What `condor_submit` says counts only where it cannot be misread: an id is an
id, and a refusal is one of a closed list of messages. Everything else is looked up by that key.
"""

import contextlib
import os
import pwd
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import orjson

from jobmon.errors import SettingsError, SourceError
from jobmon.schedulers import command
from jobmon.schedulers.acting import PREFIX, SAFE_KEY, Accepted, Ending, JobSpec, Refused, Result, Seen, Silent
from jobmon.schedulers.base import SchedulerSettings
from jobmon.schedulers.command import Answer, Complaints
from jobmon.schedulers.htcondor import options

SUBMIT_S = 30.0
KEPT = ("CONDOR_CONFIG",)
SUBMITTED_HELD = 15
"""The HoldReasonCode of a job that was submitted so, and that nobody has released; all other holds have other codes."""
KEEP_S = 3600
"""So long a job stays in the queue after its end; else it would go to the history at once."""
ATTRIBUTES = (
    "ClusterId,ProcId,JobStatus,HoldReasonCode,HoldReason,RemoveReason,NumJobStarts,ExitBySignal,ExitCode,ExitSignal"
    ",JobmonKey"
)

_FOREIGN = re.compile(r"_?CONDOR_", re.IGNORECASE)
_SUBMITTED = re.compile(r"^([0-9]{1,19}\.[0-9]{1,19}) - \1$", re.MULTILINE)
_NUMBER = re.compile(r"([0-9]{1,19})\.([0-9]{1,19})")
_PERMANENT = re.compile(
    r"failed to parse command file|parse error in|is not a valid|invalid (?:attribute|expression|value|command)"
    r"|executable file .* does not exist|can't find executable|no such file or directory"
    r"|submitting jobs as user/group 0",
    re.IGNORECASE,
)
_PASSING = re.compile(r"would exceed max_jobs_\w+|failed to create (?:cluster|proc)\b|job queue is full", re.IGNORECASE)
_UNREACHED = re.compile(r"can't find address of|failed to connect to (?:local )?queue manager", re.IGNORECASE)
_UNCLEAR = re.compile(r"failed to commit|timeout|timed out", re.IGNORECASE)
_COMPLAINTS = Complaints(_PERMANENT, _PASSING, _UNREACHED, unclear=_UNCLEAR)
_HELD_ENDINGS: dict[int, Ending] = {34: "oom", 46: "timeout", 47: "timeout"}


def is_here(settings: SchedulerSettings) -> bool:
    """Say whether this host submits to an HTCondor."""
    if command.find("condor_submit", settings.bin_path) is None:
        return False
    named = os.environ.get("CONDOR_CONFIG")
    if named:
        return named == "ONLY_ENV" or Path(named).exists()
    places = [Path("/etc/condor"), Path("/usr/local/etc")]
    with contextlib.suppress(KeyError):
        places.append(Path(pwd.getpwnam("condor").pw_dir))
    return any((place / "condor_config").exists() for place in places)


class HTCondorScheduler:
    """Act on the queue of this host's condor_schedd; its nodes share the attempts' folder and FILESYSTEM_DOMAIN."""

    name = "htcondor"

    def __init__(self, settings: SchedulerSettings) -> None:
        self._settings = settings

    def submit_held(self, spec: JobSpec) -> Result:
        """Run condor_submit; an unclear end is Unknown, and never tried again before the listing was asked."""
        try:
            options.canonical(spec.options)
        except SettingsError as error:
            return Refused(str(error), for_good=True)
        if spec.queue:
            wrong = "HTCondor has no queues; say what a job needs with lines such as request_memory = 4GB"
            return Refused(wrong, for_good=True)
        if not SAFE_KEY.fullmatch(spec.key):
            return Refused(f"{spec.key!r} cannot be the name of a job", for_good=True)
        return command.submit(
            lambda: command.run(
                "condor_submit", ["-terse", "-"], bin_path=self._settings.bin_path, timeout_s=SUBMIT_S,
                stdin=description(spec), env=command.job_environment(spec.user, KEPT), user=spec.user,
            ),
            read_submission, spec.user,
        )  # fmt: skip

    def seen(self) -> tuple[Seen, ...] | Silent:
        """Ask condor_q for all jobs with a key."""
        ads = self._queue("JobmonKey =!= undefined")
        return ads if isinstance(ads, Silent) else tuple(seen for ad in ads if (seen := read_ad(ad)) is not None)

    def past(self, keys: Collection[str]) -> tuple[Seen, ...] | Silent:
        """Ask condor_history by key, for the last 30 days."""
        found: list[Seen] = []
        for chunk in command.chunks([key for key in keys if SAFE_KEY.fullmatch(key)]):
            which = " || ".join(f'JobmonKey == "{key}"' for key in chunk)
            since = "EnteredCurrentStatus < time() - 2592000"
            try:
                answer = self._run("condor_history", ["-json", "-attributes", ATTRIBUTES, "-since", since,
                                                      "-constraint", which])  # fmt: skip
            except command.Missing:
                return ()
            except SourceError as error:
                return Silent(str(error))
            if answer.code and "no history file" in answer.err.lower():
                return ()
            ads = read_ads(answer, "condor_history")
            if isinstance(ads, Silent):
                return ads
            found += [seen for ad in ads if (seen := read_ad(ad)) is not None and seen.key in chunk]
        return tuple(found)

    def release(self, ids: Collection[str]) -> tuple[str, ...]:
        """Run condor_release for those that are held as submitted, and look at what has become of them."""
        released: list[str] = []
        for chunk in command.chunks(ids):
            with contextlib.suppress(SourceError):
                self._run("condor_release", ["-constraint", _constraint(chunk, only_held=True)])
            ads = self._queue(_constraint(chunk))
            if not isinstance(ads, Silent):
                free = {_number_of(ad) for ad in ads if _was_released(ad)}
                released += [number for number in chunk if number in free]
        return tuple(released)

    def cancel(self, ids: Collection[str], only_held: bool = False) -> None:
        """Run condor_rm for those that have not ended, or that are held as submitted."""
        for chunk in command.chunks(ids):
            self._remove(_constraint(chunk, only_held) + " && JobStatus != 3 && JobStatus != 4")

    def withdraw(self, ids: Collection[str]) -> None:
        """Run condor_rm for those that are idle or held, and were never started."""
        for chunk in command.chunks(ids):
            which = " && (JobStatus == 1 || JobStatus == 5) && (NumJobStarts > 0) =!= true"
            self._remove(_constraint(chunk) + which)

    def _remove(self, constraint: str) -> None:
        with contextlib.suppress(SourceError):  # who wants them to end will see that they have not
            self._run("condor_rm", ["-constraint", constraint])

    def warnings(self) -> list[str]:
        """Look whether the pool releases held jobs by itself."""
        try:
            answer = self._run("condor_config_val", ["SYSTEM_PERIODIC_RELEASE"])
        except command.Missing:
            return []
        except SourceError as error:
            return [str(error)]
        if answer.code == 0 and answer.out.strip().lower() not in {"", "false", "undefined"}:
            return [
                "HTCondor releases held jobs by itself (SYSTEM_PERIODIC_RELEASE): let that expression leave those "
                f"alone with HoldReasonCode {SUBMITTED_HELD}, else a job may start before its number is on record"
            ]
        return []

    def _queue(self, constraint: str) -> list[dict[str, Any]] | Silent:
        everybody = ["-allusers"] if os.geteuid() == 0 else []
        try:
            answer = self._run("condor_q", [*everybody, "-json", "-attributes", ATTRIBUTES, "-constraint", constraint])
        except SourceError as error:
            return Silent(str(error))
        return read_ads(answer, "condor_q")

    def _run(self, program: str, arguments: list[str]) -> Answer:
        return command.run(
            program, arguments, bin_path=self._settings.bin_path, timeout_s=self._settings.timeout,
            env=command.own_environment(_FOREIGN, KEPT),
        )  # fmt: skip


def description(spec: JobSpec) -> str:
    """Return the submit description of a job; what jobmon says comes last, and counts. SettingsError for its lines."""
    entries = [f"{name}={_single(value)}" for name, value in command.job_environment(spec.user).items()]
    environment = " ".join(entries).replace('"', '""')
    log = _literal(str(spec.log))
    # Whoever has started and is held can never start again, as its key is claimed.
    dead = f"JobStatus == 5 && HoldReasonCode != {SUBMITTED_HELD} && NumJobStarts > 0"
    since = "(time() - EnteredCurrentStatus)"
    lines = [
        *options.canonical(spec.options), "universe = vanilla", f"executable = {_literal(str(spec.script))}",
        "transfer_executable = False", "should_transfer_files = NO", "initialdir = /", f"output = {log}",
        f"error = {log}", "getenv = False",
        f'environment = "{_literal(environment)} JOBMON_SCHEDULER_ID=$(ClusterId).$(ProcId)"',
        "notification = Never", "kill_sig = SIGTERM", "want_graceful_removal = True", "job_max_vacate_time = 30",
        f"batch_name = {PREFIX}{spec.key}", "hold = True", "periodic_release = False", "on_exit_remove = True",
        f"periodic_remove = {dead} && {since} > {KEEP_S}",
        f"leave_in_queue = (JobStatus == 3 || JobStatus == 4) && {since} < {KEEP_S}",
        f'+JobmonKey = "{spec.key}"', "queue 1",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def read_submission(answer: Answer) -> Result:
    """Read what condor_submit said."""
    found = _SUBMITTED.findall(answer.out)
    if answer.code == 0 and len(found) == 1:
        return Accepted(found[0])
    return _COMPLAINTS.read("condor_submit", answer, taken=bool(answer.out.strip()))


def read_ads(answer: Answer, program: str) -> list[dict[str, Any]] | Silent:
    """Read a list of ads; where there is none, HTCondor says nothing at all."""
    if answer.code:
        return Silent(f"{program} ended with {answer.code}: {answer.words or 'no message'}")
    if not answer.out.strip():
        return Silent(f"{program}: {answer.words}") if answer.words else []
    try:
        found = orjson.loads(answer.out)
    except orjson.JSONDecodeError as error:
        return Silent(f"{program} answered what is not JSON: {error}")
    if not isinstance(found, list) or not all(isinstance(ad, dict) for ad in found):
        return Silent(f"{program} answered with something other than a list of jobs")
    return found


def read_ad(ad: dict[str, Any]) -> Seen | None:
    """Read one job; None for what is not ours."""
    number, key, status = _number_of(ad), ad.get("JobmonKey"), ad.get("JobStatus")
    if not number or not isinstance(key, str) or not SAFE_KEY.fullmatch(key) or not isinstance(status, int):
        return None
    held, reason = _small(ad.get("HoldReasonCode")), str(ad.get("HoldReason") or ad.get("RemoveReason") or "")[:300]
    if status == 5 and held == SUBMITTED_HELD:
        return Seen(number, key, "held", reason=reason)
    if status == 5 and _starts(ad):
        return Seen(number, key, "ended", _HELD_ENDINGS.get(held or 0, "unknown"), reason=reason)
    if status == 3:
        return Seen(number, key, "ended", "cancelled", reason=reason)
    if status != 4:
        return Seen(number, key, "pending" if status in {1, 5} else "running", reason=reason)
    if ad.get("ExitBySignal") is True:
        return Seen(number, key, "ended", "signal", None, _small(ad.get("ExitSignal")), reason)
    code = _small(ad.get("ExitCode"))
    return Seen(number, key, "ended", "unknown" if code is None else "exit", code, reason=reason)


def _number_of(ad: dict[str, Any]) -> str:
    number = f"{ad.get('ClusterId')}.{ad.get('ProcId')}"
    return number if _NUMBER.fullmatch(number) else ""


def _starts(ad: dict[str, Any]) -> int:
    return _small(ad.get("NumJobStarts")) or 0


def _was_released(ad: dict[str, Any]) -> bool:
    """Say whether a job of ours is certainly not held as submitted; one that was removed may never have been free."""
    seen = read_ad(ad)
    return seen is not None and seen.phase != "held" and (ad.get("JobStatus") != 3 or _starts(ad) > 0)


def _small(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 2**31 else None


def _constraint(ids: Collection[str], only_held: bool = False) -> str:
    """Choose jobs of ours by their numbers; an expression that nothing fulfils, where none is a number."""
    pairs = [found.groups() for number in ids if (found := _NUMBER.fullmatch(number))]
    which = " || ".join(f"(ClusterId == {cluster} && ProcId == {process})" for cluster, process in pairs) or "false"
    held = f" && JobStatus == 5 && HoldReasonCode == {SUBMITTED_HELD}" if only_held else ""
    return f"JobmonKey =!= undefined && ({which}){held}"


def _single(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _literal(text: str) -> str:
    """Keep condor_submit from replacing $(NAME) and the like."""
    return text.replace("$", "$(DOLLAR)")
