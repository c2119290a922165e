"""Hold what routes may use: the settings, the published files and the store; nothing of what acts."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobmon.config import Settings
from jobmon.spool import layout, reader
from jobmon.store import Store, store_of

Stamp = tuple[int, int, int]


@dataclass
class Context:
    """Be what an application is made for; one serves all threads of a process."""

    settings: Settings
    daemon_pid: int = 0
    """The process whose page this is; 0 when that is not known."""
    opened: Store | None = None
    """The store, once somebody has asked for it."""
    _documents: dict[str, tuple[Stamp, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def data_path(self) -> Path:
        """Return the folder of the published files."""
        return Path(self.settings.live.data_path)

    @property
    def everything(self) -> Path:
        """Return the folder of the published files that hide nothing, which may be the staff's."""
        return layout.everything(self.data_path, self.settings.web.hides)

    def store(self) -> Store:
        """Return the store, opened when it is first asked for; StoreError when it does not answer."""
        with self._lock:
            if self.opened is None:
                self.opened = store_of(self.settings)
            return self.opened

    def document(self, page: str) -> Any | None:
        """Return what the newest version of a page holds that hides nothing, None when there is none yet.

        It is read once for each version, and only to be looked at. SpoolError when it cannot be read.
        """
        path = layout.page(self.everything, page)
        try:
            status = path.stat()
        except OSError:
            return None
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        with self._lock:
            known = self._documents.get(page)
        if known is None or known[0] != stamp:
            known = (stamp, reader.read_json(path))
            with self._lock:
                self._documents[page] = known
        return known[1]

    def close(self) -> None:
        """Let go of the store."""
        with self._lock:
            if self.opened is not None:
                self.opened.close()
