"""Published files are whole at any moment, and what is no published file is told by name."""

import gzip
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import pytest

from jobmon.errors import AlreadyRunningError, SpoolError
from jobmon.spool import reader, retention, writer
from jobmon.spool.lock import address, locked, note

WRITES_FOR_EVER = """
import sys
from pathlib import Path
from jobmon.spool import writer
path = Path(sys.argv[1])
while True:
    for letter in b"ab":
        writer.write(path, writer.compress(bytes([letter]) * 2_000_000))
        print("!", flush=True)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read_with_missing_folders_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x.json.gz"
    writer.write(path, writer.compress(b'{"a":[1,null]}'))
    assert reader.read_json(path) == {"a": [1, None]}
    assert gzip.decompress(path.read_bytes()) == b'{"a":[1,null]}'
    assert path.stat().st_mode & 0o777 == 0o644, "the web server is another user"
    assert names(path.parent) == ["x.json.gz"]


def test_equal_content_gives_equal_bytes() -> None:
    first = writer.compress(b"abc" * 1000)
    time.sleep(1.1)  # a time in the member would differ now
    assert writer.compress(b"abc" * 1000) == first


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json.gz"
    contents = [writer.compress(b'"%s"' % (letter * 300_000)) for letter in (b"a", b"b")]
    writer.write(path, contents[0])
    ending = threading.Event()

    def write() -> None:
        while not ending.is_set():
            for content in contents:
                writer.write(path, content)

    thread = threading.Thread(target=write)
    thread.start()
    seen = set()
    try:
        for _ in range(2000):
            text = reader.read_json(path)
            assert isinstance(text, str)
            assert text in {"a" * 300_000, "b" * 300_000}
            seen.add(text[0])
            if len(seen) == 2 and _ > 200:
                break
    finally:
        ending.set()
        thread.join()
    assert seen == {"a", "b"}
    assert names(tmp_path) == ["x.json.gz"]


def test_a_crash_leaves_the_old_file_or_the_new_one_and_at_most_a_leftover(tmp_path: Path) -> None:
    path = tmp_path / "x.json.gz"
    for pause in (0.0, 0.003, 0.011):
        process = subprocess.Popen([sys.executable, "-c", WRITES_FOR_EVER, path], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.read(1)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert len(set(gzip.decompress(path.read_bytes()))) == 1
        for leftover in set(names(tmp_path)) - {path.name}:
            assert leftover.startswith(".")
            assert leftover.endswith(writer.TEMPORARY_SUFFIX)
            (tmp_path / leftover).unlink()


def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match=r"file/x\.json\.gz: cannot be written: "):
        writer.write(tmp_path / "file" / "x.json.gz", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SpoolError, match="folder: cannot be written: Is a directory"):
        writer.write(tmp_path / "folder", b"")
    with pytest.raises(SpoolError, match="cannot be written: File name too long"):
        writer.write(tmp_path / ("x" * 300), b"")

    def fails(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(SpoolError, match=r"x\.json\.gz: cannot be written: No space left on device"):
        writer.write(tmp_path / "x.json.gz", b"new")
    assert names(tmp_path) == ["file", "folder"]


def test_a_link_is_a_second_name_of_the_same_file(tmp_path: Path) -> None:
    first, second = tmp_path / "data.json.gz", tmp_path / "data7.json.gz"
    writer.write(first, b"1")
    second.write_bytes(b"old")
    for _ in range(2):  # also when both are one file already
        writer.link(first, second)
        assert first.samefile(second)
        assert names(tmp_path) == ["data.json.gz", "data7.json.gz"]
    writer.write(first, b"2")
    assert second.read_bytes() == b"1"
    with pytest.raises(SpoolError, match=r"data8\.json\.gz: cannot be linked to none: No such file"):
        writer.link(tmp_path / "none", tmp_path / "data8.json.gz")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"a":1}', id="not compressed"),
        pytest.param(gzip.compress(b'{"a":1}' * 100)[:-9], id="truncated"),
        pytest.param(gzip.compress(b'{"a":1}')[:5], id="truncated in the head"),
        pytest.param(gzip.compress(b'{"a":1}')[:-8] + b"\0" * 8, id="wrong checksum"),
        pytest.param(gzip.compress(os.urandom(100))[:20] + b"\xff" * 40, id="corrupt"),
        pytest.param(gzip.compress(b""), id="compressed nothing"),
        pytest.param(gzip.compress(b"{"), id="half a document"),
        pytest.param(gzip.compress(b"\xff\xfe"), id="not UTF-8"),
        pytest.param(gzip.compress(b"[" * 100_000), id="too deep"),
        pytest.param(gzip.compress(b"NaN"), id="not a number"),
    ],
)
def test_what_is_no_published_file_is_told_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json.gz"
    path.write_bytes(content)
    with pytest.raises(SpoolError, match=r"x\.json\.gz: cannot be read: "):
        reader.read_json(path)


def test_a_file_that_unpacks_to_far_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_BYTES", 1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    (tmp_path / "x").write_bytes(b"".join(packer.compress(b" " * (1 << 20)) for _ in range(64)) + packer.flush())
    with pytest.raises(SpoolError, match="unpacks to more than 1048576 bytes"):
        reader.read_json(tmp_path / "x")


def test_a_missing_file_is_none_and_a_folder_an_error(tmp_path: Path) -> None:
    assert reader.read_json(tmp_path / "none") is None
    with pytest.raises(SpoolError, match="is a folder"):
        reader.read_json(tmp_path)


@pytest.mark.parametrize(
    ("wanted", "found"), [(-5, 10), (10, 10), (14, 10), (15, 10), (16, 20), (20.4, 20), (39, 40), (1e18, 40)]
)
def test_the_nearest_time_is_found_the_earlier_of_two(wanted: float, found: int) -> None:
    assert reader.nearest([10, 20, 40], wanted) == found
    assert reader.nearest([], wanted) is None


def test_only_time_stamped_files_have_a_time(tmp_path: Path) -> None:
    odd = [
        "data.json.gz", "data12.json", "data1x.json.gz", "data-5.json.gz", "data².json.gz", "data1.5.json.gz",
        "data1234567890123.json.gz", "xdata5.json.gz", ".data5.json.gz.abc.part", "history.json.gz", "data 5.json.gz",
    ]  # fmt: skip
    for name in [*odd, "data30.json.gz", "data5.json.gz", "data007.json.gz"]:
        (tmp_path / name).touch()
    assert reader.times_on_disk(tmp_path, "data{}.json.gz") == [5, 30]
    assert reader.times_on_disk(tmp_path / "none", "data{}.json.gz") == []
    assert reader.times_on_disk(tmp_path, "{}.json.gz") == []


def test_names_whose_head_and_tail_would_overlap_have_no_time(tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").touch()
    assert reader.times_on_disk(tmp_path, "a.json{}.json.gz") == []


def test_what_is_old_expires_and_what_lies_in_the_future_does_not() -> None:
    assert retention.expired([50, 10, 90, 89, 500], 100, 10) == [10, 50, 89]
    assert retention.expired([], 100, 10) == []


def test_the_lock_tells_who_has_it_and_where_the_page_is(tmp_path: Path) -> None:
    path = tmp_path / "new" / "data"
    assert address(path) == ""
    with locked(path) as lock:
        assert address(path) == ""
        note(lock, "http://127.0.0.1:1/")
        assert address(path) == "http://127.0.0.1:1/"
        with pytest.raises(AlreadyRunningError, match=rf"process {os.getpid()}\)"), locked(path):
            pass
    with locked(path):
        assert address(path) == "", "the address of an earlier daemon is forgotten"
