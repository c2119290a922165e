"""Keep the latest start of jobs, and within what time crontab entries want theirs to start."""

import sqlalchemy as sa
from alembic import op

revision = "batch_0003"
down_revision = "batch_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is there already has no latest start."""
    op.add_column("batch_job", sa.Column("latest_start", sa.Float))
    op.add_column("batch_crontab", sa.Column("start_within", sa.Integer, nullable=False, server_default="0"))
