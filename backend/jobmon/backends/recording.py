"""Find and read recorded snapshots: in a folder, or in an archive whose sender is not trusted.

Nothing is ever unpacked under a name of the archive's choosing: the snapshots are copied one after the other into one
anonymous temporary file. What is too large, is no regular file, or is not named like a snapshot is left out.
"""

import gzip
import io
import logging
import re
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from jobmon.errors import SettingsError, SourceError

MAX_FILE_BYTES = 128 << 20
"""A snapshot file larger than this is none."""
MAX_SNAPSHOT_BYTES = 256 << 20
"""Nor is one that unpacks to more than this."""
MAX_TOTAL_BYTES = 16 << 30
"""An archive that unpacks to more than this is refused."""
MAX_MEMBERS = 1_000_000
EXPECTED = "a folder with files data<epoch>.json.gz, or an archive of such files (.tar.gz, .tgz, .tar, .zip)"

_NAME = re.compile(r"data(\d{1,12})\.json(?:\.gz)?", re.ASCII)
_log = logging.getLogger("jobmon.backend")


@dataclass(frozen=True, slots=True)
class Frame:
    """Be one recorded snapshot that can be read."""

    time: int
    """From the file's name, in epoch seconds."""
    name: str
    read: Callable[[], bytes]


def find(path: str) -> list[Frame]:
    """Return the recorded snapshots in the order of time; SettingsError without any."""
    if not path:
        raise SettingsError(f"[replay] path: is empty; it must name {EXPECTED}")
    place = Path(path).expanduser()
    try:
        if place.is_dir():
            frames = _in_folder(place)
        elif place.is_file():
            frames = _in_archive(place)
        else:
            raise SettingsError(f"[replay] path = {path!r}: is not there; it must name {EXPECTED}")
    except OSError as error:
        raise SettingsError(f"[replay] path = {path!r}: cannot be read: {error.strerror or error}") from error
    if not frames:
        raise SettingsError(f"[replay] path = {path!r}: holds no snapshot; it must name {EXPECTED}")
    return sorted({frame.time: frame for frame in frames}.values(), key=lambda frame: frame.time)


def load(frame: Frame) -> dict[str, Any]:
    """Return the snapshot; SourceError, with the file's name, when it is truncated, corrupt, or no snapshot."""
    try:
        data = frame.read()
        if data.startswith(b"\x1f\x8b"):
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(MAX_SNAPSHOT_BYTES + 1)
            if len(data) > MAX_SNAPSHOT_BYTES:
                raise SourceError(f"{frame.name}: unpacks to more than {MAX_SNAPSHOT_BYTES} bytes")
        snapshot = orjson.loads(data)
    except (OSError, EOFError, zlib.error, orjson.JSONDecodeError) as error:
        raise SourceError(f"{frame.name}: cannot be read: {error}") from error
    if not isinstance(snapshot, dict) or not all(isinstance(snapshot.get(key), dict) for key in ("nodes", "jobs")):
        raise SourceError(f"{frame.name}: is not a snapshot with nodes and jobs")
    return snapshot


def _in_folder(folder: Path) -> list[Frame]:
    frames = []
    for path in folder.iterdir():
        found = _NAME.fullmatch(path.name)
        if found and path.is_file():
            if path.stat().st_size > MAX_FILE_BYTES:
                _log.warning("%s: is larger than %d bytes and left out", path.name, MAX_FILE_BYTES)
                continue
            frames.append(Frame(int(found[1]), path.name, path.read_bytes))
    return frames


def _in_archive(path: Path) -> list[Frame]:
    store = _Store()
    frames: list[Frame] = []
    members = _zip_members(path) if zipfile.is_zipfile(path) else _tar_members(path)
    try:
        for name, file in members:
            found = _NAME.fullmatch(name.replace("\\", "/").rpartition("/")[2])
            if found is None:
                continue
            with closing(file()) as member:
                data = member.read(MAX_FILE_BYTES + 1)
            if len(data) > MAX_FILE_BYTES:
                _log.warning("%s: %.200r is larger than %d bytes and left out", path.name, name, MAX_FILE_BYTES)
                continue
            frames.append(Frame(int(found[1]), found[0], store.add(data)))
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, gzip.BadGzipFile, RuntimeError) as error:
        # RuntimeError: an encrypted member. What came before the damage can still be played.
        _log.warning("%s: is damaged, only the first %d snapshots can be played: %s", path.name, len(frames), error)
    return frames


class _Store:
    """Keep contents in an anonymous temporary file that lives as long as somebody may read from it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - see the next line
        weakref.finalize(self, self._file.close)

    def add(self, data: bytes) -> Callable[[], bytes]:
        """Put the data at the end; return how to get them back."""
        offset = self._file.seek(0, io.SEEK_END)
        self._file.write(data)
        size = len(data)
        return lambda: self._at(offset, size)

    def _at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)


def _zip_members(path: Path) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        _refuse_huge(path, len(members), sum(info.file_size for info in members))
        for info in members:
            yield info.filename, lambda info=info: archive.open(info)  # type: ignore[misc]


def _tar_members(path: Path) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        source: Any = gzip.open(raw) if packed else raw  # noqa: SIM115 - closed with `raw`
        total = 0
        with tarfile.open(fileobj=_Bounded(source), mode="r:") as archive:  # type: ignore[call-overload]
            for count, info in enumerate(archive):
                total += info.size
                _refuse_huge(path, count, total)
                if info.isreg():
                    yield info.name, lambda info=info: archive.extractfile(info)  # type: ignore[misc]
                archive.members.clear()


class _Bounded:
    """Refuse to read absurd amounts at once, as a hostile header can ask for."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.seek, self.tell = source.seek, source.tell

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes."""
        if not 0 <= size <= 2 * MAX_FILE_BYTES:
            raise tarfile.ReadError(f"a header asks for {size} bytes")
        return self._source.read(size)


def _refuse_huge(path: Path, members: int, total: int) -> None:
    if members > MAX_MEMBERS or total > MAX_TOTAL_BYTES:
        raise SettingsError(f"[replay] path: {path.name} unpacks to more than {MAX_TOTAL_BYTES >> 30} GiB: not played")
