"""Hold what goes to one recipient at once."""

from collections.abc import Mapping
from dataclasses import dataclass

from jobmon.engine.outbox.message import Fact
from jobmon.errors import JobmonError


class NotSentError(JobmonError):
    """A message did not arrive, as far as one knows; with `final` it is not tried again."""

    def __init__(self, text: str, *, final: bool = False) -> None:
        super().__init__(text)
        self.retry_can_help = not final


@dataclass(frozen=True, slots=True)
class Entry:
    """Be one message of a parcel."""

    id: int
    made_at: float
    bundle: str
    subject: str
    text: str
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Parcel:
    """Be what is sent at once; `entries` holds the first ones of `count` messages."""

    id: int
    """The id of its first message."""
    token: str
    address: str
    kind: str
    digest: bool
    """Say whether it holds what was held back because there was too much for one day."""
    count: int
    entries: tuple[Entry, ...]
    tries: int
    fence: int | None
    bundled_at: float

    @property
    def key(self) -> str:
        """Return what stays the same when it is sent again, and never comes back, not even in a restored store."""
        return f"jobmon-{self.id}-{self.token}"

    @property
    def bundle(self) -> str:
        """Return what its messages have in common; "" for a digest."""
        return "" if self.digest else self.entries[0].bundle

    @property
    def subject(self) -> str:
        """Return one line for all of it."""
        if self.count == 1:
            return self.entries[0].subject
        if self.digest:
            return f"jobmon: {self.count} messages that were held back"
        return f"{self.bundle or 'jobmon'}: {self.count} messages"
