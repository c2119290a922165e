"""Follow attempts that the scheduler has: by what they leave in their folders, and by the scheduler's listing."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from jobmon import clock
from jobmon.engine.lease import Lease
from jobmon.engine.submission import verdict, wrapper
from jobmon.engine.submission.attempts import ENDED, PENDING, RUNNING, SUBMITTING, is_late
from jobmon.engine.submission.entries import is_orphan, may_be, own_entry
from jobmon.engine.submission.folder import Folders
from jobmon.engine.submission.ledger import Ledger, Row
from jobmon.engine.submission.records import Done, Spoilt, Started
from jobmon.engine.submission.verdict import GRACE_S, Change
from jobmon.schedulers.acting import Scheduler, Seen, Silent, age_order

log = logging.getLogger("jobmon.engine.submission")

LOOK_S = 10.0
"""The listing is asked for this often; where something is unclear, more often."""
LOOK_SOON_S = 2.0
PATIENCE = 5
"""And never so often that it takes more than a fifth of the scheduler's time."""
TOGETHER = 100
SHARE_S = 0.5
"""So long the folders are read at a time, on whatever file system they are."""


class Follower:
    """Remember, for one tenure of a master, what is unclear and what is missing."""

    def __init__(self, ledger: Ledger, lease: Lease, scheduler: Scheduler, folders: Folders, prefix: str) -> None:
        self._ledger = ledger
        self._lease = lease
        self._scheduler = scheduler
        self._folders = folders
        self._prefix = prefix
        self._unclear: dict[str, float] = {}
        self._missing: dict[str, tuple[float, int]] = {}
        """Since when, and in how many listings."""
        self._too_late: set[str] = set()
        """Scheduler's ids of jobs whose latest start has passed, and which the scheduler was told to end."""
        self._spoilt: dict[str, str] = {}
        """Why what attempts have recorded is not believed."""
        self._looked_at = -LOOK_S
        self._look_soon = False
        self._took_s = 0.0
        self._next = 0
        self.silence = ""
        """What the scheduler said when it was asked last, if that was no answer."""
        self.heard_at = float("-inf")
        """When the listing was asked for that was answered last, on the monotonic clock."""
        self.flying: Collection[str] = ()
        """Keys of what is being submitted now, of which no listing can tell yet."""
        self.cancel_soon = False
        self.orphans = 0
        """Held jobs that nobody had recorded, and that were cancelled."""

    def unclear(self, keys: Iterable[str]) -> None:
        """Remember that only a listing that begins after now can tell of these."""
        now = clock.monotonic()
        self._unclear |= dict.fromkeys(keys, now)

    # --- their own records -----------------------------------------------------------------------------------------

    def read_records(self) -> None:
        """Read what attempts have left in their folders, as many as there is time for."""
        rows = [row for row in self._ledger.active()
                if row["status"] in {PENDING, RUNNING} and not self._ledger.aside.waits(row["submit_key"])]  # fmt: skip
        if any(row["cancel_at"] for row in rows):
            self.cancel_soon = True
        began = clock.monotonic()
        found: list[tuple[Row, Change]] = []
        spoilt: dict[str, str] = {}
        self._next %= len(rows) or 1
        for count in range(len(rows)):
            row = rows[(self._next + count) % len(rows)]
            key = row["submit_key"]
            with self._ledger.guarding(key):
                change = self._own_record(row)
                if change is not None:
                    found.append((row, change))
                elif key in self._spoilt and row["put_aside"] is None:
                    spoilt[key] = self._spoilt[key]
            if clock.monotonic() - began > SHARE_S:
                self._next += count + 1
                break
        if spoilt:
            self._ledger.doubt(spoilt)
        self._write(found)

    def _own_record(self, row: Row) -> Change | None:
        key = row["submit_key"]
        self._spoilt.pop(key, None)
        done = self._folders.done(key)
        cancelled = row["cancel_at"] is not None
        if isinstance(done, Spoilt):
            self._spoilt[key] = done.why
        elif done is not None and done.why != "late":
            return verdict.from_done(done, cancelled)
        elif done is not None and self._makes_sense(row, done):
            change = verdict.late(row["latest_start"], cancelled)
            return replace(change, values={**change.values, "host": done.host, "finished_at": done.ended_at})
        elif done is not None:
            self._spoilt[key] = "done says that it came too late to be started, which it cannot have"
        if row["status"] == PENDING:
            started = self._folders.started(key)
            if isinstance(started, Started):
                return verdict.from_started(started)
            if isinstance(started, Spoilt):
                self._spoilt.setdefault(key, started.why)
        return None

    def _makes_sense(self, row: Row, late: Done) -> bool:
        """Say whether the script can have written that it came too late; any other such record counts as none."""
        begun = row["status"] != PENDING or self._folders.started(row["submit_key"]) is not None
        return is_late(row, late.ended_at) and not begun

    def _write(self, found: list[tuple[Row, Change]]) -> None:
        """Write changes, many in a transaction."""
        now = clock.now()
        for start in range(0, len(found), TOGETHER):
            changes: dict[str, tuple[str, Change]] = {}
            for row, change in found[start : start + TOGETHER]:
                late = {"finished_at": now} if change.status in ENDED and "finished_at" not in change.values else {}
                whole = replace(change, values={**change.values, **late})
                changes.setdefault(row["submit_key"], (row["status"], whole))  # what it recorded itself comes first
            with self._ledger.writing() as connection:
                self._ledger.change(connection, changes)

    # --- the scheduler's listing -----------------------------------------------------------------------------------

    def look(self) -> None:
        """Ask the scheduler for its listing if that is due, and act on what it says; a silent one says nothing."""
        began = clock.monotonic()
        pause = LOOK_SOON_S if self._unclear or self._look_soon else LOOK_S
        if began - self._looked_at < max(pause, PATIENCE * self._took_s):
            return
        now = clock.now()
        answer = self._scheduler.seen()
        self._looked_at, self._took_s = began, clock.monotonic() - began
        if isinstance(answer, Silent):
            if not self.silence:
                log.warning("the scheduler %s does not answer: %s", self._scheduler.name, answer.reason)
            self.silence = answer.reason
            return
        self.silence = ""
        self.heard_at = began
        listed: dict[str, list[Seen]] = defaultdict(list)
        for seen in answer:
            if seen.key.startswith(self._prefix):
                listed[seen.key].append(seen)
        rows = {row["submit_key"]: row for row in self._ledger.active()
                if not self._ledger.aside.waits(row["submit_key"])}  # fmt: skip
        for key, row in rows.items():
            if key in listed:
                listed[key] = [seen for seen in listed[key] if may_be(row, seen)]
        changes: list[tuple[Row, Change]] = []
        for key, row in rows.items():
            with self._ledger.guarding(key):
                change = self._compare(row, listed.get(key, []), began)
                changes += [] if change is None else [(row, change)]
        changes += self._forgotten([row for row in rows.values() if self._is_gone(row["submit_key"])])
        self._write(changes)
        for known in (self._missing, self._spoilt):
            for key in set(known) - set(rows):
                del known[key]
        self._withdraw([row for row in rows.values() if is_late(row, now)], listed)
        self._cancel_orphans(listed)

    def _compare(self, row: Row, seens: list[Seen], began: float) -> Change | None:
        key = row["submit_key"]
        if row["status"] == SUBMITTING:
            return self._resolve(row, seens, began)
        mine = own_entry(row, seens)
        if mine is not None and mine.phase != "ended":
            self._missing.pop(key, None)
            runs = mine.phase == "running" and row["status"] == PENDING and key in self._spoilt
            return verdict.runs(self._spoilt[key]) if runs else None
        if row["released_at"] is None and not self._folders.was_claimed(key):
            # It was never released, so it never ran: an administrator, or a master that was late, has cancelled it.
            if mine is None and not self._missed(key, 2, 0):
                return None
            self._missing.pop(key, None)
            again = verdict.returned(row, "it has gone while it was held", clock.now())
            return self._never_started(row, mine) or again
        change = self._own_record(row)
        if change is not None and change.status in ENDED:
            return change
        if mine is None:
            self._missed(key, 2, GRACE_S)
            return None
        if change is None and (too_late := self._never_started(row, mine)) is not None:
            return too_late
        never_began = row["status"] == PENDING and mine.ending == "cancelled" and row["cancel_at"] is not None
        if never_began or self._missed(key, 2, GRACE_S):
            return self._told_by(mine, row)
        return None

    def _resolve(self, row: Row, seens: list[Seen], began: float) -> Change | None:
        """Find out about a submission whose end nobody saw."""
        key = row["submit_key"]
        if key in self.flying:
            return None
        if began < self._unclear.setdefault(key, clock.monotonic()):
            return None
        del self._unclear[key]
        ours = sorted((seen for seen in seens if seen.phase != "ended"), key=lambda seen: age_order(seen.id))
        if not ours:
            return verdict.returned(row, "the scheduler does not have it", clock.now())
        values = {"scheduler_id": ours[0].id, "submitted_at": clock.now(), "unknown": False, "reason": None}
        return Change(PENDING, f"found as {ours[0].id}", values)

    def _never_started(self, row: Row, ended: Seen | None) -> Change | None:
        """Return the end of a job that was gone before it started, if it came too late for that; None for all others.

        `ended` is what the scheduler says of its end, None when it has forgotten it.
        """
        ours = is_late(row, clock.now())
        told = ended is not None and ended.ending == "late"
        silent = ended is None or ended.ending in {"cancelled", "unknown"}
        if row["status"] != PENDING or not (told or (silent and ours)):
            return None
        if not self._folders.is_unclaimed(row["submit_key"]):
            return None
        return verdict.late(row["latest_start"] if ours else None, row["cancel_at"] is not None)

    def _withdraw(self, late: list[Row], listed: Mapping[str, list[Seen]]) -> None:
        """Have those ended that the scheduler had not started in time; `listed` began after their latest starts."""
        mine = {row["submit_key"]: own_entry(row, listed.get(row["submit_key"], [])) for row in late}
        ids = {seen.id for seen in mine.values() if seen is not None and seen.phase in {"held", "pending"}}
        self._look_soon = bool(ids - self._too_late)
        self._too_late = ids
        if ids and self._lease.acting:
            self._scheduler.withdraw(ids)

    def _missed(self, key: str, listings: int, seconds: float) -> bool:
        """Count a listing without a live job of this key; say whether that has lasted long enough."""
        now = clock.monotonic()
        since, count = self._missing.get(key, (now, 0))
        self._missing[key] = (since, count + 1)
        return count + 1 >= listings and now - since >= seconds

    def _is_gone(self, key: str) -> bool:
        since, count = self._missing.get(key, (0.0, 0))
        return count >= 2 and clock.monotonic() - since >= GRACE_S

    def _forgotten(self, rows: list[Row]) -> list[tuple[Row, Change]]:
        """Decide about those that have been missing for long: accounting may know, else they are lost."""
        if not rows:
            return []
        answer = self._scheduler.past([row["submit_key"] for row in rows])
        if isinstance(answer, Silent):
            log.warning("accounting does not answer: %s", answer.reason)
            return []
        # By name and id: a twin that was cancelled bears the same name, and ids alone are given again.
        known = {(seen.key, seen.id): seen for seen in answer}
        changes: list[tuple[Row, Change]] = []
        for row in rows:
            key = row["submit_key"]
            seen = known.get((key, row["scheduler_id"]))
            with self._ledger.guarding(key):
                if seen is None:
                    changes.append((row, self._never_started(row, None) or self._gone(key)))
                elif seen.phase == "ended":
                    changes.append((row, self._told_by(seen, row)))
            self._missing.pop(key, None)
        return changes

    def _gone(self, key: str) -> Change:
        change = verdict.gone(self._folders.was_refused(key), self._folders.log(key))
        return verdict.doubted(change, self._spoilt[key]) if key in self._spoilt else change

    def _told_by(self, seen: Seen, row: Mapping[str, Any]) -> Change:
        key = row["submit_key"]
        self._missing.pop(key, None)
        asked = row["cancel_at"] is not None
        late = seen.ending == "exit" and seen.return_code == wrapper.LATE and row["status"] == PENDING
        if late and row["latest_start"] is not None:  # the script had no room for its record
            return verdict.late(row["latest_start"], asked)
        change = self._never_started(row, seen)
        if change is not None:
            return change
        refused, began = self._folders.was_refused(key), row["status"] == RUNNING
        change = verdict.from_scheduler(seen, asked, self._folders.log(key), refused, began)
        return verdict.doubted(change, self._spoilt[key]) if key in self._spoilt else change

    def _cancel_orphans(self, listed: Mapping[str, list[Seen]]) -> None:
        """Cancel held jobs whose id is on no record: they have never run, and never will."""
        held = {seen.id: key for key, seens in listed.items() for seen in seens if seen.phase == "held"}
        if not held:
            return
        rows = self._ledger.of_keys(sorted(set(held.values())))
        orphans = [number for number, key in held.items() if is_orphan(rows.get(key), number)]
        if orphans and self._lease.acting:
            log.warning("held jobs that are on no record are cancelled: %s", ", ".join(orphans))
            self._scheduler.cancel(orphans, only_held=True)
            self.orphans += len(orphans)
