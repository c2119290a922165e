"""Hold what a daemon must have before it acts: its settings, the lock of its data path, and the sockets of its page."""

import contextlib
import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from sqlalchemy.engine import make_url

from jobmon import clock
from jobmon.api.access import Access
from jobmon.config import Settings
from jobmon.errors import SettingsError
from jobmon.spool.lock import LOCK, locked
from jobmon.web import listening
from jobmon.web.listening import AddressInUseError, Listeners

log = logging.getLogger("jobmon.daemon")

PORT_S = 3.0
"""So long an address may still be in use by the web process of a daemon that was killed."""
PAUSE_S = 0.05


@dataclass
class Lock:
    """Hold the lock of a data path."""

    data_path: Path
    file: IO[str]
    _held: contextlib.ExitStack

    @classmethod
    def take(cls, data_path: Path) -> "Lock":
        """Take it; AlreadyRunningError when another daemon has it, SettingsError when the path cannot be used."""
        held = contextlib.ExitStack()
        return cls(data_path, held.enter_context(locked(data_path)), held)

    def release(self) -> None:
        """Let others take it."""
        self._held.close()


@dataclass
class Place:
    """Be where a daemon acts, from `open` to `close`."""

    settings: Settings
    lock: Lock
    listeners: Listeners
    access: Access | None
    """What tells people apart, as the web process has it too."""
    files: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """What must stay the same file for as long as it is used, and which file it is."""
    _gone: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, settings: Settings) -> "Place":
        """Take the lock and bind; what is wrong is a SettingsError or an AlreadyRunningError, and nothing is held."""
        _check(settings)
        access = Access(settings.web) if settings.web.enabled else None
        lock = Lock.take(Path(settings.live.data_path))
        deadline = clock.monotonic() + PORT_S
        try:
            while True:
                try:
                    return cls(settings, lock, listening.bind(settings.web), access)
                except AddressInUseError:
                    if clock.monotonic() > deadline:
                        raise
                    time.sleep(PAUSE_S)
        except BaseException:
            lock.release()
            raise

    def successor(self, settings: Settings) -> "Place":
        """Return the place for other settings; what stays the same is shared, and this one is left as it is.

        What cannot be had is a SettingsError or an AlreadyRunningError, and nothing more is held than before.
        """
        _check(settings)
        access = Access(settings.web) if settings.web.enabled else None
        data_path = Path(settings.live.data_path)
        lock = self.lock if data_path == self.lock.data_path else Lock.take(data_path)
        try:
            return Place(settings, lock, listening.bind(settings.web, self.listeners), access)
        except BaseException:
            if lock is not self.lock:
                lock.release()
            raise

    def adopt(self, before: "Place") -> None:
        """Take over from the place before, which lets go of what is not shared."""
        self.files = dict(before.files) if self.lock is before.lock else {}
        before.close(self)

    def close(self, following: "Place | None" = None) -> None:
        """Let go of what the following one does not share."""
        kept = set(following.listeners.values()) if following else set()
        listening.release([one for one in self.listeners.values() if one not in kept])
        if following is None or following.lock is not self.lock:
            self.lock.release()

    @property
    def url(self) -> str:
        """Return the address of the page; empty when none is served."""
        return listening.url_of(list(self.listeners.values()))

    def replaced(self) -> str:
        """Say in a sentence what was removed or replaced under the daemon; empty when nothing was.

        A path that cannot be looked at just now says nothing.
        """
        for path in (self.lock.data_path / LOCK, *self._store_files()):
            found: tuple[int, int] | None
            try:
                status = path.stat()
                found = (status.st_dev, status.st_ino)
            except (FileNotFoundError, NotADirectoryError):
                found = None
            except OSError:
                continue
            if path.name == LOCK and path not in self.files:
                held = os.fstat(self.lock.file.fileno())
                self.files[path] = (held.st_dev, held.st_ino)
            known = self.files.get(path)
            if known is None:
                if found is not None:
                    self.files[path] = found
            elif found != known:
                return f"{path} was {'removed' if found is None else 'replaced'} while it was in use"
        return self._deleted()

    def _deleted(self) -> str:
        """Say which file of the store beside the first one is deleted, and still in use: others write to a new one.

        SQLite itself deletes them when the last connection ends, and then uses them for a moment no more.
        """
        beside = {f"{path}{suffix} (deleted)" for path in self._store_files() for suffix in ("-wal", "-shm")}
        gone: set[str] = set()
        for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - plain names
            with contextlib.suppress(OSError):
                gone |= {str(Path(f"/proc/self/fd/{number}").readlink())} & beside
        both, self._gone = gone & self._gone, gone
        return f"{min(both).removesuffix(' (deleted)')} was removed while it was in use" if both else ""

    def _store_files(self) -> list[Path]:
        url = self.settings.store.url
        if not url:
            return [self.lock.data_path / "jobmon.sqlite"]
        address = make_url(url)
        is_file = address.get_backend_name() == "sqlite" and address.database not in {None, "", ":memory:"}
        return [Path(str(address.database))] if is_file else []


def _check(settings: Settings) -> None:
    """See that what the web process will want is there: it cannot tell whoever has written the settings."""
    site = settings.web.site
    if settings.web.enabled and site and not Path(site).is_file():
        raise SettingsError(f'[web] site = "{site}": there is no such file; leave it empty to use the page\'s own')
    if settings.web.tokens_file and not Path(settings.web.tokens_file).exists():
        log.warning("[web] tokens_file = %r: there is no such file yet, so no token is valid", settings.web.tokens_file)
