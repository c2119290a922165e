"""Keep why a job's own record, or the job itself, was put aside."""

import sqlalchemy as sa
from alembic import op

revision = "batch_0007"
down_revision = "batch_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of what is there already nothing was put aside."""
    op.add_column("batch_job", sa.Column("put_aside", sa.Text))
    some = sa.text("put_aside IS NOT NULL")
    op.create_index("batch_job_put_aside", "batch_job", ["job_id"], sqlite_where=some, postgresql_where=some)
