"""Tell systemd how the daemon is doing, if systemd started it."""

import os
import socket


def notify(*states: str) -> None:
    """Send "READY=1", "WATCHDOG=1", "STATUS=…" to the service manager; nothing happens without one."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.sendall("\n".join(states).encode())


def watchdog_period_s() -> float | None:
    """Return how often the service manager wants to hear WATCHDOG=1, in seconds; None when it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    wanted = os.environ.get("WATCHDOG_PID") in {None, str(os.getpid())}
    return int(microseconds) / 1e6 if wanted and microseconds.isdigit() else None
