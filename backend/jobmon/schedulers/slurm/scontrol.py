"""Read nodes, partitions, reservations and the CPU and GPU indices of jobs from the one-line text of scontrol."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from jobmon.errors import SourceError
from jobmon.model import Node, Partition, Reservation, Skipped, expand_hostlist, expand_indices
from jobmon.schedulers.slurm import text

Record = TypeVar("Record")

# A value may hold spaces and equal signs; it ends where the next word and equal sign begin.
_FIELD = re.compile(r"(?:^|\s)([A-Z][A-Za-z:/_]*)=(.*?)(?=\s+[A-Z][A-Za-z:/_]*=|\s*$)")
_JOB = re.compile(r"^(?:scontrol: )?JobId=(\d+) ", re.MULTILINE)
_GROUP = re.compile(r"\sNodes=(\S+) CPU_IDs=(\S*) Mem=(\d+) GRES(?:_IDX)?=(\S*)")
_JOB_GRES = re.compile(r"\sJOB_GRES=(\S+)")
# An administrator's own words, which may look like fields; Slurm adds who wrote them and when.
_REASON = re.compile(r"\sReason=(.*?)(?:\s*\[[^\[\]]*@[^\[\]]*\]|$)")


@dataclass(frozen=True, slots=True)
class Detail:
    """Hold where a job runs, exactly; it cannot change as long as the job keeps its nodes."""

    layout: Mapping[str, tuple[int, ...]]
    gpu_layout: Mapping[str, tuple[int, ...]]
    gpus: int


def fields(line: str) -> dict[str, str]:
    """Return the fields of a line, the first of each name: what people write (reason, comment) comes last."""
    found: dict[str, str] = {}
    for match in _FIELD.finditer(line):
        found.setdefault(match[1], match[2])
    return found


def details(answer: str, names: Mapping[str, str]) -> tuple[dict[str, Detail], set[str]]:
    """Return job id → detail, and the ids of which the answer holds two records that differ.

    `names` are the job names that could be taken for fields, by job id: they are stepped over. What a user
    can write besides his job's name (comment, paths) comes behind the detail; a record that he fakes there makes his
    victim appear twice.
    """
    found: dict[str, Detail] = {}
    doubtful: set[str] = set()
    position = 0
    while match := _JOB.search(answer, position):
        start = match.end()
        name = names.get(match[1])
        if name:
            name_at = answer.find("JobName=", start) + len("JobName=")
            if answer.startswith(name, name_at):
                start = name_at + len(name)
        position = answer.find("\n", start)
        if position < 0:
            position = len(answer)
        detail = _detail(answer[start:position].partition(" MinCPUsNode=")[0])
        if found.setdefault(match[1], detail) != detail:
            doubtful.add(match[1])
    return found, doubtful


def suspicious(name: str) -> bool:
    """Say whether a job's name could be taken for fields or records of scontrol."""
    return "=" in name or "\n" in name


def _detail(record: str) -> Detail:
    layout: dict[str, tuple[int, ...]] = {}
    gpu_layout: dict[str, tuple[int, ...]] = {}
    gpus = 0
    for nodes, cpu_ids, _memory, gres in _GROUP.findall(record):
        hosts = expand_hostlist(nodes)
        layout.update(dict.fromkeys(hosts, expand_indices(cpu_ids)))
        gpus += text.gpu_count(gres) * len(hosts)
        if indices := text.gpu_indices(gres):
            gpu_layout.update(dict.fromkeys(hosts, indices))
    total = _JOB_GRES.search(record)
    return Detail(layout, gpu_layout, text.gpu_count(total[1]) if total else gpus)


def nodes(answer: str) -> tuple[list[Node], list[Skipped]]:
    """Return the nodes of `scontrol -d show node -o`."""
    return _records(answer, "NodeName", _node)


def partitions(answer: str) -> tuple[list[Partition], list[Skipped]]:
    """Return the partitions of `scontrol show partition -o`."""
    return _records(answer, "PartitionName", _partition)


def reservations(answer: str) -> tuple[list[Reservation], list[Skipped]]:
    """Return the reservations of `scontrol show reservation -o`; none is a normal answer."""
    if answer.lower().startswith("no reservations"):
        return [], []
    return _records(answer, "ReservationName", _reservation)


def _records(answer: str, first: str, read: Callable[[dict[str, str]], Record]) -> tuple[list[Record], list[Skipped]]:
    """Read one record per line; SourceError when no line is one that we understand."""
    records: list[Record] = []
    skipped: list[Skipped] = []
    for line in answer.splitlines():
        if not line.startswith(f"{first}="):
            continue
        try:
            field = fields(line)
            if reason := _REASON.search(line):
                field["Reason"] = reason[1]
            records.append(read(field))
        except (KeyError, ValueError, SourceError) as error:
            skipped.append(Skipped("scontrol", line[:40], f"{type(error).__name__}: {error}"))
    if not records:
        raise SourceError(f"scontrol answered without a {first} that we understand: {answer[:80]!r}")
    return records, skipped


def _node(field: dict[str, str]) -> Node:
    gres = field.get("Gres", "")
    load = text.word(field.get("CPULoad"))
    return Node(
        name=field["NodeName"],
        cpus=int(field.get("CPUEfctv") or field["CPUTot"]),
        states=text.node_states([field["State"].split()[0]]),
        cpus_allocated=int(field["CPUAlloc"]),
        memory_mb=text.whole(field.get("RealMemory")),
        memory_allocated_mb=text.whole(field.get("AllocMem")) or 0,
        memory_free_mb=text.whole(field.get("FreeMem")),
        disk_mb=text.whole(field.get("TmpDisk")) or None,
        gpus=text.gpu_count(gres),
        gpu_type=text.gpu_types(gres),
        gpus_allocated=text.gpu_count(field.get("GresUsed")),
        sockets=int(field.get("Sockets") or 1),
        cores_per_socket=int(field.get("CoresPerSocket") or 0),
        threads_per_core=int(field.get("ThreadsPerCore") or 1),
        partitions=_words(field.get("Partitions")),
        features=_words(field.get("ActiveFeatures")),
        load=float(load) if load else None,
        reason=text.word(field.get("Reason")),
        boot_at=text.epoch(field.get("BootTime")),
    )


def _partition(field: dict[str, str]) -> Partition:
    memory = text.memory_mb(field.get("MaxMemPerNode"))
    return Partition(
        name=field["PartitionName"],
        nodes=expand_hostlist(field.get("Nodes", "")),
        up=field["State"] == "UP",
        default=field.get("Default") == "YES",
        max_time_s=text.duration_s(field.get("MaxTime")),
        default_time_s=text.duration_s(field.get("DefaultTime")),
        max_nodes=text.whole(field.get("MaxNodes")),
        max_cpus_per_node=text.whole(field.get("MaxCPUsPerNode")),
        max_memory_per_node_mb=int(memory) if memory else None,
    )


def _reservation(field: dict[str, str]) -> Reservation:
    return Reservation(
        name=field["ReservationName"],
        nodes=expand_hostlist(field.get("Nodes", "")),
        start_at=text.epoch(field["StartTime"]) or 0,
        end_at=text.epoch(field["EndTime"]) or 0,
        flags=frozenset(flag.upper() for flag in _words(field.get("Flags"))),
        users=_words(field.get("Users")),
        accounts=_words(field.get("Accounts")),
        partition=text.word(field.get("PartitionName")),
    )


def _words(value: str | None) -> tuple[str, ...]:
    return tuple(part for part in text.word(value).split(",") if part)
