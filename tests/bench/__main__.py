"""Print what jobmon costs, beside the ancestor and the budgets.

`./jobmon.sh bench [batch | visitors | restarts [TIMES] | kill [MINUTES [ONLY]]]`
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import batch  # noqa: E402 - the neighbours in this folder
import cgi_scripts  # noqa: E402
import cycle  # noqa: E402
import kill  # noqa: E402
import measured  # noqa: E402
import page  # noqa: E402
import restarts  # noqa: E402
import visitors  # noqa: E402


def main() -> None:
    """Run all measurements, one after the other, and print a table."""
    load = os.getloadavg()[0]
    if load > 1:
        print(f"note: the machine is busy (load {load:.1f}); times will be longer than they are alone\n")
    rows: list[tuple[str, str, str, str, str]] = []
    for size in cycle.SIZES:
        big = size != "323 nodes"
        with tempfile.TemporaryDirectory(prefix="jobmon-bench-") as folder:
            print(f"measuring cycles at {size} …", file=sys.stderr)
            done = subprocess.run(
                [sys.executable, str(HERE / "cycle.py"), size, folder], check=True, stdout=subprocess.PIPE, text=True
            )
            m = json.loads(done.stdout)
            what = f"{m['nodes']:,} nodes, {m['cores']:,} cores, {m['running']:,} running, {m['pending']:,} pending"
            rows.append((what, "", "", "", ""))
            limit = 3.0 if big else 0.3
            rows.append(("  cycle without the source", "" if big else "~2 s", f"≤ {limit:g} s", f"{m['cycle_s']:.2f} s",
                         verdict(m["cycle_s"] <= limit)))  # fmt: skip
            rows.append(("    back end's answers checked", "", "", f"{m['collect_s']:.2f} s", ""))
            rows.append(("    published", "~2 s" if not big else "", "", f"{m['publish_s']:.2f} s", ""))
            rows.append(("    (the simulation itself)", "", "", f"{m['source_s']:.2f} s", ""))
            memory = "≤ 1,024 MiB" if big else ""
            rows.append(("  memory, daemon and back end", "", memory, f"{m['memory_mb']:,.0f} MiB",
                         verdict(m["memory_mb"] <= 1024) if big else ""))  # fmt: skip
            rows.append(("  snapshot on the wire", "" if big else "360 kB", "", f"{m['snapshot_kb']:,.0f} kB", ""))
            rows.append(("  summary and open chunk", "" if big else "360 kB", "≤ 3,000 kB" if big else "≤ 500 kB",
                         f"{m['summary_kb'] + m['chunk_kb']:,.0f} kB", ""))  # fmt: skip
            rows.append(("  refresh of an open page", "" if big else "360 kB", "" if big else "≤ 30 kB",
                         f"{m['latest_kb']:,.0f} kB", "" if big else verdict(m["latest_kb"] <= 30)))  # fmt: skip
            if not big and shutil.which("lighttpd", path=f"{os.environ['PATH']}:/usr/sbin"):
                print("measuring the CGI scripts …", file=sys.stderr)
                c = cgi_scripts.measure(Path(folder))
                rows.append(("  CGI behind lighttpd, newest snapshot", "", "≤ 40 ms", f"{c['live_ms']:.0f} ms",
                             verdict(c["live_ms"] <= 40)))  # fmt: skip
                rows.append(("    nearest to a time", "~30 ms + scan", "≤ 40 ms", f"{c['time_ms']:.0f} ms",
                             verdict(c["time_ms"] <= 40)))  # fmt: skip
                rows.append(("    on one core", "", "≥ 25/s", f"{c['per_second']:.0f}/s",
                             verdict(c["per_second"] >= 25)))  # fmt: skip
                rows.append(("    (a bare interpreter)", "", "", f"{c['floor_ms']:.0f} ms", ""))
    for size in measured.SIZES:
        print(f"measuring cycles from a Prometheus at {size} …", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="jobmon-bench-") as folder:
            command = [sys.executable, str(HERE / "measured.py"), size, folder]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rows += metrics_rows(size, json.loads(done.stdout))
    for size in page.SIZES:
        if not Path(page.CHROMIUM).exists():
            print("no Chromium: the page is not measured", file=sys.stderr)
            break
        print(f"measuring the page at {size} …", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="jobmon-bench-") as folder:
            command = [sys.executable, str(HERE / "page.py"), size, folder]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rows += page_rows(size, json.loads(done.stdout))
    show([("what", "the ancestor", "budget", "measured", ""), *rows])


def metrics_rows(size: str, m: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Return the rows of cycles whose metrics come from a Prometheus."""
    big = size != "323 nodes"
    what = f"from a Prometheus, {m['nodes']:,} nodes, {m['cores']:,} cores, {m['running']:,} running"
    return [
        (what, "", "", "", ""),
        ("  requests per cycle", "" if big else "14 and more", "≤ 10", f"{m['requests']:.0f}",
         verdict(m["requests"] <= 10)),
        ("    their answers", "", "", f"{m['answer_mb']:.0f} MB", ""),
        ("  cycle, the source included", "" if big else "30–54 s", "≤ 3 s", f"{m['whole_s']:.2f} s",
         verdict(m["whole_s"] <= 3)),
        ("    of which the source", "", "", f"{m['source_s']:.2f} s", ""),
        ("  memory, daemon and back end", "", "≤ 1,024 MiB", f"{m['memory_mb']:,.0f} MiB",
         verdict(m["memory_mb"] <= 1024)),
    ]  # fmt: skip


