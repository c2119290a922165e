"""Make the tables of jobs, crontab entries and what people asked for."""

import sqlalchemy as sa
from alembic import op

revision = "batch_0001"
down_revision = None
branch_labels = ("batch",)
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "batch_cron_fire",
        sa.Column("cron_id", sa.Integer, primary_key=True),
        sa.Column("scheduled_for", sa.BigInteger, primary_key=True),
        sa.Column("fired_at", sa.Float, nullable=False),
        sa.Column("fence", sa.BigInteger),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("job_id", sa.Integer),
        sa.Column("run_id", sa.Integer),
    )
    op.create_index("batch_cron_fire_at", "batch_cron_fire", ["fired_at"])
    op.create_table(
        "batch_crontab",
        sa.Column("cron_id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("minute", sa.Text, nullable=False),
        sa.Column("hour", sa.Text, nullable=False),
        sa.Column("day_of_month", sa.Text, nullable=False),
        sa.Column("month", sa.Text, nullable=False),
        sa.Column("day_of_week", sa.Text, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("args", sa.JSON, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("overlap", sa.Text, nullable=False),
        sa.Column("misfire", sa.Text, nullable=False),
        sa.Column("misfire_window", sa.Integer, nullable=False),
        sa.Column("jitter", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Float),
        sa.Column("not_after", sa.Float),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("batch_opts", sa.JSON, nullable=False),
        sa.Column("limit_s", sa.Float, nullable=False),
        sa.Column("on_success", sa.JSON, nullable=False),
        sa.Column("working_dir", sa.Text, nullable=False),
        sa.Column("output_location", sa.Text, nullable=False),
        sa.Column("effective_from", sa.Float, nullable=False),
        sa.Column("fired_until", sa.Float, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "batch_job",
        sa.Column("job_id", sa.Integer, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("scheduler", sa.Text, nullable=False),
        sa.Column("scheduler_id", sa.Text),
        sa.Column("submit_key", sa.Text, nullable=False, unique=True),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("unknown", sa.Boolean, nullable=False),
        sa.Column("fence", sa.BigInteger),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Float, nullable=False),
        sa.Column("released_at", sa.Float),
        sa.Column("cancel_at", sa.Float),
        sa.Column("submitted_at", sa.Float),
        sa.Column("started_at", sa.Float),
        sa.Column("finished_at", sa.Float),
        sa.Column("ending", sa.Text),
        sa.Column("return_code", sa.Integer),
        sa.Column("signal", sa.Integer),
        sa.Column("reason", sa.Text),
        sa.Column("host", sa.Text),
        sa.Column("output_bytes", sa.BigInteger),
        sa.Column("output_tail", sa.Text),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("args", sa.JSON, nullable=False),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("batch_opts", sa.JSON, nullable=False),
        sa.Column("limit_s", sa.Float, nullable=False),
        sa.Column("on_success", sa.JSON, nullable=False),
        sa.Column("working_dir", sa.Text, nullable=False),
        sa.Column("output_location", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("submitted_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("run_id", sa.Integer),
        sa.Column("stage", sa.Text),
        sa.Column("parent_job_id", sa.Integer),
        sa.Column("cron_id", sa.Integer),
    )
    op.create_index("batch_job_cron", "batch_job", ["cron_id", "status"])
    op.create_index("batch_job_finished", "batch_job", ["finished_at"])
    op.create_index("batch_job_run", "batch_job", ["run_id"])
    op.create_index("batch_job_status", "batch_job", ["status"])
    op.create_table(
        "batch_job_event",
        sa.Column("event_id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("fence", sa.BigInteger),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("batch_job_event_job", "batch_job_event", ["job_id"])
    op.create_table(
        "batch_queue_limit",
        sa.Column("queue", sa.Text, primary_key=True),
        sa.Column("max_pending", sa.Integer),
        sa.Column("max_running", sa.Integer),
        sa.Column("submits_per_minute", sa.Integer),
    )
    op.create_table(
        "batch_rule_fire",
        sa.Column("fire_id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("job_id", sa.Integer),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("batch_rule_fire_run", "batch_rule_fire", ["run_id"])
    op.create_table(
        "batch_run",
        sa.Column("run_id", sa.Integer, primary_key=True),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("variables", sa.JSON, nullable=False),
        sa.Column("last", sa.JSON, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("stopped", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("concurrency_key", sa.Text),
        sa.Column("dedupe_key", sa.Text),
        sa.Column("started_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("started_at", sa.Float),
        sa.Column("finished_at", sa.Float),
        sa.Column("parent_run_id", sa.Integer),
        sa.Column("cron_id", sa.Integer),
    )
    op.create_index("batch_run_dedupe", "batch_run", ["workflow", "dedupe_key"], unique=True)
    op.create_index("batch_run_status", "batch_run", ["workflow", "status"])
    op.create_table(
        "batch_run_stage",
        sa.Column("run_id", sa.Integer, primary_key=True),
        sa.Column("stage", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("visits", sa.Integer, nullable=False),
        sa.Column("chosen", sa.JSON),
        sa.Column("seen", sa.JSON, nullable=False),
        sa.Column("fails", sa.Boolean, nullable=False),
        sa.Column("job_id", sa.Integer),
    )
    op.create_table(
        "batch_settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "batch_todo",
        sa.Column("todo_id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
    )
    op.create_table(
        "batch_workflow",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("loaded_at", sa.Float, nullable=False),
    )
