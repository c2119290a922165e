"""Invent users and their habits: what jobs they submit, and what is wrong with them."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Habit:
    """Describe how jobs of a habit behave; percentages of a core's time, MB per second and node."""

    name: str
    user: float = 100
    """Time in the program on a core that works; what is left after system and wait is idle."""
    system: float = 0
    wait: float = 0
    wait_phase: float = 0
    """Additional time waiting in the phases of input and output, which come and go within an hour."""
    working: float = 1
    """Part of the job's cores that do anything."""
    memory: tuple[float, float] = (0.72, 0.96)
    """Peak memory as a part of the request."""
    gpu: tuple[float, float] = (0, 0)
    """Utilisation of a GPU in percent."""
    period: tuple[int, int] = (3, 8)
    """A job starts about every 600 s · 2^n: between these n."""
    network: float = 0
    disk: float = 0.5
    scratch: float = 0
    share: float = 0
    """Part of the ordinary lanes of whole cores that have this habit."""
    min_cores: int = 1
    names: tuple[str, ...] = ()


GOOD = Habit("good", names=("nbody", "mcmc", "galaxy_sed", "reduce_night", "qe_relax", "blast", "lammps", "fit_lc"))
MPI = Habit("mpi", 97, 2, network=600, disk=20, period=(5, 8), names=("gadget", "cfd_wing", "wrf", "enzo", "vasp"))
ARRAY = Habit("array", period=(2, 5), memory=(0.75, 0.9), names=("sweep", "bootstrap", "pulsar_fold", "simgrid"))
WASTEFUL = Habit(
    "wasteful", 99, working=0.125, share=0.07, min_cores=8, names=("analysis.R", "matlab_job", "py_serial")
)
MEMORY = Habit("memory", memory=(0.03, 0.09), share=0.06, min_cores=2, names=("assembly", "safe_side", "stats_all"))
SWAP = Habit("swap", 62, 12, 14, memory=(0.985, 0.995), share=0.015, min_cores=4, names=("bigmatrix", "denovo"))
IO = Habit("io", 78, 5, 7, 38, disk=260, scratch=60, share=0.04, names=("untar_all", "convert_fits", "sql_dump"))
CALLS = Habit("calls", 48, 46, 1, disk=4, share=0.03, names=("threads_x4", "many_forks", "malloc_test"))
GPU = Habit(
    "gpu", 91, 3, 1, gpu=(82, 98), period=(4, 7), disk=40, names=("train_unet", "md_gpu", "llm_ft", "transients")
)
IDLE_GPU = Habit("idle_gpu", 88, 2, gpu=(0, 4), period=(4, 6), names=("notebook", "train_test", "cpu_only_oops"))
INTERACTIVE = Habit("interactive", 9, 1, period=(2, 3), memory=(0.2, 0.5), names=("sinteractive", "jupyter", "bash"))
HABITS = (GOOD, MPI, ARRAY, WASTEFUL, MEMORY, SWAP, IO, CALLS, GPU, IDLE_GPU, INTERACTIVE)

STARS = [
    "vega",
    "sirius",
    "rigel",
    "altair",
    "deneb",
    "spica",
    "antares",
    "capella",
    "mimosa",
    "regulus",
    "castor",
    "pollux",
    "procyon",
    "canopus",
    "achernar",
    "hadar",
    "acrux",
    "shaula",
    "bellatrix",
    "elnath",
    "alnilam",
    "mirfak",
    "dubhe",
    "wezen",
    "sargas",
    "kaus",
    "avior",
    "alkaid",
    "atria",
    "alhena",
    "peacock",
    "mirzam",
    "alphard",
    "hamal",
    "diphda",
    "nunki",
    "menkent",
    "alpheratz",
    "mirach",
    "saiph",
    "kochab",
    "rasalhague",
    "algol",
    "denebola",
    "naos",
]
ACCOUNTS = ("astro01", "bio07", "chem12", "eng03", "phys21", "ml05", "geo09", "stat02")
# How many of the 45 users have which habit first; the others are good, and some do two things.
_SPECIAL = ((MPI, 6), (ARRAY, 6), (WASTEFUL, 3), (MEMORY, 3), (SWAP, 1), (IO, 3), (CALLS, 2), (GPU, 6), (IDLE_GPU, 2),
            (INTERACTIVE, 3))  # fmt: skip


@dataclass(frozen=True, slots=True)
class People:
    """Hold who there is, and who does what."""

    names: tuple[str, ...]
    accounts: tuple[str, ...]
    pools: tuple[tuple[int, ...], ...]
    """For each of HABITS the users that have it, the most active first."""


def build(count: int, seed: int) -> People:
    """Return `count` users, at least one for each habit."""
    rng = random.Random(f"people {seed}")
    count = max(len(HABITS), count)
    names = [star if cycle == 0 else f"{star}{cycle + 1}" for cycle in range(count // len(STARS) + 1) for star in STARS]
    names = names[:count]
    rng.shuffle(names)
    pools: dict[str, list[int]] = {habit.name: [] for habit in HABITS}
    nobody = iter(range(count))
    for habit, of_45 in _SPECIAL:
        pools[habit.name] = [next(nobody) for _ in range(max(1, of_45 * count // 45))]
    rest = list(nobody)
    pools["good"] = rest
    for name in ("array", "gpu", "interactive", "mpi"):  # good users do several things
        pools[name] += rng.sample(rest, min(len(rest), max(1, len(rest) // 5)))
    return People(
        tuple(names), tuple(rng.choice(ACCOUNTS) for _ in names), tuple(tuple(pools[habit.name]) for habit in HABITS)
    )
