"""Declare the tables of `live` in the store; the migrations beside it make them."""

import sqlalchemy as sa

METADATA = sa.MetaData()

JOB = sa.Table(
    "live_job",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("cluster", sa.Text),
    sa.Column("id", sa.Text),
    sa.Column("start_at", sa.BigInteger),
    sa.Column("end_at", sa.BigInteger),
    sa.Column("user", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("account", sa.Text),
    sa.Column("partition", sa.Text),
    sa.Column("state", sa.Text),
    sa.Column("cores", sa.Integer),
    sa.Column("warned", sa.Boolean),
    sa.Column("waste_core_h", sa.Float),
    sa.Column("waste_gpu_h", sa.Float),
    sa.Column("waste_gib_h", sa.Float),
    sa.Column("summary", sa.Text),
)
