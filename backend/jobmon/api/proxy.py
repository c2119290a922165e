"""Believe the web server in front when it says who has signed in, and nobody else who says so.

It proves itself by the account of the process that has connected to a unix socket, which the kernel tells, or by a
secret that it sends with each request. An address proves nothing: each account of that machine has it.
"""

import hmac
import logging
import os
import pwd
import re
import stat
from pathlib import Path

from starlette.requests import Request

from jobmon.api import forwarded
from jobmon.api.logins import FORM, LOGIN
from jobmon.api.peer import STATE, UNKNOWN, Peer
from jobmon.api.problems import ProblemError
from jobmon.config import WebSettings
from jobmon.config.secrets import text_of
from jobmon.errors import SettingsError

log = logging.getLogger("jobmon.api")

SECRET_HEADER = "X-Jobmon-Proxy-Secret"  # noqa: S105 - the header's name
SECRET = re.compile(r"[!-~]{32,256}")
NOBODYS_NAMES = frozenset({"", "(null)", "-"})
"""What web servers write where nobody has signed in."""


class Proxy:
    """Know by what the web server in front proves itself; SettingsError when that cannot be."""

    def __init__(self, web: WebSettings) -> None:
        self._header = web.remote_user_header
        self._accounts = frozenset(_account(name) for name in web.proxy_users)
        self._secret = _secret(web.proxy_secret_file) if web.proxy_secret_file else b""

    def is_proven(self, request: Request) -> bool:
        """Say whether a request comes from the web server in front."""
        peer = peer_of(request)
        if peer.kind == "unix" and peer.uid is not None and peer.uid in self._accounts:
            return True
        sent = request.headers.getlist(SECRET_HEADER)
        return bool(self._secret) and len(sent) == 1 and hmac.compare_digest(sent[0].encode("latin-1"), self._secret)

    def name(self, request: Request) -> str:
        """Return who has signed in to the web server in front, "" for nobody; ProblemError when that is not clear."""
        said = self._said(request)
        if all(name in NOBODYS_NAMES for name in said):
            return ""
        if not self.is_proven(request):
            peer = peer_of(request)
            log.warning(
                "%s says in %s who has signed in, and does not prove that it is the web server in front: it is taken "
                "for nobody; docs/access.md tells how a web server proves itself",
                f"account {peer.uid}" if peer.kind == "unix" else peer.address or "somebody",
                self._header,
            )
            return ""
        if len(said) == 1 and LOGIN.fullmatch(said[0]):
            return said[0]
        log.warning(
            "the web server in front sends %s %d times, or with something else than a login: such requests "
            "are refused", self._header, len(said),
        )  # fmt: skip
        raise ProblemError(
            400, f"The web server in front must say once who has signed in, in {self._header}, as a login of "
            f"{FORM}.",
        )  # fmt: skip

    def _said(self, request: Request) -> list[str]:
        """Return what the header says, each time it is there."""
        said = request.headers.getlist(self._header)
        if self._header.lower() != forwarded.HEADER:
            return said
        try:
            return forwarded.names(", ".join(said))
        except ValueError:
            return ["?"]  # which is no login


def peer_of(request: Request) -> Peer:
    """Return who is at the other end of a request's connection."""
    found = request.scope.get("state", {}).get(STATE, UNKNOWN)
    return found if isinstance(found, Peer) else UNKNOWN


def _account(name: str) -> int:
    """Return the number of an account that is to be believed."""
    try:
        number = int(name) if name.isdecimal() and name.isascii() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise SettingsError(f"[web] proxy_users: {name!r}: there is no such account on this machine") from None
    if number == _overflow_account():
        raise SettingsError(
            f"[web] proxy_users: {name!r}: that is also what the kernel calls accounts that it cannot tell; "
            "let the web server run under an account of its own"
        )
    return number


def _overflow_account() -> int:
    try:
        return int(Path("/proc/sys/kernel/overflowuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 65_534


def _secret(file: str) -> bytes:
    """Return the secret in a file that others cannot read."""
    setting = "[web] proxy_secret_file"

    def fault(status: os.stat_result) -> str:
        if status.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
            return f"others can read or change it; run: chmod 640 {file}"
        return "" if status.st_uid in {0, os.geteuid()} else f"belongs to somebody else; run: chown root {file}"

    secret = text_of(file, setting, fault)
    if not SECRET.fullmatch(secret):
        raise SettingsError(
            f"{setting} = {file!r}: must hold 32 to 256 printable characters without spaces; make one with: "
            "openssl rand -hex 32"
        )
    return secret.encode()
