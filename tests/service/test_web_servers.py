"""The same addresses answer the same way: from the daemon, and from the CGI scripts behind three web servers."""

import gzip
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import web_servers
from jobmon.spool import writer
from web_servers import Answer, Web

TIMES = [1000, 1030, 1060, 1090, 2000]
GZIP = {"Accept-Encoding": "gzip"}
BIG = b'{"text":"' + b"abc " * 5000 + b'"}\n'


def put(spool: Path, name: str, content: bytes) -> None:
    writer.write(spool / name, writer.compress(content))


def document(answer: Answer) -> object:
    assert answer.status == 200, answer
    return json.loads(answer.body)


def snapshot(time: int) -> bytes:
    return json.dumps({"timestamp": time}).encode() + b"\n"


def fill(spool: Path) -> None:
    put(spool, "data.json.gz", snapshot(TIMES[-1]))
    for time in TIMES:
        put(spool, f"data{time}.json.gz", snapshot(time))
    put(spool, "history.json.gz", b'{"history":{}}\n')
    put(spool, "backfill.json.gz", b"{}\n")
    put(spool, "pages/live/summary.json.gz", b'{"page":"summary"}\n')
    put(spool, "pages/live/big.json.gz", BIG)
    put(spool, "pages/live/series/day/open.json.gz", b'{"page":"open"}\n')
    put(spool, "pages/live/series/day/600.json.gz", b'{"page":600}\n')
    put(spool, "pages/live/series/day/1200.json.gz", b'{"page":1200}\n')
    put(spool, "pages/live/facts/month/7200.json.gz", b'{"page":7200}\n')
    index(spool, TIMES)


def index(spool: Path, times: list[int]) -> None:
    lines = ["data{}.json.gz\thistory.json.gz\tbackfill.json.gz", *map(str, times), ""]
    writer.write(spool / "cgi.index", "\n".join(lines).encode())


@pytest.fixture(scope="module")
def page() -> Iterator[Path]:
    with web_servers.public_folder() as folder:
        (folder / "assets").mkdir()
        (folder / "index.html").write_text("<!doctype html><title>jobmon</title>", encoding="utf-8")
        (folder / "site.json").write_text('{"address":"api/"}', encoding="utf-8")
        (folder / "assets/main-abc123.js").write_text("export {};" + " " * 2000, encoding="utf-8")
        yield folder


@pytest.fixture(
    scope="module",
    params=[
        "daemon",
        *(
            pytest.param(f"{name}-{way}", marks=pytest.mark.service)
            for name in web_servers.STARTS
            for way in ("cgi", "proxy")
        ),
    ],
)
def web(request: pytest.FixtureRequest, page: Path) -> Iterator[Web]:
    name, _, way = request.param.partition("-")
    with web_servers.public_folder() as folder:
        spool = folder / "spool"
        fill(spool)
        if name == "daemon":
            with web_servers.daemon(spool, page) as server:
                yield server
        else:
            with web_servers.behind(name, spool, page, 1 if way == "cgi" else 2) as server:
                yield server


def is_problem(answer: Answer, status: int) -> bool:
    return (
        answer.status == status
        and answer.headers["content-type"] == "application/problem+json"
        and json.loads(answer.body)["status"] == status
        and json.loads(answer.body).keys() - {"errors"} == {"title", "status", "detail"}
    )


def test_the_stored_bytes_go_out_to_whoever_takes_gzip(web: Web) -> None:
    answer = web.get("api/data.py", headers=GZIP)
    assert answer.status == 200
    assert answer.body == (web.spool / "data.json.gz").read_bytes()
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["cache-control"] == "no-cache"
    assert "accept-encoding" in answer.headers["vary"].lower()


def test_others_get_plain_json(web: Web) -> None:
    answer = web.get("api/page.py?name=live/big")
    assert answer.body == BIG
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == str(len(BIG))


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.8", True),
        ("x-gzip", True),
        ("*", True),
        ("GZIP", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("identity", False),
        ("*;q=0", False),
        ("br", False),
        ("gzipped", False),
    ],
)
def test_the_encoding_is_the_readers_choice(web: Web, accepted: str, packed: bool) -> None:
    answer = web.get("api/page.py?name=live/big", headers={"Accept-Encoding": accepted})
    assert ("content-encoding" in answer.headers) is packed
    assert (gzip.decompress(answer.body) if packed else answer.body) == BIG


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("1030", 1030),
        ("1044", 1030),
        ("1045", 1030),  # as near to 1060: the earlier one
        ("1046", 1060),
        ("1045.5", 1060),
        ("0", 1000),
        ("999999999999", 2000),
    ],
)
def test_the_nearest_snapshot_is_found(web: Web, wanted: str, found: int) -> None:
    answer = web.get(f"api/data.py?time={wanted}")
    assert document(answer) == {"timestamp": found}
    assert answer.headers["x-jobmon-time"] == str(found)


