"""Every file that a cycle publishes is what its schema says, whatever the back end."""

import gzip
import json
import subprocess
import sys
from importlib import resources

import jsonschema
import pytest

SCHEMAS = resources.files("jobmon.live") / "schema"
BACKENDS = {
    "local": [],
    "simulated": ["simulated.nodes=40"],
    "seed": ["live.backend=jarvis"],
    "empty": ["live.backend=empty"],
}
JARVIS = """
from backend_base import BackendBase

class Backend(BackendBase):
    def hostnames(self):
        return ["jarvis1", "jarvis2"]

    def cpu_usage(self, name):
        return {"total": [20, 0, 5, 0, 75], "core": [[20, 0, 5, 0, 75]] * 4}
"""
EMPTY = "from backend_base import BackendBase\nclass Backend(BackendBase): pass\n"


def schema(name):
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text())


def schema_of(name):
    """Return the schema of a published file by its name below the data path."""
    if name.startswith("live/series/") or name == "live/recent":
        return schema("chunk")
    if name.startswith("live/cores/"):
        return schema("cores")
    for folder in ("usage", "runs", "facts"):
        if name.startswith(f"live/{folder}/"):
            return schema(folder)
    if name.startswith("live/"):
        return schema(name.removeprefix("live/"))
    return schema("snapshot" if name.startswith("data") else name)


@pytest.fixture(scope="module", params=BACKENDS)
def files(request, tmp_path_factory):
    """Return the files of two cycles of a back end by their names."""
    site = tmp_path_factory.mktemp("site")
    (site / "backend_jarvis.py").write_text(JARVIS)
    (site / "backend_empty.py").write_text(EMPTY)
    data_path = tmp_path_factory.mktemp("spool")
    settings = [f"live.backend={request.param}", f"live.backend_path={site}", f"live.data_path={data_path}"]
    settings += BACKENDS[request.param]
    for _ in range(2):
        command = [sys.executable, "-m", "jobmon", "run", "--once", *(p for s in settings for p in ("--set", s))]
        subprocess.run(command, check=True, timeout=60)
    found = {
        str(path.relative_to(data_path)).removeprefix("pages/").removesuffix(".json.gz"): json.loads(
            gzip.decompress(path.read_bytes())
        )
        for path in data_path.rglob("*.json.gz")
        if path.parent.name != "state"  # the daemon's own
    }
    found["data_path"] = data_path
    return found


def test_every_file_is_what_its_schema_says(files):
    names = [name for name in files if name != "data_path"]
    wanted = {"data", "history", "backfill", "live/summary", "live/latest", "live/series/day/open", "live/predictions",
              "live/recent", "live/marks"}  # fmt: skip
    assert wanted <= set(names)
    for name in names:
        jsonschema.validate(files[name], schema_of(name), cls=jsonschema.Draft202012Validator)


def test_the_point_of_latest_has_the_rows_that_the_summary_knows(files):
    summary, point = files["live/summary"], files["live/latest"]["point"]
    jobs = summary["jobs"]
    running = [hosts for hosts, state in zip(jobs["hosts"], jobs["state"], strict=True)
               if summary["strings"][state] == "RUNNING"]  # fmt: skip
    assert point["jobRows"] == sum(map(len, running))
    assert point["nodeRows"] == len(summary["nodes"]["name"])


def test_the_rows_of_each_table_belong_together(files):
    for table in ("nodes", "jobs"):
        lengths = {len(column) for column in files["live/summary"][table].values()}
        assert len(lengths) == 1
    strings = files["live/summary"]["strings"]
    assert len(strings) == len(set(strings))


def test_the_time_stamped_snapshot_is_the_same_file(files):
    data_path = files["data_path"]
    stamped = data_path / f"data{files['data']['timestamp']}.json.gz"
    assert stamped.samefile(data_path / "data.json.gz")
    assert str(files["data"]["timestamp"]) in files["history"]["history"]


def test_the_index_for_cgi_names_the_files_and_the_times(files):
    first, *times = (files["data_path"] / "cgi.index").read_text().splitlines()
    assert first.split("\t") == ["data{}.json.gz", "history.json.gz", "backfill.json.gz"]
    assert [int(t) for t in times] == sorted(int(name[4:]) for name in files if name[4:].isdigit())


def test_every_schema_is_one():
    names = [path.name for path in SCHEMAS.iterdir() if path.name.endswith(".json")]
    assert len(names) >= 9
    for name in names:
        jsonschema.Draft202012Validator.check_schema(json.loads((SCHEMAS / name).read_text()))
