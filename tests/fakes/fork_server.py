"""Start commands of jobmon by forking a process that has everything imported: a start costs milliseconds.

Reads one JSON list of arguments per line, answers with the pid of the process that runs them.
"""

import json
import os
import signal
import sys

from jobmon import cli
from jobmon.backends import simulated, worker  # noqa: F401 - imported for the children


def main():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that are killed
    for line in sys.stdin:
        arguments = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            os._exit(cli.main(arguments))
        print(pid, flush=True)


if __name__ == "__main__":
    main()
