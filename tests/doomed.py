"""Be a daemon that dies, freezes or is lied to at one point: `doomed.py POINT -- run --config FILE`.

The points are those between which a master can be killed. Every second is due here, for no crontab can say that. Its
fate comes when there is a file that DOOM names; the moment is written to it.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from jobmon import cli
from jobmon.batch.ticking import Ticker
from jobmon.engine import cron, scheduler
from jobmon.engine.outbox import webhook
from jobmon.engine.submission.attempts import ENDED
from jobmon.engine.submission.folder import Folders
from jobmon.engine.submission.ledger import Ledger
from jobmon.engine.submission.submitter import Submitter
from jobmon.schedulers.acting import Accepted, Unknown

POINTS = tuple(f"C{number}" for number in range(1, 13))
LATE_S = 4.0


def every_second(_schedule, after, until):
    yield from range(after + 1, until + 1)


def die(how=signal.SIGKILL):
    Path(os.environ["DOOM"]).write_text(str(time.time()))
    os.kill(os.getpid(), how)
    time.sleep(0.05)


def once(function):
    """Do something at the third call once there is a file for the moment: the first ones go well."""
    calls = 0

    def perhaps(*args):
        nonlocal calls
        calls += Path(os.environ["DOOM"]).exists()
        if calls == 3:
            calls += 1
            function(*args)

    return perhaps


def install(point):
    cron.due = every_second
    cron.next_times = lambda _schedule, after, count: list(range(after + 1, after + 1 + count))
    if point == "none":
        return
    strike = once(die)
    tick, cycle, note, done = Ticker.tick, Submitter.cycle, Ledger.change, Folders.done
    if point == "C1":

        def doomed_tick(self, *args):
            fired = tick(self, *args)
            if fired:
                strike()  # before the commit
            return fired

        Ticker.tick = doomed_tick
    elif point == "C2":
        fired_last = [0]

        def counting(self, *args):
            fired_last[0] = tick(self, *args)
            return fired_last[0]

        def doomed_cycle(self):
            if fired_last[0]:
                strike()
            return cycle(self)

        Ticker.tick, Submitter.cycle = counting, doomed_cycle
    elif point == "C10":

        def doomed_done(self, key):
            found = done(self, key)
            if found is not None:
                strike()
            return found

        Folders.done = doomed_done
    elif point == "C11":

        def doomed_change(self, connection, changes):
            changed = note(self, connection, changes)
            if any(change.status in ENDED for _, change in changes.values()):
                strike()
            return changed

        Ledger.change = doomed_change
    elif point == "C12":
        send = webhook.send

        def doomed_send(*args, **more):
            result = send(*args, **more)
            strike()
            return result

        webhook.send = doomed_send
    else:
        make = scheduler.scheduler_of
        scheduler.scheduler_of = lambda settings: Doomed(make(settings), point)


class Doomed:
    """Be a scheduler whose user dies at a point."""

    def __init__(self, real, point):
        self._real, self._point = real, point
        self._strike = once(lambda: die(signal.SIGSTOP if point == "C7" else signal.SIGKILL))
        self._lie = once(self._submit_late)
        self._lied = False

    def __getattr__(self, name):
        return getattr(self._real, name)

    def submit_held(self, spec):
        if self._point == "C3":
            self._strike()
        if self._point == "C8":
            self._lied = False
            self._lie(spec)
            if self._lied:
                return Unknown("it is on its way")
        answer = self._real.submit_held(spec)
        if self._point in {"C4", "C7"}:
            self._strike()
        if self._point == "C9" and isinstance(answer, Accepted):
            twin = self._real.submit_held(spec)
            self._real.release([answer.id, twin.id])
        return answer

    def release(self, ids):
        if self._point == "C5":
            self._strike()
        released = self._real.release(ids)
        if self._point == "C6":
            self._strike()
        return released

    def _submit_late(self, spec):
        self._lied = True
        threading.Timer(LATE_S, lambda: (self._real.submit_held(spec), die(0))).start()


if __name__ == "__main__":
    point, dashes, *arguments = sys.argv[1:]
    assert dashes == "--"
    install(point)
    sys.exit(cli.main(arguments))