def test_a_snapshot_that_was_purged_since_is_passed_over(web: Web) -> None:
    index(web.spool, [1000, 1031, 1032, 1090])
    try:
        assert document(web.get("api/data.py?time=1032")) == {"timestamp": 1000}
        assert document(web.get("api/data.py?time=1062")) == {"timestamp": 1090}
    finally:
        index(web.spool, TIMES)


def test_without_an_index_the_names_of_the_files_tell_the_times(web: Web) -> None:
    (web.spool / "cgi.index").unlink()
    (web.spool / "dataold.json.gz").touch()
    try:
        assert document(web.get("api/data.py?time=1061")) == {"timestamp": 1060}
        assert document(web.get("api/data.py")) == {"timestamp": 2000}
    finally:
        (web.spool / "dataold.json.gz").unlink()
        index(web.spool, TIMES)


@pytest.mark.parametrize(
    "time",
    ["nan", "inf", "-1", "1e3", "", "0x10", "1 000", "1.2.3", "9999999999999", "%C2%B2", ".5", "%zz", "1+1"],
)
def test_a_time_that_is_none_is_refused(web: Web, time: str) -> None:
    assert is_problem(web.get(f"api/data.py?time={time}"), 400)


def test_history_and_backfill(web: Web) -> None:
    assert document(web.get("api/history.py")) == {"history": {}}
    assert document(web.get("api/backfill.py")) == {}


def test_a_page_has_a_name_that_may_be_percent_encoded(web: Web) -> None:
    assert document(web.get("api/page.py?name=live/summary")) == {"page": "summary"}
    assert document(web.get("api/page.py?_=1&name=live%2Fsummary")) == {"page": "summary"}
    assert document(web.get("api/page.py?name=live/series/day/600")) == {"page": 600}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "live/../data",
        "../spool/live/summary",
        "live/summary.json",
        "/live/summary",
        "live//summary",
        "live/",
        "live/Summary",
        "live/series/day/600/more",
        "live/%2e%2e/data",
        "live/" + "a" * 65,
        "elsewhere1/summary",
        "live\\summary",
    ],
)
def test_a_name_that_is_none_is_refused(web: Web, name: str) -> None:
    assert is_problem(web.get(f"api/page.py?name={name}"), 400)
    assert is_problem(web.get(f"api/page.py?name=live/summary&name={name}"), 400)


@pytest.mark.parametrize(
    "query", ["data.py?time=10%00", "page.py?name=live/summary%00", "page.py?name=live/summary%0a"]
)
def test_control_characters_are_refused(web: Web, query: str) -> None:
    assert web.get(f"api/{query}").status == 400  # some web servers say so themselves, in their own words


def test_names_are_needed_and_not_too_many(web: Web) -> None:
    assert is_problem(web.get("api/page.py"), 400)
    assert is_problem(web.get("api/page.py?time=3"), 400)
    assert web.get("api/page.py?" + "&".join(["name=live/summary"] * 24)).body == b'{"page":"summary"}\n' * 24
    assert is_problem(web.get("api/page.py?" + "&".join(["name=live/summary"] * 25)), 400)


def test_a_link_leads_nowhere(web: Web) -> None:
    secret = web.spool.parent / "secret.json.gz"
    secret.write_bytes(writer.compress(b'"secret"\n'))
    link = web.spool / "pages/live/link.json.gz"
    link.symlink_to(secret)
    try:
        assert is_problem(web.get("api/page.py?name=live/link"), 404)
    finally:
        link.unlink()
    way = web.spool / "pages/live/way"
    way.symlink_to(web.spool.parent)
    try:
        assert is_problem(web.get("api/page.py?name=live/way/secret"), 404)
    finally:
        way.unlink()


