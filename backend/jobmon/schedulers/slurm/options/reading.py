"""Read words as sbatch reads them: letters one by one, names also by their beginnings, values attached or after."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobmon.errors import SettingsError
from jobmon.schedulers.slurm.options.table import ALL, LETTERS, NO_JOB, Option, Version


@dataclass(frozen=True, slots=True)
class Chosen:
    """Hold an option that a job asks for; `value` is None where there is none."""

    option: Option
    value: str | None

    @property
    def word(self) -> str:
        """Return it as one word that no version of sbatch can take for two, or for another option."""
        return f"--{self.option.name}" + ("" if self.value is None else f"={self.value}")


def canonical(words: Sequence[str]) -> tuple[str, ...]:
    """Return options in their whole names, each one word; SettingsError says which one may not be set, and why."""
    return tuple(chosen.word for chosen in read(words))


def read(words: Sequence[str]) -> tuple[Chosen, ...]:
    """Return what is asked for, in order; SettingsError as for `canonical`."""
    found: list[Chosen] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.isprintable() or not word.startswith("-") or word in {"-", "--"}:
            raise SettingsError(f"{word!r} is not an option of sbatch; what runs is given as the job's command")
        found += _named(word, rest) if word.startswith("--") else _letters(word, rest)
    return tuple(found)


def too_new_or_old(chosen: Sequence[Chosen], version: Version) -> str:
    """Return what this version of Slurm does not know, or would take for the beginning of another option; else ""."""
    for one in chosen:
        if not one.option.since <= version < one.option.until:
            return f"--{one.option.name} is not an option of sbatch {version[0]}.{version[1]:02}"
    return ""


def is_dated(chosen: Sequence[Chosen]) -> bool:
    """Say whether any of these is not in all versions."""
    return any(one.option.since > (0, 0) or one.option.until < (99, 0) for one in chosen)


def _named(word: str, rest: list[str]) -> list[Chosen]:
    name, attached, value = word[2:].partition("=")
    option = _found(name)
    return [_chosen(option, f"--{option.name}", value if attached else None, rest)]


def _letters(word: str, rest: list[str]) -> list[Chosen]:
    found = []
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        option = LETTERS.get(letter)
        if option is None:
            raise SettingsError(f"-{letter} in {word!r} is not an option of sbatch that jobmon knows")
        value = None
        if option.arity != "none" and letters:
            value, letters = letters, ""
        found.append(_chosen(option, f"-{letter}", value, rest))
    return found


def _found(name: str) -> Option:
    """Return the option of a name, or of the beginning of a name that begins no other one."""
    if name in ALL:
        return ALL[name]
    meant = sorted(known for known in ALL if known.startswith(name)) if name else []
    if not meant:
        raise SettingsError(f"--{name} is not an option of sbatch that jobmon knows")
    if len(meant) > 1:
        raise SettingsError(f"--{name} can mean --{', --'.join(meant)} of sbatch; write the whole name")
    return ALL[meant[0]]


def _chosen(option: Option, typed: str, value: str | None, rest: list[str]) -> Chosen:
    if option.why:
        long = f" (--{option.name})" if typed != f"--{option.name}" else ""
        raise SettingsError(f"{typed}{long} of sbatch cannot be set: {option.why}")
    if option.arity == "none" and value is not None:
        raise SettingsError(f"--{option.name} of sbatch takes no value")
    if option.arity == "value":
        if value is None and rest and not rest[0].startswith("-"):
            value = rest.pop(0)
        if not value:
            raise SettingsError(f"--{option.name} of sbatch needs a value")
    if value is not None:
        wrong = _wrong(option, value)
        if wrong:
            raise SettingsError(f"--{option.name}={value}: {wrong}")
    return Chosen(option, value)


def _wrong(option: Option, value: str) -> str:
    if not value.isprintable():
        return "must not hold control characters"
    if {part.strip().lower() for part in value.split(",")} & {"help", "list"}:
        return f"is a question: {NO_JOB}"
    return option.wrong(value) if option.wrong is not None else ""
