"""Tell people and programs what has happened, at least once, without ever making the master wait.

A message is written in the transaction that causes it. What belongs together is gathered for a while and goes as one
mail or one request, which is sent again until the other side has it. A script runs at most once.
"""

from jobmon.engine.outbox.delivery import Outbox
from jobmon.engine.outbox.message import Fact, Message, add
from jobmon.engine.outbox.report import Summary, Unsent, summary, unsent
from jobmon.engine.outbox.rows import forget
from jobmon.engine.outbox.settings import MailSettings, OutboxSettings
from jobmon.engine.outbox.targets import EVENTS, Target, parse_targets

__all__ = [
    "EVENTS",
    "Fact",
    "MailSettings",
    "Message",
    "Outbox",
    "OutboxSettings",
    "Summary",
    "Target",
    "Unsent",
    "add",
    "forget",
    "parse_targets",
    "summary",
    "unsent",
]
