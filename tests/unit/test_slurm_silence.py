"""A Slurm that fails, hangs or answers half is an error, never an empty or a smaller cluster."""

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from fakes.slurm_rest import constant, folder, send, serving
from jobmon import clock, config
from jobmon.errors import MissingExtraError, SettingsError, SourceError
from jobmon.schedulers.slurm import http
from jobmon.schedulers.slurm.choose import open_reader

TESTS = Path(__file__).parents[1]
CASE = TESTS / "cases/slurm/22.05-mixed"
COMMANDS = TESTS / "fakes/slurm_commands"
HTML = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"

Break = Callable[[Path], None]


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """Copy the fake commands, so that a test may replace one, and the case, so that it may spoil an answer."""
    shutil.copytree(COMMANDS, tmp_path / "bin")
    shutil.copytree(CASE, tmp_path / "case")
    return tmp_path


def cli(place: Path, timeout: int = 10) -> config.SchedulerSettings:
    return config.SchedulerSettings(
        reader="cli", bin_path=str(place / "bin"), conf=str(place / "case"), timeout=timeout
    )


def rest(url: str, timeout: int = 5, **values: Any) -> config.SchedulerSettings:
    return config.SchedulerSettings(reader="slurmrestd", slurmrestd_url=url, timeout=timeout, **values)


def replace(place: Path, program: str, body: str) -> None:
    """Let a command do something else unless it is asked for its version."""
    script = place / "bin" / program
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "slurm 22.05.8"; exit 0; }}\n{body}\n')


def cut(file: str, part: float) -> Break:
    def spoil(place: Path) -> None:
        path = place / "case" / file
        text = path.read_bytes()
        path.write_bytes(text[: int(len(text) * part)])

    return spoil


def empty(file: str) -> Break:
    return lambda place: os.truncate(place / "case" / file, 0)


def failing(program: str, body: str) -> Break:
    return lambda place: replace(place, program, body)


# --- the command line ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (failing("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1"), "contact"),
        (failing("scontrol", "exit 1"), "scontrol"),
        (failing("squeue", "kill -9 $$"), "squeue"),
        (failing("squeue", "exit 0"), "header"),
        (failing("scontrol", "exit 0"), "NodeName"),
        (failing("squeue", "echo '<html>'"), "header"),
        (cut("squeue.txt", 0.6), "cut off"),
        (cut("squeue.txt", 0.01), "header"),
        (empty("scontrol-node.txt"), "NodeName"),
        (empty("scontrol-partition.txt"), "PartitionName"),
        (empty("scontrol-reservation.txt"), "ReservationName"),
        (lambda place: (place / "bin" / "scontrol").unlink(), "bin_path"),
    ],
)
def test_a_command_that_fails_or_answers_half_is_an_error(commands: Path, spoil: Break, message: str) -> None:
    reader = open_reader(cli(commands))
    assert reader.load().jobs
    spoil(commands)
    with pytest.raises(SourceError, match=message):
        reader.load()


@pytest.mark.parametrize("program", ["squeue", "scontrol"])
def test_a_command_that_hangs_is_an_error_in_time(commands: Path, program: str) -> None:
    reader = open_reader(cli(commands, timeout=1))
    replace(commands, program, "exec sleep 60")
    with pytest.raises(SourceError, match="did not answer within 1 s"):
        reader.load()


def test_no_reservation_is_a_normal_answer(commands: Path) -> None:
    (commands / "case/scontrol-reservation.txt").write_text("No reservations in the system\n")
    assert open_reader(cli(commands)).load().reservations == ()


def test_a_bad_record_is_left_out_and_named(commands: Path) -> None:
    path = commands / "case/squeue.txt"
    path.write_text(path.read_text().replace("\x1f4:00:00\x1f", "\x1fa while\x1f"))
    nodes = commands / "case/scontrol-node.txt"
    nodes.write_text(nodes.read_text().replace("CPUAlloc=0", "CPUAlloc=?", 1))
    state = open_reader(cli(commands)).load()
    assert len(state.jobs) == 42
    assert "22" not in {job.id for job in state.jobs}
    assert len(state.nodes) == 5
    assert [(record.method, record.record.split()[0]) for record in state.skipped] == [
        ("squeue", "22"),
        ("scontrol", "NodeName=g1"),
    ]
    assert "a while" in state.skipped[0].error


