"""Know which migrations there are, and whether a store has seen them; what runs them takes long to load."""

from pathlib import Path

import sqlalchemy as sa

PACKAGE = Path(__file__).parents[1]
SCRIPTS = Path(__file__).with_name("migrations")


def folders() -> list[Path]:
    """Return the folders of migrations, one for each package that has tables."""
    return sorted(folder for folder in PACKAGE.glob("*/migrations") if folder != SCRIPTS)


def newest() -> set[str]:
    """Return the newest revision of each package, as the names of the files tell: PACKAGE_NUMBER_WORD.py."""
    files = [max(folder.glob("*_[0-9]*_*.py")) for folder in folders()]
    return {"_".join(file.stem.split("_")[:2]) for file in files}


def is_current(engine: sa.Engine) -> bool:
    """Say whether a store has all tables as this program wants them; False also when that cannot be told."""
    try:
        with engine.connect() as connection:
            there = connection.execution_options(jobmon_reads=True).execute(
                sa.text("SELECT version_num FROM alembic_version")
            )
            return set(there.scalars()) == newest()
    except sa.exc.SQLAlchemyError:
        return False  # a new store has no such table; whatever else is wrong comes up when it is made
