"""Who may see what: in the files, and over HTTP, in each mode of [web] read and names."""

import gzip
import json
import stat
import time

import pytest

import asgi
from jobmon import config
from jobmon.api import tokens as token_file
from jobmon.api.context import Context
from jobmon.api.peer import Peer
from jobmon.daemon.turn import Turn
from jobmon.engine import marks
from jobmon.errors import SettingsError
from jobmon.live import api, privacy
from jobmon.live.capability import Live
from jobmon.web.app import create

ELSEWHERE = Peer("tcp", "192.0.2.1")


def settings_of(spool, **web):
    return config.use(
        config.parse(
            {
                "live": {"backend": "simulated", "data_path": str(spool), "update_interval": 1},
                "simulated": {"nodes": 12},
                "web": {**asgi.FRONT, "operators": ["root"], **web},
            },
            "test",
        )
    )


class Site:
    """Run some cycles in one mode, and ask the web application."""

    def __init__(self, spool, cycles=2, **web):
        self.spool = spool
        settings = settings_of(spool, **web)
        self.live = Live(settings)
        turn = Turn(self.live, spool)
        for number in range(cycles):
            if number:
                time.sleep(1.1)  # time stamps are whole seconds
            assert turn.once(), turn.error
        self.app = create(Context(settings), {"live": api.routes}, api.LivePeople)

    def get(self, path, user="", peer=asgi.PROXY, headers=None, **parameters):
        header = {"X-Remote-User": user} if user else {}
        return asgi.get(self.app, path, parameters, {**header, **(headers or {})}, peer)

    def pages(self, *names, **who):
        answer = asgi.get(self.app, "/api/page.py", {"name": names}, {"X-Remote-User": who.get("user", "")}, asgi.PROXY)
        assert answer.status_code == 200, answer.body
        return [json.loads(line) for line in answer.body.splitlines()]


@pytest.fixture
def site(tmp_path):
    made = []

    def make(**web):
        made.append(Site(tmp_path / "spool", **web))
        return made[-1]

    yield make
    for one in made:
        one.live.close()


def files_of(folder):
    """Return the published files that anybody on the machine, or a CGI script, could read, by name."""
    return {
        str(path.relative_to(folder)): gzip.decompress(path.read_bytes()).decode()
        for path in folder.rglob("*.json.gz")
        if path.relative_to(folder).parts[0] not in {"staff", "state"}
    }


def people_of(full):
    """Return user → the job ids and names of a full snapshot."""
    people = {}
    for job_id, job in full["jobs"].items():
        people.setdefault(job["username"], set()).update({job_id})
    return people


def full_snapshot(spool):
    return json.loads(gzip.decompress((spool / "staff/data.json.gz").read_bytes()))


def words_of(text):
    """Return all texts and numbers in a JSON document, keys included."""
    found = set()

    def walk(value):
        if isinstance(value, dict):
            for key, item in value.items():
                found.add(key)
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)
        else:
            found.add(value)

    walk(json.loads(text))
    return found


def test_open_files_tell_all_and_cost_nothing_more(site):
    one = site()
    assert not (one.spool / "staff").exists()
    assert one.get("/api/page.py", name="live/summary", peer=ELSEWHERE).status_code == 200


def test_in_mode_own_the_public_files_know_nobodys_jobs(site):
    one = site(read="own")
    people = people_of(full_snapshot(one.spool))
    assert len(people) > 5
    public = files_of(one.spool)
    pages = {"pages/live/summary.json.gz", "pages/live/recent.json.gz"}
    assert {"data.json.gz", "history.json.gz"} | pages <= public.keys()
    ids = set().union(*people.values())
    for name, text in public.items():
        told = words_of(text)
        assert not told & ids, name
        assert not told & people.keys(), name
    assert stat.S_IMODE((one.spool / "staff").stat().st_mode) == 0o700
    assert json.loads(public["data.json.gz"])["nodes"]
    assert json.loads(public["data.json.gz"])["usage"]["running"] > 0


EVERYTHING = ["live/summary", "live/recent", "live/series/day/open", "live/cores/0", "live/usage/day",
              "live/predictions", *(f"live/runs/{k}" for k in range(12))]  # fmt: skip


