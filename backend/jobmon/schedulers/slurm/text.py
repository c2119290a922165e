"""Read the notations that Slurm uses in all its answers: durations, memory, TRES, GRES, states, exit codes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from jobmon.model import expand_indices

_ABSENT = frozenset({"", "(null)", "N/A", "n/a", "NONE", "None", "Unknown", "NULL"})
_NO_LIMIT = _ABSENT | {"UNLIMITED", "INFINITE", "NOT_SET", "Partition_Limit"}
NO_VALUE = frozenset({0xFFFE, 0xFFFF, 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFE, 0xFFFFFFFFFFFFFFFF})
"""Slurm's own numbers for "not set" and "no limit"; some of its answers let them through."""

_DURATION = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)$")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGTPE]?)B?[nc]?$", re.IGNORECASE)
_MB = {"K": 1 / 1024, "": 1.0, "M": 1.0, "G": 1024.0, "T": 1024.0**2, "P": 1024.0**3, "E": 1024.0**4}
_GRES = re.compile(r"([^:,()=]+)(?:[:=]([^:,()]*))?(?::([^:,()]*))?(?:\(([^()]*)\))?(?:,|$)")
_COUNT = re.compile(r"(\d+)([KMGT]?)$", re.IGNORECASE)
_THOUSANDS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}

# What squeue shows instead of the base state while one of these flags is set, in this order.
_JOB_FLAGS = (
    "COMPLETING", "STAGE_OUT", "CONFIGURING", "RESIZING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT",
    "STOPPED", "REVOKED", "RESV_DEL_HOLD", "SIGNALING",
)  # fmt: skip
# One character behind a node's state stands for a flag.
_NODE_SIGNS = {
    "*": "NOT_RESPONDING", "~": "POWERED_DOWN", "#": "POWERING_UP", "!": "POWER_DOWN", "%": "POWERING_DOWN",
    "$": "MAINT", "@": "REBOOT_REQUESTED", "^": "REBOOT_ISSUED", "-": "PLANNED",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gres:
    """Describe one generic resource: "gpu:a100:3(IDX:0-2)"."""

    kind: str
    type: str = ""
    count: int = 1
    indices: tuple[int, ...] = ()


def word(text: str | None) -> str:
    """Return the text, "" where Slurm writes one of its words for nothing."""
    text = (text or "").strip()
    return "" if text in _ABSENT else text


def whole(text: str | None) -> int | None:
    """Return a whole number; None where Slurm writes one of its words or numbers for nothing or for no limit."""
    text = (text or "").strip()
    if text in _NO_LIMIT:
        return None
    # A pending job that accepts a range of nodes shows "4-8".
    value = int(text.split("-")[0])
    return None if value in NO_VALUE else value


def reason(text: str | None) -> str:
    """Return the one word of a reason, without the sentence that squeue puts in its place for some."""
    text = word(text)
    if " " not in text:
        return text
    first = text.split(",")[0].strip()
    if first.startswith("Nodes required for job are DOWN"):
        return "Resources"
    return first if " " not in first else text


# Thousands of jobs ask for the same few things: what such functions have read once, they remember.
@lru_cache(maxsize=4096)
def duration_s(text: str | None) -> int | None:
    """Return the seconds of "2-00:00:00", "1:00:00" or "0:05"; None without a limit."""
    text = (text or "").strip()
    if text in _NO_LIMIT:
        return None
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def epoch(text: str | None) -> int | None:
    """Return a time in epoch seconds; None when it is not known."""
    text = (text or "").strip()
    if text in _NO_LIMIT or text == "0":
        return None
    if text.isdigit():
        return int(text)
    # A Slurm that ignores SLURM_TIME_FORMAT writes ISO 8601 in the zone that it was given, UTC.
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@lru_cache(maxsize=4096)
def memory_mb(text: str | None) -> float | None:
    """Return the MiB of "500M", "62.50G" or "16000"; None when nothing is said."""
    text = (text or "").strip()
    if text in _NO_LIMIT:
        return None
    match = _SIZE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not an amount of memory")
    return float(match[1]) * _MB[match[2].upper()]


def tres(text: str | None) -> dict[str, str]:
    """Return {"cpu": "6", "mem": "1000M", "gres/gpu": "4"} of "cpu=6,mem=1000M,gres/gpu=4"."""
    return dict(part.split("=", 1) for part in word(text).split(",") if "=" in part)


def gres(text: str | None) -> list[Gres]:
    """Return the generic resources of "gpu:a100:3(IDX:0-2),gpu:2(S:0-1)"; the prefixes gres: and gres/ are ignored."""
    found = []
    for match in _GRES.finditer(re.sub(r"(^|,)gres[:/]", r"\1", word(text))):
        kind, second, third, inside = match.groups()
        name, number = (second, third) if third is not None else ("", second)
        count = _COUNT.match(number or "")
        if count is None and third is None:
            name, size = second or "", 1
        elif count is None:
            raise ValueError(f"{text!r} is not a list of generic resources")
        else:
            size = int(count[1]) * _THOUSANDS[count[2].upper()]
        found.append(Gres(kind, name or "", size, _indices(inside)))
    return found


def _indices(inside: str | None) -> tuple[int, ...]:
    if not inside or "IDX:" not in inside:
        return ()
    return expand_indices(inside.partition("IDX:")[2])


def gpus(text: str | None) -> list[Gres]:
    """Return the GPUs among the generic resources; shards and the like are not GPUs."""
    return [resource for resource in gres(text) if resource.kind == "gpu"]


@lru_cache(maxsize=4096)
def gpu_count(text: str | None) -> int:
    """Return how many GPUs a list of generic resources holds."""
    return sum(resource.count for resource in gpus(text))


def gpu_indices(text: str | None) -> tuple[int, ...]:
    """Return the indices of the GPUs of a list of generic resources, in ascending order."""
    return tuple(sorted({index for resource in gpus(text) for index in resource.indices}))


def gpu_types(text: str | None) -> str:
    """Return the types of the GPUs, separated by commas."""
    return ",".join(dict.fromkeys(resource.type for resource in gpus(text) if resource.type))


def node_states(words: Iterable[str]) -> frozenset[str]:
    """Return a node's base state and flags in Slurm's words, signs such as "IDLE*" spelled out."""
    states: set[str] = set()
    for state in words:
        for part in state.upper().split("+"):
            base = part.rstrip("".join(_NODE_SIGNS))
            states.update(_NODE_SIGNS[sign] for sign in part[len(base) :])
            states.add(base)
    return frozenset(states - {""})


def job_state(words: Iterable[str]) -> str:
    """Return the one word that squeue shows for a base state and its flags; ValueError without any."""
    states = [part for state in words for part in state.upper().split(",") if part]
    if not states:
        raise ValueError("a job without a state")
    for flag in _JOB_FLAGS:
        if flag in states:
            return flag
    return states[0]


def wait_status(status: int | None) -> tuple[int | None, int | None]:
    """Return (exit code, signal) of a raw wait status."""
    if status is None:
        return None, None
    return (status >> 8) & 0xFF, status & 0x7F or None


def exit_status(shown: str) -> tuple[int | None, int | None]:
    """Return (exit code, signal) of "3:0" (newer versions) or of a raw wait status (22.05)."""
    code, colon, signal = shown.partition(":")
    if colon:
        return int(code), int(signal) or None
    return wait_status(whole(shown))


def number(value: Any) -> int | None:
    """Return a whole number; None for None, for words such as "UNLIMITED" and for Slurm's numbers for nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value in NO_VALUE:
        return None
    return int(value)
