"""Keep the options of sbatch: their letters and arity, in which versions they are, and why some are not for jobs.

Names, letters and arity are those that sbatch 22.05 itself tells when it is asked wrongly; what came or went later is
from the manuals of the versions up to 26.05. What is not in here is refused, options of a site's own plug-ins too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Arity = Literal["none", "value", "maybe"]
"""An option takes no value, needs one, or may have one, which then is attached to it."""
Version = tuple[int, int]

OURS = "jobmon submits each job under its own name, held, to run once"
READ = "jobmon reads what sbatch prints, and must understand it"
NO_JOB = "sbatch would submit nothing"
FILE = "sbatch would read a file while it submits, and what waits for that file keeps others waiting"


@dataclass(frozen=True, slots=True)
class Option:
    """Hold one option; `why` says why it is not for jobs, "" for what is passed on."""

    name: str
    arity: Arity
    letter: str = ""
    why: str = ""
    wrong: Callable[[str], str] | None = None
    """Returns what is wrong with a value, "" if nothing is."""
    since: Version = (0, 0)
    """An older sbatch may take the name for the beginning of another one; for the rest it complains by itself."""
    until: Version = (99, 0)
    """The first version without it."""


def _not_a_file(value: str) -> str:
    return f"must be names of nodes, not a file: {FILE}" if "/" in value else ""


def _not_for_the_script(value: str) -> str:
    # sbatch takes the flags R and B in any case, and without their colon too
    flagged = value.upper().lstrip("R:").startswith("B")
    return "must not have the flag B: the script that gets it then is jobmon's, not the command" if flagged else ""


PASSED_ON = (
    Option("account", "value", "A"), Option("acctg-freq", "value"), Option("batch", "value"), Option("bb", "value"),
    # It counts from the release on: a job with it is held like any other.
    Option("begin", "value", "b"),
    Option("consolidate-segments", "none", since=(25, 11)), Option("constraint", "value", "C"),
    Option("contiguous", "none"), Option("core-spec", "value", "S"), Option("cores-per-socket", "value"),
    Option("cpu-freq", "value"), Option("cpus-per-gpu", "value"), Option("cpus-per-task", "value", "c"),
    # It removes what has not begun; jobmon's own, for a latest start, is left out then.
    Option("deadline", "value"),
    Option("delay-boot", "value"), Option("distribution", "value", "m"),
    Option("exclude", "value", "x", wrong=_not_a_file), Option("exclusive", "maybe"),
    Option("extra", "value", since=(23, 2)), Option("extra-node-info", "value", "B"),
    Option("gpu-bind", "value"), Option("gpu-freq", "value"), Option("gpus", "value", "G"),
    Option("gpus-per-node", "value"), Option("gpus-per-socket", "value"), Option("gpus-per-task", "value"),
    Option("gres", "value"), Option("gres-flags", "value"), Option("hint", "value"), Option("licenses", "value", "L"),
    Option("mail-type", "value"), Option("mail-user", "value"), Option("mcs-label", "value"), Option("mem", "value"),
    Option("mem-bind", "value"), Option("mem-per-cpu", "value"), Option("mem-per-gpu", "value"),
    Option("mem-update", "value", since=(26, 5)), Option("mincpus", "value"), Option("network", "value"),
    Option("nice", "maybe"), Option("no-kill", "maybe", "k"), Option("nodelist", "value", "w", wrong=_not_a_file),
    Option("nodes", "value", "N"), Option("ntasks", "value", "n"), Option("ntasks-per-core", "value"),
    Option("ntasks-per-gpu", "value"), Option("ntasks-per-node", "value"), Option("ntasks-per-socket", "value"),
    Option("ntasks-per-tres", "value"), Option("oom-kill-step", "maybe", since=(23, 11)),
    Option("overcommit", "none", "O"), Option("oversubscribe", "none", "s"), Option("power", "value", until=(24, 11)),
    Option("prefer", "value", since=(22, 5)), Option("profile", "value"), Option("propagate", "maybe"),
    Option("qos", "value", "q"), Option("reboot", "none"), Option("reservation", "value"),
    Option("resv-ports", "maybe", since=(24, 5)), Option("segment", "value", since=(23, 11)),
    Option("signal", "value", wrong=_not_for_the_script), Option("sockets-per-node", "value"),
    Option("spread-job", "none"), Option("spread-segments", "none", since=(25, 11)),
    Option("stepmgr", "none", since=(24, 5)), Option("switches", "value"), Option("tasks-per-node", "value"),
    Option("thread-spec", "value"), Option("threads-per-core", "value"), Option("time", "value", "t"),
    Option("time-min", "value"), Option("tmp", "value"), Option("tres-bind", "value", since=(23, 2)),
    Option("tres-per-task", "value", since=(23, 11)), Option("use-min-nodes", "none"),
    Option("wait-all-nodes", "value"), Option("wckey", "value"),
)  # fmt: skip

REFUSED = (
    Option("array", "value", "a", why=f"{OURS}, and an array is many jobs"),
    Option("bbf", "value", why=f"{FILE}; --bb takes the text itself"),
    Option("chdir", "value", "D", why="the working directory is given with the job itself"),
    Option("cluster", "value", why="jobmon would not find the job on another cluster"),
    Option("cluster-constraint", "value", why="jobmon would not find the job on another cluster"),
    Option("clusters", "value", "M", why="jobmon would not find the job on another cluster"),
    Option("comment", "value", why=OURS),
    Option("container", "value", why="the script that keeps the job's record must see its folder"),
    Option("container-id", "value", since=(23, 2), why="the script that keeps the job's record must see its folder"),
    Option("context", "value", why="the script that keeps the job's record runs in its user's own context"),
    # `afterok` on a job that failed and was forgotten is accepted, and runs.
    Option("dependency", "value", "d", why="Slurm forgets jobs; what follows from what is said with a workflow"),
    Option("error", "value", "e", why="the place of the output is given with the job itself"),
    Option("export", "value", why="the job's environment is that of a login"),
    Option("export-file", "value", why=FILE),
    Option("get-user-env", "maybe", why="sbatch would run a login shell while it submits"),
    Option("gid", "value", why="the account is given with the job itself"),
    Option("help", "none", "h", why=NO_JOB),
    Option("hold", "none", "H", why=f"{OURS}; to keep a job back, hold it in jobmon"),
    Option("ignore-pbs", "none", why="the script is jobmon's and has no such lines"),
    Option("input", "value", "i", why="a job has no input"),
    Option("job-name", "value", "J", why=f"{OURS}; people's name for it is given with the job itself"),
    Option("kill-on-invalid-dep", "value", why="jobs have no dependencies"),
    Option("no-requeue", "none", why=f"{OURS} already"),
    Option("nodefile", "value", "F", why=f"{FILE}; --nodelist takes the names themselves"),
    Option("open-mode", "value", why="the place of the output is given with the job itself"),
    Option("output", "value", "o", why="the place of the output is given with the job itself"),
    Option("parsable", "none", why=READ),
    Option("partition", "value", "p", why="it is given as the job's queue, whose limits count"),
    # --priority=0 is Slurm's own way to hold a job, and no user may set another one.
    Option("priority", "value", why="it would hold a job, or let a held one go"),
    Option("quiet", "none", "Q", why=READ),
    # With a value from 25.11 on.
    Option("requeue", "none", why=f"{OURS}; what is to run again is said with a workflow"),
    Option("test-only", "none", why=NO_JOB),
    Option("uid", "value", why="the account is given with the job itself"),
    Option("usage", "none", why=NO_JOB),
    Option("verbose", "none", "v", why=READ),
    Option("version", "none", "V", why=NO_JOB),
    Option("wait", "none", "W", why="sbatch would wait for the job's end, which comes after its release"),
    Option("wrap", "value", why="what runs is given as the job's command"),
)

ALL = {option.name: option for option in (*PASSED_ON, *REFUSED)}
LETTERS = {option.letter: option for option in ALL.values() if option.letter}
