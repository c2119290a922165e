"""Declare the tables of releases, beside those of `batch`; how a build's run goes stands with the run itself."""

import sqlalchemy as sa

from jobmon.batch.tables import METADATA

BUILD = sa.Table(
    "batch_build",
    METADATA,
    sa.Column("build_id", sa.Integer, primary_key=True),
    sa.Column("package", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("version_type", sa.Text, nullable=False),
    sa.Column("tag", sa.Text, nullable=False),
    sa.Column("variant", sa.Text, nullable=False),
    sa.Column("run_id", sa.Integer, unique=True, nullable=False),
    sa.Column("noticed_at", sa.Float, nullable=False),
    sa.Column("erased", sa.JSON, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Index("batch_build_version", "package", "version", "variant"),
)

PART = sa.Table(
    "batch_build_part",
    METADATA,
    sa.Column("build_id", sa.Integer, primary_key=True),
    sa.Column("subpackage", sa.Text, primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("rc", sa.Integer, nullable=False),
    sa.Column("log", sa.Text, nullable=False),
    sa.Column("line", sa.Integer),
    sa.Column("first_error", sa.Text, nullable=False),
    sa.Column("seconds", sa.Float),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)

ERASE = sa.Table(
    "batch_erase",
    METADATA,
    sa.Column("job_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("todo_id", sa.Integer, nullable=False),
    sa.Column("builds", sa.JSON, nullable=False),
    sa.Column("parts", sa.JSON, nullable=False),
)
