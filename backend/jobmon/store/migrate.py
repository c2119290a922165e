"""Bring the tables of all capabilities up to date, one program at a time."""

import logging
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from jobmon.errors import SettingsError
from jobmon.store.versions import SCRIPTS, folders

LOCK = 7_261_546_220_319
"""Any number that nobody else takes on the same PostgreSQL server."""


def migrate(engine: sa.Engine) -> None:
    """Run what has not run yet, in one transaction that keeps other programs out.

    The folder `migrations` of each package is a branch of its own, so that capabilities do not know of each other. A
    store that has seen a migration that this program lacks is a SettingsError.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each look at the store
    config = Config()
    config.set_main_option("script_location", _plain(SCRIPTS))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(_plain(folder) for folder in folders()))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        there = set(MigrationContext.configure(connection).get_current_heads())
        if there - known:
            raise SettingsError(
                f"[store] url: the store is of a newer jobmon (it knows {', '.join(sorted(there - known))}); "
                "install that version again, or use another [store] url"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")


def _plain(path: Path) -> str:
    return str(path).replace("%", "%%")
