"""Keep secrets out of what is printed, logged and answered, and say of those that lie about."""

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from jobmon import reading
from jobmon.errors import SettingsError

HIDDEN = "***"
FILES = ("password_file", "token_file", "tokens_file", "secret_file")
"""Settings whose names end so name a file that holds secrets."""
MOST_SECRET = 1 << 16
USERINFO = re.compile(r"(?<=//)[^\s\"']*@")
"""What stands before the last @ of an address: also where a password holds characters that it should not."""
PARAMETER = re.compile(r"([?&][^=&\s\"']*)=([^&\s\"']+)")
HARMLESS = frozenset({"host", "port", "sslmode", "sslrootcert", "connect_timeout", "application_name", "mode", "cache"})
"""Parameters of an address that are shown; of others it is not known what they hold."""


def hidden(text: str) -> str:
    """Return a text without the names, passwords and parameters of the addresses in it."""
    return PARAMETER.sub(_parameter, USERINFO.sub(_userinfo, text))


def _userinfo(found: re.Match[str]) -> str:
    name, colon, _ = found[0].partition(":")
    return f"{name}:{HIDDEN}@" if colon else f"{HIDDEN}@"


def _parameter(found: re.Match[str]) -> str:
    return found[0] if found[1][1:].lower() in HARMLESS else f"{found[1]}={HIDDEN}"


def shown(settings: BaseModel) -> dict[str, dict[str, Any]]:
    """Return all settings as they may be printed, by table and key; secrets are stars."""
    tables: dict[str, dict[str, Any]] = settings.model_dump(mode="json")
    return {table: {key: _shown(value, key) for key, value in values.items()} for table, values in tables.items()}


def _shown(value: Any, key: str) -> Any:
    if isinstance(value, str):
        return hidden(value) if key.endswith("url") else USERINFO.sub(_userinfo, value)
    if isinstance(value, list):
        return [_shown(one, key) for one in value]
    return {name: _shown(one, key) for name, one in value.items()} if isinstance(value, dict) else value


def text_of(file: str, setting: str, fault: Callable[[os.stat_result], str] = lambda _status: "") -> str:
    """Return what a file that a setting names holds, blanks around it taken away.

    SettingsError names file and setting, never what it holds: when it cannot be read, or when `fault` says what is
    wrong with its status, which is looked at before anything is read.
    """
    try:
        with reading.opened(file, follow=True) as (handle, status):
            wrong = fault(status)
            content = b"" if wrong else reading.read(handle, MOST_SECRET + 1)
        if len(content) > MOST_SECRET:
            wrong = f"is larger than {MOST_SECRET} bytes, which no secret is"
        text = content.decode().strip()
    except reading.NotPlainError as error:
        wrong = f"is not a file: it {error.strerror}"
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        wrong = "is not text"
    if wrong:
        raise SettingsError(f"{setting} = {file!r}: {wrong}")
    return text


def check_readable(file: str, setting: str) -> None:
    """See that a file that a setting names can be read; SettingsError else. A library that reads it does not say."""
    try:
        with reading.opened(file, follow=True):
            pass
    except OSError as error:
        raise SettingsError(f"{setting} = {file!r}: cannot be read: {error.strerror}") from None


def read_secret(file: str, setting: str) -> str:
    """Return the one line that a file holds which others may not read; SettingsError as for `text_of`."""

    def fault(status: os.stat_result) -> str:
        is_open = status.st_mode & (stat.S_IROTH | stat.S_IWOTH)
        return f"others may read or write it; chmod o= {file}" if is_open else ""

    text = text_of(file, setting, fault)
    if not text or not text.isprintable():
        raise SettingsError(f"{setting} = {file!r}: must hold one line, the password and nothing else")
    return text


def warnings(settings: BaseModel) -> list[str]:
    """Return, in sentences, which secrets lie where others may see them."""
    return list(_warnings(settings.model_dump(mode="json")))


def _warnings(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for table, values in tables.items():
        for key, value in values.items():
            if key.endswith(FILES) and value and _is_open(value):
                yield f"[{table}] {key} = {value!r}: everybody on this machine may read it; chmod o= {value}"
    if has_password(tables["store"]["url"]):
        yield (
            "[store] url holds a password; put it into a file that only the daemon can read, and name that in "
            "[store] password_file"
        )


def _is_open(file: str) -> bool:
    try:
        return bool(Path(file).stat().st_mode & stat.S_IROTH)
    except OSError:
        return False  # whoever needs it says that it is not there


def has_password(url: str) -> bool:
    """Say whether the address of a server holds a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "@" in url
    return bool(parts.password) or "password=" in parts.query
