"""Make marks of the maintenance reservations that the scheduler tells of: pure, from a snapshot to what is declared."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobmon.engine.marks import LATEST, MOST_NAME, RESERVATION, Declared
from jobmon.printing import plain

MOST_CLUSTER = 60
NO_NAME = "reservation"


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold the maintenance that had begun when the scheduler was asked at `at`, in epoch seconds."""

    at: float
    source: str
    events: tuple[Declared, ...]
    left_out: tuple[str, ...] = ()
    """Reservations whose times make no sense."""


def seen(snapshot: Mapping[str, Any], cluster: str) -> Seen | None:
    """Return the maintenance of a snapshot of that cluster; None when nothing is known of reservations.

    A scheduler that tells of no partition and of no reservation was not understood, or the back end knows none.
    """
    reservations = snapshot.get("reservations") or ()
    if not reservations and not snapshot.get("partitions"):
        return None
    now = float(snapshot["timestamp"])
    events: list[Declared] = []
    left_out: list[str] = []
    for reservation in reservations:
        if not reservation.get("maintenance"):
            continue
        # What a scheduler lets people write into a name must not keep the event from being recorded.
        name = plain(str(reservation.get("name") or ""), MOST_NAME).strip() or NO_NAME
        start, end = _time(reservation.get("start")), _time(reservation.get("end"))
        if start is None:
            left_out.append(name)
        elif start <= now:
            nodes = len(reservation.get("nodes") or ())
            note = f"{nodes} node{'' if nodes == 1 else 's'}" if nodes else ""
            events.append(Declared(name, start, end if end is not None and end > start else None, note))
    return Seen(now, source_of(cluster), tuple(events), tuple(left_out))


def source_of(cluster: str) -> str:
    """Return the source of a cluster's marks: several clusters may share one store."""
    name = plain(cluster, MOST_CLUSTER).strip()
    return f"{RESERVATION}:{name}" if name else RESERVATION


def _time(value: object) -> float | None:
    """Return epoch seconds; None for what is none: schedulers write 0 or a far year for "not known"."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0 < value <= LATEST else None
