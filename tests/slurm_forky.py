"""Build a Debian forky root with Slurm 26.05 and pyslurm, and run a small cluster inside it.

PyPI's pyslurm fits no Slurm of the Debian that the other suites run on. The root is built once and kept in a cache.
"""

import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from services import free_port

PACKAGES = (
    "ca-certificates,python3,python3-venv,python3-dev,gcc,libc6-dev,slurmctld,slurmd,slurm-client,libslurm-dev,"
    "slurm-wlm-basic-plugins,slurm-wlm-basic-plugins-dev,slurm-wlm-jwt-plugin,slurmrestd"
)
PYSLURM = "25.11.2"
# pyslurm compares the version of Slurm's headers with its own; its code fits both.
PRETENDED_VERSION = "0x190b02"
FLAGS = (
    "-O0 -g0 -w -DSLURM_BACKWARD_COMPAT -Dslurm_free_ctl_conf=slurm_free_conf "
    "-DESLURM_ERROR_ON_DESC_TO_RECORD_COPY=2023"
)
# Slurm 26.05 has one pointer more in a private structure, of which pyslurm keeps a copy.
PATCH = r"sed -i '/^ *bitstr_t \*node_bitmap/a\    void *between' pyslurm-*/pyslurm/slurm/extra.pxi"
READY = "opt/pyslurm/ready"
BACKEND = Path(__file__).parents[1] / "backend"
RUN = "/srv/cluster"

_CONF = """\
ClusterName=forky
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/slurm
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key={run}/jwt.key
CommunicationParameters=NoAddrCache,NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={run}/state
SlurmdSpoolDir={run}/spool-%n
SlurmctldPidFile={run}/slurmctld.pid
SlurmdPidFile={run}/slurmd-%n.pid
SlurmctldLogFile={run}/slurmctld.log
SlurmdLogFile={run}/slurmd-%n.log
ReturnToService=2
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
MinJobAge=3600
KillWait=2
GresTypes=gpu
{nodes}
PartitionName=batch Nodes=n[1-2] Default=YES MaxTime=2-00:00:00 DefaultTime=01:00:00 State=UP
PartitionName=gpu Nodes=g1 MaxTime=UNLIMITED State=UP
"""


class BuildError(Exception):
    """The root could not be built here: no network, no mmdebstrap, another forky by now."""


def root() -> Path:
    """Return the root, built now unless the cache has it."""
    cache = Path(os.environ.get("JOBMON_CACHE") or Path.home() / ".cache" / "jobmon")
    place = cache / "forky"
    recipe = f"{PACKAGES} {PYSLURM} {PRETENDED_VERSION} {FLAGS} {PATCH}\n"
    ready = place / READY
    if ready.exists() and ready.read_text() == recipe:
        return place
    for program in ("mmdebstrap", "unshare", "chroot"):
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            raise BuildError(f"{program} is not installed")
    if os.geteuid() != 0:
        raise BuildError("only root can build and enter a root file system")
    fresh = cache / "forky.new"
    for old in (place, fresh):
        shutil.rmtree(old, ignore_errors=True)
    cache.mkdir(parents=True, exist_ok=True)
    valid = '--aptopt=Acquire::Check-Valid-Until "false"'
    _build("mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", valid, "forky", str(fresh))
    headers = fresh / "opt/pyslurm/slurm"
    shutil.copytree(fresh / "usr/include/slurm", headers)
    version = headers / "slurm_version.h"
    text = re.sub(r"(#define SLURM_VERSION_NUMBER) \S+", rf"\1 {PRETENDED_VERSION}", version.read_text())
    version.write_text(text)
    for file in ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"):
        shutil.copy(file, fresh / file.lstrip("/"))
    install = (
        "set -e; cd /opt/pyslurm; python3 -m venv venv; export SLURM_LIB_DIR=/usr/lib/x86_64-linux-gnu "
        f'SLURM_INCLUDE_DIR=/opt/pyslurm PYSLURM_BUILD_JOBS=2 CFLAGS="{FLAGS}"; '
        f"venv/bin/pip download --no-deps --no-binary :all: pyslurm=={PYSLURM}; "
        f"tar xf pyslurm-{PYSLURM}.tar.gz; {PATCH}; venv/bin/pip install ./pyslurm-{PYSLURM}"
    )
    _build(*inside(fresh, "sh", "-c", install))
    (fresh / READY).write_text(recipe)
    fresh.rename(place)
    return place


def inside(place: Path, *command: str) -> list[str]:
    """Return the command that runs `command` in the root, with its own mounts, which end with it."""
    mounts = f"mount -t proc proc {place}/proc && mount --rbind /dev {place}/dev && "
    mounts += f"mkdir -p {place}/opt/backend && mount --bind -o ro {BACKEND} {place}/opt/backend && "
    return ["unshare", "--mount", "sh", "-c", f'{mounts} exec chroot {place} "$@"', "sh", *command]


