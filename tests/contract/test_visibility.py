"""Who is told what: all addresses as each kind of person, in a site in which every text is a word of its own."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

import asgi
import canaries
from canaries import KEY, OPERATOR, OTHER, OWNER, SOMEBODY, WORD, Site, word
from jobmon import cli
from jobmon.api.context import Context
from jobmon.capabilities import chosen
from jobmon.daemon.turn import Turn
from jobmon.live import api as live_api
from jobmon.live.capability import Live
from jobmon.store import open_store
from jobmon.web.app import create

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]
READ, NAMES = ("open", "signed-in", "own"), ("full", "short", "pseudonym")
WHO = ("nobody", "other", "owner", "operator", "admin")


def words(table: str, columns: str) -> set[str]:
    return {word(table, column) for column in columns.split()}


READERS = {
    *words("engine_lease", "holder endpoint"), *words("engine_candidate", "host endpoint"), word("told", "scheduler"),
    *words("engine_mark", "name"), *words("batch_settings", "value"), *words("batch_queue_limit", "queue"),
    word("node"), word("partition"),
}  # fmt: skip
"""Whoever may read, whatever is hidden."""
SITES = {
    OPERATOR, "zq_flow_param_qz", "zq-flow-stage-qz", "zq-variant-qz", word("flow", "queue"),
    *words("batch_rule_fire", "rule"), *words("batch_run", "sha256"),
    *words("batch_build", "version_type tag variant"), *words("batch_build_part", "log"),
    *words("batch_todo", "what target"), *words("engine_mark", "note"),
    SOMEBODY, *words("bobs_job", "name scheduler scheduler_id ending host queue"),
    "zq-bobs-id-qz", "zq-bobs-name-qz", "zq-bobs-account-qz",
}  # fmt: skip
"""All who may read where nothing is hidden; else the staff."""
OPENLY = {
    OWNER, *words("batch_job", "name scheduler scheduler_id ending host queue"), "zq-flow-stage-qz",
    *words("batch_crontab", "name queue workflow"), *words("finished", "id name account partition state"),
    "zq-live-id-qz", "zq-live-name-qz", "zq-live-account-qz",
}  # fmt: skip
"""All who may read where nothing is hidden; else whose it is, and the staff."""
OWN = {
    *words("batch_job", "command args reason put_aside working_dir output_tail labels mail path"),
    *words("batch_job_event", "text"), word("script"), word("output"), word("path", "shared"),
    *words("batch_crontab", "command args params batch_opts working_dir output_location mail path"),
    *words("batch_cron_fire", "reason"),
}  # fmt: skip
"""Whose it is, and the staff."""
STAFF = {
    *words("bobs_job", "command args reason put_aside working_dir output_tail labels mail path"),
    *words("batch_run", "params variables reason"), *words("batch_rule_fire", "text"),
    *words("batch_build_part", "first_error owner"), *words("batch_todo", "result"), word("log"),
    *words("engine_outbox", "subject error"), word("told", "troubles"), word("flow", "command"),
    *words("path", "workflows releases"),
}  # fmt: skip
READABLE = {
    *words("batch_job", "command args reason put_aside working_dir output_tail labels"),
    *words("batch_job_event", "text"),
    *words("bobs_job", "command args reason put_aside working_dir output_tail labels"), word("script"), word("output"),
    *words("batch_crontab", "command args params batch_opts working_dir output_location"),
    *words("batch_cron_fire", "reason"), *words("batch_run", "params variables reason"), word("log"),
    *words("batch_rule_fire", "text"), *words("batch_build_part", "first_error"), *words("batch_todo", "result"),
    word("flow", "command"), *words("path", "shared workflows releases"),
}  # fmt: skip
"""What `[batch] content = "readers"` opens: no webhook, no mail address, nothing of what is for the staff."""


def allowed(who: str, site: Site) -> set[str]:
    """Return all that somebody may be told."""
    if who in {"operator", "admin"}:
        return READERS | SITES | OPENLY | OWN | STAFF
    hides = site.read == "own" or site.names != "full"
    if who == "nobody" and site.read != "open":
        return set()
    found = {*READERS, canaries.PEOPLE.get(who, "")}
    if not hides:
        found |= SITES | OPENLY | (READABLE if site.content == "readers" else set())
    elif site.read != "own":  # jobs by the users' public names
        found |= {"zq-live-id-qz", "zq-bobs-id-qz"}
        found |= {f"zq-{whose}-{what}-qz" for whose in ("live", "bobs") for what in ("name", "account")
                  if site.names == "short"}  # fmt: skip
    if who == "owner":
        found |= OPENLY | OWN | ({OPERATOR} if site.names == "full" else set())
    return found


JOB = '{"command": ["true"], "notify": ["webhook:https://h.example.org/zq.sent.qz"]}'
CRON = '{"name": "new", "schedule": "@daily", "command": ["true"]}'
ASKED: dict[str, tuple[str, ...] | str] = {
    "GET /": (), "GET /site.json": (), "GET /api/openapi.json": (), "GET /healthz": (), "GET /metrics": (),
    "GET /api/whoami": (), "GET /api/history.py": (), "GET /api/backfill.py": (),
    "GET /api/data.py": ("", "?time=1"),
    "GET /api/page.py": (f"?name=batch/attempts/{KEY}/x",),
    "GET /api/live/window": (), "GET /api/live/marks": (),
    "GET /api/live/jobs": ("", f"?user={OWNER}", "?q=zq"),
    "GET /api/live/jobs/{job_id}": ("zq.live_job.id.qz", "zq-live-id-qz", "zq-bobs-id-qz"),
    "GET /api/batch/overview": (), "GET /api/batch/audit": (), "GET /api/batch/cron": (),
    "GET /api/batch/workflows": (), "GET /api/batch/runs": (), "GET /api/batch/releases": (),
    "GET /api/batch/releases/packages": (),
    "GET /api/batch/jobs": ("", "?status=ended", "?q=zq"),
    "GET /api/batch/jobs/{number}": ("1", "2", "3"),
    "GET /api/batch/jobs/{number}/script": ("1", "2"), "GET /api/batch/jobs/{number}/output": ("1", "2"),
    "GET /api/batch/cron/{name}/history": ("1", word("batch_crontab", "name")),
    "GET /api/batch/runs/{number}": ("1",), "GET /api/batch/releases/build/{number}": ("1",),
    "GET /api/batch/releases/build/{number}/log/{sub}/{step}": ("1/log/io/build",),
    "POST /api/batch/jobs": JOB, "POST /api/batch/jobs/{number}/hold": "", "POST /api/batch/jobs/{number}/release": "",
    "POST /api/batch/jobs/{number}/cancel": "", "POST /api/batch/jobs/{number}/rerun": "",
    "POST /api/batch/cron": CRON, "PUT /api/batch/cron/{name}": CRON.replace("new", "1a"),
    "POST /api/batch/cron/{name}/enable": "", "POST /api/batch/cron/{name}/disable": "",
    "POST /api/batch/cron/{name}/run-now": "", "DELETE /api/batch/cron/{name}": "",
    "POST /api/batch/cron/{name}/replay/span": '{"since": 0, "until": 1}',
    "POST /api/batch/workflows/{name}/start": '{"params": {}}', "POST /api/batch/runs/{number}/stop": "",
    "POST /api/batch/runs/{number}/rerun": '{"stage": "x"}', "POST /api/batch/runs/{number}/release": '{"stage": "x"}',
    "POST /api/batch/releases/trigger": '{"package": "core", "version": "../x"}',
    "POST /api/batch/releases/erase/preview": '{"builds": [1], "parts": ["logs"]}',
    "POST /api/batch/releases/erase": '{"token": "x"}',
    "POST /api/batch/master": '{"run_time": 0}', "PUT /api/batch/limits/{queue:path}": '{"max_running": 3}',
}  # fmt: skip
"""How each address is asked: the ways to fill its path, or the body with which it acts."""
FILLED = {"number": "1", "name": "1", "what": "enable", "queue:path": "q"}
ANYBODYS = {"GET /", "GET /site.json", "GET /api/openapi.json", "GET /healthz", "GET /metrics", "GET /api/whoami"}


@dataclass
class Served:
    """Hold a site that is served."""

    site: Site
    app: Any

    def ask(self, who: str, method: str, path: str, body: str = "") -> asgi.Answer:
        headers = {"x-requested-with": "test", "content-type": "application/json"}
        if who != "nobody":
            headers["authorization"] = f"Bearer {self.site.tokens[who]}"
        path, _, query = path.partition("?")
        parameters = dict(one.split("=", 1) for one in query.split("&") if one)
        return asgi.get(self.app, path, parameters, headers, method=method, body=body.encode())

    def told(self, who: str, address: str) -> Iterator[tuple[str, str]]:
        """Yield how an address was asked in all its ways, and what was answered."""
        method, _, path = address.partition(" ")
        how = ASKED[address]
        ways = [how] if isinstance(how, str) else how or ("",)
        for way in ways:
            body = way if isinstance(how, str) else ""
            full = re.sub(r"{([a-z_:]+)}", lambda found: FILLED.get(found[1], "1"), path)
            if "{" in path and not body and not isinstance(how, str):
                rest = path[path.rindex("}") + 1 :] if path.count("{") == 1 else ""
                full = path[: path.index("{")] + way + rest
            elif not isinstance(how, str):
                full = path + way
            answer = self.ask(who, method, full, body)
            assert method != "GET" or answer.status_code < 500, (full, answer.body)
            yield f"{method} {full}", answer.body.decode()


def addresses(app: Any) -> set[str]:
    """Return all addresses that the application answers."""
    known = {"GET /api/openapi.json"}
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            path = str(context.path).replace("/{path:path}", "/")
            known |= {f"{method} {path}" for method in context.original_route.methods}
    return known


def pages(site: Site) -> list[str]:
    """Return the names of all files that a page could ask for, those of the staff too."""
    data = site.root / "data"
    found = [path.relative_to(data) for path in data.rglob("*.json.gz")]
    names = [re.sub(r"^staff/", "", str(path)).removesuffix(".json.gz") for path in found]
    return sorted({name for name in names if name.startswith("live/")})


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store that has all tables: making them takes most of the time."""
    root = tmp_path_factory.mktemp("template")
    open_store("", root).close()
    return root / "jobmon.sqlite"


