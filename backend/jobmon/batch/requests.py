"""Say what may be asked for: the same models check the command line, the web addresses and Python callers."""

import os
import pwd
import shlex
import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, ValidationError, ValidationInfo, model_validator

from jobmon import clock
from jobmon.api import faults
from jobmon.api.bodies import PRINTABLE, Body, example
from jobmon.config import BatchSettings
from jobmon.engine import cron
from jobmon.engine.outbox import parse_targets
from jobmon.engine.outbox.targets import HIDDEN
from jobmon.errors import SettingsError

MOST_ARGS = 1000
MOST_BYTES = 100_000
"""So long a command may be: it has to pass through a scheduler and a node's limits."""


def _plain(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must not hold control characters")
    return value


def _absolute(value: str) -> str:
    _plain(value)
    if value and not value.startswith("/"):
        raise ValueError("must be an absolute path")
    return value


def _arguments(value: list[str]) -> list[str]:
    if any("\0" in word for word in value):
        raise ValueError("must not hold NUL")
    try:
        size = sum(len(word.encode()) for word in value)
    except UnicodeEncodeError:
        raise ValueError("must be UTF-8") from None
    if size > MOST_BYTES:
        raise ValueError(f"has {size} bytes, at most {MOST_BYTES} are allowed")
    if value and not value[0]:
        raise ValueError("must begin with a command")
    return value


def _to_come(value: float | None, info: ValidationInfo) -> float | None:
    """Refuse a latest start at which the job could not be started any more, or not yet."""
    if value is not None and value <= info.data.get("not_before", 0):
        raise ValueError("must be after not_before")
    if value is not None and value <= clock.now():
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(value))
        raise ValueError(f"{when} has passed already")
    return value


def _after_jitter(value: int, info: ValidationInfo) -> int:
    if value and value <= info.data.get("jitter", 0):
        raise ValueError("must be longer than jitter, by which the start is put off")
    return value


def _targets(value: list[str]) -> list[str]:
    try:
        parse_targets(value)
    except SettingsError as error:
        raise ValueError(str(error)) from None
    return value


MOST_NAME = 200
MOST_LABEL = 1000
TEXT: dict[str, Any] = {"pattern": PRINTABLE}
Name = Annotated[str, Field(max_length=MOST_NAME, json_schema_extra=TEXT), AfterValidator(_plain)]
Word = Annotated[str, Field(max_length=MOST_BYTES)]
Path = Annotated[
    str, Field(max_length=4000, json_schema_extra={"pattern": r"^(/( |[^\p{C}\p{Z}])*)?$"}), AfterValidator(_absolute)
]
BEGUN: dict[str, Any] = {"prefixItems": [{"type": "string", "minLength": 1, "maxLength": MOST_BYTES}]}
Args = Annotated[
    list[Word], Field(min_length=1, max_length=MOST_ARGS, json_schema_extra=BEGUN), AfterValidator(_arguments)
]
Options = Annotated[
    list[Annotated[str, Field(max_length=1000, json_schema_extra=TEXT), AfterValidator(_plain)]], Field(max_length=100)
]
TargetText = Annotated[str, Field(max_length=2100)]
Targets = Annotated[list[TargetText], Field(max_length=20), AfterValidator(_targets)]


def _targets_or_shown(value: list[str]) -> list[str]:
    _targets([text for text in value if HIDDEN not in text])
    return value


ShownTargets = Annotated[list[TargetText], Field(max_length=20), AfterValidator(_targets_or_shown)]
"""May hold webhooks as they are shown to people, who give them back with what they change."""
Label = Annotated[str, Field(max_length=MOST_LABEL, json_schema_extra=TEXT), AfterValidator(_plain)]
LabelName = Annotated[str, Field(max_length=MOST_NAME), AfterValidator(_plain)]
Labels = Annotated[dict[LabelName, Label], Field(max_length=50)]
Params = Annotated[dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=10_000)]],
                   Field(max_length=100)]  # fmt: skip
User = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$", max_length=64)]


