"""Read published files, and find the one nearest in time."""

import bisect
import gzip
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from jobmon import reading
from jobmon.errors import SpoolError

MAX_BYTES = 1 << 30
"""A published file that unpacks to more than this is not ours."""


def read_json(path: Path) -> Any | None:
    """Return what a published file holds; None when there is no such file; SpoolError when it cannot be read."""
    try:
        with (
            reading.opened(path) as (handle, _status),
            os.fdopen(handle, "rb", closefd=False) as packed,
            gzip.GzipFile(fileobj=packed) as file,
        ):
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise SpoolError(f"{path}: unpacks to more than {MAX_BYTES} bytes")
        return orjson.loads(data)
    except FileNotFoundError:
        return None
    except (OSError, EOFError, zlib.error, orjson.JSONDecodeError) as error:
        raise SpoolError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def nearest(times: Sequence[int], wanted: float) -> int | None:
    """Return the one of the sorted `times` that is nearest to `wanted`, the earlier of two; None without any."""
    if not times:
        return None
    index = bisect.bisect_left(times, wanted)
    around = times[max(0, index - 1) : index + 1]
    return min(around, key=lambda t: (abs(t - wanted), t))


def times_on_disk(folder: Path, pattern: str) -> list[int]:
    """Return the sorted times of all time-stamped files in `folder`; `pattern` holds {} where the time goes."""
    head, _, tail = pattern.partition("{}")
    times: list[int] = []
    if folder.is_dir():
        for path in folder.iterdir():
            stamp = path.name[len(head) : len(path.name) - len(tail)]
            if stamp.isascii() and stamp.isdigit() and len(stamp) <= 12:
                time = int(stamp)
                if path.name == f"{head}{time}{tail}":  # 007 is nothing that we wrote
                    times.append(time)
    return sorted(times)
