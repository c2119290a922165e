"""Be the web server in front, which proves itself by a secret."""

from pathlib import Path

SECRET = "0123456789abcdef" * 4


def secret_file(folder: Path) -> Path:
    """Write the secret into a file that others cannot read."""
    path = folder / "proxy-secret"
    path.touch(0o600)
    path.write_text(f"{SECRET}\n")
    return path


def signed_in(user: str) -> dict[str, str]:
    """Return the headers by which the web server in front says who has signed in."""
    return {"X-Remote-User": user, "X-Jobmon-Proxy-Secret": SECRET}


def ours(user: str) -> dict[str, str]:
    """Return the same for a request that acts, and comes from our own pages."""
    return {**signed_in(user), "X-Requested-With": "jobmon"}