@pytest.fixture
def serve(template: Path, tmp_path: Path) -> Iterator[Any]:
    closing: list[Any] = []

    def make(**how: str) -> Served:
        site = Site(tmp_path, **how)
        settings = site.settings
        (site.root / "data").mkdir()
        shutil.copy(template, site.root / "data/jobmon.sqlite")
        live, context = Live(settings), Context(settings)
        closing.extend([live, context])
        turn = Turn(live, site.root / "data")
        assert turn.once(), turn.error
        canaries.plant(context.store(), site)
        site.write_files()
        (site.root / "page").mkdir()
        for name in ("index.html", "site.json"):
            (site.root / "page" / name).write_text("{}")
        routes = {name: declared.routes for name, declared in chosen().items()}
        return Served(site, create(context, routes, live_api.LivePeople, page=site.root / "page"))

    yield make
    for one in closing:
        one.close()


def leaks(served: Served, who: str, *, acting: bool = False) -> tuple[dict[str, set[str]], set[str]]:
    """Return, by address, what somebody who reads, or acts, was told beyond what is right, and all that was told."""
    may = allowed(who, served.site)
    wrong: dict[str, set[str]] = {}
    everything: set[str] = set()
    asked = sorted((one for one in ASKED if one.startswith("GET") != acting), key=lambda one: "DELETE" in one)
    texts = [told for address in asked for told in served.told(who, address)]
    names = [] if acting else pages(served.site)
    texts += [(name, served.ask(who, "GET", f"/api/page.py?name={name}").body.decode()) for name in names]
    for where, text in texts:
        found = set(WORD.findall(text)) | set(re.findall(r"zq_[a-z_]+_qz", text))
        found -= set(WORD.findall(where))  # what was asked for may be repeated
        everything |= found
        right = may if where not in ANYBODYS else {canaries.PEOPLE.get(who, "")}
        if found - right:
            wrong[where] = found - right
    return wrong, everything


