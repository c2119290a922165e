"""Show the jobs of a stand-in queue as HTCondor's ads, and choose among them by an expression over their attributes.

The codes of JobStatus and HoldReasonCode are those of the HTCondor manual's appendices.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from batch_queue import Job, Queue

Ad = dict[str, Any]


def folder() -> Path:
    """Return where the queue is: beside the file that CONDOR_CONFIG names."""
    return Path(os.environ["CONDOR_CONFIG"]).parent


def fulfils(expression: str, ad: Ad) -> bool:
    """Evaluate what jobmon uses of the language of ads; a comparison with what is undefined is not true."""
    words = re.findall(r'"[^"]*"|time\(\)|=!=|&&|\|\||[=!<>]=|\w+|\S', expression)
    python = {
        "&&": "and",
        "||": "or",
        "=!=": "is not",
        "undefined": "None",
        "true": "True",
        "false": "False",
        "time()": "now",
    }
    known = [python.get(w) or (f"ad.get({w!r})" if re.fullmatch(r"[A-Za-z]\w*", w) else w) for w in words]
    return bool(eval(" ".join(known), {"ad": ad, "now": time.time()}))


def ads(in_queue: bool) -> list[tuple[str, Ad]]:
    """Return the jobs that are in the queue, or those that have left it, by their numbers."""
    with Queue(folder()).opened() as jobs:
        found = [(number, _ad(number, job), job) for number, job in jobs.items()]
    return [(number, ad) for number, ad, job in found
            if (job["status"] != "ended" or fulfils(job["leave"], ad)) == in_queue]  # fmt: skip


def chosen() -> list[str]:
    """Return the numbers of the jobs in the queue that fulfil the command line's -constraint."""
    constraint = sys.argv[sys.argv.index("-constraint") + 1]
    return [number for number, ad in ads(in_queue=True) if fulfils(constraint, ad)]


def finish(verb: str, done: str, numbers: list[str]) -> NoReturn:
    """Say what was done with the jobs that were chosen, and leave; that there was none is a fault."""
    constraint = sys.argv[sys.argv.index("-constraint") + 1]
    if numbers:
        print(f"All jobs matching constraint ({constraint}) have been {done}")
        sys.exit(0)
    print(f"Couldn't find/{verb} all jobs matching constraint ({constraint})", file=sys.stderr)
    sys.exit(1)


def tell(in_queue: bool) -> None:
    """Print the ads that the command line asks for."""
    asked = sys.argv[sys.argv.index("-attributes") + 1].split(",")
    constraint = sys.argv[sys.argv.index("-constraint") + 1]
    found = [ad for _number, ad in ads(in_queue) if fulfils(constraint, ad)]
    if found:
        print(json.dumps([{name: ad[name] for name in asked if name in ad} for ad in found], indent=2))


def _ad(number: str, job: Job) -> Ad:
    status = {"held": 5, "pending": 1, "running": 2, "ended": 4}[job["status"]]
    ad: Ad = {"ClusterId": int(number), "ProcId": 0, "JobStatus": 3 if job["killed"] else status,
              "NumJobStarts": int(job["begun"] is not None), "EnteredCurrentStatus": int(job["changed"])}  # fmt: skip
    if job["key"]:
        ad["JobmonKey"] = job["key"]
    if status == 5:
        ad |= {"HoldReasonCode": 15, "HoldReason": "submitted on hold at user's request"}
    if job["killed"]:
        ad["RemoveReason"] = "via condor_rm (by user root)"
    if job["code"] is not None:
        ad |= {"ExitBySignal": job["code"] < 0, "ExitSignal" if job["code"] < 0 else "ExitCode": abs(job["code"])}
    return ad
