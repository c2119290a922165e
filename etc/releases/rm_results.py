"""Find what went wrong in logs, and tell what became of each sub-package."""

import json
import re
import sys
from typing import Any, Dict, Optional, Sequence, Tuple

from rm_release import quoted

MOST_RESULTS = 500
MOST_BYTES = 64000
"""The batch system keeps the last 64 KiB of an output, and the results stand at its end."""
MOST_LOG = 64 * 1024 * 1024

STRONG = (
    re.compile(r"\S[^:]{0,500}:\d+(:\d+)?: (fatal )?error: "),
    re.compile(r"\S.{0,500}: undefined reference to "),
    re.compile(r"\S[^:]{0,500}: error LNK\d+"),
    re.compile(r"fatal: "),
)
WEAK = (re.compile(r".{0,500}\b(error|Error|ERROR|FAILED|Assertion.{0,200}failed)\b"),)
MAKE = re.compile(r"\S{0,200}make(\[\d+\])?: \*\*\* ")


def first_error(path: str) -> "Tuple[Optional[int], str]":
    """Return number and text of the line of a log that says what went wrong first: of a compiler, of Python, of make.

    When no line looks like it, the last one that says anything is returned.
    """
    weak = make = last = None  # type: Optional[Tuple[int, str]]
    trace = False
    read = 0
    try:
        with open(path, "rb") as file:
            for number, raw in enumerate(file, 1):
                read += len(raw)
                if read > MOST_LOG:
                    break
                line = raw[:2000].decode("utf-8", "replace").rstrip()
                if not line:
                    continue
                last = (number, line)
                if trace and not line[0].isspace():
                    return last
                trace = trace or line.startswith("Traceback (most recent call last):")
                if any(one.match(line) for one in STRONG):
                    return last
                if MAKE.match(line):
                    make = make or last
                elif any(one.match(line) for one in WEAK):
                    weak = weak or last
    except OSError:
        return None, ""
    return weak or make or last or (None, "")


# --- results --------------------------------------------------------------------------------------------------------


def tell(results: "Sequence[Dict[str, Any]]") -> int:
    """Print what became of all parts, people's lines first, and return 1 if one failed, else 0.

    The texts of errors are cut so that all results fit into what is kept of an output.
    """
    failing = [one for one in results if one["rc"]]
    for one in failing[:20]:
        where = "log/{}:{}".format(one["log"], one["line"]) if one.get("line") else ""
        print(
            "{} of {} failed with return code {} {}".format(one["step"], one["subpackage"], one["rc"], where).rstrip()
        )
        if one.get("first_error"):
            print(quoted(one["first_error"][:500]))
    if len(failing) > 20:
        print("and {} more".format(len(failing) - 20))
    shown = [_bare(one) for one in failing + [one for one in results if not one["rc"]]][:MOST_RESULTS]
    size = sum(len(_line(one)) for one in shown)
    while size > MOST_BYTES:  # those at the end are the good ones
        size -= len(_line(shown.pop()))
    if len(shown) < len(results):
        print("only {} of {} results are told".format(len(shown), len(results)))
    most = max(200, (MOST_BYTES - size) // max(1, len(failing)))
    for one, told in zip(shown, failing):  # the first ones say the most, the others where it stands in their logs
        text = json.dumps(told.get("first_error", ""))[1:-1][: min(most, 1000) - 20]
        if size + len(text) + 20 > MOST_BYTES:
            break
        while text and not _whole(text):
            text = text[:-1]
        if text:
            one["first_error"] = json.loads('"' + text + '"')
            size += len(text) + 20
    for one in shown:
        sys.stdout.write(_line(one))
    return 1 if failing else 0


def _whole(text: str) -> bool:
    try:
        json.loads('"' + text + '"').encode()
    except ValueError:
        return False
    return True


def _bare(one: "Dict[str, Any]") -> "Dict[str, Any]":
    """Return what has to be told: of what went well no more than that; the name of a log follows from the rest."""
    names = ("subpackage", "step", "rc", "seconds") + (("line", "owner") if one["rc"] else ())
    return {name: one[name] for name in names if one.get(name) not in (None, "")}


def _line(one: "Dict[str, Any]") -> str:
    return "::result " + json.dumps(one, sort_keys=True, separators=(",", ":")) + "\n"
