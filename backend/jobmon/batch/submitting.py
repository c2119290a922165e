"""Submit jobs from Python: `from jobmon.batch import submit`."""

from collections.abc import Mapping, Sequence
from getpass import getuser
from pathlib import Path
from typing import Any

from jobmon import config
from jobmon.batch import jobs, master
from jobmon.batch.requests import JobRequest, checked
from jobmon.config import Settings
from jobmon.engine.scheduler import check_options
from jobmon.engine.submission.folder import Folders
from jobmon.store import store_of


def submit(command: Sequence[str], *, settings: Settings | None = None, **asked: Any) -> int:
    """Ask for a job and return its number; it is submitted by whichever daemon is the master.

    `asked` takes what `POST /api/batch/jobs` takes beside the command: name, queue, options, working_dir, output,
    time_limit (seconds), notify, user, priority, not_before and latest_start (epoch seconds), labels. Without
    `settings` those of JOBMON_CONFIG or /etc/jobmon/jobmon.toml count. SettingsError says what is wrong, StoreError
    that the store does not answer; in both cases there is no job.
    """
    known = config.load() if settings is None else settings
    request: JobRequest = checked(JobRequest, {"command": list(command), **asked}, "job")
    check_options(known, request.options)
    store = store_of(known)
    try:
        with store.writing() as connection:
            return jobs.submit(connection, request, getuser(), known.batch)
    finally:
        store.close()


def output_of(settings: Settings, row: Mapping[str, Any]) -> Path:
    """Return where a job's output is, or will be."""
    if row["output_location"]:
        return Path(row["output_location"])
    return Folders(master.shared_path(settings)).of(row["submit_key"]) / "output"