ELSEWHERE = ["batch/attempts/x-b1-1/x", "batch/local/held/x", "state/runs", "run/x", "staff/pages/live/summary", "x"]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_no_name_leads_to_what_lies_beside_the_pages(web: Web, name: str) -> None:
    """Jobs write into folders of attempts, and a job could put there whatever it likes."""
    put(web.spool, f"{name}.json.gz", b'"not for you"\n')
    assert is_problem(web.get(f"api/page.py?name={name}"), 404)
    told = web.get(f"api/page.py?name=live/summary&name={name}")
    assert told.body == b'{"page":"summary"}\nnull\n'


def test_a_page_of_any_capability_is_served(web: Web) -> None:
    put(web.spool, "pages/probes/one.json.gz", b'"a probe"\n')
    assert document(web.get("api/page.py?name=probes/one")) == "a probe"


def test_a_file_that_is_too_large_is_not_even_read(web: Web) -> None:
    large = web.spool / "pages/live/large.json.gz"
    with large.open("wb") as file:
        file.truncate(10 << 30)
    large.chmod(0o644)
    try:
        assert is_problem(web.get("api/page.py?name=live/large"), 503)
    finally:
        large.unlink()


def test_a_file_that_unpacks_to_far_too_much_is_not_unpacked(web: Web) -> None:
    piece = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(piece.compress(bytes(16 << 20)) for _ in range(40)) + piece.flush()
    (web.spool / "pages/live/bomb.json.gz").write_bytes(packed)
    try:
        assert web.get("api/page.py?name=live/bomb").status in {500, 503}
        assert web.get("api/page.py?name=live/bomb", headers=GZIP).body == packed
    finally:
        (web.spool / "pages/live/bomb.json.gz").unlink()


def test_what_is_no_plain_file_is_not_there(web: Web) -> None:
    os.mkfifo(web.spool / "pages/live/pipe.json.gz", 0o644)
    (web.spool / "pages/live/folder.json.gz").mkdir()
    try:
        assert is_problem(web.get("api/page.py?name=live/pipe"), 404)
        assert is_problem(web.get("api/page.py?name=live/folder"), 404)
        assert is_problem(web.get("api/page.py?name=live/summary/deeper"), 404)
    finally:
        (web.spool / "pages/live/pipe.json.gz").unlink()
        (web.spool / "pages/live/folder.json.gz").rmdir()


def only_member(body: bytes) -> bytes:
    """Unpack as a browser does: what follows the first member is not read."""
    stream = zlib.decompressobj(31)
    plain = stream.decompress(body)
    assert stream.eof
    assert stream.unused_data == b""
    return plain


SEVERAL = "api/page.py?name=live/summary&name=live/missing&name=live/big&name=live/series/day/600"
SEVERAL_LINES = b'{"page":"summary"}\nnull\n' + BIG + b'{"page":600}\n'


def test_several_pages_are_one_document_per_line(web: Web) -> None:
    answer = web.get(SEVERAL)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.body == SEVERAL_LINES


def test_several_pages_are_one_member_because_browsers_read_no_second(web: Web) -> None:
    answer = web.get(SEVERAL, headers=GZIP)
    assert answer.headers["content-encoding"] == "gzip"
    assert only_member(answer.body) == SEVERAL_LINES


def test_pages_that_others_have_packed_are_joined_too(web: Web) -> None:
    (web.spool / "pages/live/foreign.json.gz").write_bytes(gzip.compress(b'"for"') + gzip.compress(b'"eign"\n'))
    try:
        answer = web.get("api/page.py?name=live/summary&name=live/foreign&name=live/summary", headers=GZIP)
        assert only_member(answer.body) == b'{"page":"summary"}\n"for""eign"\n{"page":"summary"}\n'
    finally:
        (web.spool / "pages/live/foreign.json.gz").unlink()


def test_several_missing_pages_are_nulls(web: Web) -> None:
    assert web.get("api/page.py?name=live/a&name=live/b").body == b"null\nnull\n"
    assert only_member(web.get("api/page.py?name=live/a&name=live/b", headers=GZIP).body) == b"null\nnull\n"


