"""Read jobmon.toml into one frozen model per table, and check everything at the start.

The file is the one named by `--config`, else by the environment variable JOBMON_CONFIG, else /etc/jobmon/jobmon.toml;
without any, every setting has its default. `--set table.key=value` overrides single settings.
"""

import fnmatch
import ipaddress
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from jobmon.errors import SettingsError

SYSTEM_FILE = Path("/etc/jobmon/jobmon.toml")


def _default_data_path() -> str:
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


def _host(value: str) -> str:
    try:
        known = bool(value) and value.encode("idna")
    except UnicodeError:
        known = False
    if not known:
        raise ValueError("must be an address or a host name, such as 127.0.0.1")
    return value


def _network(value: str) -> str:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("must be addresses such as 127.0.0.1 or 10.0.0.0/8") from None
    if network.prefixlen == 0:
        raise ValueError("must not be all addresses: anybody could say who they are")
    return value


FileName = Annotated[str, Field(max_length=100), AfterValidator(_printable), AfterValidator(_plain_file_name)]
FileNamePattern = Annotated[str, Field(max_length=100), AfterValidator(_printable), AfterValidator(_file_name_pattern)]
Text = Annotated[str, AfterValidator(_printable)]
Folder = Annotated[str, Field(min_length=1), AfterValidator(_printable), AfterValidator(_folder)]
YEAR_S = 31_622_400


class Table(BaseModel):
    """Be the base of all tables: frozen, unknown keys are errors, and so are values of another type."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_default=True, str_strip_whitespace=True, allow_inf_nan=False
    )


class DaemonSettings(Table):
    """Hold `[daemon]`."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"


class LiveSettings(Table):
    """Hold `[live]`; the names are the ancestor's, in lower case."""

    backend: str = Field("local", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)
    backend_path: Text = "/etc/jobmon/backends"
    data_path: Folder = Field(default_factory=_default_data_path)
    file_name_pattern: FileNamePattern = "data{}.json.gz"
    file_name_history: FileName = "history.json.gz"
    file_name_backfill: FileName = "backfill.json.gz"
    update_interval: float = Field(30, ge=0.05, le=3600)
    node_dead_timeout: float = Field(60, gt=0, le=YEAR_S)
    history_length: int = Field(86400, ge=0, le=10 * YEAR_S)
    history_delete_age: int = Field(86400, ge=0, le=10 * YEAR_S)
    jobs_keep: int = Field(365, ge=0, le=36500)
    core_count_nodes: list[Text] = []
    column_order_cpus: list[Text] = []
    bf_nodes: list[Text] = []
    nodes: list[Text] = []
    backfill: bool = True
    cycle_timeout: float = Field(0, ge=0, le=3600)
    call_timeout: float = Field(5, gt=0, le=3600)
    quarantine: float = Field(600, ge=0, le=YEAR_S)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        """See that no published file takes the place of another, or would be purged as an old snapshot."""
        head, _, tail = self.file_name_pattern.partition("{}")
        others = (self.file_name_history, self.file_name_backfill)
        taken = any(re.fullmatch(f"{re.escape(head)}[0-9]*{re.escape(tail)}", name) for name in others)
        if taken or others[0] == others[1]:
            raise ValueError("file_name_pattern, file_name_history and file_name_backfill must name different files")
        return self

    @property
    def cycle_timeout_s(self) -> float:
        """Return the deadline of the back end's part in seconds: `cycle_timeout`, or 80 % of the interval, ≥ 5 s."""
        return self.cycle_timeout or max(5.0, 0.8 * self.update_interval)


class StoreSettings(Table):
    """Hold `[store]`."""

    url: Text = Field("", pattern=r"^($|sqlite:///.|postgresql(\+psycopg)?://)")