@pytest.mark.parametrize(("read", "names"), [*product(READ, NAMES)])
def test_nobody_is_told_what_is_not_theirs(serve, read, names):
    served = serve(read=read, names=names)
    assert addresses(served.app) == ASKED.keys(), "each address is asked here, and nothing else"
    for who in WHO:
        wrong, found = leaks(served, who)
        assert wrong == {}, who
        if who == "owner" or served.site.read == "open":
            assert {*READERS, word("node")} <= found
        if who == "owner":
            assert found >= OWN
        if who in {"operator", "admin"} or (who != "nobody" and (read, names) != ("own", "full") and names == "full"):
            assert found >= SITES | OPENLY
        if who in {"operator", "admin"}:
            assert found >= allowed(who, served.site) - {OTHER}
    for who in WHO:
        assert leaks(served, who, acting=True)[0] == {}, who


def test_each_role_may_do_what_it_says_and_nobody_else(serve):
    served = serve()
    acting = [address for address in ASKED if not address.startswith("GET")]
    owners = {f"POST /api/batch/jobs/{{number}}/{what}" for what in ("hold", "cancel", "release")}
    for address in acting:
        method, _, path = address.partition(" ")
        path = re.sub(r"{([a-z_:]+)}", lambda found: FILLED.get(found[1], "1"), path)
        codes = {who: served.ask(who, method, path, str(ASKED[address])).status_code for who in WHO}
        assert codes["nobody"] == 401, address
        assert codes["other"] == 403, address  # job 1 is not theirs, and webhooks are not for them to name
        assert (codes["owner"] != 403) == (address in owners), address  # it tells webhooks: it is not theirs to start
        assert {codes["operator"], codes["admin"]}.isdisjoint({401, 403}), address


