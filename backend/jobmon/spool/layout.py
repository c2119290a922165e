"""Say where the published files lie below the data path."""

from pathlib import Path

STAFF = "staff"
"""The folder of what only the staff may see, where something is hidden from others."""


def everything(data_path: Path, hides: bool) -> Path:
    """Return the folder of the files that hide nothing."""
    return data_path / STAFF if hides else data_path


def page(folder: Path, name: str) -> Path:
    """Return the file of a page, such as live/summary."""
    return folder / f"{name}.json.gz"
