"""Measure the page in the system's Chromium: `python tests/bench/page.py SIZE DATA_PATH`.

Prints one JSON object. The files are those of a simulated cluster that was watched for half an hour (ten minutes at the
big size), served by the daemon's own server; each first view has a cold cache.
"""

import gzip
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

from jobmon import config
from jobmon.backends.child import BackendProcess
from jobmon.live.publisher import Publisher
from jobmon.spool import layout, writer
from web_thread import Server

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
SIZES: dict[str, dict[str, Any]] = {
    "323 nodes": {"nodes": 323},
    "1,500 nodes": {"nodes": 1500, "cores": 128, "running": 10_000, "pending": 40_000},
}
STEP_S = 30
VIEWS = 5


class Cluster:
    """Publish snapshots of a simulated cluster at times of our own."""

    def __init__(self, size: str, data_path: Path) -> None:
        self.data_path = data_path
        values = {
            "live": {"backend": "simulated", "data_path": str(data_path), "cycle_timeout": 120},
            "simulated": SIZES[size],
            "web": {"port": 0},
        }
        self.settings = config.use(config.parse(values, "bench"))
        self._process = BackendProcess(self.settings, no_history=True)
        self._publisher = Publisher(self.settings)
        self.time = 0

    def watch(self, points: int) -> None:
        """Publish so many snapshots, the last one as of now."""
        now = int(time.time())
        for k in range(points):
            self.publish(now - STEP_S * (points - 1 - k))

    def publish(self, at: int) -> None:
        """Publish one snapshot."""
        cycle = self._process.cycle(at)
        facts = {"sources": 0.0, "collect": 0.0, "publish": None, "bytes": None, "late": 0}
        self._publisher.publish(cycle.snapshot, cycle, {"cycle": facts, "sources": []})
        for group in self._publisher.pages():
            for name, body in group:
                writer.write(layout.published(self.data_path, name), writer.compress(body))
        self.time = at

    def close(self) -> None:
        """End the back end."""
        self._process.close()


class Wire:
    """Count what comes over the wire to a page."""

    def __init__(self, page: Page) -> None:
        self.requests = 0
        self.bytes = 0
        self.statuses: list[int] = []
        session: CDPSession = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._finished)
        session.on("Network.responseReceivedExtraInfo", lambda event: self.statuses.append(event["statusCode"]))

    def reset(self) -> None:
        """Begin to count anew."""
        self.requests, self.bytes, self.statuses = 0, 0, []

    def _finished(self, event: dict[str, Any]) -> None:
        self.requests += 1
        self.bytes += int(event["encodedDataLength"])


