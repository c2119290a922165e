"""Hold what the outbox needs to know; the caller reads it from the settings file."""

from dataclasses import dataclass, field

from jobmon.engine.outbox.targets import is_email
from jobmon.errors import SettingsError


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Say how mail is handed over; SettingsError when it cannot be right."""

    host: str = "localhost"
    port: int = 25
    sender: str = "jobmon@localhost"
    """The address that stands in From, and to which what cannot be delivered returns."""
    starttls: bool = False
    ca_file: str = ""
    """Certificates to trust instead of the system's."""
    user: str = ""
    password_file: str = ""
    timeout_s: float = 20.0
    """How long each answer of the server may take."""

    def __post_init__(self) -> None:
        if not is_email(self.sender):
            raise SettingsError(f"mail: sender = {self.sender[:100]!r}: is not a mail address")
        if not self.host or not self.host.isprintable() or not 0 < self.port < 1 << 16 or self.timeout_s <= 0:
            raise SettingsError("mail: host, port and timeout must be set")
        if self.user and not self.starttls:
            raise SettingsError(
                "mail: user needs starttls = true: a password must not go over the network in the clear"
            )
        if bool(self.user) != bool(self.password_file):
            raise SettingsError("mail: user and password_file need each other")


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """Say how messages are gathered and sent; SettingsError when it cannot be right."""

    mail: MailSettings = field(default_factory=MailSettings)
    webhook_timeout_s: float = 10.0
    webhook_ca_file: str = ""
    script_timeout_s: float = 60.0
    """How long a script may run before it is killed."""
    period_s: float = 300.0
    """How long messages of one bundle are gathered, from the first one on."""
    per_day: int = 100
    """How much one recipient gets on one day (UTC), in mails or requests; the rest comes together on the next day."""
    parallel: int = 4
    """How many recipients of one kind are served at once."""

    def __post_init__(self) -> None:
        if min(self.webhook_timeout_s, self.script_timeout_s) <= 0 or self.period_s < 0:
            raise SettingsError("outbox: times must be positive")
        if self.per_day < 1 or self.parallel < 1:
            raise SettingsError("outbox: per_day and parallel must be 1 at least")

    def deadline_s(self, kind: str) -> float:
        """Return after how long a try is counted as failed even if its thread has not come back."""
        # time-outs hold for each answer of a server, and there are several of them
        each = {"email": self.mail.timeout_s, "webhook": self.webhook_timeout_s, "script": self.script_timeout_s}
        return 3 * each[kind] + 30
