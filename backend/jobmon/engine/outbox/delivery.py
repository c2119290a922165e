"""Send what lies in the outbox, in threads of their own, so that a recipient that is down delays nobody else."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from jobmon import clock
from jobmon.engine.lease import Lease
from jobmon.engine.outbox import mail, rows, script, webhook
from jobmon.engine.outbox.message import one_line
from jobmon.engine.outbox.parcel import NotSentError, Parcel
from jobmon.engine.outbox.settings import OutboxSettings
from jobmon.engine.outbox.targets import without_address
from jobmon.errors import JobmonError, LeaseLostError, StoreError
from jobmon.store import Store

log = logging.getLogger("jobmon.outbox")

LANE_S = 60
"""After so long another recipient may have a thread's place."""


@dataclass(frozen=True, slots=True)
class _Result:
    """Say what became of a try; `state` "waiting" stands for another try later."""

    parcel: Parcel
    state: str
    at: float
    error: str = ""


class _Lane:
    """Serve one recipient, one parcel after the other, so that they arrive in their order."""

    def __init__(self, kind: str, address: str, now: float) -> None:
        self.kind = kind
        self.address = address
        self.parcel: Parcel | None = None
        self.since = 0.0
        """When sending it began, in monotonic seconds."""
        self.left = False
        """Its parcel was given up, although the thread has not come back."""
        self._offset = now - clock.monotonic()

    def now(self) -> float:
        """Return the caller's time, which went on while this was done."""
        return clock.monotonic() + self._offset