class JobRequest(Body):
    """Ask for one job."""

    model_config = example(command=["python3", "fit.py"], name="fit", time_limit=3600)
    command: Args
    """Program and arguments; no shell looks at them."""
    name: Name = ""
    queue: Name = ""
    options: Options = []
    working_dir: Path = ""
    output: Path = ""
    time_limit: float = Field(0, ge=0, le=31_622_400)
    notify: Targets = []
    user: User = ""
    priority: int = Field(0, ge=-1000, le=1000)
    not_before: float = Field(0, ge=0, le=1e11)
    latest_start: Annotated[float | None, Field(ge=0, le=1e11), AfterValidator(_to_come)] = None
    """Epoch seconds after which it is not started any more."""
    labels: Labels = {}


class CronRequest(Body):
    """Ask for a crontab entry."""

    model_config = example(name="report", schedule="30 6 * * mon-fri", command=["./report"], timezone="Europe/Berlin")
    name: Annotated[Name, Field(min_length=1, max_length=100)]
    schedule: Name
    """Five fields, or a nickname such as @daily."""
    command: Annotated[list[Word], Field(max_length=MOST_ARGS), AfterValidator(_arguments)] = []
    workflow: Name = ""
    params: Params = {}
    timezone: Name = "UTC"
    enabled: bool = True
    overlap: Literal["allow", "skip", "queue", "replace"] = "allow"
    misfire: Literal["skip", "last", "all"] = "last"
    misfire_window: int = Field(86_400, ge=0, le=31_622_400)
    jitter: int = Field(0, ge=0, le=3600)
    start_within: Annotated[int, Field(ge=0, le=31_622_400), AfterValidator(_after_jitter)] = 0
    """Seconds after its time until which a job must have started; 0 for no such limit."""
    not_before: float | None = Field(None, ge=0, le=1e11)
    not_after: float | None = Field(None, ge=0, le=1e11)
    queue: Name = ""
    options: Options = []
    working_dir: Path = ""
    output: Path = ""
    time_limit: float = Field(0, ge=0, le=31_622_400)
    notify: ShownTargets = []
    user: User = ""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        try:
            cron.parse(self.schedule, self.timezone, self.name)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        if self.name.isdecimal():
            raise ValueError("name must not be a number: entries have numbers of their own")
        if bool(self.command) == bool(self.workflow):
            raise ValueError("either command or workflow must be given")
        if self.start_within and self.workflow:
            raise ValueError("start_within is for entries with a command: a workflow has no latest start")
        return self

    def fields(self) -> dict[str, str]:
        """Return the schedule in the columns of the table; a nickname stands in the first."""
        words = [*self.schedule.split(), "", "", "", ""][:5]
        return dict(zip(("minute", "hour", "day_of_month", "month", "day_of_week"), words, strict=True))


def checked(model: type[BaseModel], values: Mapping[str, Any], what: str) -> Any:
    """Return the request; SettingsError names each key that is wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = []
        for detail in error.errors(include_url=False):
            place = " ".join(str(part) for part in detail["loc"])
            lines.append(f"{what}: {place + ': ' if place else ''}{faults.sentence(detail)}")
        raise SettingsError("; ".join(lines)[:2000]) from None


def is_own_account(user: str) -> bool:
    """Say whether a user is the daemon's own account, by whatever name; "" is."""
    try:
        return not user or pwd.getpwnam(user).pw_uid == os.geteuid()
    except KeyError:
        return False


def account(user: str, settings: BatchSettings) -> str:
    """Return the account a job runs under, "" for the daemon's own; SettingsError when that may not be."""
    if is_own_account(user):
        return ""
    try:
        own = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        own = str(os.geteuid())
    if user not in settings.users:
        raise SettingsError(f"user {user!r}: jobs run as {own}; others must be named in [batch] users")
    if os.geteuid() != 0:
        raise SettingsError(f"user {user!r}: only a daemon that runs as root can submit for others; this one is {own}")
    try:
        pwd.getpwnam(user)
    except KeyError:
        raise SettingsError(f"user {user!r}: there is no such user on this host") from None
    return user


def shown(args: list[str]) -> str:
    """Return a command as one would type it."""
    return shlex.join(args)[:4000]