def test_content_is_opened_by_a_setting_and_no_secrets_with_it(serve):
    served = serve(content="readers")
    for who in WHO:
        wrong, found = leaks(served, who)
        assert wrong == {}, who
        assert found >= READABLE


def test_content_that_is_opened_stays_whose_it_is_where_something_is_hidden(serve):
    served = serve(content="readers", read="own", names="short")
    for who in WHO:
        assert leaks(served, who)[0] == {}, who


@pytest.mark.parametrize(
    "words",
    ["batch status 1", "batch list", "batch cron list", "batch workflow show", "batch workflow show 1",
     "batch releases list", "batch releases show 1"],
)  # fmt: skip
def test_a_terminal_shows_what_the_staff_may_read_and_no_more(serve, words, tmp_path, capsys):
    site = serve().site
    batch = site.settings.batch
    (tmp_path / "jobmon.toml").write_text(
        f'[live]\ndata_path = "{site.root}/data"\n'
        f'[batch]\nworkflows = "{batch.workflows}"\nprograms = "{batch.programs}"\n'
        f'shared_path = "{batch.shared_path}"\n'
    )
    told = ""
    for form in ([], ["--json"]):
        assert cli.main([*words.split(), *form, "--config", str(tmp_path / "jobmon.toml")]) == 0
        told += capsys.readouterr().out
    found = set(WORD.findall(told))
    assert found - allowed("admin", site) == set()
    assert found


def test_a_search_finds_nothing_in_what_may_not_be_read(serve):
    served = serve()

    def found(who: str, text: str) -> list[int]:
        answer = json.loads(served.ask(who, "GET", f"/api/batch/jobs?q={text}").body)
        return sorted(job["job_id"] for job in answer["jobs"])

    secret, bobs = word("batch_job", "command"), word("bobs_job", "command")
    assert [found(who, secret) for who in WHO] == [[], [], [1], [1], [1]]
    assert [found(who, bobs) for who in WHO] == [[], [], [], [2], [2]]
    assert [found(who, word("batch_job", "name")) for who in WHO] == [[1]] * 5
    assert [found(who, "command.qz") for who in WHO] == [[], [], [1], [1, 2], [1, 2]]
