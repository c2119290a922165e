"""Secrets are not printed, logged or told: not those of the settings, not those of webhooks."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from fakes.http_server import Quiet, serving
from jobmon import config, logs
from jobmon.config import secrets
from jobmon.engine.outbox import parse_targets, webhook
from jobmon.engine.outbox.parcel import Entry, NotSentError, Parcel
from jobmon.engine.outbox.targets import restored, shown, without_address
from jobmon.errors import JobmonError, SettingsError, StoreError
from jobmon.store import open_store
from jobmon.telemetry.http import open_session

SECRET = "s3cr3t-w0rd"
URL = f"postgresql+psycopg://jobmon:{SECRET}@127.0.0.1:1/jobs"


def settings(*words: str, text: str = "", folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "jobmon.toml"
    file.write_text(f'[live]\ndata_path = "{folder}"\n{text}')
    command = [sys.executable, "-m", "jobmon", "settings", "--config", str(file), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [[], ["store.url"]])
@pytest.mark.parametrize("url", [URL, f"postgresql://db/jobs?host=/run/pg&user=jobmon&password={SECRET}"])
def test_the_settings_are_printed_without_the_password_of_the_store(tmp_path, words, url):
    done = settings(*words, text=f'[store]\nurl = "{url}"\n', folder=tmp_path)
    assert done.returncode == 0
    assert "postgresql" in done.stdout
    assert "/jobs" in done.stdout
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "override",
    [
        f"store.url=mysql://u:{SECRET}@db/jobs",
        f"store.url={URL}\x07",
        f"prometheus.url=http://u:{SECRET}@prometheus:9090",
        f"influxdb.url=http://u:a/{SECRET}@influx",
        f"scheduler.slurmrestd_url=http://u:{SECRET}@slurm:6820",
        f"store.url=['postgresql://u:{SECRET}@db/jobs']",
        f"stoer.url=postgresql://u:{SECRET}@db/jobs",
    ],
)
def test_settings_that_are_wrong_are_told_without_the_password_in_them(override):
    with pytest.raises(SettingsError) as told:
        config.load("/dev/null", [override])
    assert SECRET not in str(told.value)
    assert "url" in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://u:{SECRET}@127.0.0.1:1/jobs",
        f"postgresql+psycopg://u:a@{SECRET}@127.0.0.1:1/jobs",
        f"postgresql+psycopg://u@127.0.0.1:{SECRET}/jobs",
        f"postgresql+psycopg://u:{SECRET}@127.0.0.1:x/jobs",
        f"postgresql+psycopg://127.0.0.1:1/jobs?password={SECRET}&connect_timeout=x",
        f"postgresql+psycopg:/u:{SECRET}@127.0.0.1/jobs",
        f"mysql://u:{SECRET}@127.0.0.1/jobs",
        f"://u:{SECRET}@127.0.0.1/jobs",
    ],
)
def test_a_store_that_cannot_be_had_is_told_without_its_address(url, tmp_path):
    pytest.importorskip("psycopg")
    with pytest.raises(JobmonError) as told:
        open_store(url, tmp_path)
    error: BaseException | None = told.value
    assert SECRET not in str(error)
    while error is not None and not isinstance(error, sa.exc.SQLAlchemyError):  # a log may hold the causes as well
        assert SECRET not in repr(error)
        error = error.__cause__


def test_an_error_of_the_store_does_not_quote_values(tmp_path):
    store = open_store("", tmp_path)
    with pytest.raises(StoreError) as told, store.reading() as connection:
        connection.execute(sa.text("SELECT * FROM nowhere WHERE x = :x"), {"x": SECRET})
    assert SECRET not in repr(told.value.__cause__) + str(told.value.__cause__)
    store.close()


@pytest.mark.parametrize(
    ("mode", "text", "words"),
    [
        (0o604, SECRET, "others may read"),
        (0o602, SECRET, "others may read or write"),
        (0o600, "", "must hold one line"),
        (0o600, f"{SECRET}\nmore", "must hold one line"),
        (None, "", "No such file"),
    ],
)
def test_a_file_of_a_password_that_is_not_right_is_refused(tmp_path, mode, text, words):
    file = tmp_path / "password"
    if mode is not None:
        file.write_text(text)
        file.chmod(mode)
    with pytest.raises(SettingsError, match=words) as told:
        open_store("postgresql+psycopg://u@127.0.0.1:1/jobs", tmp_path, password_file=str(file))
    assert SECRET not in str(told.value)
    assert str(file) in str(told.value)


def test_the_password_comes_from_its_file_each_time(tmp_path):
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o640)
    assert secrets.read_secret(str(file), "[store] password_file") == SECRET


def test_a_pipe_in_the_place_of_a_secret_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SettingsError, match="is not a file"):
        secrets.read_secret(str(tmp_path / "pipe"), "[store] password_file")


def test_a_secret_without_end_is_refused(tmp_path):
    file = tmp_path / "token"
    file.write_bytes(b"x" * (secrets.MOST_SECRET + 1))
    with pytest.raises(SettingsError, match="is larger than"):
        secrets.text_of(str(file), "[prometheus] token_file")


def test_the_certificates_of_a_whole_system_are_not_too_many(tmp_path):
    bundle = tmp_path / "ca-certificates.crt"
    bundle.write_text("-----BEGIN CERTIFICATE-----\n" * 10_000)
    assert open_session(config.PrometheusSettings(ca_file=str(bundle)), "prometheus").verify == str(bundle)
    with pytest.raises(SettingsError, match=r"\[prometheus\] ca_file = .*absent.*cannot be read"):
        open_session(config.PrometheusSettings(ca_file=str(tmp_path / "absent")), "prometheus")


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ({"password_file": "/x"}, "is for PostgreSQL"),
        ({"url": URL, "password_file": "/x"}, "one in password_file"),
    ],
)
def test_two_passwords_or_one_for_nothing_are_refused(store, words):
    with pytest.raises(SettingsError, match=words) as told:
        config.parse({"store": store}, "test")
    assert SECRET not in str(told.value)


def test_the_daemon_says_at_its_start_which_secrets_lie_open(tmp_path):
    file = tmp_path / "mail"
    file.write_text(SECRET)
    file.chmod(0o644)
    known = config.parse({"store": {"url": URL}, "mail": {"password_file": str(file)}}, "test")
    told = "\n".join(secrets.warnings(known))
    assert f"[mail] password_file = '{file}': everybody on this machine may read it" in told
    assert "[store] url holds a password" in told
    assert SECRET not in told
    file.chmod(0o600)
    assert len(secrets.warnings(known)) == 1
    assert secrets.warnings(config.Settings()) == []


# --- webhooks -------------------------------------------------------------------------------------------------------

HOOK = f"https://hooks.example.org/services/{SECRET}?key={SECRET}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"webhook:{HOOK}", "webhook:https://hooks.example.org/…"),
        (f"webhook:{HOOK}&on=fail,start", "webhook:https://hooks.example.org/…?on=fail,start"),
        (f"webhook:http://u:{SECRET}@h:81/x", "webhook:http://h:81/…"),
        (f"wehbook:{HOOK}", "wehbook:https://hooks.example.org/…"),
        (f"webhook:hooks.example.org/{SECRET}", "webhook:…"),
        (f"webhook:https:\\\\h\\{SECRET}", "webhook:…"),
        ("email:ada@example.org?on=fail", "email:ada@example.org?on=fail"),
        ("script:/opt/tell", "script:/opt/tell"),
    ],
)
def test_of_a_webhook_only_its_server_is_shown(text, told):
    assert shown(text) == told


@pytest.mark.parametrize(
    "text", [f"webhook:{HOOK} ", f"wehbook:{HOOK}", f"webhook:{HOOK}&on=never", f"webhook:ftp://h/{SECRET}"]
)
def test_a_webhook_that_is_wrong_is_told_without_its_secret(text):
    with pytest.raises(SettingsError) as told:
        parse_targets([text])
    assert SECRET not in str(told.value)


def test_who_changes_an_entry_gives_back_what_was_shown():
    known = ["webhook:https://a/1?on=fail", "webhook:https://a/2", "webhook:https://b/3", "email:x@y.z"]
    assert restored([shown(one) for one in known], known) == known
    assert restored(["webhook:https://b/…?on=start"], known) == ["webhook:https://b/3?on=start"]
    assert restored(["webhook:https://b/4"], known) == ["webhook:https://b/4"]
    for unclear in ("webhook:https://c/…", "webhook:https://a/…?on=start"):
        with pytest.raises(SettingsError, match="name its whole address again"):
            restored([unclear], known)


def parcel(address: str) -> Parcel:
    return Parcel(1, "t", address, "webhook", False, 1, (Entry(1, 0.0, "b", "s", "t", {}),), 1, 1, 0.0)


class Gone(Quiet):
    """Say that nothing is there any more."""

    def post(self) -> None:
        self.body()
        self.send(404, b"{}")


def test_a_server_that_repeats_the_address_does_not_make_it_known():
    for words in (HOOK, f"no /services/{SECRET} here", f"bad key={SECRET}", f"Not Found: {SECRET}"):
        assert SECRET not in without_address(words, HOOK)
    assert without_address("the web server says 404 Not Found", HOOK) == "the web server says 404 Not Found"


def test_the_log_does_not_quote_a_webhook_at_any_level(capfd):
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logs.start("debug")
        with serving(Gone) as url, pytest.raises(NotSentError) as told:
            webhook.send(parcel(f"{url}/services/{SECRET}"), 5)
        assert SECRET not in str(told.value)
    finally:
        logging.getLogger().handlers[:] = before[0]
        logging.getLogger().setLevel(before[1])
    assert SECRET not in capfd.readouterr().err


def test_settings_as_json_keep_their_form():
    tables = secrets.shown(config.parse({"store": {"url": URL}}, "test"))
    assert tables["store"]["url"] == "postgresql+psycopg://jobmon:***@127.0.0.1:1/jobs"
    assert tables["prometheus"] == config.Settings().prometheus.model_dump(mode="json")
    json.dumps(tables)
