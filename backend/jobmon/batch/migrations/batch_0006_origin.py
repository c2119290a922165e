"""Keep in a column of its own whether a person or machinery asked for something: a login may be any word."""

import sqlalchemy as sa
from alembic import op

revision = "batch_0006"
down_revision = "batch_0005"
branch_labels = None
depends_on = None

TABLES = ("batch_job", "batch_run", "batch_job_event")
FOUND = (
    ("batch_job", "submitted_by", "cron", "submitted_by = 'cron' AND cron_id IS NOT NULL"),
    ("batch_job", "submitted_by", "workflow", "submitted_by = 'workflow' AND run_id IS NOT NULL"),
    ("batch_run", "started_by", "cron", "started_by = 'cron' AND cron_id IS NOT NULL"),
    ("batch_run", "started_by", "workflow", "started_by LIKE 'run %' AND parent_run_id IS NOT NULL"),
    ("batch_job_event", "who", "master", "who = 'master' AND fence IS NOT NULL"),
    ("batch_job_event", "who", "cron", "who = 'cron'"),
    ("batch_job_event", "who", "workflow", "who = 'workflow' OR who LIKE 'replaced by run %'"),
)
"""What machinery has written until now, as far as it can be told from what a person of that name has."""


def upgrade() -> None:
    """Add the columns, and take the names of machinery out of those of people."""
    for table in TABLES:
        op.add_column(table, sa.Column("origin", sa.Text, nullable=False, server_default="person"))
    for table, column, origin, found in FOUND:
        op.execute(sa.text(f"UPDATE {table} SET origin = '{origin}', {column} = '' WHERE {found}"))  # noqa: S608