@contextmanager
def cold_page(browser: Any, width: int = 1440) -> Iterator[Page]:
    """Open a page that has nothing cached."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    try:
        yield context.new_page()
    finally:
        context.close()


# The list of users is drawn with its marks once the scores are there: the moment a user sees what is wrong.
SEEN = "() => document.querySelectorAll('.pane-users tbody .row').length > 0"


def first_view(browser: Any, url: str) -> dict[str, float]:
    """Return milliseconds from navigation until the users are listed, requests, kB, and the first scoring."""
    with cold_page(browser) as page:
        wire = Wire(page)
        page.add_init_script(
            "new MutationObserver((_, watch) => { if (document.querySelector('.pane-users tbody .row')) {"
            "requestAnimationFrame(() => { window.seenAt = performance.now(); }); watch.disconnect(); } })"
            ".observe(document, { childList: true, subtree: true });"
        )
        page.goto(f"{url}#/live")
        page.wait_for_function("() => window.seenAt > 0")
        page.wait_for_timeout(500)
        seen, scoring = page.evaluate("() => [window.seenAt, performance.getEntriesByName('score')[0]?.duration ?? -1]")
        return {"ms": seen, "requests": wire.requests, "kb": wire.bytes / 1000, "scoring_ms": scoring}


def refreshes(browser: Any, url: str, cluster: Cluster) -> dict[str, float]:
    """Return kB of a new snapshot, statuses when nothing is new, and the scoring of later snapshots."""
    with cold_page(browser) as page:
        wire = Wire(page)
        page.goto(f"{url}#/live")
        page.wait_for_function(SEEN)
        page.wait_for_timeout(300)
        sizes, scorings = [], []
        for _ in range(4):
            cluster.publish(cluster.time + STEP_S)
            wire.reset()
            page.evaluate("() => window.dispatchEvent(new Event('visibilitychange'))")
            page.wait_for_timeout(900)
            sizes.append(wire.bytes / 1000)
            scorings.append(page.evaluate("() => performance.getEntriesByName('score')[0].duration"))
        wire.reset()
        page.evaluate("() => window.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(900)
        return {
            "kb": sorted(sizes)[len(sizes) // 2],
            "scoring_ms": sorted(scorings)[len(scorings) // 2],
            "unchanged_304": float(304 in wire.statuses),
            "unchanged_kb": wire.bytes / 1000,
        }


def jumps(browser: Any, url: str) -> dict[str, float]:
    """Return milliseconds from a click in the time machine until its instant is listed, and requests."""
    with cold_page(browser) as page:
        wire = Wire(page)
        page.goto(f"{url}#/live?mode=past")
        page.wait_for_selector(".strip-area")
        page.wait_for_function(SEEN)
        page.wait_for_timeout(500)
        box = page.locator(".strip-area").bounding_box()
        assert box is not None
        took, requests = [], []
        for share in (0.2, 0.6, 0.35, 0.8, 0.5):
            wire.reset()
            page.evaluate("() => { window.before = document.querySelector('.machine-clock time').dateTime; }")
            page.evaluate(
                "() => { addEventListener('pointerdown', () => { const began = performance.now(); window.took = 0;"
                "const look = () => { const clock = document.querySelector('.machine-clock');"
                "if (clock.querySelector('time').dateTime !== window.before && !clock.textContent.includes('reading'))"
                "window.took = performance.now() - began; else requestAnimationFrame(look); }; look(); },"
                "{ once: true, capture: true }); }"
            )
            page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
            page.wait_for_function("() => window.took > 0")
            page.wait_for_timeout(300)
            took.append(page.evaluate("() => window.took"))
            requests.append(wire.requests)
        return {"ms": sorted(took)[len(took) // 2], "requests": max(requests)}


def scrolling(browser: Any, url: str) -> dict[str, float]:
    """Return how many frames took longer than 50 ms while the list of jobs was scrolled for two seconds."""
    with cold_page(browser) as page:
        page.goto(f"{url}#/live")
        page.wait_for_function(SEEN)
        page.wait_for_timeout(1000)
        found = page.evaluate(
            "() => new Promise((done) => { const box = document.querySelector('.pane-jobs .scroll');"
            "const frames = []; let last = performance.now(); const end = last + 2000;"
            "const step = (now) => { frames.push(now - last); last = now; box.scrollTop += 90;"
            "if (now < end) requestAnimationFrame(step); else done(frames); }; requestAnimationFrame(step); })"
        )
        frames = found[1:]
        return {"frames": len(frames), "long": sum(frame > 50 for frame in frames), "worst_ms": max(frames)}


def measure(size: str, data_path: Path) -> dict[str, Any]:
    """Return all measurements of one size."""
    big = size != "323 nodes"
    cluster = Cluster(size, data_path)
    cluster.watch(21 if big else 62)
    server = Server(cluster.settings)
    server.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            first_view(browser, server.url)  # the browser's own start is not ours
            views = sorted((first_view(browser, server.url) for _ in range(VIEWS)), key=lambda view: view["ms"])
            result: dict[str, Any] = {"first": views[len(views) // 2], "scroll": scrolling(browser, server.url)}
            if not big:
                result |= {"jump": jumps(browser, server.url), "refresh": refreshes(browser, server.url, cluster)}
            browser.close()
    finally:
        server.stop()
        cluster.close()
    static = Path(config.__file__).parent / "web/static"
    scripts = [*static.glob("assets/*.js"), *static.glob("*.js")]
    result["javascript_kb"] = sum(len(gzip.compress(path.read_bytes(), 9)) for path in scripts) / 1000
    return result


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