def page_rows(size: str, m: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Return the rows of what was measured in Chromium."""
    big = size != "323 nodes"
    first, scroll = m["first"], m["scroll"]
    kb, seconds = (3000, 3) if big else (500, 1)
    rows = [
        (f"page in Chromium, {size}", "", "", "", ""),
        ("  first view, cold", "" if big else "~8 s of parsing", f"≤ {seconds} s", f"{first['ms'] / 1000:.2f} s",
         verdict(first["ms"] <= 1000 * seconds)),
        ("    on the wire", "" if big else "~42 MB", f"≤ {kb:,} kB", f"{first['kb']:,.0f} kB",
         verdict(first["kb"] <= kb)),
        ("    requests", "" if big else "118", "≤ 6", f"{first['requests']:.0f}", verdict(first["requests"] <= 6)),
        ("    scoring, first call", "" if big else "0.7–1.1 s", "" if big else "≤ 50 ms",
         f"{first['scoring_ms']:.0f} ms", "" if big else verdict(first["scoring_ms"] <= 50)),
        ("  frames over 50 ms while scrolling", "", "", f"{scroll['long']} of {scroll['frames']}, "
         f"worst {scroll['worst_ms']:.0f} ms", ""),
    ]  # fmt: skip
    if big:
        return rows
    refresh, jump = m["refresh"], m["jump"]
    return [
        *rows,
        ("  refresh of an open page", "360 kB", "≤ 30 kB", f"{refresh['kb']:.0f} kB", verdict(refresh["kb"] <= 30)),
        ("    scoring, later calls", "0.7–1.1 s", "≤ 50 ms", f"{refresh['scoring_ms']:.0f} ms",
         verdict(refresh["scoring_ms"] <= 50)),
        ("    when nothing is new", "360 kB", "304",
         "304" if refresh["unchanged_304"] else f"{refresh['unchanged_kb']:.1f} kB",
         verdict(refresh["unchanged_304"] > 0)),
        ("  jump in time", "118–447 downloads", "≤ 300 ms", f"{jump['ms']:.0f} ms", verdict(jump["ms"] <= 300)),
        ("    requests", "118–447", "≤ 3", f"{jump['requests']:.0f}", verdict(jump["requests"] <= 3)),
        ("  JavaScript, gzip", "", "≤ 250 kB", f"{m['javascript_kb']:.0f} kB", verdict(m["javascript_kb"] <= 250)),
    ]  # fmt: skip


def verdict(good: bool) -> str:
    """Return how a measurement compares with its budget."""
    return "ok" if good else "MISSED"


def show(rows: list[tuple[str, str, str, str, str]]) -> None:
    """Print rows in columns."""
    widths = [max(len(row[column]) for row in rows if any(row[1:])) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main()
        case ["batch"]:
            sys.exit(batch.main())
        case ["visitors"]:
            sys.exit(visitors.main())
        case ["restarts", *times]:
            sys.exit(restarts.main(*(int(word) for word in times[:1])))
        case ["kill"]:
            sys.exit(kill.main(30.0))
        case ["kill", minutes, *only]:
            sys.exit(kill.main(float(minutes), " ".join(only)))
        case _:
            sys.exit("usage: ./jobmon.sh bench [batch | visitors | restarts [TIMES] | kill [MINUTES [ONLY]]]")