def test_records_that_are_all_bad_are_an_error(commands: Path) -> None:
    path = commands / "case/scontrol-node.txt"
    path.write_text(path.read_text().replace("State=", "Status="))
    with pytest.raises(SourceError, match="NodeName"):
        open_reader(cli(commands)).load()


def test_jobs_that_are_all_bad_are_an_error(commands: Path) -> None:
    path = commands / "case/squeue.txt"
    path.write_text(path.read_text().replace("alice\x1f", "alice\x1fmany "))
    with pytest.raises(SourceError, match="form we do not know"):
        open_reader(cli(commands)).load()


def test_the_environment_of_the_daemon_does_not_reach_the_commands(
    commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUEUE_STATES", "PENDING")
    monkeypatch.setenv("SLURM_CLUSTERS", "elsewhere")
    replace(commands, "squeue", f'[ -n "$SQUEUE_STATES$SLURM_CLUSTERS" ] && exit 1\nexec {COMMANDS}/squeue "$@"')
    assert open_reader(cli(commands)).load().jobs


# --- slurmrestd ----------------------------------------------------------------------------------------------------

NODES = (CASE / "v0.0.38/nodes.json").read_bytes()
JOBS = json.loads((CASE / "v0.0.38/jobs.json").read_text())


def with_jobs(body: bytes, status: int = 200, content_type: str = "application/json", missing: int = 0) -> Any:
    """Answer everything well but for the jobs."""
    good = folder(CASE / "v0.0.38")

    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path.endswith("/jobs"):
            send(request, status, body, content_type, missing)
        else:
            good(request)

    return answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (with_jobs(b'{"errors": [{"error": "Unable to contact slurm controller"}], "jobs": []}', 500), "500: Unable"),
        (with_jobs(b'{"jobs": []}', 500), "500"),
        (with_jobs(b'{"errors": [{"description": "slurmctld is asleep"}], "jobs": []}'), "asleep"),
        (with_jobs(HTML, 502, "text/html"), "502: 502 Bad Gateway"),
        (with_jobs(HTML, 200, "text/html"), "text/html that is not JSON"),
        (with_jobs(b'{"errors": [], "jobs": [{"job_id": 1'), "not JSON"),
        (with_jobs(b'{"errors": [], "jobs": []}', missing=100), "middle|Incomplete"),
        (with_jobs(b'{"errors": []}'), "list of jobs"),
        (with_jobs(b'{"errors": [], "jobs": {"1": {}}}'), "list of jobs"),
        (with_jobs(b'{"errors": [], "jobs": [{"job_id": 1}, 2]}'), "form we do not know"),
        (with_jobs(b"[]"), "not an object"),
        (with_jobs(b"", 302), "302"),
        (constant(401, b"Authentication failure"), "401"),
        (constant(200, b'{"errors": [], "nodes": [], "jobs": []}'), "API version"),
    ],
)
def test_a_bad_answer_is_an_error(answer: Any, message: str) -> None:
    with serving(answer) as url, pytest.raises(SourceError, match=message):
        open_reader(rest(url)).load()


def test_a_cluster_without_nodes_is_an_error() -> None:
    with serving(constant(200, b'{"errors": [], "nodes": [], "jobs": []}')) as url:
        reader = open_reader(rest(url, slurmrestd_api="v0.0.38"))
        with pytest.raises(SourceError, match="without nodes"):
            reader.load()


def test_an_answer_without_end_is_cut_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 100_000)
    with serving(with_jobs(b"[" * 5_000_000)) as url, pytest.raises(SourceError, match="more than"):
        open_reader(rest(url)).load()