class Outbox:
    """Deliver what was committed; one per lease, and `deliver` is called from one thread."""

    def __init__(self, store: Store, lease: Lease, settings: OutboxSettings) -> None:
        self._store = store
        self._lease = lease
        self._settings = settings
        self._lock = threading.Lock()
        self._lanes: dict[tuple[str, str], tuple[_Lane, threading.Thread]] = {}
        self._unwritten: list[_Result] = []
        self._closing = threading.Event()

    def deliver(self, now: float) -> int:
        """Do one round: note what has become of things, form bundles, start sending; never wait for a recipient.

        Return how many recipients are being served. Nothing happens while another one holds the lease; StoreError and
        LeaseLostError as the store has it, then the next round goes on.
        """
        if not self._lease.acting or self._closing.is_set():
            return self._busy()
        self._leave_late(now)
        self._write_late()
        settings = self._settings
        with self._store.reading() as connection:
            work = rows.anything(connection, now, settings.period_s, self._tries)
        if work:
            with self._lease.writing() as connection:
                rows.recover(connection, now, self._tries)
                rows.form(connection, now, settings.period_s, settings.per_day)
        with self._store.reading() as connection:
            due = rows.lanes(connection, now)
        for kind, address in due:
            self._start(kind, address, now)
        return self._busy()

    def close(self, wait_s: float = 1.0) -> int:
        """Start nothing any more, and wait for what is under way; return how many recipients still are.

        To be called before the lease is given up, else what was sent just now is sent again.
        """
        self._closing.set()
        deadline = clock.monotonic() + wait_s
        with self._lock:
            threads = [thread for _lane, thread in self._lanes.values()]
        for thread in threads:
            thread.join(max(deadline - clock.monotonic(), 0))
        return self._busy()

    def _busy(self) -> int:
        with self._lock:
            return len(self._lanes)

    def _tries(self) -> set[rows.Try]:
        """Return the tries that this process still follows."""
        with self._lock:
            sending = [lane.parcel for lane, _thread in self._lanes.values() if lane.parcel and not lane.left]
            known = [*sending, *(result.parcel for result in self._unwritten)]
            return {_try(parcel) for parcel in known}

    def _start(self, kind: str, address: str, now: float) -> None:
        with self._lock:
            served = sum(lane.kind == kind and not lane.left for lane, _thread in self._lanes.values())
            if (kind, address) in self._lanes or served >= self._settings.parallel:
                return
            lane = _Lane(kind, address, now)
            thread = threading.Thread(target=self._serve, args=(lane,), name=f"outbox-{kind}", daemon=True)
            self._lanes[kind, address] = (lane, thread)
            thread.start()

    def _serve(self, lane: _Lane) -> None:
        until = clock.monotonic() + LANE_S
        try:
            while not self._closing.is_set() and not lane.left and clock.monotonic() < until:
                parcel = self._take(lane)
                if parcel is None:
                    return
                result = self._send(lane, parcel)
                self._note(result)
                with self._lock:
                    lane.parcel = None
                if result.state == rows.WAITING:
                    return  # it is down: what else there is for it may wait for the next round
        except (StoreError, LeaseLostError) as error:
            log.info("outbox: %s", error)  # the rows are as they were: whoever is master goes on
        finally:
            with self._lock:
                del self._lanes[lane.kind, lane.address]

    def _take(self, lane: _Lane) -> Parcel | None:
        with self._lease.writing() as connection:
            parcel = rows.take(connection, lane.kind, lane.address, self._lease.fence, lane.now())
            with self._lock:  # before the commit: a round must not find a claim that nobody follows
                lane.parcel, lane.since = parcel, clock.monotonic()
        return parcel

    def _send(self, lane: _Lane, parcel: Parcel) -> _Result:
        try:
            self._sender(lane, parcel)()
        except JobmonError as error:
            state = rows.WAITING if _again(error) else rows.FAILED
            text = one_line(without_address(str(error), parcel.address) if parcel.kind == "webhook" else str(error))
            log.warning("outbox: message %d (%s) was not sent: %s", parcel.id, parcel.kind, text)
            return _Result(parcel, state, lane.now(), text)
        except Exception as error:  # noqa: BLE001 - one that nobody can send must not end the others' turn
            state = rows.UNCERTAIN if parcel.kind == "script" else rows.WAITING
            text = f"{type(error).__name__}: {error}"
            text = one_line(without_address(text, parcel.address) if parcel.kind == "webhook" else text)
            log.error("outbox: message %d (%s) was not sent: %s", parcel.id, parcel.kind, text)
            return _Result(parcel, state, lane.now(), text)
        return _Result(parcel, rows.SENT, lane.now())

    def _sender(self, lane: _Lane, parcel: Parcel) -> Callable[[], None]:
        settings = self._settings
        match parcel.kind:
            case "email":
                return lambda: mail.send(parcel, settings.mail, lane.now())
            case "webhook":
                return lambda: webhook.send(parcel, settings.webhook_timeout_s, settings.webhook_ca_file)
            case _:
                return lambda: script.send(parcel, settings.script_timeout_s)

    def _note(self, result: _Result) -> None:
        """Write what became of a try, now or in a later round."""
        try:
            self._write(result)
        except (StoreError, LeaseLostError) as error:
            log.warning("outbox: what became of message %d is not written yet: %s", result.parcel.id, error)
            with self._lock:
                self._unwritten.append(result)

    def _write(self, result: _Result) -> None:
        one = _try(result.parcel)
        with self._lease.writing() as connection:
            if result.state == rows.WAITING:
                rows.try_later(connection, one, result.parcel.bundled_at, result.at, result.error)
            else:
                rows.end(connection, one, result.state, result.at, result.error)

    def _write_late(self) -> None:
        """Write what could not be written before; a try that another master has given up meanwhile stays given up."""
        with self._lock:
            results = list(self._unwritten)
        for result in results:
            self._write(result)
            with self._lock:
                self._unwritten.remove(result)

    def _leave_late(self, now: float) -> None:
        """Count tries as failed whose threads should have come back by now; their recipients get no other thread."""
        with self._lock:
            late = [
                lane
                for lane, _thread in self._lanes.values()
                if lane.parcel
                and not lane.left
                and clock.monotonic() - lane.since > self._settings.deadline_s(lane.kind)
            ]
            for lane in late:
                assert lane.parcel
                state = rows.UNCERTAIN if lane.kind == "script" else rows.WAITING
                error = f"it did not come to an end within {self._settings.deadline_s(lane.kind):g} s"
                lane.left = True
                self._unwritten.append(_Result(lane.parcel, state, now, error))


def _again(error: JobmonError) -> bool:
    """Say whether another try can help; settings may be put right meanwhile."""
    return error.retry_can_help or not isinstance(error, NotSentError)


def _try(parcel: Parcel) -> rows.Try:
    return parcel.id, parcel.fence, parcel.tries
