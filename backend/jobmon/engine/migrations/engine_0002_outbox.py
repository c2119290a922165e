"""Make the tables of messages and marks."""

import sqlalchemy as sa
from alembic import op

revision = "engine_0002"
down_revision = "engine_0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "engine_outbox",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("bundle", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("made_at", sa.Float, nullable=False),
        sa.Column("wait_s", sa.Float),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("digest", sa.Boolean, nullable=False),
        sa.Column("delivery", sa.BigInteger),
        sa.Column("bundled_at", sa.Float),
        sa.Column("due_at", sa.Float),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("fence", sa.BigInteger),
        sa.Column("ended_at", sa.Float),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("engine_outbox_state", "engine_outbox", ["state", "delivery"])
    op.create_index("engine_outbox_delivery", "engine_outbox", ["delivery"])
    op.create_index("engine_outbox_recipient", "engine_outbox", ["kind", "address", "bundled_at"])
    op.create_table(
        "engine_mark",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("until", sa.Float),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("made_at", sa.Float, nullable=False),
        sa.UniqueConstraint("source", "name", "at", name="engine_mark_once"),
    )
    op.create_index("engine_mark_at", "engine_mark", ["at"])
