"""Be one of several masters: what the acting one does in a turn, and what all of them can tell."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from jobmon import clock
from jobmon.batch import jobs, limits, releases, run_rows
from jobmon.batch.forgetting import forget
from jobmon.batch.origin import Machinery
from jobmon.batch.runs import Runs
from jobmon.batch.tables import JOB, SETTINGS
from jobmon.batch.telling import tell
from jobmon.batch.ticking import Ticker
from jobmon.batch.workflow.library import Library
from jobmon.config import Settings
from jobmon.engine.election import Election
from jobmon.engine.outbox import MailSettings, Outbox, OutboxSettings
from jobmon.engine.submission import ENDED, Attempt, Submitter
from jobmon.engine.submission.folder import Folders
from jobmon.engine.submission.ledger import Ledger
from jobmon.engine.submission.removal import remove_aside
from jobmon.errors import SettingsError
from jobmon.printing import plain
from jobmon.schedulers.acting import Scheduler
from jobmon.store import Store, concerns_all

log = logging.getLogger("jobmon.batch")

ROLE = "batch"
DAY_S = 86_400
LONGEST_RUN_S = 999_999_999
SHARE_S = 1.0
"""So long batches of jobs are submitted in one turn, so that crontab entries are never late because of them."""
MOST_TROUBLES, MOST_TROUBLE = 50, 500
"""So many sentences of so many characters are told to others."""
NAMES = {"master": "", "run_time": "0"}
"""What the table of settings may hold, and what counts where it does not."""


def setting(connection: sa.Connection, name: str) -> str:
    """Return what people have set, else its default."""
    found = connection.execute(sa.select(SETTINGS.c.value).where(SETTINGS.c.name == name)).scalar_one_or_none()
    return NAMES[name] if found is None else str(found)


def change_setting(connection: sa.Connection, name: str, value: str) -> None:
    """Set `master` (a host, "" for whoever comes first) or `run_time` (seconds, 0 for ever); else SettingsError."""
    if name not in NAMES:
        raise SettingsError(f"{name}: there is no such setting; known: {', '.join(NAMES)}")
    if name == "run_time" and not (value.isascii() and value.isdecimal() and len(value) <= len(str(LONGEST_RUN_S))):
        raise SettingsError(f"run_time = {value[:40]!r}: must be a number of seconds, 0 for no limit")
    if name == "master" and (len(value) > 253 or not value.isprintable() or " " in value):
        raise SettingsError(f"master = {value[:40]!r}: must be the name of a host")
    connection.execute(SETTINGS.delete().where(SETTINGS.c.name == name))
    connection.execute(SETTINGS.insert().values(name=name, value=value))


def shared_path(settings: Settings) -> Path:
    """Return the folder of all attempts, which the nodes must see."""
    return Path(settings.batch.shared_path or Path(settings.live.data_path) / "batch" / "attempts")


def outbox_settings(settings: Settings) -> OutboxSettings:
    """Return how messages are sent."""
    mail = settings.mail
    how = MailSettings(
        host=mail.host or "localhost", port=mail.port, sender=mail.sender or "jobmon@localhost",
        starttls=mail.starttls, user=mail.user, password_file=mail.password_file, timeout_s=mail.timeout,
    )  # fmt: skip
    return OutboxSettings(mail=how, period_s=mail.bundle, per_day=mail.per_day)


class Master:
    """Act while the lease is held: fire what is due, submit, follow, tell, and forget what is old."""

    def __init__(self, settings: Settings, store: Store, election: Election, scheduler: Scheduler) -> None:
        self._settings = settings
        self._store = store
        self._election = election
        self._lease = election.lease
        self._scheduler = scheduler
        self._folders = Folders(shared_path(settings), settings.batch.python)
        self._outbox = Outbox(store, self._lease, outbox_settings(settings))
        self._tenure: int | None = None
        self._submitter: Submitter | None = None
        self.runs = Runs(Library(settings.batch.workflows), settings.batch)
        self._ticker = Ticker(settings.batch, self.runs)
        self._fresh = True
        self._cleaned_at = 0.0
        self._home = jobs.default_home()

    def turn(self, now: float) -> None:
        """Do everything once; LeaseLostError when another one has taken over meanwhile."""
        fence = self._lease.fence
        if fence is None:
            return
        if fence != self._tenure or self._submitter is None:
            self._begin(fence)
        failed = []
        for step in (self._fire, self._submit, self._outbox.deliver, self._clean):
            try:
                step(now)
            except Exception as error:
                if concerns_all(error):
                    raise
                failed.append(error)
        for one in failed[1:]:
            log.error("one more thing failed in this turn", exc_info=one)
        if failed:
            raise failed[0]  # after the others have had their turn

    def _fire(self, now: float) -> None:
        with self._lease.writing(self._tenure) as connection:
            self._ticker.tick(connection, now, self._tenure, self._fresh)
        self._fresh = False

    def _submit(self, _now: float) -> None:
        assert self._submitter is not None
        began = clock.monotonic()
        while self._submitter.cycle() and clock.monotonic() - began < SHARE_S:
            pass

    def troubles(self) -> list[str]:
        """Return what is wrong now, in sentences."""
        found = [f"workflow file: {text}" for text in self.runs.library.current().errors]
        found += [f"crontab entry {name}: {text}" for name, text in sorted(self._ticker.faults.items())]
        if self._submitter is not None and self._submitter.follower.silence:
            found.append(f"the scheduler does not answer: {self._submitter.follower.silence}")
        if self._election.error:
            found.append(self._election.error)
        return found

    def told(self) -> dict[str, Any]:
        """Return what others are to know of this one, whether it acts or stands by."""
        orphans = self._submitter.follower.orphans if self._submitter is not None else 0
        troubles = [plain(text, MOST_TROUBLE) for text in self.troubles()[:MOST_TROUBLES]]
        return {"scheduler": self._scheduler.name, "troubles": troubles, "orphans": orphans}

    def close(self) -> None:
        """Stop sending, which comes before another one acts, and end what helps."""
        self._outbox.close()
        self.runs.close()

    def _begin(self, fence: int) -> None:
        """Start a tenure with an empty memory: what is true is in the store and with the scheduler."""
        self._tenure = fence
        with self._store.reading() as connection:
            prefix = f"{jobs.identity(connection)}-"
        ledger = Ledger(self._store, self._lease, JOB, self._changed, run_rows.lock, self._put_aside)
        self._submitter = Submitter(
            ledger, self._lease, self._scheduler, self._folders, prefix, self._describe, limits.choose
        )
        self._ticker = Ticker(self._settings.batch, self.runs)
        for warning in self._scheduler.warnings():
            log.warning("%s", warning)

    def _describe(self, row: Mapping[str, Any]) -> Any:
        return jobs.work_of(row, self._home, self._settings.batch.programs)

    def _changed(self, connection: sa.Connection, attempts: Sequence[Attempt]) -> None:
        jobs.note_changes(connection, attempts, Machinery.MASTER, self._tenure)
        ended = [attempt for attempt in attempts if attempt.status in ENDED]
        for attempt in attempts:
            tell(connection, attempt)
        releases.jobs_ended(connection, ended)
        for attempt in attempts:
            self.runs.job_changed(connection, attempt, attempt.status in ENDED)

    def _put_aside(self, connection: sa.Connection, key: str, why: str) -> None:
        jobs.note_by_key(connection, key, Machinery.MASTER, why, self._tenure)

    def _clean(self, now: float) -> None:
        """Once an hour, forget what ended long ago, and the folders of its attempts: a portion in each turn."""
        if 0 <= now - self._cleaned_at < 3600:
            return
        old = now - self._settings.batch.keep * DAY_S
        with self._lease.writing(self._tenure) as connection:
            gone, more = forget(connection, old)
        if not more:
            self._cleaned_at = now
        remove_aside([self._folders.of(key) for key in gone])
