"""Read recorded hosts (tests/cases/procfs/CASE: two readings and what happened between them) and this machine."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from jobmon import clock
from jobmon.errors import SourceError
from jobmon.telemetry.base import Gpu, Metrics
from jobmon.telemetry.procfs import Source, gpus
from jobmon.telemetry.procfs.cgroups import unit_of
from jobmon.telemetry.procfs.groups import Group

CASES = Path(__file__).parent.parent / "cases" / "procfs"


def unpack(recording: Path, root: Path) -> None:
    """Lay out a recorded host as files under `root`, in place of what was there."""
    for old in sorted(root.rglob("*"), reverse=True):
        old.rmdir() if old.is_dir() else old.unlink()
    for part in recording.read_text(encoding="utf-8").split("=== ")[1:]:
        name, _, text = part.partition("\n")
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


class RecordedHost:
    """A source over recorded files, with a clock of its own."""

    def __init__(self, root: Path) -> None:
        self.root, self.time = root, 1000.0
        self.source = Source(root / "proc", root / "sys", "host", lambda: self.time, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def play(self, case: str, elapsed_s: float) -> Metrics:
        """Return the metrics of the second reading of a case."""
        unpack(CASES / case / "before.txt", self.root)
        self.source.prepare()
        self.time += elapsed_s
        unpack(CASES / case / "after.txt", self.root)
        return self.source.load()

    def groups(self) -> dict[str, Group]:
        return {group.name: group for group in self.source.groups.values()}


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedHost:
    return RecordedHost(tmp_path)


def _plain(value: Any) -> Any:
    """Return the recorded form of a part of the metrics: numbers in the order of the fields."""
    if value is None or isinstance(value, int | float | dict):
        return value
    if hasattr(value, "__slots__") and not isinstance(value, tuple):
        return [_plain(getattr(value, field)) for field in value.__dataclass_fields__]
    return [_plain(part) for part in value]


def _approx(value: Any) -> Any:
    if isinstance(value, list):
        return [_approx(part) for part in value]
    return pytest.approx(value, abs=1e-6) if isinstance(value, float) else value


def test_there_are_cases() -> None:
    assert len(list(CASES.glob("*/expected.json"))) >= 6


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_recorded_host(case: str, recorded: RecordedHost) -> None:
    expected = json.loads((CASES / case / "expected.json").read_text(encoding="utf-8"))
    metrics = recorded.play(case, expected["elapsed_s"])
    node = metrics.nodes["host"]
    for field, value in expected["node"].items():
        if field != "cpu" or value is not None:
            assert _plain(getattr(node, field)) == _approx(_floats(value)), field
    groups = recorded.groups()
    assert set(groups) == set(expected["jobs"])
    for name, fields in expected["jobs"].items():
        found = groups[name]
        shown = {
            "user": found.uid,
            "cores": found.cores,
            "memory_mb": found.memory_mb,
            "memory_max_mb": found.memory_max_mb,
            "start_at": found.start_at,
            "pids": found.pids,
            "allowed": sorted(found.allowed),
        }
        for field, value in fields.items():
            assert shown[field] == _approx(_floats(value)), (name, field)
        assert metrics.jobs[found.id].cpu_cores == {"host": found.cores}
    assert sorted({f"{s.method} {s.record}".strip() for s in metrics.skipped}) == sorted(expected["skipped"])


def _floats(value: Any) -> Any:
    if isinstance(value, list):
        return [_floats(part) for part in value]
    return float(value) if isinstance(value, int) else value


def test_the_first_load_is_about_now_and_not_about_the_time_since_boot(recorded: RecordedHost) -> None:
    unpack(CASES / "cgroup-v2" / "before.txt", recorded.root)
    recorded.source._sleep = lambda seconds: unpack(CASES / "cgroup-v2" / "after.txt", recorded.root)
    core = recorded.source.load().nodes["host"].cores[0]
    assert core is not None
    assert core.user == 90


def test_a_host_without_proc_is_an_error_and_not_an_idle_host(recorded: RecordedHost) -> None:
    with pytest.raises(SourceError, match="cannot be listed"):
        recorded.source.load()
    (recorded.root / "proc").mkdir()
    with pytest.raises(SourceError, match="shows no process"):
        recorded.source.load()


def test_a_host_whose_stat_is_gone_is_an_error(recorded: RecordedHost) -> None:
    recorded.play("bare-cgroups", 10)
    (recorded.root / "proc" / "stat").unlink()
    recorded.time += 10
    with pytest.raises(SourceError, match="nothing about the processors"):
        recorded.source.load()


def test_a_process_that_may_not_be_read_is_named_and_the_rest_is_there(recorded: RecordedHost) -> None:
    recorded.play("bare-cgroups", 10)
    file = recorded.root / "proc" / "701" / "status"
    file.unlink()
    file.mkdir()  # reading it fails for every user
    recorded.time += 10
    metrics = recorded.source.load()
    assert [skipped.record for skipped in metrics.skipped] == ["process 701"]
    assert "bash" in recorded.groups()


def test_a_load_directly_after_another_never_divides_by_zero(recorded: RecordedHost) -> None:
    recorded.play("bare-cgroups", 10)
    recorded.source._sleep = lambda seconds: None  # a clock that stands still
    node = recorded.source.load().nodes["host"]
    assert node.network is None
    assert node.cpu is None


def test_a_job_keeps_its_id_while_it_lives_and_a_new_one_with_its_pid_gets_another(recorded: RecordedHost) -> None:
    recorded.play("bare-cgroups", 10)
    first = recorded.groups()["bash"].id
    assert re.fullmatch(r"300-[0-9a-f]{4}", first)
    again = RecordedHost(recorded.root)  # a daemon that was started anew
    again.source.load()
    assert again.groups()["bash"].id == first
    stat = recorded.root / "proc" / "300" / "stat"
    for pid in (310, 311, 400):
        (recorded.root / "proc" / str(pid) / "stat").unlink()
    stat.write_text(stat.read_text().replace(" 5000 10000000", " 777000 10000000"))
    recorded.time += 30
    recorded.source.load()
    assert recorded.groups()["bash"].id != first
    assert recorded.groups()["bash"].id.startswith("300-")


def test_a_job_keeps_its_peak_and_its_mean_over_the_last_minute(recorded: RecordedHost) -> None:
    recorded.play("cgroup-v2", 10)
    scope = recorded.root / "sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope"
    (scope / "memory.current").write_text("368435456\n")
    recorded.time += 10
    recorded.source.load()
    group = recorded.groups()["session-3"]
    assert group.memory_mb == pytest.approx(95.4, abs=0.1)
    assert group.memory_max_mb == 2048
    assert group.cores == 0
    assert group.cores_minute == pytest.approx(0.475)
    for _ in range(12):
        recorded.time += 10
        recorded.source.load()
    assert recorded.groups()["session-3"].cores_minute == 0


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/user.slice/user-1000.slice/session-12.scope", "session-12"),
        ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1"),
        ("/system.slice/docker-" + "a" * 64 + ".scope", "docker aaaaaaaaaaaa"),
        ("/docker/" + "b" * 64, "container bbbbbbbbbbbb"),
        ("/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + "c" * 64 + ".scope", "cri-containerd cccccccccccc"),
        ("/machine.slice/libpod-" + "d" * 64 + ".scope/container", "libpod dddddddddddd"),
        ("/lxc.payload.web1/init.scope", "init"),
        ("/lxc.payload.web1/x", "container web1"),
        ("/system.slice/slurmstepd.scope/job_4711/step_0/user/task_0", "job 4711"),
        ("/system.slice", None),
        ("/", None),
    ],
)
def test_what_a_cgroup_is_called(path: str, name: str | None) -> None:
    unit = unit_of({"": path})
    assert (unit.name if unit else None) == name


# --- GPUs ----------------------------------------------------------------------------------------------------------


class NvmlError(Exception):
    pass


def _nvml(broken: int = -1, no_driver: bool = False) -> SimpleNamespace:
    """Return a module with the functions of pynvml that are used, and three GPUs."""

    def fail(condition: bool, text: str) -> None:
        if condition:
            raise NvmlError(text)

    def load(index: int) -> SimpleNamespace:
        fail(index == broken, "Not Supported")
        return SimpleNamespace(gpu=(10, 95, 400)[index], memory=1)

    return SimpleNamespace(
        NVMLError=NvmlError,
        nvmlInit=lambda: fail(no_driver, "Driver Not Loaded"),
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 3,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetMemoryInfo=lambda index: SimpleNamespace(used=(index + 1) << 30, total=80 << 30),
        nvmlDeviceGetUtilizationRates=load,
    )


def _read_gpus(root: Path, load_module: Callable[[str], Any]) -> tuple[dict[str, Gpu], list[str]]:
    skipped: list[Any] = []
    found = gpus.read(root / "proc", root / "sys", skipped, load_module)
    return found, [record.error for record in skipped]


@pytest.fixture
def nvidia(tmp_path: Path) -> Path:
    for index in range(3):
        (tmp_path / f"proc/driver/nvidia/gpus/0000:0{index}:00.0").mkdir(parents=True)
    return tmp_path


def test_nvidia_gpus_with_one_that_does_not_tell_and_one_that_tells_nonsense(nvidia: Path) -> None:
    found, errors = _read_gpus(nvidia, lambda name: _nvml(broken=1))
    assert found == {"gpu0": Gpu(10, 1024, 81920), "gpu1": Gpu(None, 2048, 81920), "gpu2": Gpu(None, 3072, 81920)}
    assert errors == ["Not Supported"]


def test_nvidia_gpus_are_counted_and_unknown_without_library_or_driver(nvidia: Path) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    unknown = dict.fromkeys(("gpu0", "gpu1", "gpu2"), Gpu(None))
    assert _read_gpus(nvidia, missing) == (unknown, [gpus.INSTALL_HINT])
    assert _read_gpus(nvidia, lambda name: _nvml(no_driver=True)) == (unknown, ["Driver Not Loaded"])


def test_the_library_is_not_asked_where_the_driver_knows_no_gpu(tmp_path: Path) -> None:
    assert _read_gpus(tmp_path, lambda name: pytest.fail("was loaded")) == ({}, [])


def test_amd_gpus_from_sysfs(tmp_path: Path) -> None:
    for card, busy in (("card0", "37\n"), ("card1", "what\n")):
        device = tmp_path / "sys/class/drm" / card / "device"
        device.mkdir(parents=True)
        (device / "gpu_busy_percent").write_text(busy)
        (device / "mem_info_vram_used").write_text(str(512 << 20))
        (device / "mem_info_vram_total").write_text(str(16384 << 20))
    found, errors = _read_gpus(tmp_path, lambda name: None)
    assert found == {"gpu0": Gpu(37, 512, 16384), "gpu1": Gpu(None)}
    assert len(errors) == 1


def test_infiniband_replaces_ethernet_and_is_counted_in_words(recorded: RecordedHost) -> None:
    unpack(CASES / "cgroup-v2" / "before.txt", recorded.root)
    port = recorded.root / "sys/class/infiniband/mlx5_0/ports/1/counters"
    port.mkdir(parents=True)
    for factor in (1, 2):
        for index, name in enumerate(("port_rcv_data", "port_xmit_data", "port_rcv_packets", "port_xmit_packets")):
            (port / name).write_text(f"{factor * 1000 * (index + 1)}\n")
        if factor == 1:
            recorded.source.prepare()
            recorded.time += 10
    assert _plain(recorded.source.load().nodes["host"].network) == [400, 800, 300, 400]


# --- this machine --------------------------------------------------------------------------------------------------


@pytest.fixture
def busy_session() -> Iterator[subprocess.Popen[bytes]]:
    """A child in a process session of its own that keeps one core busy."""
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    yield child
    child.kill()
    child.wait()


def test_this_machine_agrees_with_its_own_tools() -> None:
    node = Source().load().nodes[Source().host]
    rows = [line.split() for line in subprocess.check_output(["free", "-m"], text=True).splitlines()]
    total, available = int(rows[1][1]), int(rows[1][6])
    assert node.memory is not None
    assert node.memory.total_mb == pytest.approx(total, abs=1)
    assert node.memory.used_mb == pytest.approx(total - available, abs=0.05 * total)
    assert node.swap is not None
    assert node.swap.total_mb == pytest.approx(int(rows[2][1]), abs=1)
    assert node.n_cores == len(node.cores) == int(subprocess.check_output(["nproc", "--all"]))
    assert node.boot_at == pytest.approx(psutil.boot_time(), abs=2)
    for core in node.cores:
        assert core is None or sum(core) == pytest.approx(100)


def test_a_busy_loop_is_seen_as_long_as_the_kernel_charged_for_it(busy_session: subprocess.Popen[bytes]) -> None:
    source = Source()
    source.prepare()
    before, began = psutil.Process(busy_session.pid).cpu_times(), clock.monotonic()
    time.sleep(1)
    source.load()
    after, ended = psutil.Process(busy_session.pid).cpu_times(), clock.monotonic()
    (group,) = [group for group in source.groups.values() if busy_session.pid in group.pids]
    charged = (after.user + after.system - before.user - before.system) / (ended - began)
    if group.pids == [busy_session.pid]:  # where cgroups sort processes it is part of the session of this test
        assert group.cores == pytest.approx(charged, abs=0.1)
        assert group.id.startswith(f"{busy_session.pid}-")
        assert group.start_at == pytest.approx(psutil.Process(busy_session.pid).create_time(), abs=2)
        assert group.uid == os.getuid()
    assert group.cores >= charged - 0.1


def test_command_lines_are_never_read(busy_session: subprocess.Popen[bytes]) -> None:
    source = Source()
    source.load()
    assert not any("while True" in repr(group) for group in source.groups.values())
