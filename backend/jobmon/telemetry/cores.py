"""Hold what every core of a cluster does as columns of numbers: there can be hundreds of thousands of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from jobmon.telemetry.base import CpuShares

MAX_CORES = 4096
"""More cores than this no node has."""
WHOLE_PERCENT = (75.0, 125.0)
"""What the parts of a core may add up to: agents do not read all of them at the same moment."""

USER, NICE, SYSTEM, WAIT, IDLE, STEAL = range(6)
MODES: Mapping[str, int | None] = {
    "user": USER,
    "nice": NICE,
    "system": SYSTEM,
    "irq": SYSTEM,
    "softirq": SYSTEM,
    "iowait": WAIT,
    "idle": IDLE,
    "steal": STEAL,
    "guest": None,
    "guest_nice": None,
}
"""What the kernel calls a state of a core → its part of CpuShares.

Guests are in user and nice already; stolen time the machine did not have, but a second is whole only with it.
"""
IGNORED = -1
UNKNOWN = -1


class CoreTable(Sequence[CpuShares | None]):
    """Be a sequence of what each core did, in whole percent, None where that is not known.

    `table` is (cores, 5); the rows of unknown cores hold UNKNOWN.
    """

    __slots__ = ("table",)

    def __init__(self, table: NDArray[np.int8]) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> CpuShares | None: ...
    @overload
    def __getitem__(self, index: slice) -> "CoreTable": ...
    def __getitem__(self, index: int | slice) -> "CpuShares | CoreTable | None":
        if isinstance(index, slice):
            return CoreTable(self.table[index])
        row = self.table[index].tolist()
        return None if row[0] == UNKNOWN else CpuShares(*row)

    def __iter__(self) -> Iterator[CpuShares | None]:
        for row in self.table.tolist():
            yield None if row[0] == UNKNOWN else CpuShares(*row)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


class CoreColumns:
    """Collect percentages of cores, one number after the other or many at once."""

    def __init__(self) -> None:
        self._pieces: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
        self._nodes: list[int] = []
        self._places: list[int] = []
        self._percent: list[float] = []

    def add(self, node: int, core: int, part: int, percent: float) -> None:
        """Take one number; `node` counts the nodes from 0, `part` is one of MODES."""
        self._nodes.append(node)
        self._places.append(core * 6 + part)
        self._percent.append(percent)

    def extend(
        self, nodes: NDArray[np.int64], cores: NDArray[np.int64], parts: NDArray[np.int64], percent: NDArray[np.float64]
    ) -> None:
        """Take many numbers; cores and parts must be in their range."""
        self._pieces.append((nodes, cores * 6 + parts, percent))

    def tables(
        self, n_nodes: int, whole_percent: tuple[float, float] = WHOLE_PERCENT
    ) -> tuple[list[NDArray[np.int8]], list[int]]:
        """Return one table (cores, 5) per node in whole percent, and the numbers of nodes with rows that cannot be.

        `whole_percent` is what the parts of a core may add up to.

        Rows sum up to 100. Parts of a core that were not told are 0; a core of which nothing was told is UNKNOWN.
        """
        own = (np.array(self._nodes, np.int64), np.array(self._places, np.int64), np.array(self._percent, np.float64))
        nodes, places, percent = (np.concatenate(column) for column in zip(own, *self._pieces, strict=True))
        width = np.zeros(n_nodes, np.int64)
        np.maximum.at(width, nodes, places // 6 + 1)
        first = np.concatenate([[0], np.cumsum(width)])
        size = int(first[-1])
        parts = np.bincount(first[nodes] * 6 + places, weights=percent, minlength=size * 6).reshape(size, 6)
        total = parts.sum(axis=1)
        own_time = total - parts[:, STEAL]
        whole = (total >= whole_percent[0]) & (total <= whole_percent[1])
        # less than a whole second is credible only with its idle part: else that part may be what is missing
        whole &= (total >= WHOLE_PERCENT[0]) | (parts[:, IDLE] > 0)
        good = whole & (own_time > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            exact = parts[:, :STEAL] * (100.0 / own_time)[:, None]
        shares = round_keeping_sum(np.where(good[:, None], exact, 0.0)).astype(np.int8)
        shares[~good] = UNKNOWN
        odd = np.unique(np.searchsorted(first, np.flatnonzero(~whole & (total > 0)), side="right") - 1)
        return [shares[first[node] : first[node + 1]] for node in range(n_nodes)], odd.tolist()


def round_keeping_sum(table: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Round each row to whole numbers whose sum is the rounded sum: the largest remainders are rounded up."""
    floor = np.floor(table)
    missing = np.minimum(np.rint(table.sum(axis=1)), 100) - floor.sum(axis=1)
    order = np.argsort(np.argsort(-(table - floor), axis=1, kind="stable"), axis=1)
    return np.asarray(floor + (order < missing[:, None]), np.int64)
