"""Declare the tables of `batch` in the store; the migrations beside it make them. Times are epoch seconds."""

import sqlalchemy as sa

from jobmon.batch import origin
from jobmon.engine.submission import columns

METADATA = sa.MetaData()
PUT_ASIDE = sa.text("put_aside IS NOT NULL")

SETTINGS = sa.Table(
    "batch_settings",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

JOB = sa.Table(
    "batch_job",
    METADATA,
    sa.Column("job_id", sa.Integer, primary_key=True),
    *columns(),
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
    origin.column(),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("run_id", sa.Integer),
    sa.Column("stage", sa.Text),
    sa.Column("parent_job_id", sa.Integer),
    sa.Column("cron_id", sa.Integer),
    sa.Index("batch_job_status", "status"),
    sa.Index("batch_job_cron", "cron_id", "status"),
    sa.Index("batch_job_run", "run_id"),
    sa.Index("batch_job_finished", "finished_at"),
    sa.Index("batch_job_put_aside", "job_id", sqlite_where=PUT_ASIDE, postgresql_where=PUT_ASIDE),
)

EVENT = sa.Table(
    "batch_job_event",
    METADATA,
    sa.Column("event_id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.Integer, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    origin.column(),
    sa.Column("fence", sa.BigInteger),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Index("batch_job_event_job", "job_id"),
)

CRONTAB = sa.Table(
    "batch_crontab",
    METADATA,
    sa.Column("cron_id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, unique=True, nullable=False),
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
    sa.Column("start_within", sa.Integer, nullable=False, server_default="0"),
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

FIRE = sa.Table(
    "batch_cron_fire",
    METADATA,
    sa.Column("cron_id", sa.Integer, primary_key=True),
    sa.Column("scheduled_for", sa.BigInteger, primary_key=True),
    sa.Column("fired_at", sa.Float, nullable=False),
    sa.Column("fence", sa.BigInteger),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("job_id", sa.Integer),
    sa.Column("run_id", sa.Integer),
    sa.Index("batch_cron_fire_at", "fired_at"),
)

WORKFLOW = sa.Table(
    "batch_workflow",
    METADATA,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("loaded_at", sa.Float, nullable=False),
)

RUN = sa.Table(
    "batch_run",
    METADATA,
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
    origin.column(),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("started_at", sa.Float),
    sa.Column("finished_at", sa.Float),
    sa.Column("parent_run_id", sa.Integer),
    sa.Column("cron_id", sa.Integer),
    sa.Index("batch_run_status", "workflow", "status"),
    sa.Index("batch_run_dedupe", "workflow", "dedupe_key", unique=True),
)

STAGE = sa.Table(
    "batch_run_stage",
    METADATA,
    sa.Column("run_id", sa.Integer, primary_key=True),
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("visits", sa.Integer, nullable=False),
    sa.Column("chosen", sa.JSON),
    sa.Column("seen", sa.JSON, nullable=False),
    sa.Column("fails", sa.Boolean, nullable=False),
    sa.Column("job_id", sa.Integer),
)

RULE_FIRE = sa.Table(
    "batch_rule_fire",
    METADATA,
    sa.Column("fire_id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.Integer, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("job_id", sa.Integer),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Index("batch_rule_fire_run", "run_id"),
)

QUEUE_LIMIT = sa.Table(
    "batch_queue_limit",
    METADATA,
    sa.Column("queue", sa.Text, primary_key=True),
    sa.Column("max_pending", sa.Integer),
    sa.Column("max_running", sa.Integer),
    sa.Column("submits_per_minute", sa.Integer),
)

AUDIT = sa.Table(
    "batch_todo",
    METADATA,
    sa.Column("todo_id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
)
