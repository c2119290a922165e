"""The built page, served by the daemon's own web server from a folder of published files, in the system's Chromium."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from playwright.sync_api import Browser, Page, Request

from browser import page_files
from browser.batch_page import house, opened
from browser.watched import Cluster, Watched
from jobmon.config import Settings
from jobmon.spool import layout, writer
from jobmon.web import static
from services import absent
from web_thread import Server

__all__ = ["house", "opened"]


@dataclass(frozen=True, slots=True)
class Published:
    """What the page is served: its address, and the folder behind it."""

    url: str
    folder: Path

    def write(self, name: str, document: Any) -> None:
        """Publish a document, or bytes that are none."""
        content = document if isinstance(document, bytes) else orjson.dumps(document) + b"\n"
        writer.write(self.path(name), writer.compress(content))

    def path(self, name: str) -> Path:
        """Return where a page lies, or one of the files beside the pages."""
        return layout.page(self.folder, name) if "/" in name else self.folder / f"{name}.json.gz"

    def write_all(self, documents: dict[str, Any]) -> None:
        for name, document in documents.items():
            self.write(name, document)

    def remove(self, name: str) -> None:
        self.path(name).unlink()


@pytest.fixture(scope="session")
def built() -> Path:
    if not (static.FOLDER / "index.html").is_file():
        absent("the page is not built: ./jobmon.sh build")
    return static.FOLDER


@pytest.fixture
def empty(tmp_path: Path, built: Path) -> Iterator[Published]:
    """Serve a folder without files."""
    settings = Settings.model_validate({"live": {"data_path": str(tmp_path)}, "web": {"port": 0}})
    server = Server(settings, page=built)
    server.start()
    try:
        yield Published(server.url, tmp_path)
    finally:
        server.stop()


@pytest.fixture
def now() -> int:
    return int(time.time())


@pytest.fixture
def published(empty: Published, now: int) -> Published:
    """Serve the cluster of page_files."""
    empty.write_all(page_files.documents(now))
    return empty


@pytest.fixture(scope="session")
def watched(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Serve a simulated cluster that was watched for most of an hour."""
    cluster = Cluster(tmp_path_factory.mktemp("watched"), built)
    yield cluster.watched
    cluster.close()


@pytest.fixture
def tab(chromium: Browser, watched: Watched) -> Iterator[Page]:
    """Open an empty tab for the watched cluster; an error in the page fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.set_default_timeout(8000)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context.new_page()
    context.close()
    assert errors == []


@pytest.fixture
def page(chromium: Browser, empty: Published) -> Iterator[Page]:
    """Open an empty tab that may not leave the server; an error in the page fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.set_default_timeout(8000)
    errors: list[str] = []
    strangers: list[str] = []

    def note_stranger(request: Request) -> None:
        if not request.url.startswith((empty.url, "data:", "blob:")):
            strangers.append(request.url)

    context.on("request", note_stranger)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    page = context.new_page()
    yield page
    context.close()
    assert errors == []
    assert strangers == []