class WebSettings(Table):
    """Hold `[web]`."""

    enabled: bool = True
    host: Annotated[Text, AfterValidator(_host)] = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    site: Text = ""
    read: Literal["open", "signed-in", "own"] = "open"
    names: Literal["full", "short", "pseudonym"] = "full"
    remote_user_header: str = Field("X-Remote-User", pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")
    trusted_proxies: list[Annotated[Text, AfterValidator(_network)]] = []
    operators: list[Text] = []
    admins: list[Text] = []
    tokens_file: Text = ""

    @model_validator(mode="after")
    def _somebody_can_sign_in(self) -> Self:
        """See that a page that wants to know who reads it has a way to learn that."""
        if self.enabled and self.read != "open" and not (self.trusted_proxies or self.tokens_file):
            raise ValueError(f"read = {self.read!r} needs trusted_proxies or tokens_file, else nobody could sign in")
        return self


class SchedulerSettings(Table):
    """Hold `[scheduler]`: how the slurm back end reads Slurm."""

    reader: Literal["auto", "pyslurm", "cli", "slurmrestd"] = "auto"
    timeout: int = Field(20, ge=1, le=3600)
    bin_path: Text = ""
    conf: Text = ""
    slurmrestd_url: Text = Field("", pattern=r"^($|https?://|unix:/)")
    slurmrestd_user: Text = ""
    slurmrestd_token_file: Text = ""
    slurmrestd_api: str = Field("", pattern=r"^($|v0\.0\.\d+$)")


class SimulatedSettings(Table):
    """Hold `[simulated]`: the cluster that the back end "simulated" invents."""

    nodes: int = Field(300, ge=1, le=20_000)
    cores: int = Field(0, ge=0, le=1024)
    pending: int = Field(0, ge=0, le=1_000_000)
    running: int = Field(0, ge=0, le=1_000_000)
    seed: int = Field(1, ge=0, lt=2**63)
    past: float = Field(0, ge=0, le=168)


class ReplaySettings(Table):
    """Hold `[replay]`: recorded snapshots that the back end "replay" plays."""

    path: Text = ""
    speed: float = Field(1, gt=0, le=10_000)
    loop: bool = True


class Settings(Table):
    """Hold all of jobmon.toml."""

    daemon: DaemonSettings = DaemonSettings()
    live: LiveSettings = Field(default_factory=LiveSettings)
    store: StoreSettings = StoreSettings()
    web: WebSettings = WebSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    simulated: SimulatedSettings = SimulatedSettings()
    replay: ReplaySettings = ReplaySettings()


_current: Settings | None = None


def current() -> Settings:
    """Return the settings that `use()` made current; all defaults before that."""
    return _current if _current is not None else Settings()


def use(settings: Settings) -> Settings:
    """Make these settings current for the process, and return them."""
    global _current  # noqa: PLW0603 - settings are the process's own, read once at the start
    _current = settings
    return settings


def load(file: str | os.PathLike[str] | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Return the settings of a file and of `table.key=value` overrides; errors are SettingsError."""
    path = _find_file(file)
    values: dict[str, Any] = {}
    if path is not None:
        values = _read(path)
    given = {_apply(values, override): override for override in overrides}
    return parse(values, str(path or "settings"), given)


def parse(values: Mapping[str, Any], origin: str, given: Mapping[tuple[str, str], str] | None = None) -> Settings:
    """Return the settings in `values`; `origin` is what an error message calls their place.

    `given` tells, by table and key, which values come from the command line instead, and how they were written there.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = []
        for detail in error.errors(include_url=False):
            table, key = (*map(str, detail["loc"]), "", "")[:2]
            override = next((o for place, o in (given or {}).items() if place == (table, key or place[1])), None)
            lines.append(f"{origin if override is None else f'--set {_shortened(override)}'}: {_explain(detail)}")
        raise SettingsError("\n".join(lines)) from None


def _find_file(file: str | os.PathLike[str] | None) -> Path | None:
    named = os.environ.get("JOBMON_CONFIG") if file is None else file
    if named or file is not None:
        return Path(named or "")
    return SYSTEM_FILE if os.path.lexists(SYSTEM_FILE) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except RecursionError:
        raise SettingsError(f"{path}: is not TOML: lists or tables lie too deep in each other") from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError, a number of thousands of digits
        raise SettingsError(f"{path}: is not TOML: {error}") from error


def _apply(values: dict[str, Any], override: str) -> tuple[str, str]:
    """Put the value of one `table.key=value` into `values`, and return table and key."""
    name, equals, text = override.partition("=")
    table, dot, key = name.strip().partition(".")
    if not (equals and dot and table and key):
        raise SettingsError(f"--set {_shortened(override)}: write table.key=value, such as live.backend=simulated")
    slot = values.setdefault(table, {})
    if not isinstance(slot, dict):
        raise SettingsError(f"--set {_shortened(override)}: [{table}] is not a table")
    slot[key] = _value(text)
    return table, key


def _value(text: str) -> Any:
    """Return what `text` means in TOML; a bare word is a string: --set live.backend=simulated."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _shortened(text: str) -> str:
    """Return a text as it can be shown on a terminal: printable, and not endless."""
    return repr(text[:80])[1:-1] + ("…" if len(text) > 80 else "")


MESSAGES = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": 'must be a list, such as ["john", "gpu-*"]',
    "model_attributes_type": "must be a table",
    "model_type": "must be a table",
    "string_type": "must be a text in quotes",
    "string_unicode": "must be UTF-8",
    "finite_number": "must be a finite number",
}
"""What pydantic says in words of its own, in words of jobmon.toml."""


def _explain(error: ErrorDetails) -> str:
    place = [str(part) for part in error["loc"]]
    where = f"[{_shortened(place[0])}]" + "".join(f" {_shortened(part)}" for part in place[1:])
    if error["type"] == "extra_forbidden":
        return (
            f"{where}: there is no such {'setting' if place[1:] else 'table'}; known here: {', '.join(_known(place))}"
        )
    shown = "" if isinstance(error["input"], Mapping) else f" = {_shown(error['input'])}"
    message = MESSAGES.get(error["type"], error["msg"])
    for words, ours in (("Value error, ", ""), ("Input should", "must"), ("String should", "must")):
        message = message.replace(words, ours)
    return f"{where}{shown}: {message}"


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:80]}…"


def _known(place: Sequence[str]) -> list[str]:
    table = Settings.model_fields.get(place[0])
    if len(place) == 1 or table is None:
        return sorted(Settings.model_fields)
    candidates = (table.annotation, *get_args(table.annotation))
    model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return sorted(model.model_fields)


def matches(host: str, patterns: Iterable[str]) -> bool:
    """Say whether a host is meant by one of the patterns.

    A pattern is a shell pattern ("gpu-*", "n[0-4]?") or a bare word that means itself and every host of that word and a
    number ("john" means john1, john023).
    """
    return any(
        fnmatch.fnmatchcase(host, pattern)
        or (host.startswith(pattern) and host[len(pattern) :].lstrip("-").isdigit() and bool(pattern))
        for pattern in patterns
    )
