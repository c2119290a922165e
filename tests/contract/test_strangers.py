"""Whatever strangers send to any address, on SQLite and PostgreSQL: schemathesis, by the OpenAPI document.

It knows the document and nothing else: the edges of every schema, values beyond them, other methods, and chains along
the links. What it holds the answers to is in strangers.toml; all that was answered is looked at here once more.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stores import url
from strangers_site import StrangersSite, served

__all__ = ["url"]
pytestmark = [pytest.mark.service, pytest.mark.timeout(7200)]
READ = {"nobody": "open", "user": "own", "operator": "open"}
"""Who asks, and what `[web] read` says then."""
FEWEST = 1500
"""So many requests come of the document's edges alone."""
SHORT = 3
FOREIGN = ("Input should", "Value error", "String should", "should have at", "Field required", "Extra inputs",
           "parsing the body", "JSON decode", '"detail":"Not Found', '"detail":"Method Not',
           ": is not right")  # fmt: skip
"""How pydantic, FastAPI and Starlette speak, and what we say of an error that we have no words for."""


@dataclass
class Report:
    """Hold what schemathesis says of one run."""

    code: int
    text: str
    found: dict[str, Any]

    @property
    def failures(self) -> str:
        """Return what it has found, with the commands that show it."""
        return re.sub(r"=+ WARNINGS =+.*?(=+ SUMMARY)", r"\1", self.text, flags=re.DOTALL)


@pytest.fixture
def site(url: str, who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StrangersSite]:
    with served(url, tmp_path, monkeypatch, READ[who]) as made:
        yield made


def asked(site: StrangersSite, who: str, folder: Path, examples: int, *more: str) -> Report:
    """Let schemathesis ask as somebody: a few generated requests for each address, the same ones each time; or many."""
    headers = ["--header", "X-Requested-With: test"]
    if who in site.tokens:
        headers += ["--header", f"Authorization: Bearer {site.tokens[who]}"]
    how = Path(__file__).with_name("strangers.toml").read_text()
    if examples:
        how = how.replace("generation.max-examples", "#")
    (folder / "strangers.toml").write_text(how)
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "strangers.toml"),
        "--no-color", "run", f"{site.server.url}api/openapi.json", *headers, *more,
        "--max-examples", str(examples or SHORT), *([] if examples else ["--generation-deterministic"]),
        "--report", "json", "--report-json-path", str(folder / "report.json"),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert (folder / "report.json").exists(), run.stdout + run.stderr
    return Report(run.returncode, run.stdout, json.loads((folder / "report.json").read_text()))


def never_done(site: StrangersSite) -> list[str]:
    """Return the operations of which no request was answered with success."""
    missing = []
    for path, methods in site.server.application.openapi()["paths"].items():
        pattern = re.compile(re.sub(r"{[a-z_]+}", "[^/]+", path))
        done = {method for method, asked in site.answers.done if pattern.fullmatch(asked)}
        missing += [f"{method} {path}" for method in methods if method.upper() not in done]
    return missing


@pytest.mark.parametrize("who", READ)
def test_nothing_breaks_whatever_strangers_send(site, who, tmp_path, request):
    report = asked(site, who, tmp_path, request.config.getoption("examples"))
    answers = site.answers
    print(f"{who}: {answers.count} requests, {dict(sorted(answers.statuses.items()))}")
    assert not answers.broken, answers.broken[:20]
    assert report.code == 0, report.failures
    operations = sum(len(methods) for methods in site.server.application.openapi()["paths"].values())
    assert report.found["operations"]["tested"] == operations > 40
    assert report.found["phases"].keys() >= {"examples", "coverage", "fuzzing", "stateful"}
    assert {phase["status"] for phase in report.found["phases"].values()} == {"success"}
    assert answers.count > FEWEST
    assert not answers.speaking(FOREIGN), "people are answered in our own words"
    if who == "operator":
        missing = never_done(site)
        assert len(missing) < operations / 5, f"most of what is right is done, but {missing}"


@pytest.mark.parametrize(("url", "who"), [("sqlite", "nobody")], indirect=["url"])
def test_a_route_that_breaks_is_found(site, who, tmp_path, monkeypatch):
    monkeypatch.setattr("jobmon.live.marks_api.MARK", None)
    report = asked(site, who, tmp_path, 0, "--include-path", "/api/live/marks")
    assert report.code == 1
    assert site.answers.broken
    assert "[500] Internal Server Error" in report.text
