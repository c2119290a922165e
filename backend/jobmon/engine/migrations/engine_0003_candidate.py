"""Let each candidate for a role tell how it is doing."""

import sqlalchemy as sa
from alembic import op

revision = "engine_0003"
down_revision = "engine_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("engine_candidate", sa.Column("pid", sa.BigInteger))
    op.add_column("engine_candidate", sa.Column("told", sa.Text, nullable=False, server_default="{}"))
