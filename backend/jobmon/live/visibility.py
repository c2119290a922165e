"""Name what of `live` is shown to whom; what is not named here is shown to nobody.

Whose rows a published file holds is decided in `privacy` and `own`; which parts such a file has for one person or for
the public, where something is hidden, stands here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jobmon.api.visibility import Kind, To

FINISHED = Kind(
    "finished job",
    {
        To.OPENLY: "id name user account partition state exitCode nNodes cpus gpus memReq timeLimit submit start end "
        "hosts seen wait cpu cpuPeak system ioWait memMax gpu gpuMem walltimeUsed used waste warnings fit fitText "
        "fitLine",
    },
    owners=("user",),
)
MARK = Kind("mark", {To.READERS: "number name at until", To.OPENLY: "note", To.STAFF: "source"})
SOURCE = Kind(
    "source of `live`",
    {To.READERS: "name lastSuccess duration errors records skipped nodes", To.OPENLY: "error reasons warning"},
)
KINDS = (FINISHED, MARK, SOURCE)

WHY = "operators and administrators see why"
PARTS = {
    "summary": "format timestamp previous interval cluster version usage strings nodes jobs partitions reservations "
    "planned sources cycle series",
    "facts": "format tier start span timestamp strings nodes jobs",
    "usage": "format tier step times avail running users",
    "runs": "format timestamp runs",
    "marks": "format marks",
    "recent": "format tier start span times hosts jobs jobRows nodeRows",
    "series": "format tier start span times hosts jobs jobRows nodeRows",
    "cores": "format timestamp nodes",
    "predictions": "format timestamp waiting started accuracy",
    "snapshot": "api timestamp cluster usage nodes jobs partitions reservations",
    "history": "history",
}
"""The parts of a file that one person is shown; of a file that is not named here, nothing."""
JOB = (
    "name username state nCpus nGpus layout layoutDown gpuLayout timeLimit runTime startTime mem memMax cpuUsed memReq "
    "lustre jobfs jobfsReq partition account reason priority submitTime endTime nNodes arrayTasks dependency exitCode "
    "signal plannedNodes"
)
"""What the public files tell of a job in a snapshot, where names are hidden."""


def named(document: Mapping[str, Any], names: str) -> dict[str, Any]:
    """Return the parts of a document that are named."""
    return {name: document[name] for name in names.split() if name in document}


def sources(told: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return how sources are doing without what may quote a job, a path or an address."""
    return [
        {
            **named(source, SOURCE.fields[To.READERS]),
            "error": f"it failed; {WHY}" if source["error"] else "",
            "reasons": [],
            "warning": f"its answer is odd; {WHY}" if source["warning"] else "",
        }
        for source in told
    ]
