"""Options of sbatch that people ask for: all but those that would take a job out of jobmon's hands."""

import pytest

from jobmon.schedulers.slurm.acting import refused_option


@pytest.mark.parametrize("options", [
    (), ("-n", "4", "--mem=2G"), ("--nodes", "2", "--exclusive", "-t", "10"), ("--constraint=a|b",), ("--nodelist=n1",),
    ("--time-min=5",), ("--exclude=n2",), ("--gres=gpu:1",), ("--account=phys", "-q", "short"),
])  # fmt: skip
def test_what_a_job_needs_is_passed_on(options):
    assert refused_option(options) == ""


@pytest.mark.parametrize("options", [
    ("--job-name=x",), ("-J", "x"), ("-Jx",), ("--wrap=true",), ("--array=1-9",), ("-a1-9",), ("--requeue",),
    ("--output", "/tmp/x"), ("--uid=0",), ("--hold",), ("-H",), ("--wait",), ("--export=ALL",), ("-D/",),
    ("--job-n=x",), ("--wra=true",), ("--arr=1-9",), ("--ui=0",), ("--test",), ("--o=x",),
    ("--",), ("script.sh",), ("-n", "4", "script.sh"), ("--mem=1\0",), ("-",),
])  # fmt: skip
def test_what_would_take_a_job_out_of_our_hands_is_refused_also_when_it_is_shortened(options):
    assert refused_option(options)
