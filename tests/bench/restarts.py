"""Kill the daemon and its web process at random, 50 times each: `./jobmon.sh bench restarts [TIMES]`.

Whoever started the daemon starts it again at once, as systemd does. Measured is how long nobody answers at the port,
and looked for is what was published and is missing or damaged afterwards.
"""

import gzip
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

from daemon_process import DaemonProcess, Site, answers, is_alive, until  # noqa: E402 - beside this folder
from jobmon.web.published import INDEX  # noqa: E402

MOST_S = 3.0
SEED = 1


def wrong(site: Site) -> list[str]:
    """Return what is missing or damaged of what was published."""
    found = []
    listed = [int(line) for line in (site.data / INDEX).read_text().splitlines()[1:] if line.isdigit()]
    names = [f"data{at}.json.gz" for at in listed] + ["data.json.gz", "history.json.gz"]
    paths = [site.data / name for name in names] + sorted((site.data / "pages").rglob("*.json.gz"))
    for path in paths:
        try:
            json.loads(gzip.decompress(path.read_bytes()))
        except (OSError, ValueError, EOFError) as error:
            found.append(f"{path.name}: {error}")
    on_disk = {int(p.name[4:-8]) for p in site.data.glob("data[0-9]*.json.gz")}
    found += [f"{at} is listed and not there" for at in sorted(set(listed) - on_disk)]
    return found


def main(times: int = 50) -> int:
    """Print how long nobody answered, and what was missing."""
    with tempfile.TemporaryDirectory(prefix="jobmon-bench-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        site = Site(Path(folder))
        site.write_settings(f"[web]\nport = {port}\n[batch]\nscheduler = 'local'\n", interval=0.5)
        page = f"http://127.0.0.1:{port}/api/page.py?name=live/summary"
        daemon = DaemonProcess(site, dict(os.environ))
        del daemon.environment["NOTIFY_SOCKET"]  # nobody listens there here, which would hold the daemon up
        chance = random.Random(SEED)
        gone_s: dict[str, list[float]] = {"daemon": [], "web": []}
        missing: list[str] = []
        try:
            daemon.start()
            until(lambda: answers(page), "the page is served")
            victims = ["daemon", "web"] * times
            chance.shuffle(victims)
            for number, victim in enumerate(victims, 1):
                time.sleep(chance.uniform(0.05, 2))
                pid = daemon.pid if victim == "daemon" else daemon.web_process()
                began = time.monotonic()
                os.kill(pid, signal.SIGKILL)
                if victim == "daemon":
                    daemon.wait()
                    daemon.start()
                else:
                    until(lambda pid=pid: not is_alive(pid), "it is dead")
                until(lambda: answers(page), "the page is served again")
                gone_s[victim].append(time.monotonic() - began)
                missing += wrong(site)
                print(f"\r{number} of {len(victims)}", end="", file=sys.stderr)
            print(file=sys.stderr)
            daemon.stop()
        finally:
            daemon.kill()
    late = 0
    for victim, all_s in gone_s.items():
        all_s.sort()
        median, worst = all_s[len(all_s) // 2], all_s[-1]
        late += sum(one > MOST_S for one in all_s)
        print(f"{victim} killed {len(all_s)} times: nobody answers for {median:.1f} s (median), {worst:.1f} s at worst;"
              f" budget {MOST_S:g} s; {'ok' if worst <= MOST_S else 'MISSED'}")  # fmt: skip
    print(f"published files missing or damaged: {len(missing)}; {'ok' if not missing else 'MISSED'}", *missing[:10])
    return 1 if late or missing else 0


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:2])))
