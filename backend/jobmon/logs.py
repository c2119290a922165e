"""Send log lines to the journal when systemd runs us, else to standard error."""

import logging
import os
import sys
from typing import TextIO

PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class _Lines(logging.Formatter):
    """Write one record so that nothing in it can be taken for another one, or for a command to the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        first, *more = super().format(record).splitlines() or [""]
        return "\n".join(map(_printable, [first, *(f"    {line}" for line in more)]))


class _JournalLines(_Lines):
    """Write lines as the journal reads them from standard error: the priority in front, no time."""

    def format(self, record: logging.LogRecord) -> str:
        priority = PRIORITIES.get(record.levelno, 6)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def start(level: str) -> None:
    """Set up logging for the process; `level` as in `[daemon] log_level`."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if _is_journal(sys.stderr):
        try:
            from systemd.journal import JournalHandler
        except ImportError:
            handler.setFormatter(_JournalLines("%(name)s: %(message)s"))
        else:
            handler = JournalHandler(SYSLOG_IDENTIFIER="jobmon")
            handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    else:
        handler.setFormatter(_Lines("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _is_journal(stream: TextIO) -> bool:
    """Say whether systemd reads this very stream; programs of a desktop inherit the variable without the stream."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False  # closed, or not a file
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _printable(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in line)
