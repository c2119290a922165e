"""Read the job completion file, which slurmctld writes where it has `JobCompType=jobcomp/filetxt`."""

import os
import re
from collections.abc import Collection, Iterator

from jobmon import reading
from jobmon.schedulers.acting import Seen
from jobmon.schedulers.slurm.answers import read_accounting

MOST_BYTES = 64 * 1024 * 1024
"""So much of its end is read: some 100,000 jobs."""

MOST_LINE = 1 << 20

# A user's words begin with the name, which is one of ours only if it holds no blank; what ends the line is Slurm's.
_LINE = re.compile(rb"JobId=(\d+) UserId=\S+ GroupId=\S+ Name=(\S+) JobState=(\w+) .* ExitCode=(\d+:\d+) ?")


def values_of(config: str) -> dict[str, str]:
    """Return the settings in the answer to `scontrol show config`."""
    return dict(re.findall(r"^(\w+)\s*=\s*(.*?)\s*$", config, re.MULTILINE))


def file_of(config: str) -> str:
    """Return the path of the file by the answer to `scontrol show config`; "" when this cluster writes none."""
    found = values_of(config)
    return found.get("JobCompLoc", "") if found.get("JobCompType", "").endswith("filetxt") else ""


def read(path: str, keys: Collection[str]) -> tuple[Seen, ...]:
    """Return what the end of the file says of jobs with these keys; the last entry of a job counts.

    OSError when it cannot be read.
    """
    wanted = set(keys)
    try:
        found = {(seen.key, seen.id): seen for seen in read_accounting(_records(path)) if seen.key in wanted}
    except reading.NotPlainError:  # /dev/null, where nobody wants to keep it
        return ()
    return tuple(found.values())


def _records(path: str) -> Iterator[str]:
    """Yield the lines of the file as sacct would print them."""
    with reading.opened(path, follow=True) as (handle, status), os.fdopen(handle, "rb", closefd=False) as file:
        if status.st_size > MOST_BYTES:
            file.seek(status.st_size - MOST_BYTES)
            file.readline(MOST_LINE)
        while line := file.readline(MOST_LINE):
            found = _LINE.fullmatch(line.rstrip(b"\n"))
            if found:
                number, name, state, code = (text.decode("utf-8", "replace") for text in found.groups())
                yield f"{number}|{state}|{code}||{name}"
