"""What the documents name exists, and what exists they name."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from jobmon import capabilities, config
from jobmon.api.context import Context
from jobmon.api.routes import MOST_AT_ONCE, MOST_WAITING
from jobmon.live import rules_text
from jobmon.web import app, connections, outermost, process

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def section(text, title):
    return re.split(r"^## ", text.partition(f"## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(text, title):
    """Return the first cells of a section's table, without the head."""
    rows = [line.split("|")[1].strip() for line in section(text, title).splitlines() if line.startswith("| ")]
    return rows[1:]


def helps(*words):
    command = [ROOT / ".venv/bin/python", "-m", "jobmon", *words, "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def offered(text):
    """Return the commands that a help text lists."""
    return re.findall(r"^    ([a-z]+) +\S", text, re.MULTILINE)


def test_every_command_is_in_the_readme_and_none_that_is_not_there():
    commands = []
    for name in offered(helps()):
        actions = offered(helps(name))
        commands += [f"jobmon {name} {action}" for action in actions] or [f"jobmon {name}"]
    documented = [re.match(r"`([a-z ]+)", cell)[1].strip() for cell in first_cells(README, "Commands")]
    assert sorted(documented) == sorted(commands)


def test_the_document_of_the_rules_is_that_of_the_rules():
    assert (ROOT / "docs/scores.md").read_text() == rules_text.markdown(), "run: jobmon rules > docs/scores.md"


def test_every_address_is_in_the_readme_and_none_that_is_not_there():
    settings = config.Settings(live=config.LiveSettings(data_path="/nowhere"))
    routes = {name: declared.routes for name, declared in capabilities.ALL.items()}
    application = app.create(Context(settings), routes)
    documented = set(re.findall(r"`(/[^`?]*)", "".join(first_cells(README, "Addresses"))))
    assert documented == {*application.openapi()["paths"], "/api/openapi.json", "/site.json", "/"}


def test_every_published_file_has_a_schema_in_architecture():
    cells = section(ARCHITECTURE, "Published files")
    named = {line.split("|")[3].strip() for line in cells.splitlines() if line.startswith("| `")} - {"–"}
    schemas = {path.name.partition(".")[0] for path in (ROOT / "backend/jobmon/live/schema").iterdir()}
    assert named == schemas


def test_every_dependency_has_its_reason():
    words = section(ARCHITECTURE, "Dependencies").lower()
    extras = PYPROJECT["project"]["optional-dependencies"]
    wanted = [*PYPROJECT["project"]["dependencies"], *(name for extra in extras.values() for name in extra)]
    page = json.loads((ROOT / "frontend/package.json").read_text())
    names = [re.match(r"[\w.-]+", name)[0].lower() for name in wanted]
    names += [name.rpartition("/")[2] for name in page["dependencies"]]
    spelled = {"react-dom": "react", "react-query": "tanstack query", "pytest-timeout": "pytest"}
    missing = [n for n in names if spelled.get(n, n) not in words and not n.startswith("types-")]
    assert missing == []


def test_the_door_names_each_of_its_commands():
    door = (ROOT / "jobmon.sh").read_text()
    listed = set(re.findall(r"^  ([a-z]+)  ", door.partition("TEXT'")[2].partition("\nTEXT")[0], re.MULTILINE))
    handled = set(re.findall(r"^  ([a-z]+)[) |]", door.partition("case $command in")[2], re.MULTILINE))
    assert listed == handled


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "backend/jobmon/backends/README.md",
        "docs/scores.md",
        "docs/marks.md",
    ],
)
def test_links_lead_somewhere(name):
    text = (ROOT / name).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or ((ROOT / name).parent / target).exists(), target


def test_nothing_names_a_package_registry():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        if name.endswith(("package-lock.json", "constraints.txt", ".toml", ".npmrc")):
            text = (ROOT / name).read_text()
            assert not re.search(r"registry\.|pypi\.|\"resolved\"|index-url", text), name


def test_the_examples_of_settings_in_the_guides_are_right():
    examples = {
        path: re.findall(r"```toml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
        for path in sorted((ROOT / "docs").glob("*.md"))
    }
    assert len(examples[ROOT / "docs/metrics.md"]) == 3
    for path, texts in examples.items():
        for text in texts:
            config.parse(tomllib.loads(text), path.name)  # a wrong key or value raises


def test_the_guide_to_metrics_names_every_source_and_its_table():
    words = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    sources = get_args(get_args(config.TelemetrySettings.model_fields["sources"].annotation)[0])
    assert len(sources) == 4
    for source in sources:
        assert f"[{source}]" in words or source == "procfs"
        assert source in words.lower()


def test_the_limits_of_visitors_are_those_in_the_document():
    told = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", (ROOT / "docs/service.md").read_text(), re.MULTILINE))
    web = config.WebSettings()
    assert told["connections, over TCP and over unix sockets each"] == f"{web.connections:,}"
    assert told["of these from one address (a unix socket is exempt)"] == str(web.connections_per_peer)
    assert told["until a request has begun"] == f"{connections.HEAD_S:g} s"
    assert told["until its body is there"] == f"{connections.BODY_S:g} s"
    assert told["without taking anything of the answer"] == f"{connections.WRITE_S:g} s"
    assert told["body of a request"] == f"{outermost.MOST_BODY >> 20} MiB, else 413"
    assert told["questions to the store at a time"] == f"{MOST_AT_ONCE}, {MOST_WAITING} more wait, else 503"
    assert told["one search"] == f"{config.StoreSettings().search_timeout:g} s, else 503"
    assert told["waiting jobs, and mails, of one person"] == f"{config.BatchSettings().user_jobs:,} each, else 429"
    assert told["memory of the web process"] == f"{process.MOST_MEMORY >> 30} GiB of address space"
