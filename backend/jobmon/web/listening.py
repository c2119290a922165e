"""Bind the addresses in `[web] listen`: TCP ports, and unix sockets in folders where nobody else can put theirs."""

import contextlib
import errno
import fcntl
import grp
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from jobmon.config import WebSettings, trust
from jobmon.config.addresses import Tcp, Unix
from jobmon.errors import SettingsError

BACKLOG = 1024
PRIVATE = 0o600


class AddressInUseError(SettingsError):
    """Somebody listens at an address already; it may be about to leave."""


Listeners = dict[Tcp | Unix, socket.socket]
"""What is listened on, by the address as the settings have it."""


def bind(web: WebSettings, held: Listeners | None = None) -> Listeners:
    """Return a listening socket for each address, those in `held` where they are the same.

    SettingsError says which one cannot be had, and then none is kept that was not held before.
    """
    held = held or {}
    listeners: Listeners = {}
    try:
        for address in web.addresses if web.enabled else ():
            if address in held:
                listeners[address] = held[address]
            else:
                listeners[address] = _bind_tcp(address) if isinstance(address, Tcp) else _bind_unix(address, web)
    except SettingsError:
        release([one for address, one in listeners.items() if address not in held])
        raise
    return listeners


def release(listeners: list[socket.socket]) -> None:
    """Close sockets, and remove those of them from the file system at which nobody listens any more."""
    paths = [path for path in map(_path_of, listeners) if path]
    for listener in listeners:
        listener.close()
    for path in paths:
        with contextlib.suppress(OSError, SettingsError), _alone(path):
            _remove_abandoned(path)


def url_of(listeners: list[socket.socket]) -> str:
    """Return where the page is: the first TCP address, else unix:PATH."""
    for listener in listeners:
        if listener.family != socket.AF_UNIX:
            host, port = listener.getsockname()[:2]
            return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
    return f"unix:{listeners[0].getsockname()}" if listeners else ""


def _path_of(listener: socket.socket) -> Path | None:
    try:
        return Path(listener.getsockname()) if listener.family == socket.AF_UNIX else None
    except OSError:  # it is closed already
        return None


def _bind_tcp(address: Tcp) -> socket.socket:
    host = f"[{address.host}]" if ":" in address.host else address.host
    here = f"[web] listen: {host}:{address.port}"
    try:
        family, kind, protocol, _, found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"{here}: this is no address of this machine: {reason}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # each address in the list means itself
        listener.bind(found)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        wrong = AddressInUseError if error.errno == errno.EADDRINUSE else SettingsError
        raise wrong(f"{here}: {_explain(error)}") from error
    return listener


def _explain(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            "address in use; stop what listens there, or choose another port: --set web.port=8081 (0 takes a free one)"
        )
    if error.errno == errno.EACCES:
        return "a port below 1024 needs root; choose another one: --set web.port=8080"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this is no address of this machine; --set web.listen=127.0.0.1 is the default"
    return error.strerror or os.strerror(error.errno or 0)


def _bind_unix(address: Unix, web: WebSettings) -> socket.socket:
    path = Path(address.path)
    here = f"[web] listen: unix:{path}"
    group = _group(web.socket_group)
    try:
        with contextlib.suppress(FileExistsError):
            path.parent.mkdir(0o755)
        _check_folder(path, here)
        with _alone(path):
            _remove_abandoned(path, here)
            return _listen(path, group, int(web.socket_mode, 8))
    except PermissionError as error:
        raise SettingsError(
            f"{here}: cannot be made: {error.strerror}; choose a folder that this account may write to, and a "
            f"socket_group that it is a member of (socket_group = {web.socket_group!r})"
        ) from error
    except OSError as error:
        raise SettingsError(f"{here}: cannot be made: {error.strerror}; see that its folder is there") from error


def _listen(path: Path, group: int, mode: int) -> socket.socket:
    """Make the socket so that nobody can connect before it has its group and its mode."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listener.fileno(), PRIVATE)  # before bind() this is the mode that the file is made with
        listener.bind(str(path))
        listener.listen(BACKLOG)
        os.chown(path, -1, group)
        path.chmod(mode)
    except OSError:
        listener.close()
        with contextlib.suppress(OSError, SettingsError):
            _remove_abandoned(path)
        raise
    return listener


def _group(name: str) -> int:
    """Return the number of a group; -1 for "", which leaves things as they are."""
    if not name:
        return -1
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise SettingsError(f"[web] socket_group = {name!r}: there is no such group on this machine") from None


def _check_folder(path: Path, here: str) -> None:
    """See that nobody else could put a socket there while ours is away, and hear what a proxy tells us."""
    fault = trust.fault_of(path.parent)
    if fault:
        raise SettingsError(
            f"{here}: others could put a socket of theirs there, for {fault}; choose a folder that only root and this "
            "account may write to, such as /run/jobmon"
        )


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other daemons away from the name of a socket for a moment."""
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _remove_abandoned(path: Path, here: str = "") -> None:
    """Remove a socket at which nobody listens; SettingsError when something else is there."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise SettingsError(f"{here}: there is something else of this name, which is not a socket; move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass  # it has more to do than it can take
    raise AddressInUseError(f"{here}: somebody listens there already; stop that one, or choose another path")
