"""Whatever lies where a file is to be read: it is told, nothing is waited for, and no descriptor stays open."""

import os
import socket
from pathlib import Path

import pytest

from jobmon import reading


def put(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("kind", "told"),
    [("folder", "is a folder"), ("pipe", "is a pipe"), ("link", "is a link"), ("loop", "is a link"),
     ("socket", "is a socket")],
)  # fmt: skip
def test_what_is_no_plain_file_is_told_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    put(Path("x"), kind)
    before = descriptors()
    with reading.folder(tmp_path) as within:
        for read in (reading.whole, reading.end):
            with pytest.raises(reading.NotPlainError, match=told):
                read("x", 100, within=within)
            with pytest.raises(reading.NotPlainError, match=told):
                read(tmp_path / "x", 100)
    assert descriptors() == before


def test_a_device_is_none_either() -> None:
    with pytest.raises(reading.NotPlainError, match="is a device"):
        reading.whole("/dev/zero", 100)
    with pytest.raises(reading.NotPlainError, match="is a device"):
        reading.whole("/dev/zero", 100, follow=True)


def test_a_file_that_is_too_large_is_not_read_and_of_its_end_no_more_than_wanted(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"beginning")
    with path.open("ab") as file:
        file.truncate(10 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"end")
    with pytest.raises(reading.NotPlainError, match="is larger than 100 bytes"):
        reading.whole(path, 100)
    assert reading.end(path, 5) == b"\0\0end"
    path.write_bytes(b"x" * 100)
    assert len(reading.whole(path, 100)) == len(reading.end(path, 1000)) == 100


def test_links_are_followed_where_that_is_wanted_and_nowhere_below(tmp_path: Path) -> None:
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "real/inner/x").write_text("found")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real/way").symlink_to(tmp_path / "real/inner")
    before = descriptors()
    with reading.folder(tmp_path / "link", "inner", follow=True) as within:
        assert reading.whole("x", 10, within=within) == b"found"
    with pytest.raises(NotADirectoryError), reading.folder(tmp_path / "link", "inner"):
        pass
    with pytest.raises(NotADirectoryError), reading.folder(tmp_path / "link", "way", follow=True):
        pass
    with pytest.raises(FileNotFoundError), reading.folder(tmp_path / "link", "inner", "nowhere", follow=True):
        pass
    assert descriptors() == before


def test_what_is_missing_or_closed_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        reading.whole(tmp_path / "x", 10)
