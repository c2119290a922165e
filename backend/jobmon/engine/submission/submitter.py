"""Bring waiting attempts to the scheduler and follow them to their end, through every crash in between.

The order is the promise: claim in the store, submit held, record the id, release. The job's script claims its key on
the node. Whatever is interrupted is found again: what was claimed and not recorded is looked up by its name, what was
recorded and not released is released, and a held job that nobody recorded is cancelled.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobmon import clock
from jobmon.engine.lease import Lease
from jobmon.engine.submission import verdict
from jobmon.engine.submission.attempts import (
    CANCELLED,
    FAILED,
    PENDING,
    RUNNING,
    SUBMITTING,
    WAITING,
    Choose,
    Describe,
    Work,
    is_late,
)
from jobmon.engine.submission.folder import Folders
from jobmon.engine.submission.following import Follower
from jobmon.engine.submission.lanes import Lanes
from jobmon.engine.submission.ledger import Ledger
from jobmon.engine.submission.verdict import Change
from jobmon.schedulers.acting import Accepted, JobSpec, Refused, Result, Scheduler, Silent, Unknown

log = logging.getLogger("jobmon.engine.submission")

BATCH = 64
"""So many are claimed and not recorded at a time."""
FLIGHT_S = 1.0
"""So long a turn waits for submissions; what takes longer is recorded in a later one."""
CANCEL_EVERY_S = 10.0
RELEASE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Tried:
    """Hold one attempt and what came of submitting it; None when it was not tried after all."""

    key: str
    row: Mapping[str, Any]
    result: Result | None
    late: bool = False
    """It was not tried because its latest start had passed."""


class Submitter:
    """Act for one tenure of a master; the next one starts with a new object, and an empty memory."""

    def __init__(
        self, ledger: Ledger, lease: Lease, scheduler: Scheduler, folders: Folders, prefix: str, describe: Describe,
        choose: Choose,
    ) -> None:  # fmt: skip
        """`prefix` begins all keys of this store, and tells its jobs from those of another jobmon."""
        self._ledger = ledger
        self._lease = lease
        self._scheduler = scheduler
        self._folders = folders
        self._describe = describe
        self._choose = choose
        self.follower = Follower(ledger, lease, scheduler, folders, prefix)
        self._lanes: Lanes[Tried] = Lanes(self._try)
        self._cancelled_at = self._released_at = self._silent_at = 0.0
        self._silences = 0
        """How often in a row nobody was there to take a job."""

    def cycle(self) -> bool:
        """Do what can be done now, and say whether more is waiting; LeaseLostError when somebody else is the master."""
        self.follower.read_records()
        self.follower.flying = self._lanes.keys()
        self.follower.look()
        self._end_waiting()
        self._cancel()
        full = self._submit()
        self._release()
        return full

    # --- submitting ------------------------------------------------------------------------------------------------

    def _submit(self) -> bool:
        room = self._room()
        chosen = self._claim_some(room) if room else 0
        self._lanes.run(FLIGHT_S)
        tried = self._lanes.take()
        tried += [Tried(row["submit_key"], row, Silent("")) for row in self._lanes.recall()]
        if tried:
            self._record(tried)
        return 0 < chosen == room

    def _room(self) -> int:
        """Return how many may be claimed: none while nobody is there to take them, and then one to see."""
        if self._silences:
            waited_s = clock.monotonic() - self._silent_at
            heard = self.follower.heard_at > self._silent_at
            return int(not self._lanes.keys() and (heard or waited_s >= verdict.pause_s(self._silences)))
        return max(0, BATCH - len(self._lanes.keys()))

    def _claim_some(self, room: int) -> int:
        """Claim what waits and return how much; what was held or cancelled meanwhile is not among it."""
        with self._ledger.writing() as connection:
            waiting = self._ledger.waiting(connection, clock.now(), 4 * BATCH)
            chosen = list(self._choose(connection, list(waiting)))[:room] if waiting else []
            claimed = self._ledger.change(connection, {row["submit_key"]: self._claim(row) for row in chosen})
        self._lanes.give(claimed)
        return len(chosen)

    def _record(self, tried: Sequence[Tried]) -> None:
        """Write down what has come of submissions, and release what was accepted."""
        self._listen(tried)
        with self._ledger.writing() as connection:
            changes = {one.key: (SUBMITTING, change) for one in tried if (change := self._after(one)) is not None}
            recorded = {row["submit_key"] for row in self._ledger.change(connection, changes)}
        self.follower.unclear(
            {one.key for one in tried if not (one.late or isinstance(one.result, Accepted | Refused | Silent))}
        )
        now = clock.now()
        self._release_now({one.key: one.result.id for one in tried
                           if isinstance(one.result, Accepted) and one.key in recorded
                           and not is_late(one.row, now)})  # fmt: skip

    def _listen(self, tried: Sequence[Tried]) -> None:
        """Notice that nobody is there to take jobs, or that somebody is again."""
        words = [one.result.reason for one in tried if isinstance(one.result, Silent) and one.result.reason]
        if words:
            if not self._silences:
                log.warning("the scheduler %s does not take jobs: %s", self._scheduler.name, words[0])
            self._silences += 1
            self._silent_at = clock.monotonic()
            self.follower.silence = words[0]
        elif any(one.result is not None for one in tried):
            self._silences = 0

    def _claim(self, row: Mapping[str, Any]) -> tuple[str, Change]:
        values = {"fence": self._lease.fence, "tries": row["tries"] + 1, "scheduler": self._scheduler.name}
        return WAITING, Change(SUBMITTING, "is submitted", {**values, "unknown": False})

    def _try(self, row: Mapping[str, Any]) -> Tried:
        key = row["submit_key"]
        if not self._lease.acting:
            return Tried(key, row, None)
        if is_late(row, clock.now()):
            return Tried(key, row, None, late=True)
        try:
            work = self._describe(row)
            script = self._folders.prepare(key, work)
        except KeyError:
            return Tried(key, row, Refused(f"there is no user {row.get('user', '')}", for_good=True))
        except OSError as error:
            return Tried(key, row, Refused(f"{error.filename}: {error.strerror}", for_good=False))
        except Exception as error:  # a row that nobody understands must not keep the others waiting
            log.exception("%s cannot be submitted", key)
            return Tried(key, row, Refused(f"{type(error).__name__}: {error}", for_good=False))
        try:
            result = self._scheduler.submit_held(self._spec(key, script, work))
            if isinstance(result, Silent):
                self._lanes.stop()
            return Tried(key, row, result)
        except Exception as error:  # whether it got there is not known, and the others go on
            log.exception("%s: its submission failed", key)
            return Tried(key, row, Unknown(f"{type(error).__name__}: {error}"))

    def _spec(self, key: str, script: Path, work: Work) -> JobSpec:
        log_file = self._folders.of(key) / "log"
        return JobSpec(
            key, script, log_file, work.queue, work.options, work.limit_s, work.user, work.latest_start
        )  # fmt: skip

    def _after(self, tried: Tried) -> Change | None:
        now = clock.now()
        result = tried.result
        if tried.late:
            change = verdict.late(tried.row["latest_start"], cancelled=False)
            return replace(change, values={**change.values, "finished_at": now})
        if isinstance(result, Accepted):
            values = {"scheduler_id": result.id, "submitted_at": now, "unknown": False, "reason": None}
            return Change(PENDING, f"accepted as {result.id}", values)
        if isinstance(result, Unknown):
            log.warning("%s: it is not known whether it was submitted: %s", tried.key, result.reason)
            return Change(SUBMITTING, f"not known whether it was submitted: {result.reason}",
                          {"unknown": True, "reason": result.reason})  # fmt: skip
        if result is None:
            return None
        if isinstance(result, Silent):  # which says nothing about the job, and does not count against it
            return Change(WAITING, "the scheduler does not take jobs now", {"tries": tried.row["tries"] - 1})
        if result.for_good:
            values = {"finished_at": now, "ending": "submit_error", "reason": result.reason}
            return Change(FAILED, f"refused: {result.reason}", values)
        wait_s = verdict.pause_s(tried.row["tries"])
        return Change(WAITING, f"refused for now, tried again in {wait_s:g} s: {result.reason}",
                      {"not_before": now + wait_s, "reason": result.reason})  # fmt: skip

    # --- releasing and cancelling ----------------------------------------------------------------------------------

    def _release(self) -> None:
        """Release what was recorded and not released: after a crash, or because the scheduler did not answer."""
        if clock.monotonic() - self._released_at < RELEASE_EVERY_S:
            return
        now = clock.now()
        rows = [row for row in self._ledger.active()
                if row["status"] == RUNNING or (row["status"] == PENDING and not is_late(row, now))]  # fmt: skip
        self._release_now({row["submit_key"]: row["scheduler_id"] for row in rows if row["released_at"] is None})
        self._released_at = clock.monotonic()

    def _release_now(self, ids: Mapping[str, str]) -> None:
        if not ids or not self._lease.acting:
            return
        released = set(self._scheduler.release(ids.values()))
        keys = [key for key, number in ids.items() if number in released]
        if keys:
            with self._ledger.writing() as connection:
                self._ledger.note(connection, keys, released_at=clock.now(), returns=0)

    def _end_waiting(self) -> None:
        """End what waits and is not wanted any more; of what is late and was cancelled, people are told the latter."""
        now = clock.now()
        rows = self._ledger.unwanted(now)
        if not rows:
            return
        cancelled = Change(
            CANCELLED, "cancelled before it was submitted", {"ending": "cancelled", "reason": "cancelled"}
        )
        changes = {}
        for row in rows:
            change = cancelled if row["cancel_at"] is not None else verdict.late(row["latest_start"], cancelled=False)
            values = {**change.values, "finished_at": now, "unknown": False}
            changes[row["submit_key"]] = (row["status"], replace(change, values=values))
        with self._ledger.writing() as connection:
            self._ledger.change(connection, changes)

    def _cancel(self) -> None:
        if clock.monotonic() - self._cancelled_at < CANCEL_EVERY_S and not self.follower.cancel_soon:
            return
        self._cancelled_at = clock.monotonic()
        self.follower.cancel_soon = False
        ids: Sequence[str] = [
            row["scheduler_id"] for row in self._ledger.active() if row["cancel_at"] and row["scheduler_id"]
        ]
        if ids and self._lease.acting:
            self._scheduler.cancel(ids)
