"""The CGI scripts stand alone: copied anywhere, on an older Python, with few imports, quiet when a reader leaves."""

import ast
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from jobmon.spool import writer

SCRIPTS = Path(__file__).parents[2] / "cgi-bin"
NAMES = ("data.py", "history.py", "backfill.py", "page.py")
OLDEST = (3, 9)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    shutil.copytree(SCRIPTS, tmp_path / "cgi", symlinks=False)
    return tmp_path / "cgi"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    for name in ("data.json.gz", "history.json.gz", "backfill.json.gz", "pages/live/summary.json.gz"):
        writer.write(tmp_path / "spool" / name, writer.compress(f'"{name}"\n'.encode()))
    return tmp_path / "spool"


def run(script: Path, environment: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-IS", *options, str(script)]
    return subprocess.run(command, env=dict(environment), capture_output=True, timeout=30)


def split(output: bytes) -> tuple[list[str], bytes]:
    head, _, body = output.partition(b"\r\n\r\n")
    return head.decode().split("\r\n"), body


@pytest.mark.parametrize("name", NAMES)
def test_a_copied_script_does_what_its_name_says(scripts: Path, spool: Path, name: str) -> None:
    assert not (scripts / name).is_symlink()
    assert os.access(scripts / name, os.X_OK)
    done = run(scripts / name, {"JOBMON_DATA_PATH": str(spool), "QUERY_STRING": "name=live/summary"})
    head, body = split(done.stdout)
    assert head[0] == "Status: 200 OK"
    assert body == (b'"pages/live/summary.json.gz"\n' if name == "page.py" else f'"{name[:-3]}.json.gz"\n'.encode())


def test_it_starts_by_its_own_first_line(scripts: Path, spool: Path) -> None:
    first = (scripts / "data.py").read_text(encoding="utf-8").split("\n")[0]
    interpreter, options = first.removeprefix("#!").split(" ")
    assert options == "-IS"
    assert Path(interpreter).name == "python3"
    if Path(interpreter).exists():
        done = subprocess.run([scripts / "data.py"], env={"JOBMON_DATA_PATH": str(spool)}, capture_output=True)
        assert done.stdout.startswith(b"Status: 200 OK\r\n")


def test_the_names_of_the_files_come_from_the_index(scripts: Path, tmp_path: Path) -> None:
    spool = tmp_path / "other"
    writer.write(spool / "cgi.index", b"snap-{}.json.gz\tpast.json.gz\tfree.json.gz\n5\n")
    for name in ("snap-.json.gz", "snap-5.json.gz", "past.json.gz", "free.json.gz"):
        writer.write(spool / name, writer.compress(f'"{name}"\n'.encode()))
    found = [
        split(run(scripts / script, {"JOBMON_DATA_PATH": str(spool), "QUERY_STRING": query}).stdout)[1]
        for script, query in (("data.py", ""), ("data.py", "time=9"), ("history.py", ""), ("backfill.py", ""))
    ]
    assert found == [b'"snap-.json.gz"\n', b'"snap-5.json.gz"\n', b'"past.json.gz"\n', b'"free.json.gz"\n']


def test_another_name_is_told_to_be_wrong(scripts: Path, spool: Path) -> None:
    other = (scripts / "data.py").rename(scripts / "snapshot.py")
    head, body = split(run(other, {"JOBMON_DATA_PATH": str(spool)}).stdout)
    assert head[0] == "Status: 404 Not Found"
    assert b"data.py" in body


def test_it_is_written_for_the_oldest_python_we_promise() -> None:
    ast.parse((SCRIPTS / "page.py").read_text(encoding="utf-8"), feature_version=OLDEST)


def test_a_start_imports_little(scripts: Path, spool: Path) -> None:
    environment = {"JOBMON_DATA_PATH": str(spool), "HTTP_ACCEPT_ENCODING": "gzip"}
    done = run(scripts / "data.py", environment, "-X", "importtime")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert "os" in imported
    assert not imported & {"re", "json", "gzip", "urllib", "urllib.parse", "argparse", "cgi", "pathlib", "site", "zlib"}


def test_several_pages_are_joined_without_unpacking(scripts: Path, spool: Path) -> None:
    environment = {
        "JOBMON_DATA_PATH": str(spool),
        "HTTP_ACCEPT_ENCODING": "gzip",
        "QUERY_STRING": "name=live/summary&name=live/missing&name=live/large",
    }
    large = os.urandom(1000) * (writer.LARGE_BYTES // 1000 + 1)
    writer.write(spool / "pages/live/large.json.gz", writer.compress(large))
    done = run(scripts / "page.py", environment, "-X", "importtime")
    assert zlib.decompress(split(done.stdout)[1], 31) == b'"pages/live/summary.json.gz"\nnull\n' + large
    assert b"zlib" not in done.stderr


def test_trouble_is_one_line_in_the_servers_log_and_none_for_the_reader(scripts: Path, spool: Path) -> None:
    writer.write(spool / "cgi.index", b"no tabs here\n")
    done = run(scripts / "data.py", {"JOBMON_DATA_PATH": str(spool)})
    head, body = split(done.stdout)
    assert head[0] == "Status: 500 Internal Server Error"
    assert b"Traceback" not in body + done.stderr
    assert str(spool).encode() not in body
    assert done.stderr.count(b"\n") == 1


def test_a_reader_who_leaves_leaves_no_trace(scripts: Path, spool: Path) -> None:
    writer.write(spool / "data.json.gz", writer.compress(os.urandom(1 << 20)))
    process = subprocess.Popen(
        [sys.executable, "-IS", str(scripts / "data.py")],
        env={"JOBMON_DATA_PATH": str(spool), "HTTP_ACCEPT_ENCODING": "gzip"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(10)
