"""The job completion file of Slurm, whose lines are as Slurm 22.05 writes them."""

import os

import pytest

from jobmon.schedulers.acting import Seen
from jobmon.schedulers.slurm import completions

REST = (
    "Partition=batch TimeLimit=60 StartTime=2026-11-20T10:00:00 EndTime=2026-11-20T10:00:02 NodeList=n1 NodeCnt=1 "
    "ProcCnt=2 WorkDir={folder} ReservationName= Tres=cpu=2,node=1,billing=2 Account= QOS= WcKey= Cluster=unknown "
    "SubmitTime=2026-11-20T09:59:59 EligibleTime=2026-11-20T10:00:00 DerivedExitCode=0:0 ExitCode={code} \n"
)


def line(number: int, name: str, state: str, code: str = "0:0", folder: str = "/") -> str:
    who = "UserId=alice(1000) GroupId=alice(1000)"
    return f"JobId={number} {who} Name={name} JobState={state} {REST.format(folder=folder, code=code)}"


def test_ends_are_found_by_name_among_jobs_of_others(tmp_path):
    file = tmp_path / "jobcomp.log"
    file.write_text(
        line(1, "wrf", "COMPLETED")
        + line(2, "jm-x-b1-1", "FAILED", "7:0")
        + line(3, "jm-x-b2-1", "FAILED", "0:9")
        + line(4, "jm-x-b3-1", "OUT_OF_MEMORY", "0:125")
        + line(5, "jm-x-b4-1", "COMPLETED")
    )
    assert completions.read(str(file), ["x-b1-1", "x-b2-1", "x-b3-1"]) == (
        Seen("2", "x-b1-1", "ended", "exit", 7, None),
        Seen("3", "x-b2-1", "ended", "signal", 0, 9),
        Seen("4", "x-b3-1", "ended", "oom", 0, 125),
    )


def test_the_last_entry_of_a_job_counts(tmp_path):
    file = tmp_path / "jobcomp.log"
    file.write_text(line(2, "jm-x-b1-1", "NODE_FAIL") + line(2, "jm-x-b1-1", "FAILED", "98:0"))
    assert completions.read(str(file), ["x-b1-1"]) == (Seen("2", "x-b1-1", "ended", "exit", 98, None),)


@pytest.mark.parametrize(
    "text",
    [
        line(1, "other Name=jm-x-b1-1", "COMPLETED"),
        line(1, "other", "COMPLETED", folder="/tmp/Name=jm-x-b1-1 JobState=COMPLETED"),
        line(1, "jm-x-b1-1", "FAILED")[:200],
        "JobId=1 UserId=\n\n\0\xff\n",
        "",
    ],
)
def test_nothing_is_made_of_words_of_users_and_of_torn_lines(tmp_path, text):
    file = tmp_path / "jobcomp.log"
    file.write_text(text, encoding="latin-1")
    assert completions.read(str(file), ["x-b1-1"]) == ()


def test_an_exit_code_in_the_words_of_a_user_is_not_the_job_s(tmp_path):
    file = tmp_path / "jobcomp.log"
    file.write_text(line(1, "jm-x-b1-1", "FAILED", "7:0", folder="/tmp/ ExitCode=0:0 "))
    assert [seen.return_code for seen in completions.read(str(file), ["x-b1-1"])] == [7]


def test_only_the_end_of_an_endless_file_is_read(tmp_path, monkeypatch):
    file = tmp_path / "jobcomp.log"
    file.write_text("".join(line(number, f"jm-x-b{number}-1", "COMPLETED") for number in range(1, 100)))
    monkeypatch.setattr(completions, "MOST_BYTES", 1000)
    keys = [f"x-b{number}-1" for number in range(1, 100)]
    assert [seen.id for seen in completions.read(str(file), keys)] == ["98", "99"]


def test_a_file_that_cannot_be_read_is_an_error_and_a_pipe_does_not_block(tmp_path):
    with pytest.raises(FileNotFoundError):
        completions.read(str(tmp_path / "missing"), ["x-b1-1"])
    os.mkfifo(tmp_path / "pipe")
    assert completions.read(str(tmp_path / "pipe"), ["x-b1-1"]) == ()


@pytest.mark.parametrize(
    ("config", "file"),
    [
        ("JobCompLoc              = /var/log/jobcomp\nJobCompType             = jobcomp/filetxt\n", "/var/log/jobcomp"),
        ("JobCompLoc              = /var/log/jobcomp\nJobCompType             = filetxt\n", "/var/log/jobcomp"),
        ("JobCompLoc              = /var/log/jobcomp\nJobCompType             = jobcomp/none\n", ""),
        ("JobCompLoc              = http://es:9200\nJobCompType             = jobcomp/elasticsearch\n", ""),
        ("", ""),
    ],
)
def test_where_the_file_is_stands_in_the_configuration(config, file):
    assert completions.file_of(config) == file
