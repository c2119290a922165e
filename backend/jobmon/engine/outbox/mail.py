"""Hand mail over to a server."""

import contextlib
import smtplib
import socket
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from jobmon.config.secrets import check_readable, text_of
from jobmon.deadline import Deadline, made
from jobmon.engine.outbox.message import one_line
from jobmon.engine.outbox.parcel import Entry, NotSentError, Parcel
from jobmon.engine.outbox.plan import MOST_LINES
from jobmon.engine.outbox.settings import MailSettings
from jobmon.network import reason

PERMANENT = 500
ANSWERS = 3
"""The whole of it takes this many times what one answer may take, and is then cut off."""


class _Server(smtplib.SMTP):
    """Tell of the connection, so that a deadline can cut it off."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        made(connection)
        return connection


def compose(parcel: Parcel, sender: str, now: float) -> EmailMessage:
    """Return the mail; sent again it has the same Message-ID, so that the reader's program can leave one out."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = parcel.address
    # a text that looks like an encoded word would be decoded, and might then hold a line break
    mail["Subject"] = parcel.subject.replace("=?", "= ?")
    mail["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    mail["Message-ID"] = f"<{parcel.key}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # else notes of absence come back
    body = _single(parcel.entries[0]) if parcel.count == 1 else _several(parcel)
    mail.set_content(body, cte="quoted-printable")  # what every server can take
    return mail


def send(parcel: Parcel, settings: MailSettings, now: float) -> None:
    """Send a parcel; NotSentError when the server did not say that it has it."""
    limit = Deadline(ANSWERS * settings.timeout_s)
    try:
        with limit, limit.connecting():
            _send(parcel, settings, now)
    except NotSentError as error:
        if not limit.passed or not error.retry_can_help:
            raise
        most_s = ANSWERS * settings.timeout_s
        raise NotSentError(f"the mail server did not take it within {most_s:g} s") from None


def _send(parcel: Parcel, settings: MailSettings, now: float) -> None:
    mail = compose(parcel, settings.sender, now)
    try:
        # its own name is given: finding one out may ask the network, and wait
        own_name = socket.gethostname()
        server = _Server(settings.host, settings.port, own_name, settings.timeout_s)
        with contextlib.closing(server):
            if settings.starttls:
                server.starttls(context=_context(settings.ca_file))
            if settings.user:
                server.login(settings.user, text_of(settings.password_file, "mail: password_file"))
            server.send_message(mail, settings.sender, [parcel.address])
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()  # it has the mail, whatever it answers now
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise NotSentError(_words(code, text), final=code >= PERMANENT) from None
    except smtplib.SMTPResponseException as error:
        raise NotSentError(_words(error.smtp_code, error.smtp_error)) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotSentError(f"the mail server did not take it: {one_line(reason(error))}") from None


def _context(ca_file: str) -> ssl.SSLContext:
    if ca_file:
        check_readable(ca_file, "mail: ca_file")
    return ssl.create_default_context(cafile=ca_file or None)


def _single(entry: Entry) -> str:
    facts = "\n".join(f"{name}: {value}" for name, value in entry.facts.items() if value is not None)
    return "\n\n".join(part for part in (entry.subject, entry.text.strip("\n"), facts) if part) + "\n"


def _several(parcel: Parcel) -> str:
    lines = [_line(entry, parcel.digest) for entry in parcel.entries[:MOST_LINES]]
    if parcel.digest:
        lines = ["There was too much mail for one day; this was held back:", "", *lines]
    if parcel.count > MOST_LINES:
        lines.append(f"… and {parcel.count - MOST_LINES} more.")
    return "\n".join(lines) + "\n"


def _line(entry: Entry, with_bundle: bool) -> str:
    when = datetime.fromtimestamp(entry.made_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{when}  {f'{entry.bundle}: ' if with_bundle and entry.bundle else ''}{entry.subject}"


def _words(code: int, text: bytes | str) -> str:
    told = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return f"the mail server says {code} {one_line(told, 200)}"
