"""A cycle that fails is told on the page and takes nothing away; the next good one makes all well again."""

import gzip
import json
import textwrap
import time

import pytest

from jobmon import config
from jobmon.daemon.turn import Turn
from jobmon.live import health
from jobmon.live.capability import Live
from jobmon.model import SourceHealth
from jobmon.spool import layout, writer

SITE = """
    import os
    from backend_base import BackendBase
    from jobmon.model import SourceHealth

    HERE = os.path.dirname(__file__)

    class Backend(BackendBase):
        def pre_update(self):
            if os.path.exists(HERE + "/broken"):
                raise ConnectionError("the controller does not answer")

        def sources(self):
            broken = os.path.exists(HERE + "/broken")
            return [SourceHealth("scheduler", 5.0, 0.1, "no answer" if broken else "", int(broken), 3)]

        def hostnames(self):
            return [f"n{i}" for i in range(1, 4 if not os.path.exists(HERE + "/small") else 2)]

        def n_cpus(self, name):
            return 4000

        def job_ids(self):
            return ["7"]

        def job_state(self, job_id):
            return "RUNNING"

        def job_layout(self, job_id):
            return {"n1": [0]}
"""


class Cluster:
    def __init__(self, tmp_path):
        self.folder = tmp_path
        self.spool = tmp_path / "spool"
        (tmp_path / "backend_site.py").write_text(textwrap.dedent(SITE))
        self.live = Live(
            config.Settings(
                live=config.LiveSettings(backend="site", backend_path=str(tmp_path), data_path=str(self.spool))
            )
        )
        self.turn = Turn(self.live, self.spool)

    def read(self, name):
        path = layout.page(self.spool, name) if "/" in name else self.spool / f"{name}.json.gz"
        return json.loads(gzip.decompress(path.read_bytes()))

    def sources(self):
        return {s["name"]: s["error"] for s in self.read("live/summary")["sources"]}


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    yield made
    made.live.close()


def test_a_source_that_fails_leaves_the_last_snapshot_and_says_what_is_wrong(cluster, caplog):
    assert cluster.turn.once()
    before = cluster.read("data")
    (cluster.folder / "broken").touch()
    assert not cluster.turn.once()
    assert cluster.read("data") == before
    assert len(cluster.read("live/summary")["nodes"]["name"]) == 3
    assert cluster.sources() == {"scheduler": "no answer"}
    assert cluster.read("live/latest")["summary"]["sources"][0]["error"] == "no answer"
    assert cluster.read("live/latest")["timestamp"] == before["timestamp"]
    assert "the controller does not answer" in caplog.text
    assert cluster.turn.health()["error"] == "ConnectionError: the controller does not answer"

    (cluster.folder / "broken").unlink()
    time.sleep(1.1)  # time stamps are whole seconds
    assert cluster.turn.once()
    assert cluster.sources() == {"scheduler": ""}
    assert cluster.read("data")["timestamp"] > before["timestamp"]
    assert cluster.turn.health()["status"] == "ok"


def test_a_back_end_that_dies_is_told_as_a_source(cluster):
    assert cluster.turn.once()
    source = (cluster.folder / "backend_site.py").read_text()
    (cluster.folder / "backend_site.py").write_text(
        source.replace("def hostnames(self):", "def hostnames(self):\n        os._exit(1)")
    )
    cluster.live._process.close()
    cluster.live._process = type(cluster.live._process)(cluster.live.settings)
    assert not cluster.turn.once()
    assert "died in hostnames" in cluster.sources()["back end"]


def test_a_source_that_is_gone_is_gone_from_the_metrics():
    def told():
        return {s.labels["source"] for s in health.SOURCE_UP.collect()[0].samples}

    well, broken = SourceHealth("slurm", 1.0, 0.1), SourceHealth("back end", None, None, "died", 1)
    health.report_sources([well, broken], 30)
    assert told() == {"slurm", "back end"}
    health.report_sources([well], 30)
    assert told() == {"slurm"}


