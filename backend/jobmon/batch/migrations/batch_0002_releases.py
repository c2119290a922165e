"""Make the tables of releases."""

import sqlalchemy as sa
from alembic import op

revision = "batch_0002"
down_revision = "batch_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "batch_build",
        sa.Column("build_id", sa.Integer, primary_key=True),
        sa.Column("package", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("version_type", sa.Text, nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("variant", sa.Text, nullable=False),
        sa.Column("run_id", sa.Integer, nullable=False, unique=True),
        sa.Column("noticed_at", sa.Float, nullable=False),
        sa.Column("erased", sa.JSON, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
    )
    op.create_index("batch_build_version", "batch_build", ["package", "version", "variant"])
    op.create_table(
        "batch_build_part",
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
    op.create_table(
        "batch_erase",
        sa.Column("job_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("todo_id", sa.Integer, nullable=False),
        sa.Column("builds", sa.JSON, nullable=False),
        sa.Column("parts", sa.JSON, nullable=False),
    )
