"""Tell systemd how the daemon is doing, if systemd started it."""

import logging
import os
import socket

log = logging.getLogger("jobmon.daemon")

MAX_STATE = 1000
"""A longer state is cut: the service manager shows one line, and a datagram has a limit."""
SEND_S = 0.2
"""So long a service manager that does not read is waited for, at each time that it is to be told something."""

_failed = False


def notify(*states: str) -> None:
    """Send "READY=1", "WATCHDOG=1", "STATUS=…" to the service manager; nothing happens without one.

    A state is one line: what is in it cannot begin another. A service manager that does not listen is logged once.
    """
    global _failed  # noqa: PLW0603 - the one place that remembers what it has logged
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    message = "\n".join(" ".join(state[:MAX_STATE].split()) for state in states).encode(errors="replace")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(SEND_S)
            sender.connect("\0" + path[1:] if path.startswith("@") else path)
            sender.sendall(message)
    except OSError as error:
        if not _failed:
            log.error("the service manager cannot be told at %s: %s", path, error.strerror or error)
        _failed = True
    else:
        _failed = False


def watchdog_period_s() -> float | None:
    """Return how often the service manager wants to hear WATCHDOG=1, in seconds; None when it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    wanted = os.environ.get("WATCHDOG_PID") in {None, str(os.getpid())}
    return int(microseconds) / 1e6 if wanted and microseconds.isdigit() else None
