"""Options of sbatch that people ask for: read as sbatch reads them, and only those that leave a job in our hands."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobmon.config.tables import SchedulerSettings
from jobmon.errors import SettingsError
from jobmon.schedulers.acting import Accepted, JobSpec, Refused, Silent, Unknown
from jobmon.schedulers.command import Answer
from jobmon.schedulers.slurm.acting import SlurmScheduler
from jobmon.schedulers.slurm.answers import read_submission
from jobmon.schedulers.slurm.options import canonical
from jobmon.schedulers.slurm.options.table import ALL, PASSED_ON, REFUSED
from stand_in import Commands


@pytest.mark.parametrize(("options", "expected"), [
    ((), ()),
    (("-n", "4", "--mem=2G"), ("--ntasks=4", "--mem=2G")),
    (("-n4", "-N", "2-3"), ("--ntasks=4", "--nodes=2-3")),
    (("--nodes", "2", "--exclusive", "-t", "10"), ("--nodes=2", "--exclusive", "--time=10")),
    (("--exclusive=user",), ("--exclusive=user",)),
    (("--constraint=a|b",), ("--constraint=a|b",)),
    (("--nodelist=n1", "-x", "n2"), ("--nodelist=n1", "--exclude=n2")),
    (("--gres=gpu:1", "--account=phys", "-q", "short"), ("--gres=gpu:1", "--account=phys", "--qos=short")),
    (("-Osk",), ("--overcommit", "--oversubscribe", "--no-kill")),
    (("-Okoff",), ("--overcommit", "--no-kill=off")),
    (("-OsN2",), ("--overcommit", "--oversubscribe", "--nodes=2")),
    (("-OsN", "2"), ("--overcommit", "--oversubscribe", "--nodes=2")),
    (("--no-kill", "-c2"), ("--no-kill", "--cpus-per-task=2")),
    (("--nice", "--nice=-5"), ("--nice", "--nice=-5")),
    (("--contig", "--gpus-per-n=1"), ("--contiguous", "--gpus-per-node=1")),
    (("--time", "10", "--time-m=5"), ("--time=10", "--time-min=5")),
    (("--signal=USR1@60", "--deadline=now+1hour"), ("--signal=USR1@60", "--deadline=now+1hour")),
])  # fmt: skip
def test_what_a_job_needs_is_passed_on_in_whole_names_and_single_words(options, expected):
    assert canonical(options) == expected
    assert canonical(expected) == expected


@pytest.mark.parametrize("options", [
    # those that were seen to run what nobody recorded, to make many of one, or to keep others waiting
    ("--quiet", "/tmp/x.sh"), ("-Qa0-3",), ("-QW",), ("--export-file=/tmp/x",), ("-Osa0-3",), ("-OW",), ("-Ov",),
    ("--job-name=x",), ("-J", "x"), ("-Jx",), ("--wrap=true",), ("--array=1-9",), ("-a1-9",), ("--requeue",),
    ("--output", "/tmp/x"), ("--uid=0",), ("--hold",), ("-H",), ("--wait",), ("--export=ALL",), ("-D/",), ("-W",),
    ("--job-n=x",), ("--wra=true",), ("--arr=1-9",), ("--ui=0",), ("--test",), ("--o=x",), ("--parsable",), ("-Q",),
    ("--version",), ("-V",), ("--help",), ("-h",), ("--usage",), ("--comment=x",), ("--clusters=b",), ("-M", "b"),
    ("--cluster=b",), ("--dependency=afterok:1",), ("-d", "1"), ("--partition=long",), ("-plong",), ("--priority=0",),
    ("--nodefile=/tmp/x",), ("-F/tmp/x",), ("--bbf=/tmp/x",), ("--get-user-env",), ("--gid=0",), ("-v",),
    ("--container=/tmp",), ("--no-requeue",), ("--open-mode=truncate",), ("--ignore-pbs",), ("--error=x",), ("-ix",),
    # a file that sbatch reads can be a pipe, for which it waits
    ("--nodelist=/tmp/x",), ("-w", "./x"), ("--exclude=/tmp/x",),
    # a question is answered with 0, and without a job
    ("--gres=help",), ("--gres", "list"), ("--hint=help",), ("--mem-bind=quiet,help",),
    ("--signal=B:USR1@60",), ("--signal=RB:10",),
    # what is no option, what is in no table, what is incomplete
    ("--",), ("script.sh",), ("-n", "4", "script.sh"), ("--mem=1\0",), ("--mem=1\nx",), ("-",), ("",), (":",),
    ("--exclusive", "user"), ("--nice", "5"), ("-k", "off"), ("--contiguous=yes",), ("--context=x",), ("-Z",), ("-O2",),
    ("--gpu=1",), ("--n=1",), ("--=x",), ("--ntasks",), ("-n",), ("--mem=",), ("--mem", ""), ("--mem", "--quiet"),
    ("-c", "-Q"), ("--JOB-NAME=x",), ("–n", "4"), ("--no-such-thing",), ("--beg\0in=1",),
])  # fmt: skip
def test_what_would_take_a_job_out_of_our_hands_is_refused_however_it_is_written(options):
    with pytest.raises(SettingsError, match=r"sbatch|must|is a question"):
        canonical(options)


def test_a_refusal_says_what_why_and_where_it_is_said_instead():
    def words(*options: str) -> str:
        with pytest.raises(SettingsError) as error:
            canonical(options)
        return str(error.value)

    assert (
        words("-QW") == "-Q (--quiet) of sbatch cannot be set: jobmon reads what sbatch prints, and must understand it"
    )
    assert "given as the job's queue" in words("-p", "long")
    assert "write the whole name" in words("--gpu=1")
    assert "--ntasks of sbatch needs a value" in words("-n")
    assert "given as the job's command" in words("x.sh")


def test_the_table_says_why_for_all_that_is_refused_and_has_each_name_and_letter_once():
    assert all(option.why for option in REFUSED)
    assert not any(option.why for option in PASSED_ON)
    assert len(ALL) == len(PASSED_ON) + len(REFUSED)
    letters = [option.letter for option in ALL.values() if option.letter]
    assert len(letters) == len(set(letters))


def test_no_option_that_is_passed_on_can_be_taken_for_a_refused_one_by_an_older_or_newer_sbatch():
    """A name that is not known is taken for the only one that begins with it."""
    dated = [option.name for option in PASSED_ON if option.since > (0, 0) or option.until < (99, 0)]
    assert len(dated) > 5
    assert not [one.name for one in REFUSED if one.name.startswith(tuple(dated))]


# --- submitting ----------------------------------------------------------------------------------------------------

Submit = Callable[..., object]


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    made = Commands(tmp_path)
    made.say("sbatch", "7\n")
    made.say("squeue", "slurm 22.05.8\n")
    return made


@pytest.fixture
def submit(commands: Commands) -> Submit:
    scheduler = SlurmScheduler(SchedulerSettings(bin_path=str(commands.path), timeout=5))

    def submit(*options: str, **more: object) -> object:
        spec = JobSpec("c1-b1-1", Path("/shared/script"), Path("/shared/log"), options=options, **more)
        return scheduler.submit_held(spec)

    return submit


def test_ours_comes_last_and_nothing_stands_between_it_and_the_script(submit, commands):
    assert submit("-Osn4", "--mem", "2G", queue="long", limit_s=90) == Accepted("7")
    (words,) = commands.calls("sbatch")
    assert words[:4] == ["--overcommit", "--oversubscribe", "--ntasks=4", "--mem=2G"]
    assert words[-2:] == ["--", "/shared/script"]
    ours = words[4:-2]
    assert {"--hold", "--parsable", "--no-requeue", "--job-name=jm-c1-b1-1", "--partition=long", "--time=3"} <= set(
        ours
    )
    assert all(word.startswith("--") for word in words[:-1])


def test_a_limit_among_the_options_is_kept_however_it_is_written(submit, commands):
    for options in (("-Ot30",), ("--time", "30"), ("-t", "30")):
        assert submit(*options, limit_s=90) == Accepted("7")
    assert [[word for word in words if word.startswith("--time")] for words in commands.calls("sbatch")] == [
        ["--time=30"]
    ] * 3


def test_what_is_refused_never_reaches_sbatch(submit, commands):
    answer = submit("--quiet", "/tmp/x.sh")
    assert isinstance(answer, Refused)
    assert answer.for_good
    assert commands.calls("sbatch") == []


@pytest.mark.parametrize(("version", "option", "fine"), [
    ("22.05.8", "--extra=x", False), ("23.11.1", "--extra=x", True), ("22.05.8", "--power=level", True),
    ("25.11.0", "--power=level", False), ("25.11.2", "--spread-segments", True),
    ("24.05.0", "--spread-segments", False), ("of no number", "--extra=x", True),
])  # fmt: skip
def test_what_this_version_would_take_for_something_else_is_refused(submit, commands, version, option, fine):
    """`--extra` is the beginning of `--extra-node-info` where there is no `--extra`."""
    commands.say("squeue", f"slurm {version}\n")
    assert (submit(option) == Accepted("7")) is fine


def test_a_scheduler_that_does_not_answer_is_not_asked_to_release_each_job(commands):
    scheduler = SlurmScheduler(SchedulerSettings(bin_path=str(commands.path), timeout=1))
    commands.say("scontrol", first="exec sleep 5")
    began = time.monotonic()
    assert scheduler.release([str(number) for number in range(50)]) == ()
    assert time.monotonic() - began < 4
    commands.say("scontrol", "", "slurm_suspend error", 1, first='[ "$2" = 3 ] && exit 0')
    assert scheduler.release(["2", "3", "4"]) == ("3",)


@pytest.mark.parametrize(("err", "code", "expected"), [
    ("Unable to contact slurm controller (connect failure)", 1, Silent),
    ("Batch job submission failed: Unable to contact slurm controller (send failure)", 1, Unknown),
    ("Batch job submission failed: Socket timed out on send/recv operation", 1, Unknown),
    ("sbatch: error: Invalid --mail-type specification", 255, Refused),
    ("sbatch: error: Batch job submission failed: Invalid license specification", 1, Refused),
    ("sbatch: fatal: --mem, --mem-per-cpu, and --mem-per-gpu are mutually exclusive.", 1, Refused),
])  # fmt: skip
def test_who_is_not_there_is_silent_and_has_refused_nothing(err, code, expected):
    assert isinstance(read_submission(Answer("", err, code)), expected)


@pytest.mark.parametrize("value", ["B:USR1@60", "b:USR1@60", "BUSR1@60", "RB:USR1", "rb:10", "B@60"])
def test_a_signal_for_the_script_is_refused_however_it_is_written(value):
    with pytest.raises(SettingsError, match="the flag B"):
        canonical([f"--signal={value}"])
    assert canonical(["--signal=R:USR1@60"]) == ("--signal=R:USR1@60",)
