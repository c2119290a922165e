"""The file of tokens: changed by several at once, with hostile names, broken, and away."""

import json
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import asgi
from jobmon import cli, logs
from jobmon.api import tokens
from jobmon.api.access import Access
from jobmon.api.routes import Level, Routes
from jobmon.config import WebSettings
from jobmon.errors import SettingsError

BROKEN = ["x", "[]", '{"a": 1}', '{"a": {"name": "x", "role": "king"}}', "[" * 100_000, '{"a": {"name": "x"}}',
          '{"a": {"name": "x", "role": "user", "expires": "soon"}}', "\xff"]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


class Page:
    """Ask with a token."""

    def __init__(self, path: Path) -> None:
        routes = Routes(prefix="/api")

        @routes.get("/me", Level.ANYBODY)
        def me() -> dict[str, str]:
            return {}

        self.access = Access(WebSettings(tokens_file=str(path)))
        self.app = asgi.application(routes, access=self.access)

    def status(self, token: str = "") -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return asgi.get(self.app, "/api/me", headers=headers).status_code


def test_tokens_made_at_once_are_all_there(path: Path) -> None:
    words = [sys.executable, "-c", "import sys; from pathlib import Path; from jobmon.api.tokens import create_token\n"
             "print(create_token(Path(sys.argv[1]), sys.argv[2], 'user', None))", str(path)]  # fmt: skip
    makers = [subprocess.Popen([*words, f"user{k}"], stdout=subprocess.PIPE, text=True) for k in range(6)]
    made = [maker.communicate(timeout=60)[0].strip() for maker in makers]
    page = Page(path)
    assert [page.status(token) for token in made] == [200] * 6
    assert {entry.name for entry in tokens.load_tokens(path).values()} == {f"user{k}" for k in range(6)}
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"tokens.json": 0o600, ".tokens.json.lock": 0o600}


def test_a_file_that_the_daemons_group_may_read_stays_so(path: Path) -> None:
    tokens.create_token(path, "ada", "user", None)
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12345, 12346)
    before = path.stat()
    tokens.create_token(path, "bob", "user", None)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert path.with_name(".tokens.json.lock").stat().st_uid in {before.st_uid, os.geteuid()}


def test_revoking_nobody_writes_nothing(path: Path) -> None:
    tokens.create_token(path, "ada", "user", None)
    before = path.stat()
    assert tokens.revoke_tokens(path, "bob") == 0
    assert path.stat().st_ino == before.st_ino


@pytest.mark.parametrize("name", ["", " ada", "ada\n", "a\x1b[2Jb", "a\u202eb", "x" * 256, "a b", "(cron)", "\xe9"])
def test_a_name_that_would_not_be_seen_as_it_is_is_refused(
    path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["token", "create", name, "--set", f"web.tokens_file={path}"]) == 2
    told = capsys.readouterr().err
    assert "token name" in told
    assert "\x1b" not in told
    assert not path.exists()


def test_names_of_before_are_printed_so_that_they_steer_no_terminal(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = {"a": {"name": "evil\x1b[2J\n\u202eadmin", "role": "user"},
               "b": {"name": "far", "role": "user", "expires": 1e300}}  # fmt: skip
    path.write_text(json.dumps(entries))
    assert cli.main(["token", "list", "--set", f"web.tokens_file={path}"]) == 0
    told = capsys.readouterr().out
    assert "evil?[2J??admin" in told
    assert len(told.splitlines()) == 2
    assert cli.main(["token", "revoke", "evil\x1b[2J\n\u202eadmin", "--set", f"web.tokens_file={path}"]) == 0


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_a_settings_error_at_the_start(path: Path, content: str) -> None:
    path.write_text(content, encoding="latin-1")
    with pytest.raises(SettingsError, match=str(path)):
        Page(path)


@pytest.mark.parametrize("content", [*BROKEN, None])
def test_while_a_file_is_broken_no_token_is_valid_and_that_is_said(
    path: Path, content: str | None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: now[0])
    caplog.handler.addFilter(once := logs.Seldom())  # as in the web process
    token = tokens.create_token(path, "ada", "user", None)
    page = Page(path)
    good = path.read_bytes()
    assert page.status(token) == 200
    assert page.access.trouble() == ""
    if content is None:
        path.unlink()
        path.mkdir()
    else:
        path.write_text(content, encoding="latin-1")
    with caplog.at_level(logging.WARNING, "jobmon.api"):
        for at in (1000.0, 1001.0, 1061.0):
            now[0] = at
            assert page.status(token) == 503
            assert page.status("jm_other") == 503
            assert page.status() == 200  # who sends none is served
    caplog.handler.removeFilter(once)
    assert len(caplog.records) == 2
    assert str(path) in caplog.text
    assert "tokens_file cannot be read" in page.access.trouble()
    if content is None:
        path.rmdir()
    path.write_bytes(good)
    assert page.status(token) == 200
    assert page.access.trouble() == ""


def test_without_a_file_no_token_is_valid(path: Path) -> None:
    token = tokens.create_token(path, "ada", "user", None)
    page = Page(path)
    path.unlink()
    assert page.status(token) == 401


@pytest.mark.parametrize("token", ["jm_\xe9", "\xff" * 43, " ", "x" * 201])
def test_a_token_that_cannot_be_one_is_refused(path: Path, token: str) -> None:
    tokens.create_token(path, "ada", "user", None)
    assert Page(path).status(token or "x") == 401


def test_a_digest_that_somebody_wrote_by_hand_harms_nobody(path: Path) -> None:
    token = tokens.create_token(path, "ada", "user", None)
    entries: dict[str, Any] = {"\u00e9": {"name": "x", "role": "user"}, **json.loads(path.read_text())}
    path.write_text(json.dumps(entries))
    assert Page(path).status(token) == 200


def test_a_token_of_nobody_is_not_valid(path: Path) -> None:
    path.write_text(json.dumps({tokens.digest_of("jm_x"): {"name": "", "role": "user"}}))
    assert Page(path).status("jm_x") == 401
