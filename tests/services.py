"""Decide what happens to a test whose real service is not installed."""

import os
import shutil
import socket

import pytest

SBIN = ("/usr/sbin", "/usr/local/sbin", "/sbin")


def absent(reason: str) -> None:
    """Skip the test with its reason; with CI=true fail it, because there everything has to run."""
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def require(program: str, package_hint: str) -> str:
    """Return the path of `program`, or skip (fail with CI=true) and name the package that holds it."""
    path = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *SBIN]))
    if path is None:
        absent(f"{program} is not installed; on Debian: apt-get install --no-install-recommends {package_hint}")
        raise AssertionError
    return path


def free_port() -> int:
    """Return a port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