def test_an_answer_that_trickles_is_an_error_in_time() -> None:
    def trickle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        with contextlib.suppress(OSError):
            while True:  # until the reader hangs up
                request.wfile.write(b" ")
                time.sleep(0.05)

    with serving(trickle) as url, pytest.raises(SourceError, match="within 1 s"):
        open_reader(rest(url, timeout=1)).load()


def test_nobody_at_the_address_is_an_error() -> None:
    with serving(constant(200, b"{}")) as url:
        pass
    with pytest.raises(SourceError, match="did not answer"):
        open_reader(rest(url)).load()
    with pytest.raises(SourceError, match="did not answer"):
        open_reader(rest("unix:/nonexistent/slurmrestd.sock")).load()


def test_a_unix_socket_is_read_like_tcp(tmp_path: Path) -> None:
    with serving(folder(CASE / "v0.0.38"), tmp_path / "s") as url, clock.replaced(lambda: 1795218442):
        state = open_reader(rest(url)).load()
    assert len(state.jobs) == len(JOBS["jobs"])


def test_one_bad_job_is_left_out_and_named() -> None:
    body = dict(JOBS, jobs=[dict(JOBS["jobs"][0], cpus="many", job_state=None), *JOBS["jobs"][1:]])
    with serving(with_jobs(json.dumps(body).encode())) as url:
        state = open_reader(rest(url)).load()
    assert len(state.jobs) == len(JOBS["jobs"]) - 1
    assert [record.record for record in state.skipped] == [f"jobs {JOBS['jobs'][0]['job_id']}"]


def test_the_token_is_read_anew_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    seen: list[str | None] = []
    good = folder(CASE / "v0.0.38")

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers.get("X-SLURM-USER-TOKEN"))
        assert request.headers.get("X-SLURM-USER-NAME") == "jobmon"
        good(request)

    token = tmp_path / "token"
    with serving(answer) as url:
        reader = open_reader(rest(url, slurmrestd_user="jobmon", slurmrestd_token_file=str(token)))
        with pytest.raises(SourceError, match="token file"):
            reader.load()
        token.write_text("SLURM_JWT=one\n")
        reader.load()
        token.write_text("two")
        reader.load()
    assert set(seen) == {"one", "two"}


def test_an_api_version_that_nobody_knows_is_tried_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with serving(folder(CASE / "v0.0.38")) as url:
        reader = open_reader(rest(url, slurmrestd_api="v0.0.99"))
        assert reader.load().jobs
    assert "v0.0.99 is not known" in caplog.text
    with serving(folder(CASE / "v0.0.38")) as url:
        reader = open_reader(rest(url))
        assert reader.load().jobs
        assert "v0.0.38" in reader.name


# --- the choice ----------------------------------------------------------------------------------------------------


def test_nothing_to_read_with_is_a_settings_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"bin_path.*slurmrestd_url"):
        open_reader(config.SchedulerSettings(bin_path=str(tmp_path)))
    with pytest.raises(SettingsError, match="slurmrestd_url"):
        open_reader(config.SchedulerSettings(reader="slurmrestd"))


def test_a_missing_pyslurm_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'jobmon\[slurm\]'"):
        open_reader(config.SchedulerSettings(reader="pyslurm"))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("import os\nos.kill(os.getpid(), 11)\n", "ended with -11"),
        ("import time\ntime.sleep(60)\n", "more than 1 s"),
        ("raise ImportError('libslurm.so.42: cannot open')\n", "libslurm.so.42"),
        ("def node(): raise ValueError('Unable to contact slurm controller')\n", "contact"),
    ],
)
def test_a_pyslurm_that_crashes_hangs_or_does_not_fit_is_passed_over(
    commands: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, body: str, why: str
) -> None:
    caplog.set_level("INFO")
    (commands / "pyslurm.py").write_text(body)
    monkeypatch.syspath_prepend(str(commands))
    monkeypatch.delitem(sys.modules, "pyslurm", raising=False)
    settings = cli(commands, timeout=1 if "sleep" in body else 10).model_copy(update={"reader": "auto"})
    assert "command line" in open_reader(settings).name
    assert why in caplog.text
