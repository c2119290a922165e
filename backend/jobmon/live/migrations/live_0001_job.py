"""Make the table of finished jobs."""

import sqlalchemy as sa
from alembic import op

revision = "live_0001"
down_revision = None
branch_labels = ("live",)
depends_on = None


def upgrade() -> None:
    """Make table and indices."""
    op.create_table(
        "live_job",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("start_at", sa.BigInteger, nullable=False),
        sa.Column("end_at", sa.BigInteger, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("partition", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("cores", sa.Integer, nullable=False),
        sa.Column("warned", sa.Boolean, nullable=False),
        sa.Column("waste_core_h", sa.Float, nullable=False),
        sa.Column("waste_gpu_h", sa.Float, nullable=False),
        sa.Column("waste_gib_h", sa.Float, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.UniqueConstraint("cluster", "id", "start_at"),
    )
    op.create_index("live_job_end", "live_job", ["end_at"])
    op.create_index("live_job_user_end", "live_job", ["user", "end_at"])
    op.create_index("live_job_waste", "live_job", ["waste_core_h"])
    op.create_index("live_job_id", "live_job", ["id"])
