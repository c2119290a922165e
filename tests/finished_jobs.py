"""Summaries of jobs that have ended, for the tests of the store."""

NOW = 1_800_000_000


def ended(job_id, end=NOW, **changes):
    return {
        "id": job_id, "name": "fit", "user": "ada", "account": "sky", "partition": "main", "state": "COMPLETED",
        "exitCode": 0, "nNodes": 1, "cpus": 4, "gpus": 0, "memReq": None, "timeLimit": 60, "submit": None,
        "start": end - 600, "end": end, "hosts": ["n1"], "seen": 600, "wait": None, "cpu": 50, "cpuPeak": 2,
        "system": 0, "ioWait": 0, "memMax": 100, "gpu": None, "gpuMem": None, "walltimeUsed": 17, "used": {},
        "waste": {}, "warnings": [], "fit": None, "fitText": "", "fitLine": "", **changes,
    }  # fmt: skip


WARNING = {"rule": "cpuUtil", "held": True}


def ids(found):
    return [job["id"] for job in found[0]]