def _build(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise BuildError(f"{command[0]} failed: {' '.join((done.stderr or done.stdout).split())[-400:]}")


class Cluster:
    """Hold a running slurmctld and three slurmd of the root: n1, n2 (8 CPUs, two sockets) and g1 (4 GPUs)."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.run_path = place / RUN.lstrip("/")
        self.daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start everything and wait until the nodes are idle."""
        shutil.rmtree(self.run_path, ignore_errors=True)
        (self.run_path / "state").mkdir(parents=True)
        for name, size in (("slurm.key", 1024), ("jwt.key", 32)):
            (self.run_path / name).write_bytes(secrets.token_bytes(size))
            (self.run_path / name).chmod(0o600)
        layout = "CPUs=8 Boards=1 SocketsPerBoard=2 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=16000"
        names = ("n1", "n2", "g1")
        lines = [f"NodeName={n} NodeAddr=127.0.0.1 Port={free_port()} {layout}" for n in names]
        lines[2] += " Gres=gpu:a100:4"
        gres = ["AutoDetect=off"]
        for index in range(4):
            (self.run_path / f"gpu{index}").symlink_to("/dev/null")
            gres.append(f"NodeName=g1 Name=gpu Type=a100 File={RUN}/gpu{index}")
        conf = _CONF.format(
            host=socket.gethostname().split(".")[0], ctld_port=free_port(), run=RUN, nodes="\n".join(lines)
        )
        (self.run_path / "slurm.conf").write_text(conf)
        (self.run_path / "gres.conf").write_text("\n".join(gres) + "\n")
        (self.run_path / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        self._spawn("slurmctld", "slurmctld", "-D", "-i")
        self.wait_for(lambda: "UP" in self.run("scontrol", "ping", check=False), "slurmctld")
        for name in names:
            self._spawn(f"slurmd-{name}", "slurmd", "-D", "-N", name)
        self.wait_for(lambda: self.run("sinfo", "-h", "-N", "-t", "idle", check=False).count("\n") >= 3, "idle nodes")

    def start_restd(self) -> tuple[str, Path]:
        """Start slurmrestd as an unprivileged user and return its address and a file with a token for it."""
        port = free_port()
        as_user = ["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", "env", "-u", "SLURM_SACK_KEY"]
        serve = ["SLURM_JWT=daemon", "slurmrestd", "-a", "rest_auth/jwt", "-s", "openapi/slurmctld"]
        self._spawn("slurmrestd", *as_user, *serve, f"127.0.0.1:{port}")
        self.wait_for(lambda: _listens(port), "slurmrestd")
        token = self.run_path / "token"
        token.write_text(self.run("scontrol", "token", "username=daemon", "lifespan=3600"))
        return f"http://127.0.0.1:{port}", token

    def stop(self) -> None:
        """Cancel all jobs and stop the daemons."""
        self.run("scancel", "--user=root", "--signal=KILL", check=False)
        self.run("scancel", "--user=root", check=False)
        for process in reversed(self.daemons):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.run_path, ignore_errors=True)

    def run(self, *command: str, check: bool = True, stdin: str = "") -> str:
        """Run a command in the root and return what it printed."""
        done = subprocess.run(
            inside(self.place, *command), env=self._env(), input=stdin, capture_output=True, text=True, timeout=60
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)[:200]} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def submit(self, *options: str, script: str = "sleep 600") -> str:
        """Submit a batch script and return the job's id."""
        body = f"#!/bin/sh\n{script}\n"
        common = ["sbatch", "--parsable", "--output=/dev/null", "--chdir=/"]
        return self.run(*common, *options, stdin=body).strip()

    def python(self, code: str) -> str:
        """Run Python in the root with pyslurm and jobmon importable, and return what it printed."""
        return self.run("/opt/pyslurm/venv/bin/python", "-c", code)

    def wait_for(self, condition: Callable[[], bool], what: str, timeout_s: float = 40) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                logs = [*self.run_path.glob("*.log"), *self.run_path.glob("*.out")]
                words = "\n".join(f"{log.name}: {log.read_text(errors='replace')[-800:]}" for log in logs)
                raise AssertionError(f"waited {timeout_s} s in vain for {what}\n{words}")
            time.sleep(0.1)

    def _env(self) -> dict[str, str]:
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C",
            "SLURM_CONF": f"{RUN}/slurm.conf",
            "SLURM_SACK_KEY": f"{RUN}/slurm.key",
            "PYTHONPATH": "/opt/backend",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _spawn(self, key: str, *command: str) -> None:
        with (self.run_path / f"{key}.out").open("wb") as out:
            self.daemons.append(
                subprocess.Popen(
                    inside(self.place, *command), env=self._env(), stdin=subprocess.DEVNULL, stdout=out, stderr=out
                )
            )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
