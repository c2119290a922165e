"""Draw numbers that depend on nothing but their keys, so that any moment can be asked about in any order."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def draw(seed: int, stream: int, *keys: Any) -> Floats:
    """Return numbers from 0 to below 1, one for each combination of the keys (broadcast integer arrays)."""
    with np.errstate(over="ignore"):  # wrapping around is the point
        state = _mix(np.asarray([(seed * 1_000_003 + stream) & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64))
        for key in keys:
            state = _mix(state + np.asarray(key, dtype=np.int64).astype(np.uint64) * _GOLDEN)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def smooth(seed: int, stream: int, key: Any, t: float, period: Any) -> Floats:
    """Return numbers from 0 to 1 that wander slowly with the time: a new draw each `period` seconds, eased between."""
    position = t / np.asarray(period, dtype=np.float64) + draw(seed, stream, key, -1)
    knot = np.floor(position).astype(np.int64)
    part = position - knot
    part = part * part * (3 - 2 * part)
    return draw(seed, stream, key, knot) * (1 - part) + draw(seed, stream, key, knot + 1) * part


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scramble 64-bit words (the finalizer of splitmix64)."""
    x = x + _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))
