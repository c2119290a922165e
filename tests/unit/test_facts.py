"""What the jobs and nodes of a chunk were is known as long as the chunk, across closings, restarts and clock steps."""

import gzip
import json
import logging
from importlib import resources

import jsonschema
import orjson
import pytest

from jobmon.live import own, rows, summary
from jobmon.live.facts import Facts, Span
from jobmon.live.series import Series
from jobmon.spool import writer

DAY = 20_000 * 86_400
SCHEMA = json.loads((resources.files("jobmon.live") / "schema/facts.schema.json").read_text())
NODE = {"up": True, "cpu": None, "mem": {"used": 1, "total": 4000}, "swap": None, "gpus": None, "infiniband": None,
        "lustre": None, "jobfs": None, "isCounted": True, "nCpus": 4, "nGpus": 0}  # fmt: skip
JOB = {
    "name": "burn", "username": "ada", "account": "physics", "state": "RUNNING", "nCpus": 2, "nGpus": 0,
    "layout": {"n1": [0, 1]}, "gpuLayout": {}, "timeLimit": 60, "runTime": 5, "startTime": DAY - 60, "mem": {},
    "memMax": 100, "memReq": 500, "lustre": {}, "jobfs": {}, "jobfsReq": None, "partition": "main",
}  # fmt: skip


class Watch:
    """Series and facts of one folder, files written as the daemon does."""

    def __init__(self, folder):
        self.folder = folder
        self.start()

    def start(self):
        self.series, self.facts = Series(self.folder, 30), Facts(self.folder)

    def see(self, time, jobs, node=NODE):
        taken = {"timestamp": time, "nodes": {"n1": node}, "jobs": jobs}
        tables = summary.tables(taken, {"n1": 0})
        point = rows.draw(taken)
        chunks = self.series.add(point)
        return self.write([*self.facts.add(tables, point, chunks), *chunks])

    def write(self, documents):
        for name, body in documents:
            packed = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
            writer.write(self.folder / f"{name}.json.gz", writer.compress(packed))
        return [name for name, _ in documents]

    def read(self, name):
        document = json.loads(gzip.decompress((self.folder / f"{name}.json.gz").read_bytes()))
        if "facts" in name:
            jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
        return document

    def jobs(self, name):
        """Return {id: {column: value}}, texts as texts."""
        document = self.read(name)
        table, strings = document["jobs"], document["strings"]
        texts = ("name", "user", "partition", "account", "arrayTasks")
        return {
            job_id: {c: strings[column[k]] if c in texts else column[k] for c, column in table.items()}
            for k, job_id in enumerate(table["id"])
        }


@pytest.fixture
def watch(tmp_path):
    return Watch(tmp_path)


def test_each_chunk_of_month_and_year_has_facts_of_its_name(watch):
    for time in range(DAY, DAY + 2 * 86_400 + 7200, 300):
        written = watch.see(time, {"7": JOB})
        pairs = {name for name in written if "/day/" not in name}
        assert {name.replace("facts", "series") for name in pairs} == {n for n in pairs if "series" in n}
        facts_end = max((written.index(n) for n in pairs if "facts" in n), default=-1)
        assert facts_end < min((written.index(n) for n in pairs if "series" in n), default=0) or not pairs
    month = watch.series.closed["month"]
    assert len(month) == 24
    assert watch.series.closed["year"] == [DAY, DAY + 86_400]
    for tier, start in [*(("month", start) for start in month), ("year", DAY), ("year", DAY + 86_400)]:
        facts = watch.read(f"live/facts/{tier}/{start}")
        chunk = watch.read(f"live/series/{tier}/{start}")
        assert (facts["tier"], facts["start"], facts["span"]) == (tier, start, chunk["span"])
        assert set(chunk["jobs"]) <= set(facts["jobs"]["id"])
    assert watch.read("live/facts/month/open")["start"] == watch.read("live/series/month/open")["start"]


def test_a_job_is_told_with_its_owner_and_what_it_asked_for(watch):
    for time in (DAY, DAY + 300):
        watch.see(time, {"7": JOB})
    job = watch.jobs("live/facts/month/open")["7"]
    assert job == {
        "id": "7", "name": "burn", "user": "ada", "partition": "main", "account": "physics", "arrayTasks": "",
        "cpus": 2, "gpus": 0, "nNodes": 1, "timeLimit": 60, "start": DAY - 60, "end": None, "submit": None,
        "memReq": 500, "memMax": 100, "jobfsReq": None,
    }  # fmt: skip


def test_a_job_that_came_and_went_between_two_writes_is_there_and_one_that_waits_is_not(watch):
    watch.see(DAY, {})
    watch.see(DAY + 30, {"8": JOB, "9": JOB | {"state": "PENDING", "layout": {}}})
    watch.see(DAY + 60, {})
    watch.see(DAY + 300, {})
    assert set(watch.jobs("live/facts/month/open")) == {"8"}


def test_what_changes_while_a_job_runs_is_told_as_it_was_last(watch):
    watch.see(DAY, {"7": JOB | {"endTime": DAY + 9000}})
    watch.see(DAY + 300, {"7": JOB | {"memMax": 300, "timeLimit": 90, "endTime": DAY + 9000}})
    job = watch.jobs("live/facts/month/open")["7"]
    assert (job["memMax"], job["timeLimit"], job["end"]) == (300, 90, None)
    watch.see(DAY + 600, {"7": JOB | {"state": "COMPLETED", "memMax": 400, "endTime": DAY + 500}})
    job = watch.jobs("live/facts/month/open")["7"]
    assert (job["memMax"], job["end"]) == (400, DAY + 500)


