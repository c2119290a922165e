"""Send log lines to the journal when systemd runs us, else to standard error."""

import logging
import os
import sys

PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class _PriorityFormatter(logging.Formatter):
    """Write lines as the journal reads them from standard error: the priority in front, no time."""

    def format(self, record: logging.LogRecord) -> str:
        priority = PRIORITIES.get(record.levelno, 6)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def start(level: str) -> None:
    """Set up logging for the process; `level` as in `[daemon] log_level`."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if "JOURNAL_STREAM" in os.environ:
        try:
            from systemd.journal import JournalHandler
        except ImportError:
            handler.setFormatter(_PriorityFormatter("%(name)s: %(message)s"))
        else:
            handler = JournalHandler(SYSLOG_IDENTIFIER="jobmon")
            handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
