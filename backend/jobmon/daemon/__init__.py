"""Be the daemon: what must be had before it acts (place), one capability's ticks (turn), and the loop around them."""

from jobmon.daemon.loop import Daemon, run_once

__all__ = ["Daemon", "run_once"]
