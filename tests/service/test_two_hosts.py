"""Two hosts with networks and names of their own, one PostgreSQL: links are cut, and a host is preferred."""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from jobmon.batch.master import change_setting
from jobmon.batch.tables import EVENT, FIRE
from kill_matrix import Matrix, masters, wait_for
from services import absent, require

pytestmark = [pytest.mark.service, pytest.mark.timeout(200)]


@dataclass
class Hosts:
    """Hold the network namespaces h1 and h2, each with a link to the host that has the store."""

    tag: str
    made: list[str] = field(default_factory=list)

    def link(self, host: str) -> str:
        return f"{self.tag}{host}"

    def address(self, host: str) -> str:
        """Return this side's address of a host's link."""
        return f"10.{200 + int(host[1])}.{os.getpid() % 250}.1"

    def make(self, host: str) -> None:
        name, link, near = f"{self.tag}-{host}", self.link(host), self.address(host)
        far = near.removesuffix("1") + "2"
        run("ip", "netns", "add", name)
        self.made.append(name)
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "addr", "add", f"{near}/24", "dev", link)
        run("ip", "link", "set", link, "up")
        run("ip", "-n", name, "addr", "add", f"{far}/24", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        run("ip", "-n", name, "link", "set", "lo", "up")

    def within(self, host: str) -> tuple[str, ...]:
        """Return what runs a command on a host, under its name and with its network alone."""
        start = f'hostname {host}; exec "$@"'
        return ("ip", "netns", "exec", f"{self.tag}-{host}", "unshare", "--uts", "sh", "-c", start, "sh")

    def close(self) -> None:
        for name in self.made:
            run("ip", "link", "del", self.link(name[-2:]))
            run("ip", "netns", "del", name)


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    for program in ("ip", "unshare"):
        require(program, "iproute2 util-linux")
    if os.geteuid() != 0:
        absent("hosts of their own need root")
    made = Hosts(f"jm{os.getpid() % 10000}")
    try:
        for host in ("h1", "h2"):
            made.make(host)
        yield made
    finally:
        made.close()


def url_of(url: str, address: str) -> str:
    return url.replace("127.0.0.1", address)


@pytest.fixture
def matrix(hosts: Hosts, tmp_path: Path) -> Iterator[Matrix]:
    also = ",".join(hosts.address(host) for host in ("h1", "h2"))
    with masters(tmp_path, "postgresql", also=also) as made:
        yield made


def test_a_master_that_is_cut_off_is_replaced_and_writes_nothing_when_it_is_back(hosts: Hosts, matrix: Matrix) -> None:
    old = matrix.start(within=hosts.within("h1"), url=url_of(matrix.url, hosts.address("h1")))
    wait_for(lambda: matrix.acts(old), "h1 to act")
    new = matrix.start(within=hosts.within("h2"), url=url_of(matrix.url, hosts.address("h2")))
    time.sleep(2)
    run("ip", "link", "set", hosts.link("h1"), "down")
    wait_for(lambda: matrix.acts(new), "h2 to take over")
    taken_over = matrix.lease()
    time.sleep(3)
    run("ip", "link", "set", hosts.link("h1"), "up")
    time.sleep(8)
    assert old.poll() is None
    assert matrix.acts(new)
    with matrix.store.reading() as connection:
        late = sa.select(sa.func.count()).where(EVENT.c.fence < taken_over.fence, EVENT.c.at > taken_over.acquired_at)
        assert connection.execute(late).scalar_one() == 0
        assert connection.execute(sa.select(sa.func.count()).where(FIRE.c.fence == taken_over.fence)).scalar_one() > 5
    for host in ("h1", "h2"):  # nobody reaches the store
        run("ip", "link", "set", hosts.link(host), "down")
    wait_for(lambda: not (matrix.acts(old) or matrix.acts(new)), "nobody to act")
    time.sleep(2)
    for host in ("h1", "h2"):
        run("ip", "link", "set", hosts.link(host), "up")
    wait_for(lambda: matrix.acts(old) or matrix.acts(new), "somebody to act again")
    time.sleep(3)
    for process in (old, new):
        matrix.stop(process)
    assert matrix.finish().faults == {}


def test_the_preferred_host_acts_while_it_is_there(hosts: Hosts, matrix: Matrix) -> None:
    first = matrix.start(within=hosts.within("h1"), url=url_of(matrix.url, hosts.address("h1")))
    wait_for(lambda: matrix.acts(first), "h1 to act")
    second = matrix.start(within=hosts.within("h2"), url=url_of(matrix.url, hosts.address("h2")))
    with matrix.store.writing() as connection:
        change_setting(connection, "master", "h2")
    wait_for(lambda: matrix.acts(second), "h2 to act, as it is preferred")
    second.kill()
    second.wait(30)
    wait_for(lambda: matrix.acts(first), "h1 to act while h2 is away")
    again = matrix.start(within=hosts.within("h2"), url=url_of(matrix.url, hosts.address("h2")))
    wait_for(lambda: matrix.acts(again), "h2 to act again")
    for process in (first, again):
        matrix.stop(process)
    with matrix.store.writing() as connection:
        change_setting(connection, "master", "")
    assert matrix.finish().faults == {}


def test_processes_that_end_after_their_run_time_hand_over(matrix: Matrix) -> None:
    matrix.hand_over(4, times=4)
    assert matrix.finish().faults == {}
