"""Kill masters at every point and at random, on both stores and schedulers: `./jobmon.sh bench kill [MINUTES [ONLY]]`.

Prints for each combination how many commands ran twice or never, and how long it took until another master acted.
MINUTES is the length of the soak (30), ONLY a part of what is printed, as "soak" or "sqlite, local", for less.
"""

import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

import slurm_cluster  # noqa: E402 - beside this folder
from kill_matrix import POINTS, Matrix, masters, wait_for  # noqa: E402
from kill_work import Count  # noqa: E402

COMBINATIONS = (("sqlite", "local"), ("postgresql", "local"), ("sqlite", "slurm"), ("postgresql", "slurm"))
TTL_S = 10.0
TAKEOVER_S = 12.0
PLANNED_S = 2.0
RUN_TIME_S = 30
HAND_OVERS = 20


@contextmanager
def matrix(store: str, scheduler: str) -> Iterator[Matrix]:
    """Make a combination in a fresh folder."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jobmon-kill-")))
        conf = str(stack.enter_context(slurm_cluster.running()).conf) if scheduler == "slurm" else ""
        yield stack.enter_context(masters(folder, store, conf, TTL_S))


def points(made: Matrix) -> Count:
    """Let masters meet each fate once."""
    for point in POINTS:
        print(f"  {point} …", file=sys.stderr, flush=True)
        made.meet(point)
    return made.finish()


def soak(made: Matrix, minutes: float) -> Count:
    """Kill, freeze or stop the acting one of three masters every 3 to 7 seconds once it acts."""
    chance = random.Random(1)
    # A process that is frozen within a transaction keeps SQLite's lock, and no other one can do anything about that.
    ways = ("kill", "stop") if made.url.startswith("sqlite") else ("kill", "freeze", "stop")
    masters = [made.start() for _ in range(3)]
    end = time.monotonic() + 60 * minutes

    def the_acting_one() -> Any:
        return next((one for one in masters if one.poll() is None and made.acts(one)), None)

    while time.monotonic() < end:
        acting = wait_for(the_acting_one, "a master")
        time.sleep(chance.uniform(3, 7))
        wait_for(lambda others=masters: all(made.stands_by(one) for one in others), "three to take part")
        how = chance.choice(ways)
        at = time.time()
        acting.send_signal({"kill": signal.SIGKILL, "freeze": signal.SIGSTOP, "stop": signal.SIGTERM}[how])
        heirs = [m for m in masters if m is not acting]
        wait_for(lambda heirs=heirs: any(made.acts(m) for m in heirs), f"an heir after {how}")
        (made.planned_s if how == "stop" else made.takeovers_s).append(made.lease().acquired_at - at)
        if how == "freeze":
            time.sleep(chance.uniform(0, 2))
            acting.send_signal(signal.SIGCONT)
        else:
            acting.wait(30)
            masters = [*heirs, made.start()]
    for one in masters:
        made.stop(one)
    return made.finish()


def tell(name: str, count: Count) -> bool:
    """Print what came out; say whether every promise was kept."""

    def late(times: list[float]) -> float:
        return sorted(times)[max(0, -(-len(times) * 95 // 100) - 1)] if times else 0.0

    kept = not count.faults and late(count.takeovers_s) <= TAKEOVER_S and late(count.planned_s) <= PLANNED_S
    print(f"{name}: {count.ticks} ticks, {len(count.twice)} twice, {len(count.never)} never, "
          f"{len(count.left)} left over; takeover p95 {late(count.takeovers_s):.1f} s, max "
          f"{max(count.takeovers_s, default=0):.1f} s of {len(count.takeovers_s)}; planned p95 "
          f"{late(count.planned_s):.1f} s of {len(count.planned_s)}; {'ok' if kept else f'MISSED {count.faults}'}",
          flush=True)  # fmt: skip
    return kept


def hand_overs(made: Matrix) -> Count:
    """Let masters end when their time is up, with a job that goes on through several of them."""
    long = f"for i in $(seq 20); do sleep 5; done; echo $JOBMON_JOB >> {made.work.witness}"
    made.work.add_job("sh", "-c", long)
    print(f"  the latest tick was {made.hand_over(RUN_TIME_S, HAND_OVERS):.1f} s late", flush=True)
    return made.finish()


def main(minutes: float, only: str = "") -> int:
    """Run all combinations, then the soak on each; or `only` what is named so."""
    works: list[tuple[str, str, str, Callable[[Matrix], Count]]] = [
        *(("C1–C13", store, scheduler, points) for store, scheduler in COMBINATIONS),
        (f"{HAND_OVERS} hand-overs", *COMBINATIONS[0], hand_overs),
        *(
            (f"soak of {minutes:g} min", store, scheduler, partial(soak, minutes=minutes))
            for store, scheduler in COMBINATIONS
        ),
    ]
    kept = True
    for name, store, scheduler, work in works:
        title = f"{name}, {store}, {scheduler}"
        if only in title:
            with matrix(store, scheduler) as made:
                kept &= tell(title, work(made))
    return 0 if kept else 1
