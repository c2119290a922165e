"""Read recorded answers of Slurm 22.05, 24.11 and 26.05, and agree with what was known about those clusters."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from fakes.slurm_rest import folder, serving
from jobmon import clock, config
from jobmon.model import ClusterState
from jobmon.schedulers.slurm import scontrol, squeue
from jobmon.schedulers.slurm.choose import open_reader

TESTS = Path(__file__).parents[1]
MIXED = TESTS / "cases/slurm/22.05-mixed"
RECORDED = sorted((TESTS / "data/slurmrestd").glob("*/v*"))
COMMANDS = TESTS / "fakes/slurm_commands"


def plain(value: Any) -> Any:
    """Return tuples and sets as sorted or plain lists, as JSON holds them."""
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return value


def check(state: ClusterState, facts: dict[str, Any], without_layout: list[str]) -> None:
    """Compare every fact with the record of its kind and identity."""
    for kind in ("jobs", "nodes", "partitions", "reservations"):
        records = {getattr(record, "id", None) or record.name: record for record in getattr(state, kind)}
        for name, expected in facts.get(kind, {}).items():
            found = {key: plain(value) for key, value in dataclasses.asdict(records[name]).items()}
            for key, value in expected.items():
                wanted = {} if key == "layout" and name in without_layout else value
                assert found[key] == wanted, f"{kind} {name} {key}"


def read_cli(case: Path, **values: Any) -> ClusterState:
    settings = config.SchedulerSettings(reader="cli", bin_path=str(COMMANDS), conf=str(case), **values)
    return open_reader(settings).load()


@pytest.fixture(scope="module")
def mixed() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MIXED / "facts.json").read_text())
    return found


def test_the_command_lines_text_holds_the_facts(mixed: dict[str, Any]) -> None:
    with clock.replaced(lambda: mixed["recorded_at"]):
        state = read_cli(MIXED)
    check(state, mixed, [])
    assert not {job.id for job in state.jobs} & set(mixed["absent"])
    assert len(state.jobs) == 43
    assert state.skipped == ()
    assert state.cluster == "loopback"


@pytest.mark.parametrize("api", ["v0.0.37", "v0.0.38"])
def test_slurmrestd_says_the_same_of_the_same_cluster(mixed: dict[str, Any], api: str) -> None:
    with serving(folder(MIXED / api)) as url, clock.replaced(lambda: mixed["recorded_at"]):
        state = open_reader(
            config.SchedulerSettings(reader="slurmrestd", slurmrestd_url=url, slurmrestd_api=api)
        ).load()
    without = mixed["unknown_layout"].get(api, [])
    check(state, mixed, without)
    assert [record.record for record in state.skipped] == without
    assert len(state.jobs) == 43


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_recorded_version_is_read(path: Path) -> None:
    facts = json.loads((path.parent / "facts.json").read_text())
    with serving(folder(path)) as url:
        settings = config.SchedulerSettings(reader="slurmrestd", slurmrestd_url=url, slurmrestd_api=path.name)
        reader = open_reader(settings)
        state = reader.load()
    check(state, facts, [])
    assert state.skipped == ()
    assert len(state.nodes) == 6
    release = json.loads((path / "jobs.json").read_text())["meta"]
    assert reader.name.split()[1] == (release.get("slurm") or release["Slurm"])["release"]
    assert reader.name.endswith(f"(slurmrestd {path.name})")
    for partition in state.partitions:
        if partition.name == "batch":
            assert (partition.up, partition.max_time_s, partition.max_nodes) == (True, 86400, None)
            assert partition.nodes == ("n1", "n2", "n3", "n4")
            # From v0.0.42 to v0.0.44 slurmrestd does not tell which partition is the default.
            assert partition.default == (path.name not in {"v0.0.42", "v0.0.43", "v0.0.44"})


def test_all_recorded_versions_are_there() -> None:
    assert [f"{path.parent.name}/{path.name}" for path in RECORDED] == [
        *(f"22.05/v0.0.{n}" for n in (36, 37, 38)),
        *(f"24.11/v0.0.{n}" for n in (40, 41, 42)),
        *(f"26.05/v0.0.{n}" for n in (42, 43, 44, 45)),
    ]


def test_an_older_recording_of_scontrol_holds_the_same_layouts_as_rest() -> None:
    answers = TESTS / "data/slurm-cli/22.05"
    details, doubtful = scontrol.details((answers / "scontrol-show-job.txt").read_text(), {})
    facts = json.loads((TESTS / "data/slurmrestd/22.05/facts.json").read_text())["jobs"]
    own_ids = {"44_0": "54", "44_1": "55", "44_2": "56"}
    compared = 0
    for name, fact in facts.items():
        if fact.get("layout"):
            detail = details[own_ids.get(name, name)]
            assert plain(dict(detail.layout)) == fact["layout"]
            assert plain(dict(detail.gpu_layout)) == fact.get("gpu_layout", {})
            compared += 1
    assert compared == 4
    assert not doubtful
    nodes, skipped = scontrol.nodes((answers / "scontrol-show-node.txt").read_text())
    assert {node.name: node.state for node in nodes}["g2"] == "IDLE+PLANNED"
    assert (nodes[0].gpus, nodes[0].gpus_allocated, nodes[0].partitions) == (4, 3, ("gpu",))
    partitions, _ = scontrol.partitions((answers / "scontrol-show-partition.txt").read_text())
    assert [(p.name, p.max_time_s, p.default_time_s) for p in partitions] == [
        ("batch", 86400, None),
        ("gpu", 172800, None),
    ]
    assert not skipped


def test_a_record_faked_in_a_comment_does_not_move_its_victim(tmp_path: Path) -> None:
    case = tmp_path / "case"
    shutil.copytree(MIXED, case)
    path = case / "scontrol-job.txt"
    text = path.read_text()
    real = next(line for line in text.splitlines() if line.startswith("JobId=22 ") and "UserId=" in line)
    fake = "JobId=22 JobName=mpi   Nodes=n4 CPU_IDs=7 Mem=1 GRES= MinCPUsNode=1"
    # The liar may well stand before his victim; asked for alone, the victim has only its own record.
    path.write_text(f"JobId=21 JobName=liar MinCPUsNode=1 Comment=x\n{fake}\n{text}")
    (case / "scontrol-job-22.txt").write_text(f"{real}\n")
    jobs = {job.id: job for job in read_cli(case).jobs}
    assert jobs["22"].layout == {"n1": (0, 1, 2, 4, 5), "n2": (0,)}


def test_memory_per_cpu_is_taken_where_the_job_has_most_cpus(tmp_path: Path) -> None:
    case = tmp_path / "case"
    shutil.copytree(MIXED, case)
    path = case / "squeue.txt"
    text = path.read_text().replace("cpu=6,mem=1000M,node=2", "cpu=6,mem=600M,node=2")
    path.write_text(text.replace("\x1f500M\x1f", "\x1f100M\x1f"))
    jobs = {job.id: job for job in read_cli(case).jobs}
    assert jobs["22"].memory_request_mb == 500


def test_waiting_jobs_are_read_anew_only_when_their_record_changes() -> None:
    answer, end = (MIXED / "squeue.txt").read_text(), "\x1e1f0c5a2b"
    known: dict[str, squeue.Row] = {}
    first, _ = squeue.parse(answer, end, 1795218442, known)
    changed = answer.replace("JobHeldUser", "JobHeldAdmin").replace(end, "\x1e00000000")
    second, _ = squeue.parse(changed, "\x1e00000000", 1795218452, known)
    same = {a.job.id for a, b in zip(first, second, strict=True) if a is b}
    assert {"23", "30", "37"} <= same
    assert not {"27", "22", "43"} & same
    by_id = {row.job.id: row.job for row in second}
    assert by_id["27"].reason == "JobHeldAdmin"
    assert by_id["43"].suspended_s == 15


def test_the_detail_of_a_running_job_is_asked_for_once(tmp_path: Path, mixed: dict[str, Any]) -> None:
    log = tmp_path / "asked"
    for name in ("squeue", "scontrol"):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\nexec {COMMANDS / name} "$@"\n')
        script.chmod(0o755)
    reader = open_reader(config.SchedulerSettings(reader="cli", bin_path=str(tmp_path), conf=str(MIXED)))
    with clock.replaced(lambda: mixed["recorded_at"]):
        first = reader.load()
        log.write_text("")
        second = reader.load()
    assert first.jobs == second.jobs
    asked = log.read_text()
    assert "show job" not in asked
    assert asked.count("\n") == 4
