"""Run a script with facts in its environment."""

import contextlib
import os
import select
import signal
import subprocess
from pathlib import Path

from jobmon import clock
from jobmon.config import trust
from jobmon.engine.outbox.message import one_line
from jobmon.engine.outbox.parcel import NotSentError, Parcel

KEPT = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TZ", "USER")
RESERVED = frozenset({"config"})
"""What means something to jobmon itself: a script may well call it."""
MOST_FACT = 1000
MOST_OUTPUT = 4096
TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h: with it a script asks to be run again."""
POLL_S = 0.02
LEAVE_S = 5


def environment(parcel: Parcel, base: dict[str, str]) -> dict[str, str]:
    """Return the variables of a script: each fact one line, without values for what is not known."""
    entry = parcel.entries[0]
    facts = {
        f"JOBMON_{name.upper()}": one_line(str(value), MOST_FACT)
        for name, value in entry.facts.items()
        if name not in RESERVED and value is not None
    }
    own = {
        "JOBMON_MESSAGE_ID": parcel.key,
        "JOBMON_SUBJECT": entry.subject,
        "JOBMON_BUNDLE": entry.bundle,
        "JOBMON_AT": f"{entry.made_at:.0f}",
    }
    return {name: base[name] for name in KEPT if name in base} | facts | own


def send(parcel: Parcel, timeout_s: float) -> None:
    """Run a parcel's script to its end; NotSentError when it failed, final if it has run and does not ask for more."""
    path = Path(parcel.address)
    fault = trust.fault_of(path) if os.geteuid() == 0 else ""
    if fault:
        raise NotSentError(f"the script is not run, for others could act as root by it: {fault}", final=True)
    try:
        process = subprocess.Popen(
            [path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment(parcel, dict(os.environ)),
            start_new_session=True,  # so that all it has started can be ended
        )
    except (OSError, ValueError) as error:
        raise NotSentError(f"the script could not be started: {getattr(error, 'strerror', None) or error}") from None
    assert process.stdout
    with process.stdout:
        output, killed = _follow(process, process.stdout.fileno(), clock.monotonic() + timeout_s)
    told = _last_line(output)
    if killed:
        raise NotSentError(f"the script was killed after {timeout_s:g} s{told}", final=True)
    if process.returncode:
        raise NotSentError(f"the script {_end(process.returncode)}{told}", final=process.returncode != TRY_AGAIN)


def _follow(process: subprocess.Popen[bytes], pipe: int, deadline: float) -> tuple[bytes, bool]:
    """Read until the process ends, and return the last of it, and whether it had to be killed.

    The end of the output is not waited for: what a script leaves running in the background may hold it open.
    """
    output = b""
    poller = select.poll()
    poller.register(pipe)
    while True:
        ended = process.poll() is not None  # asked before reading, so that the last words are read
        while clock.monotonic() < deadline and poller.poll(0 if ended else POLL_S * 1000):
            piece = os.read(pipe, 1 << 16)
            output = (output + piece)[-MOST_OUTPUT:]
            if not piece:
                break
        if ended:
            return output, False
        if clock.monotonic() >= deadline:
            os.killpg(process.pid, signal.SIGKILL)
            _wait(process, LEAVE_S)
            return output, True
        _wait(process, POLL_S)


def _wait(process: subprocess.Popen[bytes], most_s: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(most_s)


def _end(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with {code}"


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return f": {one_line(lines[-1], 200)}" if lines else ""
