"""Find Slurm's number of a job in what exporters and file systems call it."""

import re

NUMBER = re.compile(r"([0-9]+)(?:[^0-9A-Za-z].*)?")
"""Lustre may append the host: "123:cn001"."""


def job_number(text: str) -> str | None:
    """Return the number; None for what is no job of Slurm's, such as "cp.1000"."""
    match = NUMBER.fullmatch(text)
    return match[1] if match else None
