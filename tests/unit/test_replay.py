"""Play recordings: in time, in a loop, with damaged files among them, from archives that mean harm."""

import gzip
import io
import json
import logging
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobmon import clock, config
from jobmon.backends import recording
from jobmon.backends.collect import Collector
from jobmon.backends.replay import Backend
from jobmon.errors import SettingsError, SourceError
from jobmon.testing import check_backend

RECORDED = 1_700_000_000
NOW = 1_800_000_000


def _snapshot(time: int, **more: Any) -> dict[str, Any]:
    """Return a snapshot as the ancestor wrote it, without any key of ours."""
    return {
        "api": 15,
        "timestamp": time,
        "usage": {"avail": 4, "running": 2, "users": {"vega": 2}},
        "nodes": {
            "n1": {
                "up": True, "isCounted": True, "nCpus": 4, "nGpus": 1,
                "cpu": {"total": [50, 0, 0, 0, 5], "core": [[99, 0, 1, 0, 0], [98, 0, 0, 0, 0], None, [0, 0, 0, 0, 9]]},
                "mem": {"used": 900, "total": 4000}, "swap": {"free": 10, "total": 10},
                "gpus": {"gpu0": {"util": 55, "memory": {"total": 100, "used": 40}}},
                "infiniband": {"bytes_in": 1, "bytes_out": 2, "pkts_in": 3, "pkts_out": 4},
                "lustre": {"read": 5, "write": 6}, "jobfs": {"read": 7, "write": 8},
            },
            "n2": {"up": False, "isCounted": True, "nCpus": 4, "nGpus": 0, "cpu": None, "mem": None, "swap": None,
                   "gpus": None, "infiniband": None, "lustre": {}, "jobfs": None},
        },
        "jobs": {
            "7": {
                "name": "blast", "username": "vega", "state": "RUNNING", "nCpus": 2, "nGpus": 1,
                "layout": {"n1": [0, 1]}, "gpuLayout": {"n1": [0]}, "timeLimit": 60, "runTime": 10,
                "startTime": time - 600, "mem": {"n1": 800},
                "memMax": 850, "memReq": 950.5, "lustre": {}, "jobfs": {"n1": 3}, "jobfsReq": 10,
            },
            "8": {
                "name": "later", "username": "rigel", "state": "PENDING", "nCpus": 4, "nGpus": 0, "layout": {},
                "gpuLayout": {}, "timeLimit": None, "runTime": 0, "startTime": None, "mem": {}, "memMax": 0,
                "memReq": 0, "lustre": {}, "jobfs": {}, "jobfsReq": None,
            },
        },
        **more,
    }  # fmt: skip


def _packed(time: int, **more: Any) -> bytes:
    return gzip.compress(json.dumps(_snapshot(time, **more)).encode())


Open = Callable[..., Backend]


