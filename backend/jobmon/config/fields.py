"""Hold the kinds of values that settings have, and the base of their tables."""

import os
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from jobmon.config import addresses


def default_data_path() -> str:
    """Return /var/spool/jobmon under a service manager of the system, else the user's own state folder."""
    if "INVOCATION_ID" in os.environ and not os.environ.get("XDG_RUNTIME_DIR"):
        return "/var/spool/jobmon"
    state = os.path.expanduser(os.environ.get("XDG_STATE_HOME") or "~/.local/state")  # noqa: PTH111 - see `_folder`
    return "/var/spool/jobmon" if state.startswith("~") else os.path.join(state, "jobmon")  # noqa: PTH118


def _plain_file_name(value: str) -> str:
    if not re.fullmatch(r"[^/{}]*\.json\.gz", value):
        raise ValueError("must be a plain file name that ends in .json.gz")
    return value


def _file_name_pattern(value: str) -> str:
    value = value.replace("{:}", "{}")  # the ancestor wrote it this way
    if value.count("{}") != 1:
        raise ValueError("must hold {} once, where the time goes")
    _plain_file_name(value.replace("{}", ""))
    return value


def _folder(value: str) -> str:
    """Expand ~ as a shell would, if it can be; pathlib raises when there is no home."""
    return os.path.expanduser(value)  # noqa: PTH111


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must not hold control characters")
    return value


def _listen(value: str) -> str:
    addresses.parse(value)
    return value


def _listed(value: object) -> object:
    """Take a single text for a list of one, so that the command line needs no quotes within quotes."""
    return [value] if isinstance(value, str) else value


def _public_url(value: str) -> str:
    parts = urlsplit(value)
    try:
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        known = False
    if value and (not known or parts.username is not None or parts.query or parts.fragment):
        raise ValueError("must be an address such as https://cluster.site.org/jobmon/")
    return value


FileName = Annotated[str, Field(max_length=100), AfterValidator(_printable), AfterValidator(_plain_file_name)]
FileNamePattern = Annotated[str, Field(max_length=100), AfterValidator(_printable), AfterValidator(_file_name_pattern)]
Text = Annotated[str, AfterValidator(_printable)]
Folder = Annotated[str, Field(min_length=1), AfterValidator(_printable), AfterValidator(_folder)]
YEAR_S = 31_622_400
Listen = Annotated[
    list[Annotated[Text, AfterValidator(_listen)]], BeforeValidator(_listed), Field(min_length=1, max_length=16)
]
PublicUrl = Annotated[Text, AfterValidator(_public_url)]


class Table(BaseModel):
    """Be the base of all tables: frozen, unknown keys are errors, and so are values of another type."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_default=True, str_strip_whitespace=True, allow_inf_nan=False
    )
