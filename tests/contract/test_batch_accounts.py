"""Jobs that run under another account than the daemon's: where they start, and what they find there."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_house import BatchHouse, housed
from jobmon.store import open_store

pytestmark = [pytest.mark.service, pytest.mark.skipif(os.geteuid() != 0, reason="only root can run jobs for others")]
HERE, HOMELESS = "daemon", "nobody"
"""Accounts of every Debian: one has a home that is there, the other has none."""


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchHouse]:
    folder = Path(tempfile.mkdtemp(prefix="jobmon-accounts-"))
    folder.chmod(0o755)
    store = open_store(f"sqlite:///{folder / 'store.sqlite'}", folder)
    with housed(store, folder, monkeypatch, users=[HERE, HOMELESS]) as made:
        monkeypatch.setenv("HOME", "/root")
        made.new_master()
        yield made
    store.close()
    shutil.rmtree(folder)


def test_a_job_without_a_folder_starts_in_the_home_of_its_account_and_with_its_environment(house):
    entry = pwd.getpwnam(HERE)
    job = house.until_ended(house.submit("sh", "-c", 'pwd; id -un; echo "$HOME $USER $LOGNAME $SHELL"',
                                         user=HERE, working_dir=""))  # fmt: skip
    assert job["status"] == "succeeded"
    assert job["output_tail"].splitlines() == [
        os.path.realpath(entry.pw_dir), HERE, f"{entry.pw_dir} {HERE} {HERE} {entry.pw_shell}",
    ]  # fmt: skip


def test_a_job_of_an_account_without_a_home_says_so(house):
    assert not Path(pwd.getpwnam(HOMELESS).pw_dir).exists()
    job = house.until_ended(house.submit("true", user=HOMELESS, working_dir=""))
    assert (job["status"], job["return_code"]) == ("failed", 126)
    assert "there is no working directory /nonexistent" in job["reason"]


def test_a_folder_that_the_account_cannot_enter_is_the_reason_that_is_told(house):
    closed = house.folder / "closed"
    closed.mkdir(mode=0o700)
    job = house.until_ended(house.submit("true", user=HERE, working_dir=str(closed)))
    assert (job["status"], job["return_code"]) == ("failed", 126)
    assert f"the working directory {closed} cannot be entered" in job["reason"]