def test_in_mode_own_a_person_sees_the_own_jobs_and_no_others(site):
    one = site(read="own")
    full = full_snapshot(one.spool)
    people = people_of(full)
    me = max(people, key=lambda user: len([j for j in people[user] if full["jobs"][j]["state"] == "RUNNING"]))
    mine = people[me]
    others = set().union(*(ids for user, ids in people.items() if user != me))
    names = {job["name"] for job in full["jobs"].values()} - {full["jobs"][j]["name"] for j in mine}
    for path, parameters in [
        *(("/api/page.py", {"name": name}) for name in EVERYTHING),
        ("/api/data.py", {}),
        ("/api/data.py", {"time": full["timestamp"]}),
        ("/api/history.py", {}),
        ("/api/live/jobs", {}),
    ]:
        answer = one.get(path, user=me, **parameters)
        assert answer.status_code == 200, (path, parameters, answer.body)
        told = words_of(answer.body)
        assert not told & others, (path, parameters)
        assert not told & (people.keys() - {me}), (path, parameters)
        assert not told & names, (path, parameters)
        assert "private" in answer.headers["cache-control"]
    summary, chunk = one.pages("live/summary", "live/series/day/open", user=me)
    assert set(summary["jobs"]["id"]) == mine
    running = {job for job in mine if full["jobs"][job]["state"] == "RUNNING"}
    assert running <= set(chunk["jobs"]) <= mine
    assert len(chunk["jobRows"]["job"]) == len(chunk["jobRows"]["host"])
    assert one.get("/api/page.py", user=me, name="live/latest").status_code == 404


@pytest.mark.parametrize(
    ("web", "note"),
    [({}, "ask ann"), ({"read": "own"}, ""), ({"names": "short"}, ""), ({"read": "signed-in"}, "ask ann")],
)
def test_who_declared_a_mark_is_told_to_nobody_and_its_note_only_where_nothing_is_hidden(site, web, note):
    one = site(**web)
    store = one.live._finished.store()
    with store.writing() as connection:
        marks.add(connection, "kernel 6.1", time.time(), note="ask ann", source="person:ann")
    one.live._marks.tell(None)
    one.live._marks.close()
    (public,) = json.loads(files_of(one.spool)["pages/live/marks.json.gz"])["marks"]
    assert (public["name"], public["note"], public["source"]) == ("kernel 6.1", note, "person")
    for user, read in (("bob", note), ("root", "ask ann")):
        (document,) = one.pages("live/marks", user=user)
        assert [mark["note"] for mark in document["marks"]] == [read], user
        assert "person:ann" not in json.dumps(document)


def test_own_rows_keep_their_numbers(site):
    one = site(read="own")
    full = full_snapshot(one.spool)
    job, record = next((j, r) for j, r in full["jobs"].items() if r["state"] == "RUNNING" and r["mem"] and r["layout"])
    all_of, part = (one.pages("live/recent", user=user)[0] for user in ("root", record["username"]))

    def series(document):
        rows = document["jobRows"]
        row = next(k for k, n in enumerate(rows["job"]) if document["jobs"][n] == job)
        column, points = rows["columns"]["mem"], len(document["times"])
        place = row if column["rows"] is None else column["rows"].index(row)
        return column["values"][place * points : (place + 1) * points]

    assert series(part) == series(all_of)


def test_in_mode_own_staff_see_all_and_strangers_nothing(site):
    one = site(read="own")
    full = full_snapshot(one.spool)
    (summary,) = one.pages("live/summary", user="root")
    assert set(summary["jobs"]["id"]) == set(full["jobs"])
    paths = [
        "/api/page.py",
        "/api/data.py",
        "/api/history.py",
        "/api/backfill.py",
        "/api/live/jobs",
        "/api/live/window",
    ]
    for path in paths:
        answer = one.get(path, **({"name": "live/summary"} if path.endswith("page.py") else {}))
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"]
    assert one.get("/healthz").status_code == 200


def test_a_name_from_whoever_is_not_the_web_server_in_front_is_ignored(site):
    one = site(read="signed-in")
    assert one.get("/api/page.py", user="root", peer=asgi.ANYBODY, name="live/summary").status_code == 401
    assert one.get("/api/page.py", user="anybody", name="live/summary").status_code == 200
    assert one.get("/api/whoami", user="root", peer=asgi.ANYBODY).json()["user"] is None


@pytest.mark.parametrize("page", ["staff/live/summary", "state/runs", "../staff/data", "live/../staff/data"])
def test_other_folders_cannot_be_asked_for(site, page):
    one = site(read="own")
    assert one.get("/api/page.py", user="root", name=page).status_code == (400 if ".." in page else 404)