@pytest.fixture
def play() -> Iterator[Open]:
    before = config.current()

    def start(path: Path | str, **settings: Any) -> Backend:
        config.use(config.parse({"replay": {"path": str(path), **settings}}, "test"))
        return Backend()

    yield start
    config.use(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Record three snapshots, a minute apart, each with a job of its own."""
    place = tmp_path / "recording"
    place.mkdir()
    for number in range(3):
        data = _snapshot(RECORDED + 60 * number)
        data["jobs"][f"10{number}"] = {**data["jobs"]["8"], "submitTime": RECORDED - 5, "endTime": RECORDED + 500}
        (place / f"data{RECORDED + 60 * number}.json.gz").write_bytes(gzip.compress(json.dumps(data).encode()))
    (place / "data.json.gz").write_bytes(b"the live copy, which has no time in its name")
    (place / "history.json.gz").write_bytes(b"something else")
    return place


def _shown(backend: Backend, at: float) -> str:
    """Return the job that tells which snapshot is played."""
    with clock.replaced(lambda: at):
        backend.pre_update()
    return next(job for job in backend.job_ids() if job.startswith("10"))


def test_snapshots_follow_each_other_in_time_and_begin_again(play: Open, folder: Path) -> None:
    backend = play(folder)
    shown = [_shown(backend, NOW + s) for s in (0, 59, 60, 119, 120, 179, 180, 240, 360)]
    assert shown == ["100", "100", "101", "101", "102", "102", "100", "101", "100"]


def test_without_loop_the_last_snapshot_stays(play: Open, folder: Path) -> None:
    backend = play(folder, loop=False)
    assert [_shown(backend, NOW + s) for s in (0, 130, 10_000)] == ["100", "102", "102"]


def test_speed_makes_it_pass_faster(play: Open, folder: Path) -> None:
    backend = play(folder, speed=10)
    assert [_shown(backend, NOW + s) for s in (0, 6, 12, 18)] == ["100", "101", "102", "100"]


def test_times_are_shifted_to_now_and_nothing_else(play: Open, folder: Path) -> None:
    backend = play(folder)
    _shown(backend, NOW)
    _shown(backend, NOW + 75)  # the second snapshot is 15 seconds old, and still "now"
    assert backend.job_start_time("7") == NOW + 75 - 600
    assert backend.job_start_time("8") is None
    assert backend.job_details("101") == {"submitTime": NOW + 75 - 65, "endTime": NOW + 75 + 440}
    assert backend.job_run_time("7") == 10


def test_what_is_played_is_what_was_recorded(play: Open, folder: Path) -> None:
    collector = Collector(play(folder))
    with clock.replaced(lambda: float(RECORDED)):
        played = collector.collect(RECORDED, config.current().live)
    recorded = json.loads(gzip.decompress((folder / f"data{RECORDED}.json.gz").read_bytes()))
    assert collector.skipped == []
    assert played["nodes"] == recorded["nodes"]
    assert played["usage"] == recorded["usage"]
    assert played["jobs"]["7"] == recorded["jobs"]["7"]
    assert played["jobs"]["8"] == recorded["jobs"]["8"]


def test_the_back_end_keeps_the_contract(play: Open, folder: Path) -> None:
    assert check_backend(type(play(folder))) == []


def test_api_14_with_plain_gpu_numbers_is_played(play: Open, tmp_path: Path) -> None:
    data = _snapshot(RECORDED, api=14)
    data["nodes"]["n1"]["gpus"] = {"gpu0": 37.5}
    data["nodes"]["n3"] = None
    (tmp_path / f"data{RECORDED}.json.gz").write_bytes(gzip.compress(json.dumps(data).encode()))
    collector = Collector(play(tmp_path))
    with clock.replaced(lambda: float(NOW)):
        played = collector.collect(NOW, config.current().live)
    assert collector.skipped == []
    assert played["nodes"]["n1"]["gpus"]["gpu0"]["util"] == 38
    assert played["nodes"]["n3"]["up"] is False
    assert played["nodes"]["n3"]["cpu"] is None


def test_partitions_of_our_own_snapshots_give_backfill(play: Open, tmp_path: Path) -> None:
    partitions = [
        {"name": "batch", "up": True, "default": True, "maxTime": 120, "maxNodes": None, "nodes": ["n1", "n2"]}
    ]
    reservations = [
        {"name": "m", "start": RECORDED + 3600, "end": RECORDED + 7200, "maintenance": True, "nodes": ["n1"]}
    ]
    content = _packed(RECORDED, partitions=partitions, reservations=reservations, cluster="old one")
    (tmp_path / f"data{RECORDED}.json.gz").write_bytes(content)
    backend = play(tmp_path)
    with clock.replaced(lambda: float(NOW)):
        backend.pre_update()
    assert backend.cluster_name() == "old one"
    assert backend.calculate_backfill() == {"batch": {"2": {"count": 1, "tMin": 3600.0, "tMax": 3600.0}}}


def test_without_partitions_there_is_no_backfill(play: Open, folder: Path) -> None:
    backend = play(folder)
    _shown(backend, NOW)
    assert backend.calculate_backfill() == {}


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\x1f\x8b garbage",
        b"<html>502 Bad Gateway</html>",
        _packed(RECORDED)[:200],
        gzip.compress(b'{"nodes": 1, "jobs": {}}'),
        gzip.compress(b"[1, 2]"),
    ],
    ids=["empty", "garbage", "html", "truncated", "wrong-types", "list"],
)
def test_a_damaged_file_is_named_and_left_out(
    play: Open, folder: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / f"data{RECORDED + 60}.json.gz").write_bytes(damage)
    backend = play(folder)
    with caplog.at_level(logging.WARNING):
        assert [_shown(backend, NOW + s) for s in (0, 70, 125)] == ["100", "100", "102"]
    assert f"data{RECORDED + 60}.json.gz" in caplog.text
    (source,) = backend.sources()
    assert source.skipped == 1


def test_nothing_but_damaged_files_is_a_failed_source(play: Open, tmp_path: Path) -> None:
    (tmp_path / "data1.json.gz").write_bytes(b"?")
    with pytest.raises(SourceError, match="none of the snapshots can be read"):
        play(tmp_path).pre_update()


def test_a_path_without_a_recording_is_a_wrong_setting(play: Open, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no archive")
    (tmp_path / "empty").mkdir()
    for path, said in (
        ("", "is empty"),
        (tmp_path / "missing", "is not there"),
        (tmp_path / "empty", "holds no snapshot"),
        (tmp_path / "notes.txt", "holds no snapshot"),
    ):
        with pytest.raises(SettingsError, match=said) as error:
            play(path)
        assert "data<epoch>.json.gz" in str(error.value)


# --- archives ---------------------------------------------------------------------------------------------------------


def _tar(path: Path, members: dict[str, bytes], *extra: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix in {".gz", ".tgz"} else "w") as archive:
        for info in extra:
            archive.addfile(info)
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["bundle.tar.gz", "bundle.tgz", "bundle.tar", "bundle.zip"])
def test_an_archive_is_played_like_its_folder(play: Open, folder: Path, tmp_path: Path, name: str) -> None:
    members = {f"export/{path.name}": path.read_bytes() for path in sorted(folder.iterdir(), reverse=True)}
    backend = play((_zip if name.endswith("zip") else _tar)(tmp_path / name, members))
    assert [_shown(backend, NOW + s) for s in (0, 60, 120, 180)] == ["100", "101", "102", "100"]


@pytest.mark.parametrize("name", ["evil.tar.gz", "evil.zip"])
def test_an_archive_writes_nothing_outside(play: Open, tmp_path: Path, name: str) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    victim = tmp_path / f"data{RECORDED}.json.gz"
    members = {
        f"../../data{RECORDED}.json.gz": _packed(RECORDED),
        str(victim): _packed(RECORDED),
        "..\\data5.json": b"{}",
    }
    backend = play((_zip if name.endswith("zip") else _tar)(inner / name, members))
    with clock.replaced(lambda: float(NOW)):
        backend.pre_update()
    assert backend.hostnames() == ["n1", "n2"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [name]


def test_links_and_devices_in_an_archive_are_not_followed(play: Open, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps(_snapshot(1)))
    strange = []
    for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)):
        info = tarfile.TarInfo(f"data{number + 1}.json.gz")
        info.type, info.linkname = kind, str(secret)
        strange.append(info)
    with pytest.raises(SettingsError, match="holds no snapshot"):
        play(_tar(tmp_path / "links.tar.gz", {}, *strange))


def test_an_oversized_member_is_named_and_left_out(
    play: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recording, "MAX_FILE_BYTES", 5000)
    good = f"data{RECORDED}.json.gz"
    for pack, name in ((_tar, "big.tar.gz"), (_zip, "big.zip")):
        caplog.clear()
        backend = play(pack(tmp_path / name, {"data7.json": b" " * 1_000_000, good: _packed(RECORDED)}))
        with clock.replaced(lambda: float(NOW)):
            backend.pre_update()
        assert "'data7.json' is larger than 5000 bytes" in caplog.text
        assert backend.job_start_time("7") == NOW - 600


def test_an_oversized_file_of_a_folder_is_named_and_left_out(
    play: Open, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recording, "MAX_FILE_BYTES", 5000)
    (folder / f"data{RECORDED}.json.gz").write_bytes(b" " * 5001)
    assert _shown(play(folder), NOW) == "101"
    assert f"data{RECORDED}.json.gz: is larger than 5000 bytes" in caplog.text


def test_a_snapshot_that_unpacks_without_end_is_left_out(
    play: Open, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recording, "MAX_SNAPSHOT_BYTES", 100_000)
    (folder / f"data{RECORDED}.json.gz").write_bytes(gzip.compress(b" " * 1_000_000))
    backend = play(folder)
    assert _shown(backend, NOW) == "101"
    assert "unpacks to more than" in caplog.text


def test_an_archive_of_absurd_size_is_refused(play: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MAX_TOTAL_BYTES", 10_000)
    members = {"data1.json": b" " * 6_000, "data2.json": b" " * 6_000}
    for pack, name in ((_tar, "huge.tar.gz"), (_zip, "huge.zip")):
        with pytest.raises(SettingsError, match="unpacks to more than"):
            play(pack(tmp_path / name, members))


def test_a_header_that_asks_for_all_memory_is_refused(
    play: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recording, "MAX_FILE_BYTES", 100_000)
    path = tmp_path / "pax.tar.gz"
    header = tarfile.TarInfo("data2.json")
    header.type, header.size = tarfile.XHDTYPE, 1 << 20
    good = _packed(RECORDED)
    first = tarfile.TarInfo(f"data{RECORDED}.json.gz")
    first.size = len(good)
    block = good + b"\0" * (-len(good) % 512)
    path.write_bytes(gzip.compress(first.tobuf() + block + header.tobuf() + b" " * (1 << 20)))
    backend = play(path)
    with clock.replaced(lambda: float(NOW)):
        backend.pre_update()
    assert backend.job_ids() == ["7", "8"]
    assert "is damaged, only the first 1 snapshots can be played: a header asks for 1048576 bytes" in caplog.text


def test_what_precedes_the_damage_of_an_archive_is_played(
    play: Open, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    members = {path.name: path.read_bytes() for path in sorted(folder.glob(f"data{RECORDED // 1000}*"))}
    for name in ("cut.tar.gz", "cut.tar"):
        path = _tar(tmp_path / name, members)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] if name.endswith("gz") else whole[: 512 + 1024 + 512 + 100])
        backend = play(path)
        assert _shown(backend, NOW) == "100"
        assert f"{name}: is damaged" in caplog.text
