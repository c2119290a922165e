"""Whatever happens to a master, every tick has one row and every command runs once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmon.config import SchedulerSettings
from jobmon.schedulers.local import LocalScheduler
from jobmon.schedulers.slurm.acting import SlurmScheduler
from kill_matrix import Matrix
from stores import server

__all__ = ["server"]
pytestmark = [pytest.mark.service, pytest.mark.timeout(400)]


@pytest.fixture(params=["sqlite-local", "postgresql-slurm"])
def matrix(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Matrix]:
    if request.param == "sqlite-local":
        scheduler = LocalScheduler(tmp_path / "shared" / "local", 8)
        made = Matrix(tmp_path, f"sqlite:///{tmp_path / 'store.sqlite'}", "local", scheduler)
    else:
        conf = str(request.getfixturevalue("slurm").conf)
        url = request.getfixturevalue("server")
        made = Matrix(tmp_path, url, "slurm", SlurmScheduler(SchedulerSettings(conf=conf)), conf=conf)
    yield made
    made.stop_all()
    made.store.close()


def test_nothing_is_lost_and_nothing_runs_twice(matrix):
    """Most points with local jobs, on Slurm those where it matters who runs them; `./jobmon.sh bench kill` has all."""
    points = ("C1", "C2", "C4", "C6", "C7", "C9", "C10", "C11") if matrix.scheduler == "local" else ("C4", "C5", "C8")
    matrix.add_entry()
    for point in points:
        matrix.meet(point)
    count = matrix.finish()
    assert count.faults == {}
    assert count.ticks > 3 * len(points)