def test_pseudonyms_tell_nobody_and_stay(site):
    one = site(names="pseudonym", read="open")
    full = full_snapshot(one.spool)
    people = people_of(full)
    names = {job["name"] for job in full["jobs"].values()} | {job["account"] for job in full["jobs"].values()}
    for name, text in files_of(one.spool).items():
        told = words_of(text)
        assert not told & people.keys(), name
        assert not told & (names - {""}), name
    shown = json.loads(files_of(one.spool)["data.json.gz"])["usage"]["users"]
    assert sum(shown.values()) == sum(full["usage"]["users"].values())
    me = next(iter(people))
    who = one.get("/api/whoami", user=me).json()
    assert (who["user"], who["role"], who["staff"]) == (me, "user", False)
    again = privacy.Mask("pseudonym", privacy.key_of(one.spool))
    assert who["shown"] == again.name(me)
    assert who["shown"].startswith("user-")
    # Finished jobs have names and accounts: they are the own ones or the staff's.
    assert one.get("/api/live/jobs", peer=ELSEWHERE).status_code == 401


def test_short_names_tell_people_apart_whose_names_begin_alike():
    mask = privacy.Mask("short", b"k" * 32)
    shown = {mask.name(name) for name in ("smith", "smithson", "smythe")}
    assert len(shown) == 3
    assert {name[:4] for name in shown} == {"smi~", "smy~"}
    assert privacy.Mask("short", b"k" * 32).name("smith") == mask.name("smith")
    assert privacy.Mask("short", b"x" * 32).name("smith") != mask.name("smith")


def test_a_stricter_mode_takes_back_what_was_told(site):
    first = site()
    told = files_of(first.spool)
    users = set(json.loads(told["data.json.gz"])["usage"]["users"])
    stamps = {name for name in told if name.startswith("data1")}
    first.live.close()
    second = site(read="own", cycles=1)
    for name, text in files_of(second.spool).items():
        assert not words_of(text) & users, name
    kept = {path.name for path in (second.spool / "staff").glob("data1*.json.gz")}
    assert stamps <= kept
    second.live.close()
    third = site()
    assert stamps <= {path.name for path in third.spool.glob("data1*.json.gz")}
    assert not (third.spool / "staff").exists()


@pytest.fixture
def tokens(tmp_path):
    return tmp_path / "tokens.json"


def test_a_token_signs_in_until_it_ends_or_is_revoked(site, tokens):
    one = site(read="signed-in", tokens_file=str(tokens), proxy_users=[])
    good = token_file.create_token(tokens, "ada", "user", None)
    over = token_file.create_token(tokens, "bob", "user", time.time() - 1)
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
    assert good not in tokens.read_text()

    def ask(token):
        return one.get("/api/whoami", headers={"Authorization": f"Bearer {token}"})

    assert ask(good).json()["user"] == "ada"
    for bad in (over, "jm_wrong", "", "x" * 5000, good[:-1]):
        assert ask(bad).status_code == 401
    assert token_file.revoke_tokens(tokens, "ada") == 1
    assert ask(good).status_code == 401


@pytest.mark.parametrize("content", ["x", "[]", '{"a": 1}', '{"a": {"name": "x", "role": "king"}}'])
def test_a_broken_file_of_tokens_is_told(tokens, content):
    tokens.write_text(content)
    with pytest.raises(SettingsError, match="tokens"):
        token_file.load_tokens(tokens)


@pytest.mark.parametrize(
    ("web", "told"),
    [
        ({"read": "own"}, "needs proxy_users, proxy_secret_file or tokens_file"),
        ({"names": "none"}, "names"),
        ({"remote_user_header": "bad header"}, "remote_user_header"),
    ],
)
def test_settings_that_would_open_more_than_meant_are_refused(web, told):
    with pytest.raises(SettingsError, match=told):
        config.parse({"web": web}, "test")


def test_a_key_that_is_cut_off_publishes_nothing(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/names.key").write_bytes(b"short")
    with pytest.raises(privacy.SpoolError, match="cut off"):
        privacy.key_of(tmp_path)


def test_pages_from_where_they_lay_once_are_removed_and_nothing_else_of_that_name(site, tmp_path):
    one = site()
    old = one.spool / "live"
    old.mkdir()
    (old / "notes.txt").write_text("a person's own")
    one.live.close()
    site().live.close()
    assert (old / "notes.txt").exists()
    (old / "summary.json.gz").write_bytes(b"")
    site().live.close()
    assert not old.exists()