@pytest.mark.parametrize("path", ["api/data.py", "api/data.py?time=1030", "api/page.py?name=live/summary", SEVERAL])
def test_what_the_reader_has_is_not_sent_again(web: Web, path: str) -> None:
    tag = web.get(path, headers=GZIP).headers["etag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = web.get(path, headers={**GZIP, "If-None-Match": known})
        assert (answer.status, answer.body) == (304, b""), known
        assert answer.headers["etag"] == tag
    assert web.get(path, headers={**GZIP, "If-None-Match": '"other"'}).status == 200


def test_the_two_encodings_are_two_versions(web: Web) -> None:
    packed = web.get("api/data.py", headers=GZIP).headers["etag"]
    plain = web.get("api/data.py").headers["etag"]
    assert packed != plain
    assert web.get("api/data.py", headers={"If-None-Match": packed}).status == 200


def test_a_new_version_has_a_new_tag(web: Web) -> None:
    path = "api/page.py?name=live/changing"
    put(web.spool, "pages/live/changing.json.gz", b"1\n")
    tags = [web.get(path).headers["etag"]]
    put(web.spool, "pages/live/changing.json.gz", b"2\n")
    answer = web.get(path, headers={"If-None-Match": tags[0]})
    assert answer.body == b"2\n"
    assert answer.headers["etag"] != tags[0]


@pytest.mark.parametrize(
    ("names", "lasting"),
    [
        (["live/series/day/600"], True),
        (["live/series/day/600", "live/series/day/1200"], True),
        (["live/series/day/600", "live/series/day/1800"], False),  # not closed yet: null now, something later
        (["live/facts/month/7200"], True),
        (["live/facts/month/7200", "live/facts/month/open"], False),
        (["live/series/day/open"], False),
        (["live/series/day/600", "live/summary"], False),
    ],
)
def test_only_closed_chunks_are_kept_for_ever(web: Web, names: list[str], lasting: bool) -> None:
    answer = web.get("api/page.py?" + "&".join(f"name={name}" for name in names), headers=GZIP)
    expected = "public, max-age=31536000, immutable" if lasting else "no-cache"
    assert answer.headers["cache-control"] == expected


@pytest.mark.parametrize("path", ["api/data.py", "api/page.py?name=live/big", SEVERAL, "api/page.py?name=live/missing"])
def test_head_answers_like_get_without_a_body(web: Web, path: str) -> None:
    def told(headers: Mapping[str, str]) -> dict[str, str]:
        return {name: headers.get(name, "") for name in ("content-type", "content-encoding", "etag", "cache-control")}

    full, head = web.get(path, headers=GZIP), web.get(path, "HEAD", GZIP)
    assert (head.status, head.body) == (full.status, b"")
    assert told(head.headers) == told(full.headers)
    assert head.headers.get("content-length", str(len(full.body))) == str(len(full.body))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_nothing_else_is_answered(web: Web, method: str) -> None:
    answer = web.get("api/data.py", method, {"Content-Length": "0"})
    assert is_problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_missing_page_is_a_problem(web: Web) -> None:
    assert is_problem(web.get("api/page.py?name=live/missing"), 404)
    assert is_problem(web.get("api/page.py?name=probes/summary"), 404)


def test_a_missing_spool_is_the_servers_trouble(web: Web) -> None:
    elsewhere = web.spool.with_name("elsewhere")
    web.spool.rename(elsewhere)
    try:
        for path in ("api/data.py", "api/data.py?time=3", "api/history.py", "api/page.py?name=live/summary", SEVERAL):
            assert is_problem(web.get(path), 503)
    finally:
        elsewhere.rename(web.spool)


@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-9], lambda packed: b"junk" + packed[4:], lambda packed: b"<html>"]
)
def test_a_damaged_file_is_told_and_not_half_sent(web: Web, damage: object) -> None:
    assert callable(damage)
    (web.spool / "pages/live/damaged.json.gz").write_bytes(damage(writer.compress(BIG)))
    try:
        assert is_problem(web.get("api/page.py?name=live/damaged"), 500)
        assert is_problem(web.get("api/page.py?name=live/summary&name=live/damaged"), 500)
        assert is_problem(web.get("api/page.py?name=live/summary&name=live/damaged", headers=GZIP), 500)
    finally:
        (web.spool / "pages/live/damaged.json.gz").unlink()


def test_the_page_is_there_beside_the_addresses(web: Web) -> None:
    page = web.get("")
    assert page.status == 200
    assert b"<title>jobmon</title>" in page.body
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert json.loads(web.get("site.json").body) == {"address": "api/"}
    script = web.get("assets/main-abc123.js")
    assert "javascript" in script.headers["content-type"]
    assert "immutable" in script.headers["cache-control"]
    if web.prefix != "/":  # without its slash, the address leads to the page
        answer = Web(web.port, web.prefix.rstrip("/"), web.spool).get("")
        assert answer.status in {301, 302}
        assert answer.headers["location"].endswith(web.prefix)
