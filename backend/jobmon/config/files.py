"""Read files that people have written, never more of them than makes sense."""

from pathlib import Path

from jobmon.errors import SettingsError

MOST_SETTINGS = 1 << 20


def read_text(path: Path, most: int) -> str:
    """Return a file as text; SettingsError when it is larger than `most` bytes, OSError or UnicodeDecodeError else."""
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise SettingsError(f"{path}: is larger than {most >> 10} KiB, which nothing of this kind needs")
    return content.decode()
