"""Read metrics of all nodes and jobs from Prometheus, or from whatever speaks its HTTP interface, in four requests."""

import gc
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from string import Template

from jobmon import clock
from jobmon.config import PrometheusSettings, TelemetrySettings
from jobmon.errors import SourceError
from jobmon.telemetry.base import Metrics
from jobmon.telemetry.cores import CoreColumns
from jobmon.telemetry.draft import Draft
from jobmon.telemetry.hosts import HostNames
from jobmon.telemetry.prometheus import samples
from jobmon.telemetry.prometheus.client import Client, RefusedError

BROKEN_S = 600.0
"""An expression that Prometheus refuses is not sent again for this long."""
WHOLE_PERCENT = (0.0, 125.0)
"""What the parts of a core may add up to: rate() is low, and equally so, while a node is younger than the window."""
QUANTITY = "jobmon"
"""The label that says which expression a sample answers, where several go in one request."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "cpu": ("cpu",),
    "nodes": ("seen", *samples.NODE),
    "gpus": tuple(samples.GPU),
    "jobs": (*samples.JOB, *samples.JOB_FILESYSTEM),
}
"""What is asked in one request each; the names are those of the settings."""


class Source:
    """Ask Prometheus instant queries that answer for all nodes and jobs at once."""

    name = "prometheus"

    def __init__(self, settings: PrometheusSettings, telemetry: TelemetrySettings) -> None:
        self._settings = settings
        self._timeout_s = telemetry.timeout
        self._names = HostNames(telemetry.host_pattern, telemetry.aliases)
        self._client = Client(settings)
        self._broken: dict[str, tuple[float, str]] = {}
        """Setting → when it was refused, and why."""

    def load(self) -> Metrics:
        """Return all nodes and jobs; SourceError when nothing is answered or nothing is known.

        A part that fails alone (per-core CPU that is too much to ask, a wrong expression) is left out and named.
        """
        deadline = clock.monotonic() + self._timeout_s
        draft = Draft(self._names, clock.now(), WHOLE_PERCENT)
        lock = threading.Lock()
        wanted = {group: self._wanted(quantities, draft) for group, quantities in GROUPS.items()}
        wanted = {group: quantities for group, quantities in wanted.items() if quantities}
        was_collecting = gc.isenabled()
        gc.disable()  # a million small dictionaries that die at once are no reason to look for cycles
        try:
            with ThreadPoolExecutor(len(wanted) or 1, thread_name_prefix="prometheus") as pool:
                failures = list(
                    pool.map(lambda item: self._group(item[0], item[1], draft, lock, deadline), wanted.items())
                )
        finally:
            if was_collecting:
                gc.enable()
        failed = [failure for failure in failures if failure]
        if len(failed) == len(wanted):
            raise SourceError(failed[0] if failed else "[prometheus] has no expression to ask for")
        if not draft.nodes and not draft.jobs:
            raise SourceError(
                f"Prometheus at {self._settings.url} knows none of the series asked for: "
                "does it scrape node_exporter, and is host_label right?"
            )
        return draft.metrics()

    def _wanted(self, quantities: Sequence[str], draft: Draft) -> dict[str, str]:
        """Return quantity → expression, those left out that are empty or were refused a while ago."""
        wanted = {}
        now = clock.monotonic()
        for quantity in quantities:
            expression = self._expression(quantity)
            refused_at, error = self._broken.get(quantity, (now - BROKEN_S, ""))
            if now - refused_at < BROKEN_S:
                draft.skip("[prometheus]", quantity, error)
            elif expression:
                wanted[quantity] = expression
        return wanted

    def _expression(self, quantity: str) -> str:
        setting: str = getattr(self._settings, quantity)
        return Template(setting).safe_substitute(host=self._settings.host_label, window=self._settings.window).strip()

    def _group(
        self, group: str, expressions: Mapping[str, str], draft: Draft, lock: threading.Lock, deadline: float
    ) -> str:
        """Ask for one group; return why it failed, or nothing. One wrong expression does not take the others along."""
        try:
            self._ask(expressions, draft, lock, deadline)
        except RefusedError as refused:
            if len(expressions) > 1:
                return self._one_by_one(expressions, draft, lock, deadline)
            self._leave_out(next(iter(expressions)), str(refused), draft, lock)
            return str(refused)
        except SourceError as error:
            with lock:
                draft.skip("[prometheus]", group, str(error))
                if group == "cpu":  # half of the cores would make a wrong total
                    draft.cores = CoreColumns()
            return str(error)
        return ""

    def _one_by_one(self, expressions: Mapping[str, str], draft: Draft, lock: threading.Lock, deadline: float) -> str:
        """Ask each expression alone; return the last failure when all of them fail."""
        failure, well = "", False
        for quantity, expression in expressions.items():
            try:
                self._ask({quantity: expression}, draft, lock, deadline)
                well = True
            except RefusedError as refused:
                failure = str(refused)
                self._leave_out(quantity, failure, draft, lock)
            except SourceError as error:  # what is left will not be answered either
                failure = str(error)
                with lock:
                    for left in list(expressions)[list(expressions).index(quantity) :]:
                        draft.skip("[prometheus]", left, failure)
                break
        return "" if well else failure

    def _leave_out(self, quantity: str, error: str, draft: Draft, lock: threading.Lock) -> None:
        with lock:
            self._broken[quantity] = (clock.monotonic(), error)
            draft.skip("[prometheus]", quantity, error)

    def _ask(self, expressions: Mapping[str, str], draft: Draft, lock: threading.Lock, deadline: float) -> None:
        """Send one request for these expressions, and put the samples into the draft as they arrive."""
        only = next(iter(expressions)) if len(expressions) == 1 else None
        query = expressions[only] if only else " or ".join(_named(*item) for item in expressions.items())
        label = self._settings.host_label
        cores = samples.Cores(label)
        for records in self._client.query(query, deadline):
            with lock:
                if only == "cpu":
                    cores.take(records, draft)
                else:
                    samples.take(records, label, QUANTITY, only, draft)


def _named(quantity: str, expression: str) -> str:
    return f'label_replace({expression}, "{QUANTITY}", "{quantity}", "", "")'
