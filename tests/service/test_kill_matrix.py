"""Whatever happens to a master, every tick has one row, every command runs once, and every end is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kill_matrix import Matrix, masters

pytestmark = [pytest.mark.service, pytest.mark.timeout(400)]


@pytest.fixture(params=["sqlite-local", "postgresql-slurm"])
def matrix(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Matrix]:
    store, scheduler = request.param.split("-")
    conf = str(request.getfixturevalue("slurm").conf) if scheduler == "slurm" else ""
    with masters(tmp_path, store, conf) as made:
        yield made


def test_nothing_is_lost_and_nothing_runs_twice(matrix):
    """Each point once, on one of the two, where it matters more; `./jobmon.sh bench kill` has all on all."""
    on_local = ("C1", "C2", "C6", "C7", "C9", "C10", "C11", "C12")
    points = on_local if matrix.scheduler == "local" else ("C3", "C4", "C5", "C8", "C13")
    for point in points:
        matrix.meet(point)
    count = matrix.finish()
    assert count.faults == {}
    assert count.ticks > 3 * len(points)
    assert count.told_again >= ("C12" in points)  # its master died between sending and marking
