"""Releases over HTTP and on the command line."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import asgi
from batch_house import BatchHouse, housed
from jobmon.api.access import Person
from jobmon.api.context import Context
from jobmon.batch import api
from jobmon.store import open_store
from release_house import Releases
from release_site import ReleaseSite

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]


class Client:
    def __init__(self, house: BatchHouse) -> None:
        self.access = asgi.Known(Person("olga", "operator"))
        self.app = asgi.application(
            api.routes(Context(house.settings, opened=house.store)), access=self.access, prefix="/api/batch"
        )

    def get(self, path: str) -> asgi.Answer:
        return asgi.get(self.app, f"/api/batch/releases{path}")

    def post(self, path: str, **body: Any) -> asgi.Answer:
        kind = {"content-type": "application/json", "x-requested-with": "test"}
        return asgi.get(self.app, f"/api/batch/releases{path}", headers=kind, method="POST",
                        body=json.dumps(body).encode())  # fmt: skip


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Releases]:
    site = ReleaseSite(tmp_path)
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}", tmp_path)
    with housed(store, tmp_path, monkeypatch, programs=str(site.programs), local_slots=2) as house:
        site.workflows(tmp_path / "workflows")
        yield Releases(house, site)
    store.close()


@pytest.fixture
def client(releases: Releases) -> Client:
    return Client(releases.house)


def test_a_build_is_triggered_seen_and_erased(releases, client):
    site = releases.site
    site.write("io/build.sh", "echo 'a.c:1: error: no'; exit 1\n")
    site.commit("breaks io", tag="v1")
    assert client.get("/packages").json() == {
        "packages": [{"package": "core", "variants": ["gcc", "gcc-opt"], "configured": True}],
        "root": str(site.root), "error": "",
    }  # fmt: skip
    answer = client.post("/trigger", package="core", version="v1", variants=["gcc"])
    assert answer.status_code == 201
    (started,) = answer.json()["builds"]
    assert started == {"variant": "gcc", "run_id": 1, "build_id": 1, "started": True, "text": "run 1"}
    (version,) = client.get("").json()["versions"]
    assert (version["running"], version["cells"]["gcc"]["mark"]) == (True, "running")
    assert version["cells"]["gcc"]["stages"] == ["checkout"]
    releases.ended(1)
    found = client.get("").json()
    assert (found["variants"], found["next"]) == (["gcc"], None)
    cell = found["versions"][0]["cells"]["gcc"]
    assert cell["mark"] == "O"
    build = client.get("/build/1").json()
    assert build["failures"][0]["first_error"] == "a.c:1: error: no"
    assert [column["title"] for column in build["columns"]] == ["this", "Release", "HEAD", "LATEST"]
    log = client.get("/build/1/log/io/build")
    assert log.body.startswith(b"a.c:1: error: no\n")
    assert log.headers["content-type"] == "text/plain; charset=utf-8"

    shown = client.post("/erase/preview", builds=[1], parts=["build", "logs", "entry"]).json()
    assert shown["builds"][0]["sizes"]["logs"]["files"] > 2
    assert (shown["parts"], shown["complete"]) == (["build", "logs", "entry"], True)
    assert client.post("/erase", token="x").status_code == 409
    answer = client.post("/erase", token=shown["token"])
    assert answer.status_code == 201
    releases.house.until_ended(answer.json()["job_id"])
    assert client.get("/build/1").status_code == 404
    assert client.get("").json()["versions"] == []
    todo = asgi.get(client.app, "/api/batch/audit").json()["todo"]
    assert [(one["what"], one["who"]) for one in todo] == [("erase", "olga"), ("trigger", "olga")]
    assert todo[0]["result"].startswith("done: ")
    assert not (site.place("v1") / "src").exists()


def test_only_the_staff_may_act(client):
    client.access.who = Person("eve", "user")
    assert client.get("/packages").status_code == 200
    assert client.post("/trigger", package="core", version="v1").status_code == 403
    assert client.post("/erase/preview", builds=[1], parts=["logs"]).status_code == 403
    assert client.post("/erase", token="x").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"package": "core", "version": "../../x"},
        {"package": "core", "version": "-rf"},
        {"package": "core", "version": "v1\nv2"},
        {"package": "core", "version": "v1", "tag": "--upload-pack=x"},
        {"package": "other", "version": "v1"},
        {"package": "core", "version": "v1", "variants": ["clang"]},
    ],
)
def test_what_is_not_known_is_not_built(client, body):
    assert client.post("/trigger", **body).status_code == 400


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/build/1", 404), ("/build/1/log/io/build", 404), ("/build/x", 400), ("/build/1/log/../../x/build", 404),
        ("/build/1/log/.hidden/build", 400), ("/build/1/log/io/BUILD", 400), ("/build/99999999999", 400),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told(client, path, code):
    assert client.get(path).status_code == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"builds": [1], "parts": ["logs"]}, 404), ({"builds": [], "parts": ["logs"]}, 400),
        ({"builds": [1], "parts": ["root"]}, 404), ({"builds": [1], "parts": ["logs"], "all": True}, 400),
        ({"builds": ["1"], "parts": ["logs"]}, 400), ({"builds": list(range(1, 200)), "parts": ["logs"]}, 400),
    ],
)  # fmt: skip
def test_what_cannot_be_erased_is_told(client, body, code):
    assert client.post("/erase/preview", **body).status_code == code


def test_the_command_line_does_the_same(releases, tmp_path):
    house = releases.house
    (tmp_path / "jobmon.toml").write_text(
        f"[live]\ndata_path = '{tmp_path}/data'\n[store]\nurl = 'sqlite:///{tmp_path}/store.sqlite'\n"
        f"[batch]\nprograms = '{releases.site.programs}'\nworkflows = '{tmp_path}/workflows'\n"
    )

    def run(*words: str, typed: str = "") -> tuple[int, str]:
        command = [sys.executable, "-m", "jobmon", "batch", "releases", words[0], "--config", tmp_path / "jobmon.toml"]
        done = subprocess.run([*command, *words[1:]], capture_output=True, text=True, input=typed)
        return done.returncode, done.stdout + done.stderr

    assert run("trigger", "core", "main", "--variant", "gcc") == (0, "gcc: run 1\n")
    code, text = run("trigger", "core", "main", "--variant", "gcc")
    assert (code, "run 1 is for this build already" in text) == (1, True)
    assert run("trigger", "core", "../x")[0] == 2
    releases.ended(1)
    code, text = run("list")
    assert code == 0
    assert text.splitlines()[1].split()[:3] == ["core", "main", "Manual"]
    assert json.loads(run("list", "--json")[1])["versions"][0]["cells"]["gcc"]["mark"] == "ok"
    code, text = run("show", "1")
    assert (code, "build 1: core main gcc, ok" in text, "base" in text) == (0, True, True)
    assert json.loads(run("show", "1", "--json")[1])["build"]["mark"] == "ok"
    assert run("erase", "1", "--part", "logs", typed="n\n")[0] == 1
    code, text = run("erase", "1", "--part", "build", "--part", "logs", "--yes")
    assert (code, text.splitlines()[-1]) == (0, "job 6")
    house.until_ended(6)
    assert releases.details(1)["build"]["erased"] == ["build", "logs"]
    assert run("erase", "1", "--part", "entry", "--yes")[1].endswith("erased\n")
    assert run("show", "1")[0] != 0
