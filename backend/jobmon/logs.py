"""Send log lines to the journal when systemd runs us, else to standard error."""

import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from typing import TextIO

SELDOM_S = 60.0
MOST_CAUSES = 1000
MOST_CAUSE = 200
TALKATIVE = ("urllib3",)
"""At the level "debug" they quote the addresses they ask, and that of a webhook is a secret."""
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


class Seldom(logging.Filter):
    """Let one line a minute through for one cause, with the number of those that were left out since.

    A cause is the place in the program and the words of the message, without what is filled in: visitors can bring
    about as many lines as they like.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told: OrderedDict[tuple[object, ...], tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is to be written."""
        error = record.exc_info[1] if record.exc_info else None
        key = (record.name, record.levelno, str(record.msg)[:MOST_CAUSE], type(error), _place(error))
        now = time.monotonic()
        with self._lock:
            at, more = self._told.get(key, (float("-inf"), 0))
            if now - at < SELDOM_S:
                self._told[key] = (at, more + 1)
                return False
            self._told[key] = (now, 0)
            self._told.move_to_end(key)
            while len(self._told) > MOST_CAUSES:
                self._told.popitem(last=False)
        if more:
            record.msg, record.args = f"{record.getMessage()} (and {more} more like this since)", ()
        return True


def _place(error: BaseException | None) -> tuple[str, int] | None:
    """Return file and line where an error was raised."""
    trace = error.__traceback__ if error is not None else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace is not None else None


def start(level: str, seldom: bool = False) -> None:
    """Set up logging for the process; `level` as in `[daemon] log_level`, `seldom` for what visitors bring about."""
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
    if seldom:
        handler.addFilter(Seldom())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    if level != "debug":
        for name in ("alembic", "uvicorn"):  # they tell of each step that they take
            logging.getLogger(name).setLevel(logging.WARNING)


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