def test_a_job_that_waits_again_stays_as_it_ran(watch):
    watch.see(DAY, {"7": JOB})
    watch.see(DAY + 300, {"7": JOB | {"state": "PENDING", "layout": {}, "startTime": 0, "nCpus": 1}})
    job = watch.jobs("live/facts/month/open")["7"]
    assert (job["start"], job["cpus"]) == (DAY - 60, 2)


def test_a_node_that_is_down_keeps_the_memory_it_was_known_to_have(watch):
    watch.see(DAY, {})
    watch.see(DAY + 300, {})
    watch.see(DAY + 600, {}, NODE | {"mem": None, "up": False})
    nodes = watch.read("live/facts/month/open")["nodes"]
    assert (nodes["name"], nodes["memTotal"], nodes["swapTotal"]) == (["n1"], [4000], [None])


def test_a_job_of_the_next_span_is_not_in_the_one_that_is_closed_later(watch):
    for time in (DAY + 6900, DAY + 7170):
        watch.see(time, {"7": JOB})
    watch.see(DAY + 7200, {"8": JOB | {"startTime": DAY + 7200}})
    watch.see(DAY + 7500, {"8": JOB | {"startTime": DAY + 7200}})
    assert set(watch.jobs(f"live/facts/month/{DAY}")) == {"7"}
    assert set(watch.jobs("live/facts/month/open")) == {"8"}


def test_a_restart_goes_on_with_what_the_files_tell(watch):
    for time, job in ((DAY, "1"), (DAY + 300, "2"), (DAY + 600, "3")):
        watch.see(time, {job: JOB})
    watch.start()
    watch.see(DAY + 900, {"4": JOB})
    assert set(watch.jobs("live/facts/month/open")) == {"1", "2", "3", "4"}


@pytest.mark.parametrize("damage", [None, b"{}"])
def test_a_restart_knows_of_the_day_what_the_months_files_know(watch, damage):
    for time in range(DAY, DAY + 8400, 300):
        watch.see(time, {str(time - DAY): JOB})
    assert "8100" not in watch.jobs("live/facts/year/open"), "it is written once in an hour"
    if damage:
        writer.write(watch.folder / "live/facts/year/open.json.gz", writer.compress(damage))
    watch.start()
    for time in (DAY + 10_500, DAY + 10_800, DAY + 11_100):
        watch.see(time, {})
    assert set(watch.jobs("live/facts/year/open")) == {str(time) for time in range(0, 8400, 300)}


def test_a_restart_right_after_a_span_loses_no_job_that_still_runs(watch):
    watch.see(DAY + 6600, {"7": JOB})
    watch.see(DAY + 6900, {"7": JOB})
    watch.see(DAY + 7000, {"8": JOB})  # its first file would be written at 7200
    watch.start()
    watch.see(DAY + 7230, {"8": JOB, "9": JOB | {"startTime": DAY + 7210}})
    watch.see(DAY + 7500, {})
    assert set(watch.jobs(f"live/facts/month/{DAY}")) == {"7", "8"}


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"format": 2}', b'{"format": 1, "strings": [], "jobs": []}'])
def test_a_broken_file_is_told_and_the_facts_go_on(watch, caplog, damage):
    for time in (DAY, DAY + 300):
        watch.see(time, {"1": JOB})
    writer.write(watch.folder / "live/facts/month/open.json.gz", writer.compress(damage))
    with caplog.at_level(logging.WARNING, "jobmon.live"):
        watch.start()
    assert "live/facts/month/open" in caplog.text
    watch.see(DAY + 600, {"2": JOB})
    assert set(watch.jobs("live/facts/month/open")) == {"2"}


def test_a_clock_that_steps_back_takes_what_was_ahead_away(watch):
    for time in (DAY + 7200, DAY + 7500):
        watch.see(time, {"ahead": JOB})
    for time in (DAY, DAY + 300):
        watch.see(time, {"now": JOB})
    assert set(watch.jobs("live/facts/month/open")) == {"now"}
    assert len(watch.facts.left()) == 2


def test_the_past_is_taken_over_and_what_was_seen_later_is_right(watch):
    past = Span("month", DAY, DAY + 300, {"1": ("1", *JOB_ROW), "2": ("2", *JOB_ROW)}, {})
    older = Span("month", DAY - 7200, DAY - 300, {"0": ("0", *JOB_ROW)}, {})
    watch.see(DAY + 900, {"2": JOB})
    chunk = {"tier": "month", "start": DAY - 7200}
    watch.write(watch.facts.adopt([older, past], [(f"live/series/month/{DAY - 7200}", chunk)]))
    assert set(watch.jobs(f"live/facts/month/{DAY - 7200}")) == {"0"}
    watch.see(DAY + 1200, {})
    jobs = watch.jobs("live/facts/month/open")
    assert {job_id: job["user"] for job_id, job in jobs.items()} == {"1": "bob", "2": "ada"}


def test_of_the_facts_a_person_gets_the_own_jobs_alone(watch):
    for time in (DAY, DAY + 300):
        watch.see(time, {"1": JOB, "2": JOB | {"username": "bob", "name": "secret"}})
    document = watch.read("live/facts/month/open")
    part = own.filtered("live/facts/month/open", document, "ada", set)
    jsonschema.validate(part, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert part["jobs"]["id"] == ["1"]
    assert "ada" in part["strings"]
    assert not {"bob", "secret"} & set(part["strings"])
    assert part["nodes"]["name"] == ["n1"]


JOB_ROW = ("old", "bob", "main", "", "", 1, 0, 1, None, DAY - 60, None, None, None, None, None)
