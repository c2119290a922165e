"""Read this host from /proc and /sys: its load, and what its sessions, services and containers use."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

from jobmon import clock
from jobmon.errors import SourceError
from jobmon.model import Skipped
from jobmon.telemetry.base import JobMetrics, Memory, Metrics, NodeMetrics
from jobmon.telemetry.procfs import counters, gpus, groups, processes, state
from jobmon.telemetry.procfs.groups import Group

MIN_INTERVAL_S = 0.2
"""Shorter than this, the kernel's clock ticks of 10 ms are too coarse for a percentage."""


class Source:
    """Read this host; keep the reading before, because rates are the difference of two."""

    name = "procfs"

    def __init__(
        self,
        proc: Path = Path("/proc"),
        sys: Path = Path("/sys"),
        host: str = "",
        monotonic: Callable[[], float] = clock.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take other folders, clocks and sleep for recorded hosts."""
        self.host = host or platform.node().partition(".")[0] or "localhost"
        self.groups: dict[str, Group] = {}
        """What the processes of the last load belong to; by keys without meaning outside."""
        self.records = 0
        """Things that the last load read."""
        self._proc, self._sys = proc, sys
        self._monotonic, self._sleep = monotonic, sleep
        self._counters: counters.Counters | None = None
        self._processes: dict[int, processes.Process] = {}
        self._processes_at = 0.0

    def prepare(self) -> None:
        """Take a first reading, so that the first load has something to compare with."""
        first = counters.read(self._monotonic(), self._proc, self._sys)
        self.groups = {}
        self._follow_groups(state.memory(self._proc, [])[0], first, [])
        self._counters = first

    def load(self) -> Metrics:
        """Return this host and its groups of processes; the first load takes two readings, 0.2 s apart.

        Raises SourceError when the kernel's files cannot be read at all.
        """
        if self._counters is None:
            self.prepare()
        before = self._counters
        assert before is not None
        missing_s = MIN_INTERVAL_S - (self._monotonic() - self._processes_at)
        if missing_s > 0:
            self._sleep(missing_s)
        loaded_at = clock.now()
        after = counters.read(self._monotonic(), self._proc, self._sys)
        if after.cpu is None:
            raise SourceError(f"{self._proc / 'stat'} tells nothing about the processors")
        skipped = list(after.skipped)
        node = self._node(before, after, loaded_at, skipped)
        self._follow_groups(node.memory, after, skipped)
        self._counters = after
        jobs = {group.id: self._job(group) for group in self.groups.values()}
        return Metrics(loaded_at, {self.host: node}, jobs, tuple(skipped))

    def running_on(self, group: Group) -> tuple[int, ...]:
        """Return the CPUs on which threads of the group run at this moment."""
        return processes.running_on(self._proc, group.pids)

    def _node(
        self, before: counters.Counters, after: counters.Counters, loaded_at: float, skipped: list[Skipped]
    ) -> NodeMetrics:
        memory, swap = state.memory(self._proc, skipped)
        return NodeMetrics(
            read_at=loaded_at,
            n_cores=len(after.cores) or None,
            cpu=counters.cpu_shares(before.cpu, after.cpu),
            cores=counters.core_shares(before, after),
            memory=memory,
            swap=swap,
            gpus=gpus.read(self._proc, self._sys, skipped),
            network=counters.network(before, after),
            disk=counters.disk(before, after),
            pressure=state.pressure(self._proc),
            load=state.load(self._proc),
            boot_at=after.boot_at,
        )

    def _follow_groups(self, memory: Memory | None, after: counters.Counters, skipped: list[Skipped]) -> None:
        ticks_per_s = os.sysconf("SC_CLK_TCK")
        at = self._monotonic()
        found = processes.read_all(self._proc, skipped)
        used = processes.ticks_used(self._processes, found)
        reading = groups.Reading(
            at=at,
            elapsed_s=max(at - self._processes_at, MIN_INTERVAL_S) if self._counters else 0.0,
            processes=found,
            used_s={pid: ticks / ticks_per_s for pid, ticks in used.items()},
            boot_at=after.boot_at or 0,
            boot_id=self._boot_id(),
            cpus=max(1, len(after.cores)),
            memory_mb=memory.total_mb if memory else float("inf"),
            ticks_per_s=ticks_per_s,
        )
        self.groups = groups.follow(self.groups, reading, self._sys / "fs" / "cgroup")
        self._processes, self._processes_at = found, at
        self.records = len(found) + len(after.cores) + len(after.network) + len(after.disks)

    def _boot_id(self) -> str:
        try:
            return (self._proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:  # then ids are unique until the next boot only
            return ""

    def _job(self, group: Group) -> JobMetrics:
        return JobMetrics(
            memory_mb={self.host: group.memory_mb},
            memory_max_mb=group.memory_max_mb,
            cpu_cores={self.host: group.cores},
        )
