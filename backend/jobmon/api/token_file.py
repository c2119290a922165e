"""Look tokens up in their file, which may change at any time, and may be broken."""

import hmac
import logging
from pathlib import Path
from threading import Lock

from jobmon import clock
from jobmon.api.tokens import Token, digest_of, load_tokens
from jobmon.errors import JobmonError, SettingsError

log = logging.getLogger("jobmon.api")

MOST_TOKEN = 200


class UnreadableError(JobmonError):
    """The file cannot be read now; nobody is let in by what it once held, for it may say who was shut out."""


class TokenFile:
    """Know the tokens of a file as it is now; SettingsError when it is broken at the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._stamp: tuple[int, int, int, int] | None = self._stamp_now()
        self._tokens = load_tokens(path)
        self._trouble = ""

    def find(self, token: str) -> Token | None:
        """Return whose token this is, None when it is not valid; UnreadableError when that cannot be told."""
        try:
            known = self._known()
        except UnreadableError as error:
            log.warning("%s; until it is mended no token is valid", error)
            raise
        digest = digest_of(token) if 0 < len(token) <= MOST_TOKEN else ""
        for other, entry in known.items():
            if hmac.compare_digest(other.encode(), digest.encode()):
                return entry if entry.expires is None or entry.expires > clock.now() else None
        return None

    def trouble(self) -> str:
        """Return that the file cannot be read now, "" when it can; the log says which file, and why."""
        try:
            self._known()
        except UnreadableError:
            return "[web] tokens_file cannot be read, so that no token is valid now; the log says why"
        return ""

    def _known(self) -> dict[str, Token]:
        with self._lock:
            stamp = self._stamp_now()
            if stamp != self._stamp or self._trouble:
                try:
                    self._tokens, self._trouble, self._stamp = load_tokens(self._path), "", stamp
                except SettingsError as error:
                    self._tokens, self._trouble = {}, str(error)
            if self._trouble:
                raise UnreadableError(self._trouble)
            return self._tokens

    def _stamp_now(self) -> tuple[int, int, int, int] | None:
        """Return what changes with the file; None when there is none."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns
