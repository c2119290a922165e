"""Hold one frozen model per table of jobmon.toml."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from jobmon.config.addresses import Tcp, Unix, parse
from jobmon.config.fields import (
    YEAR_S,
    FileName,
    FileNamePattern,
    Folder,
    Listen,
    PublicUrl,
    Table,
    Text,
    default_data_path,
)
from jobmon.config.secrets import has_password
from jobmon.config.telemetry import (
    GangliaSettings,
    InfluxSettings,
    PrometheusSettings,
    TelemetrySettings,
    without_password,
)

DEFAULT_PORT = 8080


class DaemonSettings(Table):
    """Hold `[daemon]`."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"


class LiveSettings(Table):
    """Hold `[live]`; the names are the ancestor's, in lower case."""

    backend: str = Field("local", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)
    backend_path: Text = "/etc/jobmon/backends"
    data_path: Folder = Field(default_factory=default_data_path)
    file_name_pattern: FileNamePattern = "data{}.json.gz"
    file_name_history: FileName = "history.json.gz"
    file_name_backfill: FileName = "backfill.json.gz"
    update_interval: float = Field(30, ge=0.05, le=3600)
    node_dead_timeout: float = Field(150, gt=0, le=YEAR_S)
    history_length: int = Field(86400, ge=0, le=10 * YEAR_S)
    history_delete_age: int = Field(86400, ge=0, le=10 * YEAR_S)
    jobs_keep: int = Field(365, ge=0, le=36500)
    core_count_nodes: list[Text] = []
    column_order_cpus: list[Text] = []
    adjacent_threads: list[Text] = []
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
    password_file: Text = ""
    search_timeout: float = Field(5, ge=0.1, le=600)

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        """See that a password is for a server that wants one, and that there are no two."""
        if self.password_file and not self.url.startswith("postgresql"):
            raise ValueError("password_file is for PostgreSQL: url = postgresql+psycopg://USER@HOST/DATABASE")
        if self.password_file and has_password(self.url):
            raise ValueError("there is a password in url and one in password_file; take it out of url")
        return self


class WebSettings(Table):
    """Hold `[web]`."""

    enabled: bool = True
    listen: Listen = ["127.0.0.1"]
    port: int = Field(DEFAULT_PORT, ge=0, le=65535)
    socket_mode: str = Field("0660", pattern=r"^0?[0-7]{3}$")
    socket_group: Text = ""
    connections: int = Field(1000, ge=16, le=100_000)
    connections_per_peer: int = Field(200, ge=4, le=100_000)
    site: Text = ""
    read: Literal["open", "signed-in", "own"] = "open"
    names: Literal["full", "short", "pseudonym"] = "full"
    remote_user_header: str = Field("X-Remote-User", pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")
    proxy_users: list[Text] = []
    proxy_secret_file: Text = ""
    public_url: PublicUrl = ""
    operators: list[Text] = []
    admins: list[Text] = []
    tokens_file: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _an_address_is_nobody(cls, values: Any) -> Any:
        """Refuse what would believe an address, whatever else is set."""
        if isinstance(values, dict) and "trusted_proxies" in values:
            raise ValueError(
                "trusted_proxies is no setting any more, for an address proves nothing: each account of that machine "
                'has it. Let the web server in front prove itself: listen = ["127.0.0.1", '
                '"unix:/run/jobmon/web.sock"] with proxy_users = ["www-data"], or proxy_secret_file; '
                "docs/access.md shows both"
            )
        return values

    @model_validator(mode="after")
    def _somebody_can_sign_in(self) -> Self:
        """See that who is to be believed can be told, and that a page that wants to know its readers can know them."""
        if self.proxy_users and not any(isinstance(address, Unix) for address in self.addresses):
            raise ValueError(
                "proxy_users is for a web server that comes by a unix socket, and listen names none; "
                'add one, such as "unix:/run/jobmon/web.sock", or use proxy_secret_file'
            )
        if self.enabled and self.read != "open" and not self.knows_people:
            raise ValueError(
                f"read = {self.read!r} needs proxy_users, proxy_secret_file or tokens_file, else nobody could sign in"
            )
        return self

    @model_validator(mode="after")
    def _addresses_differ(self) -> Self:
        """See that nothing is listened on twice, and that a port which was given is used."""
        known = [parse(text) for text in self.listen]
        if len(set(known)) < len(known):
            raise ValueError("listen names an address twice")
        if self.port != DEFAULT_PORT and not any(isinstance(a, Tcp) and a.port is None for a in known):
            raise ValueError(f"port = {self.port} is for addresses in listen without one, and there is none of these")
        return self

    @property
    def addresses(self) -> list[Tcp | Unix]:
        """Return what is listened on, each TCP address with its port."""
        known = [parse(text) for text in self.listen]
        return [Tcp(a.host, self.port if a.port is None else a.port) if isinstance(a, Tcp) else a for a in known]

    @property
    def place(self) -> str:
        """Return the first address, as HOST:PORT where it is one of TCP, else as unix:PATH."""
        tcp = [f"[{a.host}]:{a.port}" if ":" in a.host else f"{a.host}:{a.port}"
               for a in self.addresses if isinstance(a, Tcp)]  # fmt: skip
        return [*tcp, *self.listen][0]

    @property
    def knows_people(self) -> bool:
        """Say whether there is a way to sign in."""
        return bool(self.proxy_users or self.proxy_secret_file or self.tokens_file)

    @property
    def hides(self) -> bool:
        """Say whether not everybody who may read sees everybody's jobs under their names."""
        return self.read == "own" or self.names != "full"


class SchedulerSettings(Table):
    """Hold `[scheduler]`: how the slurm back end reads Slurm."""

    reader: Literal["auto", "pyslurm", "cli", "slurmrestd"] = "auto"
    timeout: int = Field(20, ge=1, le=3600)
    bin_path: Text = ""
    conf: Text = ""
    slurmrestd_url: Annotated[Text, AfterValidator(without_password)] = Field("", pattern=r"^($|https?://|unix:/)")
    slurmrestd_user: Text = ""
    slurmrestd_token_file: Text = ""
    slurmrestd_api: str = Field("", pattern=r"^($|v0\.0\.\d+$)")


class BatchSettings(Table):
    """Hold `[batch]`: jobs, crontab entries and workflows that jobmon submits."""

    scheduler: Literal["auto", "local", "slurm", "lsf", "htcondor"] = "auto"
    shared_path: Text = ""
    local_slots: int = Field(0, ge=0, le=10_000)
    python: str = Field("python3", pattern=r"^[A-Za-z0-9._/-]+$", max_length=200)
    users: list[Text] = []
    lease_ttl: float = Field(10, ge=0.5, le=600)
    keep: int = Field(90, ge=1, le=36_500)
    content: Literal["owner", "readers"] = "owner"
    user_jobs: int = Field(10_000, ge=1, le=10_000_000)
    user_notices: int = Field(10_000, ge=0, le=10_000_000)
    workflows: Text = "/etc/jobmon/workflows.d"
    programs: Text = "/etc/jobmon/releases"


class MailSettings(Table):
    """Hold `[mail]`: the server that takes what jobmon writes to people."""

    host: Text = ""
    port: int = Field(25, ge=1, le=65_535)
    sender: Text = ""
    starttls: bool = False
    user: Text = ""
    password_file: Text = ""
    timeout: float = Field(20, gt=0, le=600)
    per_day: int = Field(100, ge=1, le=100_000)
    bundle: float = Field(60, ge=0, le=86_400)


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
    telemetry: TelemetrySettings = TelemetrySettings()
    prometheus: PrometheusSettings = PrometheusSettings()
    influxdb: InfluxSettings = InfluxSettings()
    ganglia: GangliaSettings = GangliaSettings()
    batch: BatchSettings = BatchSettings()
    mail: MailSettings = MailSettings()
    simulated: SimulatedSettings = SimulatedSettings()
    replay: ReplaySettings = ReplaySettings()
