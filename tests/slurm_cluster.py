"""Start a real Slurm cluster on loopback, in its own directory and on its own ports, and stop it by process id."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services import absent, free_port, require

PACKAGES = "munge slurmctld slurmd slurm-client slurmrestd slurm-wlm-basic-plugins slurm-wlm-jwt-plugin"
CPU_NODES = ("n1", "n2", "n3", "n4")
GPU_NODES = ("g1", "g2")
CPUS = 8
GPUS = 4
MEMORY_MB = 16000
REST_USER = "daemon"

_CONF = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={run}/munge.sock
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
JobAcctGatherFrequency=task=1
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={run}/jobcomp.log
SlurmdParameters=config_overrides
MinJobAge=3600
KillWait=1
CompleteWait=0
MaxArraySize=2001
GresTypes=gpu
{nodes}
PartitionName=batch Nodes=n[1-4] Default=YES MaxTime=2-00:00:00 DefaultTime=01:00:00 State=UP
PartitionName=gpu Nodes=g[1-2] MaxTime=UNLIMITED DefMemPerCPU=500 State=UP
PartitionName=short Nodes=n[1-2],g1 MaxTime=00:30:00 MaxNodes=1 State=UP
"""


class SlurmCluster:
    """Hold one running cluster: nodes n1 to n4 (partition batch) and g1 and g2 with four GPUs each (partition gpu)."""

    def __init__(self, directory: Path, influxdb: str = "") -> None:
        """`influxdb` is HOST:PORT of a server to whose database "slurm" the nodes write what each task uses."""
        self.directory = directory
        self._influxdb = influxdb
        self.conf = directory / "slurm.conf"
        self.env = {
            "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
            "SLURM_CONF": str(self.conf),
            "LC_ALL": "C",
        }
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.rest_port = 0

    # --- starting and stopping -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start munged, slurmctld and one slurmd per node, and wait until every node is idle."""
        self.directory.chmod(0o755)
        (self.directory / "state").mkdir()
        for name, size in (("munge.key", 1024), ("jwt.key", 32)):
            (self.directory / name).write_bytes(secrets.token_bytes(size))
            (self.directory / name).chmod(0o600)
        self._write_conf()
        munge = [f"--{what}-file={self.directory}/munge.{what}" for what in ("key", "pid", "log", "seed")]
        self._spawn("munged", "munged", "--foreground", "--force", f"--socket={self.directory}/munge.sock", *munge)
        self.wait_for((self.directory / "munge.sock").exists, "munged's socket")
        self.start_controller()
        for node in CPU_NODES + GPU_NODES:
            self._spawn(f"slurmd-{node}", "slurmd", "-D", "-N", node)
        self.wait_for(lambda: self._idle_nodes() == set(CPU_NODES + GPU_NODES), "all nodes to be idle")

    def start_controller(self) -> None:
        """Start slurmctld, which picks up its saved state, and wait until it answers."""
        self._spawn("slurmctld", "slurmctld", "-D", "-i")
        self.wait_for(lambda: self.run("scontrol", "ping", check=False).count("UP") == 1, "slurmctld to answer")

    def start_restd(self, api_versions: str = "v0.0.36,v0.0.37,v0.0.38") -> str:
        """Start slurmrestd for JWT over TCP, unless it runs, and return its address."""
        if not self.rest_port:
            self.rest_port = free_port()
            plugins = ",".join(f"openapi/{version}" for version in api_versions.split(","))
            listen = f"127.0.0.1:{self.rest_port}"
            auth = ["slurmrestd", "-a", "rest_auth/jwt", "-s", plugins, listen]
            self._spawn("slurmrestd", *_as_rest_user(), *auth, extra_env={"SLURM_JWT": "daemon"})
            self.wait_for(lambda: _listens("127.0.0.1", self.rest_port), "slurmrestd to listen")
        return f"http://127.0.0.1:{self.rest_port}"

    def start_restd_on_socket(self) -> str:
        """Start a second slurmrestd on a unix socket, unless it runs, and return its address."""
        folder = self.directory / "rest"
        path = folder / "restd.sock"
        if "slurmrestd-socket" not in self.daemons:
            folder.mkdir()
            shutil.chown(folder, REST_USER)
            local = ["slurmrestd", "-a", "rest_auth/local", "-s", "openapi/v0.0.37,openapi/v0.0.38", f"unix:{path}"]
            self._spawn("slurmrestd-socket", *_as_rest_user(), *local)
            self.wait_for(path.exists, "slurmrestd's socket")
        return f"unix:{path}"

    def token_file(self, lifespan_s: int = 3600) -> Path:
        """Write a fresh JWT for the REST user into a file and return its path."""
        answer = self.run("scontrol", "token", f"username={REST_USER}", f"lifespan={lifespan_s}")
        path = self.directory / "token"
        path.write_text(answer.strip().removeprefix("SLURM_JWT=") + "\n")
        path.chmod(0o600)
        return path

    def kill_controller(self) -> None:
        """Kill slurmctld the hard way."""
        process = self.daemons.pop("slurmctld")
        process.kill()
        process.wait()

    @contextlib.contextmanager
    def frozen_controller(self) -> Iterator[None]:
        """Stop slurmctld's process for the duration of the block: it accepts connections and never answers."""
        process = self.daemons["slurmctld"]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)
        self.wait_for(lambda: self.run("scontrol", "ping", check=False).count("UP") == 1, "slurmctld to thaw")

    def stop(self) -> None:
        """Cancel all jobs, for slurmstepd outlives slurmd, then stop every daemon in the reverse order."""
        if "slurmctld" in self.daemons:
            with contextlib.suppress(AssertionError):
                self.cancel_all()
        for process in reversed(self.daemons.values()):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.daemons.clear()
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- jobs ------------------------------------------------------------------------------------------------------

    def submit(self, *options: str, script: str = "sleep 600") -> str:
        """Submit a batch script and return the job's id."""
        body = f"#!/bin/sh\n{script}\n"
        return self.run("sbatch", "--parsable", "--output=/dev/null", *options, stdin=body).strip().split(";")[0]

    def cancel_all(self) -> None:
        """Cancel every job and wait until the nodes are free again."""
        self.run("scancel", "--user=root", "--signal=KILL", check=False)
        self.run("scancel", "--user=root", check=False)
        self.wait_for(lambda: not self.run("squeue", "-h", "-o", "%A"), "all jobs to be gone")

    def run(self, *command: str, check: bool = True, stdin: str = "") -> str:
        """Run one of Slurm's commands and return what it printed."""
        done = subprocess.run(command, env=self.env, input=stdin, capture_output=True, text=True, timeout=30)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} failed: {done.stderr}")
        return done.stdout

    def squeue(self, job_id: str, letter: str) -> str:
        """Return one field of a job as squeue prints it, "" when there is no such job."""
        out = self.run("squeue", "-h", "-a", "-t", "all", "-j", job_id, "-o", f"%A@@%{letter}", check=False)
        return next((line.split("@@", 1)[1] for line in out.split("\n") if line.startswith(f"{job_id}@@")), "")

    def wait_state(self, job_id: str, state: str) -> None:
        """Wait until the job is in that state."""
        self.wait_for(lambda: self.squeue(job_id, "T") == state, f"job {job_id} to be {state}")

    def wait_for(self, condition: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
        """Wait until a condition holds; fail with the controller's last words when it does not."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                log = self.directory / "slurmctld.log"
                words = log.read_text(errors="replace")[-2000:] if log.exists() else ""
                raise AssertionError(f"waited {timeout_s} s in vain for {what}\n{words}")
            time.sleep(0.05)

    # --- details ---------------------------------------------------------------------------------------------------

    def _write_conf(self) -> None:
        lines = []
        layout = f"CPUs={CPUS} Boards=1 SocketsPerBoard=2 CoresPerSocket=4 ThreadsPerCore=1 RealMemory={MEMORY_MB}"
        for node in CPU_NODES:
            lines.append(f"NodeName={node} NodeAddr=127.0.0.1 Port={free_port()} {layout} Feature=cpu,{node}")
        for node in GPU_NODES:
            gres = f"Gres=gpu:a100:{GPUS} Feature=gpu"
            lines.append(f"NodeName={node} NodeAddr=127.0.0.1 Port={free_port()} {layout} {gres}")
        host = socket.gethostname().split(".")[0]
        self.conf.write_text(_CONF.format(host=host, ctld_port=free_port(), run=self.directory, nodes="\n".join(lines)))
        if self._influxdb:
            with self.conf.open("a") as conf:
                conf.write("AcctGatherProfileType=acct_gather_profile/influxdb\n")
            (self.directory / "acct_gather.conf").write_text(
                f"ProfileInfluxDBHost={self._influxdb}\nProfileInfluxDBDatabase=slurm\n"
                "ProfileInfluxDBDefault=Task\nProfileInfluxDBRTPolicy=autogen\n"
            )
        devices = ["AutoDetect=off"]
        for node in GPU_NODES:
            for index in range(GPUS):
                device = self.directory / f"{node}-gpu{index}"
                device.symlink_to("/dev/null")
                devices.append(f"NodeName={node} Name=gpu Type=a100 File={device}")
        (self.directory / "gres.conf").write_text("\n".join(devices) + "\n")

    def _spawn(self, key: str, *command: str, extra_env: dict[str, str] | None = None) -> None:
        with (self.directory / f"{key}.out").open("wb") as out:
            self.daemons[key] = subprocess.Popen(
                command, env=self.env | (extra_env or {}), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def _idle_nodes(self) -> set[str]:
        lines = self.run("sinfo", "-h", "-N", "-o", "%N %T", check=False).splitlines()
        return {name for name, _, state in (line.partition(" ") for line in lines) if state == "idle"}


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _as_rest_user() -> list[str]:
    return ["setpriv", f"--reuid={REST_USER}", f"--regid={REST_USER}", "--clear-groups"]


@contextlib.contextmanager
def running(influxdb: str = "") -> Iterator[SlurmCluster]:
    """Run a cluster; skip, or fail with CI=true, where Slurm is not installed."""
    for program in ("munged", "slurmctld", "slurmd", "sbatch", "slurmrestd", "setpriv"):
        require(program, PACKAGES)
    if influxdb and not list(Path("/usr/lib").glob("*/slurm*/acct_gather_profile_influxdb.so")):
        absent("Slurm's plug-in is not installed; on Debian: apt-get install slurm-wlm-influxdb-plugin")
    if os.geteuid() != 0:
        absent("the Slurm cluster of the tests starts slurmd and needs root")
    # A short path: a unix socket's address ends at 107 characters.
    cluster = SlurmCluster(Path(tempfile.mkdtemp(prefix="jobmon-slurm-", dir="/tmp")), influxdb)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def slurm() -> Iterator[SlurmCluster]:
    """Run one cluster for the whole session."""
    with running() as cluster:
        yield cluster
