"""Read jobmon.toml into one frozen model per table, and check everything at the start.

The file is the one named by `--config`, else by the environment variable JOBMON_CONFIG, else /etc/jobmon/jobmon.toml;
without any, every setting has its default. `--set table.key=value` overrides single settings.
"""

import fnmatch
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from jobmon.errors import SettingsError

SYSTEM_FILE = Path("/etc/jobmon/jobmon.toml")


def _default_data_path() -> str:
    """Return /var/spool/jobmon under a service manager of the system, else the user's own state folder."""
    if "INVOCATION_ID" in os.environ and not os.environ.get("XDG_RUNTIME_DIR"):
        return "/var/spool/jobmon"
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return str(Path(state).expanduser() / "jobmon")


def _plain_file_name(value: str) -> str:
    if "/" in value or value in {"", ".", ".."} or not value.endswith(".json.gz"):
        raise ValueError("must be a plain file name that ends in .json.gz")
    return value


def _file_name_pattern(value: str) -> str:
    value = value.replace("{:}", "{}")  # the ancestor wrote it this way
    if value.count("{}") != 1:
        raise ValueError("must hold {} once, where the time goes")
    return _plain_file_name(value)


FileName = Annotated[str, AfterValidator(_plain_file_name)]
FileNamePattern = Annotated[str, AfterValidator(_file_name_pattern)]


class Table(BaseModel):
    """Be the base of all tables: frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, str_strip_whitespace=True)


class DaemonSettings(Table):
    """Hold `[daemon]`."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"


class LiveSettings(Table):
    """Hold `[live]`; the names are the ancestor's, in lower case."""

    backend: str = Field("local", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    backend_path: str = "/etc/jobmon/backends"
    data_path: str = Field(default_factory=_default_data_path)
    file_name_pattern: FileNamePattern = "data{}.json.gz"
    file_name_history: FileName = "history.json.gz"
    file_name_backfill: FileName = "backfill.json.gz"
    update_interval: float = Field(30, gt=0, le=3600)
    node_dead_timeout: float = Field(60, gt=0)
    history_length: int = Field(86400, ge=0)
    history_delete_age: int = Field(86400, ge=0)
    core_count_nodes: list[str] = []
    column_order_cpus: list[str] = []
    bf_nodes: list[str] = []
    nodes: list[str] = []
    backfill: bool = True
    cycle_timeout: float = Field(0, ge=0)
    call_timeout: float = Field(5, gt=0)
    quarantine: float = Field(600, ge=0)

    @property
    def cycle_timeout_s(self) -> float:
        """Return the deadline of the back end's part in seconds: `cycle_timeout`, or 80 % of the interval, ≥ 5 s."""
        return self.cycle_timeout or max(5.0, 0.8 * self.update_interval)


class WebSettings(Table):
    """Hold `[web]`."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    site: str = ""


class SchedulerSettings(Table):
    """Hold `[scheduler]`: how the slurm back end reads Slurm."""

    reader: Literal["auto", "pyslurm", "cli", "slurmrestd"] = "auto"
    timeout: int = Field(20, ge=1)
    bin_path: str = ""
    conf: str = ""
    slurmrestd_url: str = Field("", pattern=r"^($|https?://|unix:/)")
    slurmrestd_user: str = ""
    slurmrestd_token_file: str = ""
    slurmrestd_api: str = Field("", pattern=r"^($|v0\.0\.\d+$)")


class SimulatedSettings(Table):
    """Hold `[simulated]`: the cluster that the back end "simulated" invents."""

    nodes: int = Field(300, ge=1, le=20_000)
    cores: int = Field(0, ge=0, le=1024)
    pending: int = Field(0, ge=0, le=1_000_000)
    running: int = Field(0, ge=0, le=1_000_000)
    seed: int = 1
    past: float = Field(0, ge=0, le=168)


class ReplaySettings(Table):
    """Hold `[replay]`: recorded snapshots that the back end "replay" plays."""

    path: str = ""
    speed: float = Field(1, gt=0, le=10_000)
    loop: bool = True


class Settings(Table):
    """Hold all of jobmon.toml."""

    daemon: DaemonSettings = DaemonSettings()
    live: LiveSettings = Field(default_factory=LiveSettings)
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
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: is not TOML: {error}") from error
    for override in overrides:
        _apply(values, override)
    return parse(values, str(path or "settings"))


def parse(values: Mapping[str, Any], origin: str) -> Settings:
    """Return the settings in `values`; `origin` is what an error message calls their place."""
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError("\n".join(f"{origin}: {_explain(e)}" for e in error.errors(include_url=False))) from None


def _find_file(file: str | os.PathLike[str] | None) -> Path | None:
    named = file or os.environ.get("JOBMON_CONFIG")
    if named:
        return Path(named)
    return SYSTEM_FILE if SYSTEM_FILE.is_file() else None


def _apply(values: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    table, dot, key = name.strip().partition(".")
    if not (equals and dot and table and key):
        raise SettingsError(f"--set {override}: write table.key=value, such as live.backend=simulated")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string: --set live.backend=simulated
    slot = values.setdefault(table, {})
    if not isinstance(slot, dict):
        raise SettingsError(f"--set {override}: [{table}] is not a table")
    slot[key] = value


def _explain(error: ErrorDetails) -> str:
    place = [str(part) for part in error["loc"]]
    where = f"[{place[0]}]" + (f" {'.'.join(place[1:])}" if place[1:] else "")
    value = repr(error["input"])
    if error["type"] == "extra_forbidden":
        return f"{where}: there is no such setting; known here: {', '.join(_known(place))}"
    shown = f" = {value[:80]}" if not isinstance(error["input"], Mapping) else ""
    return f"{where}{shown}: {error['msg']}"


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
