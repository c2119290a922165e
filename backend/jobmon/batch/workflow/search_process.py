"""Be the process that searches: read an expression and a text from standard input, answer on standard output.

It is started by its path and imports the standard library only, so that a new one is there within milliseconds.
"""

import json
import os
import re
import resource
import signal
import struct
import sys
import warnings

MEMORY = 512 << 20


def _exactly(size: int) -> bytes:
    content = b""
    while len(content) < size:
        chunk = os.read(0, size - len(content))
        if not chunk:
            sys.exit(0)  # nobody asks any more
        content += chunk
    return content


def _answer(pattern: str, text: str, limit_s: float) -> dict[str, object]:
    stopped = ""
    match = None
    # The signal is left at what the kernel does, which ends the process: Python would act on it after the search only.
    try:
        signal.setitimer(signal.ITIMER_PROF, 10 * limit_s)
        compiled = re.compile(pattern)
        signal.setitimer(signal.ITIMER_PROF, limit_s)
        match = compiled.search(text)
    except (re.error, MemoryError, RecursionError, OverflowError) as error:
        stopped = f"could not be searched for: {type(error).__name__} {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    groups = {name: value for name, value in match.groupdict().items() if value is not None} if match else {}
    return {"matched": match is not None, "groups": groups, "stopped": stopped}


def main() -> None:
    """Answer until standard input ends."""
    limit_s = int(sys.argv[1]) / 1000
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.write(1, b"!")
    while True:
        sizes = struct.unpack("!II", _exactly(8))
        pattern, text = (_exactly(size).decode(errors="replace") for size in sizes)
        body = json.dumps(_answer(pattern, text, limit_s)).encode()
        content = struct.pack("!I", len(body)) + body
        while content:
            content = content[os.write(1, content) :]


if __name__ == "__main__":
    main()
