"""Keep how often a job came back to be submitted again, so that this ends."""

import sqlalchemy as sa
from alembic import op

revision = "batch_0005"
down_revision = "batch_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what is there already never did."""
    op.add_column("batch_job", sa.Column("returns", sa.Integer, nullable=False, server_default="0"))
