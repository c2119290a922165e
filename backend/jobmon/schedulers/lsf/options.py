"""Keep the options of bsub that jobs may have, and their arity; the list is closed.

bsub takes the first word that it does not know for the command, and most options that are not in here start a job
again, make many of one, wait for its end, or say what jobmon says: -H -J -K -I -i -o -e -r -Q -w -env -Zs and their
kin. Letters are never grouped, and values stand after their options.
"""

from collections.abc import Sequence

from jobmon.errors import SettingsError

VALUES = frozenset((
    "-app", "-b", "-c", "-C", "-D", "-F", "-G", "-g", "-gpu", "-Lp", "-M", "-m", "-n", "-P", "-p", "-R", "-S", "-sla",
    "-sp", "-T", "-t", "-U", "-v", "-W", "-We",
))  # fmt: skip
"""Those that need a value."""
ALONE = frozenset({"-x", "-ul"})
WHY = {
    "-q": "it is given as the job's queue, whose limits count",
    "-H": "jobmon submits each job held; to keep a job back, hold it in jobmon",
    "-J": "jobmon finds its jobs by their names; people's name for it is given with the job itself",
    "-K": "bsub would wait for the job's end, which comes after its release",
    "-w": "what follows from what is said with a workflow",
    "-r": "jobmon submits each job to run once; what is to run again is said with a workflow",
    "-cwd": "the working directory is given with the job itself",
    "-o": "the place of the output is given with the job itself",
    "-e": "the place of the output is given with the job itself",
}
"""What people may look for, and where it is."""
DEFAULT_GPU = "-"


def canonical(words: Sequence[str]) -> tuple[str, ...]:
    """Return options as bsub wants them; SettingsError says which one may not be set, and why."""
    rest = iter(words)
    found: list[str] = []
    for word in rest:
        found.append(word)
        if word in ALONE:
            continue
        if word not in VALUES:
            raise SettingsError(_refusal(word))
        value = next(rest, "")
        if not value or not value.isprintable() or (value.startswith("-") and (word, value) != ("-gpu", DEFAULT_GPU)):
            raise SettingsError(f"{word} of bsub needs a value after it")
        found.append(value)
    return tuple(found)


def _refusal(word: str) -> str:
    if word in WHY:
        return f"{word} of bsub cannot be set: {WHY[word]}"
    known = " ".join(sorted(VALUES | ALONE))
    return f"{word!r} cannot be set: jobmon submits each job in its own way; of bsub's options it takes {known}"