def test_a_source_is_logged_when_it_changes_and_not_in_each_cycle(caplog):
    log = health.SourcesLog()
    well = SourceHealth("prometheus", 1.0, 0.1, nodes=10)
    odd = SourceHealth("prometheus", 1.0, 0.1, nodes=10, reasons=("memory: is absurd (n1)",))
    for source in (
        well,
        SourceHealth("prometheus", 1.0, 0.1, "refused", 1),
        SourceHealth("prometheus", 1.0, 0.1, "refused again", 2),
        well,
        odd,
        SourceHealth("prometheus", 1.0, 0.1, reasons=("memory: is absurd (n1, n2 and 3 more)",)),
        SourceHealth("prometheus", 1.0, 0.1, warning="nothing is known of 5 of the 10 nodes that are up: n1, n2"),
        SourceHealth("prometheus", 1.0, 0.1, warning="nothing is known of 6 of the 10 nodes that are up: n1, n2"),
    ):
        log.report([source])
    assert caplog.messages == [
        "prometheus failed: refused",
        "prometheus answers again",
        "prometheus: memory: is absurd (n1)",
        "prometheus: nothing is known of 5 of the 10 nodes that are up: n1, n2",
    ]


def test_what_a_source_tells_is_in_the_metrics():
    health.report_sources([SourceHealth("prometheus", 1.0, 0.1, nodes=10, warning="odd")], 30)
    told = {metric.name: metric.samples for gauge in health.SOURCE_GAUGES for metric in gauge.collect()}
    assert [sample.value for sample in told["jobmon_source_nodes"]] == [10]
    assert [sample.value for sample in told["jobmon_source_warning"]] == [1]


def test_shards_that_no_node_is_in_any_more_are_removed(cluster):
    assert cluster.turn.once()
    shards = cluster.spool / "pages/live/cores"
    assert sorted(path.name for path in shards.iterdir()) == ["0.json.gz", "1.json.gz", "2.json.gz"]
    (cluster.folder / "small").touch()
    time.sleep(1.1)
    assert cluster.turn.once()
    assert [path.name for path in shards.iterdir()] == ["0.json.gz"]
    assert cluster.read("live/latest")["summary"]["nodes"]["name"] == ["n1"]


def test_a_page_that_cannot_be_written_costs_that_page_only(cluster, caplog):
    assert cluster.turn.once()
    path = cluster.spool / "pages/live/predictions.json.gz"
    path.unlink()
    path.mkdir()
    (path / "in the way").touch()
    time.sleep(1.1)
    assert not cluster.turn.once()
    assert "predictions.json.gz: cannot be written" in caplog.text
    assert cluster.read("live/summary")["timestamp"] == cluster.read("data")["timestamp"]


def test_a_closed_chunk_that_could_not_be_written_is_offered_again(cluster, monkeypatch):
    assert cluster.turn.once()
    chunk = "live/series/day/600"
    cluster.live._publisher._pages.append((chunk, {"format": 1}))
    write = writer.write

    def full(path, content):
        if path.name == "600.json.gz":
            raise writer.SpoolError(f"{path}: cannot be written: no space left")
        write(path, content)

    monkeypatch.setattr(writer, "write", full)
    cluster.turn.once()
    assert not (cluster.spool / f"{chunk}.json.gz").exists()
    monkeypatch.undo()
    cluster.turn.once()
    assert cluster.read(chunk) == {"format": 1}


def test_what_is_left_out_is_logged_once_until_it_is_well(cluster, caplog):
    bad = textwrap.dedent(SITE) + "\n    def mem(self, name):\n        raise OSError('gone')\n"
    (cluster.folder / "backend_site.py").write_text(bad)
    for _ in range(3):
        assert cluster.turn.once()
    assert caplog.text.count("mem of 'n2' is left out: OSError: gone") == 1


@pytest.mark.parametrize("damage", [b"", b"not gzip", gzip.compress(b"[]"), gzip.compress(b'{"format": 1}')])
def test_broken_predictions_start_anew(cluster, damage, caplog):
    assert cluster.turn.once()
    (cluster.spool / "pages/live/predictions.json.gz").write_bytes(damage)
    cluster.live.close()
    cluster.live = Live(cluster.live.settings)
    cluster.turn = Turn(cluster.live, cluster.spool)
    time.sleep(1.1)
    assert cluster.turn.once(), cluster.turn.error
    assert cluster.read("live/predictions")["waiting"] == {}
