"""The back end of a site with Slurm, Telegraf and InfluxDB, and with three things that only this site has.

Copy it to /etc/jobmon/backends/backend_NAME.py, change what differs, set in jobmon.toml

    [live]
    backend = "NAME"
    [telemetry]
    sources = ["influxdb"]
    [influxdb]
    url = "https://influx.cluster.example:8086"
    org = "hpc"
    token_file = "/etc/jobmon/influx.token"
    bucket = "telegraf"
    jobstats_bucket = "lustre"

and try it: jobmon backend test NAME. A site without such things needs no file: backend = "slurm" does the rest.
"""

from collections import Counter
from dataclasses import replace

from jobmon import clock, config
from jobmon.backends.backfill import slots_now
from jobmon.backends.slurm import Backend as Slurm
from jobmon.errors import SourceError
from jobmon.telemetry.influxdb import speak
from jobmon.telemetry.influxdb.questions import Question

INTERACTIVE = "interactive"
"""Nodes of this partition are for logging in: they do not count towards the cores that the cluster has."""
KEPT_FOR_GPUS = 4
"""As many cores of a GPU node are kept for jobs with GPUs: other jobs cannot start there."""
SCRATCH = Question("jobfs", ("used_bytes",), ("jobid",))
"""What the site's own script, run by Telegraf, tells about the local scratch folder of each job."""
MB = 1_000_000


class Backend(Slurm):
    """Be the slurm back end, with the site's own ways."""

    def init(self):
        """Find a way to ask InfluxDB for the site's own series too."""
        super().init()
        self.scratch = {}
        self.influx = speak("flux", config.current().influxdb, timeout_s=5)

    def pre_update(self):
        """Load everything once, then the scratch folders; without those the rest is shown all the same."""
        super().pre_update()
        self.scratch = {}
        try:
            settings = config.current().influxdb
            for series in self.influx.ask(settings.bucket, settings.window, [SCRATCH], clock.monotonic() + 5):
                job = self.scratch.setdefault(series.tags["jobid"], {})
                job[series.tags["host"]] = series.samples[-1][1] / MB
        except SourceError as error:
            self.log.warning("scratch folders: %s", error)

    def jobfs_usage(self, job_id):
        """Return what the job has in its scratch folders."""
        return self.scratch.get(job_id)

    def is_counted(self, name):
        """Leave out the nodes for logging in."""
        return INTERACTIVE not in (self.node_details(name) or {}).get("partitions", ())

    def calculate_backfill(self):
        """Leave out the cores that jobs without GPUs cannot have."""
        state = self.cluster_state()
        if state is None:
            return {}
        held = Counter()
        for job in state.jobs:
            if job.gpus and job.state == "RUNNING":
                held.update({host: len(cores) for host, cores in job.layout.items()})
        kept = {node.name: max(0, KEPT_FOR_GPUS - held[node.name]) for node in state.nodes if node.gpus}
        nodes = tuple(replace(node, cpus=node.cpus - kept.get(node.name, 0)) for node in state.nodes)
        return slots_now(replace(state, nodes=nodes), only=config.current().live.bf_nodes)
