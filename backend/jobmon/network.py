"""Make HTTP connections that a deadline can cut off, and tell in words why one failed."""

from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from jobmon.deadline import made


class _Watched:
    """Tell of each connection that is made or used again, so that a deadline can cut it off."""

    sock: Any

    def _new_conn(self) -> Any:
        connection = super()._new_conn()  # type: ignore[misc] # of urllib3's class beside this one
        made(connection)
        return connection

    def request(self, *given: Any, **named: Any) -> Any:
        """Send a request."""
        if self.sock is not None:
            made(self.sock)
        return super().request(*given, **named)  # type: ignore[misc]


class _Plain(_Watched, HTTPConnection):
    pass


class _Secure(_Watched, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Secure


POOLS = {"http": _PlainPool, "https": _SecurePool}
"""What a pool manager of urllib3 makes its connections of, where deadlines are to hold."""


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *given: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(*given, **named)
        manager.pool_classes_by_scheme = POOLS
        return manager


def watched() -> requests.Session:
    """Return a session whose connections a deadline can cut off."""
    session = requests.Session()
    for scheme in POOLS:
        session.mount(f"{scheme}://", _Adapter())
    return session


def reason(error: BaseException) -> str:
    """Return the innermost cause in words: the outer ones repeat addresses and objects."""
    cause = error
    while True:
        told = [getattr(cause, "reason", None), *cause.args, cause.__cause__]
        inner = next((each for each in told if isinstance(each, BaseException)), None)
        if inner is None or inner is cause:
            break
        cause = inner
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause)[:200] or type(cause).__name__
