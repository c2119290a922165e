"""Read the addresses in `[web] listen`: HOST, HOST:PORT, [HOST]:PORT, unix:/PATH."""

import ipaddress
import re
from dataclasses import dataclass

UNIX = "unix:"
MOST_PATH_BYTES = 107
"""What the kernel takes as the name of a socket."""
FORM = 'must be an address such as "127.0.0.1:8080", "[::1]:8080" or "unix:/run/jobmon/web.sock"'


@dataclass(frozen=True, slots=True)
class Tcp:
    """Be a host, and a port of it; None for the one in `[web] port`."""

    host: str
    port: int | None


@dataclass(frozen=True, slots=True)
class Unix:
    """Be the path of a unix socket."""

    path: str


def parse(text: str) -> Tcp | Unix:
    """Return the address that a text means; ValueError says what it should look like."""
    if text.startswith(UNIX):
        return _unix(text.removeprefix(UNIX))
    match = re.fullmatch(r"\[([0-9A-Fa-f:.%\w]+)\](?::([0-9]{1,5}))?|([^:\[\]/\s]+)(?::([0-9]{1,5}))?", text)
    if match is None:
        raise ValueError(FORM)
    literal, literal_port, name, name_port = match.groups()
    if literal is not None:
        _check_literal(literal)
    else:
        _check_name(name)
    port = literal_port or name_port
    if port is not None and int(port) > 65_535:
        raise ValueError("must have a port between 0 and 65535")
    return Tcp(literal or name, None if port is None else int(port))


def _unix(path: str) -> Unix:
    if not path.startswith("/") or path.endswith("/") or ".." in path.split("/"):
        raise ValueError('must name the socket by its whole path, such as "unix:/run/jobmon/web.sock"')
    if len(path.encode()) > MOST_PATH_BYTES:
        raise ValueError(f"is too long for a socket, which may have {MOST_PATH_BYTES} bytes")
    return Unix(path)


def _check_literal(literal: str) -> None:
    try:
        ipaddress.IPv6Address(literal)
    except ValueError:
        raise ValueError(FORM) from None


def _check_name(name: str) -> None:
    try:
        known = bool(name.encode("idna"))
    except UnicodeError:
        known = False
    if not known:
        raise ValueError(FORM)
