"""Declare the engine's tables in the store; the migrations beside it make them."""

import sqlalchemy as sa

METADATA = sa.MetaData()

LEASE = sa.Table(
    "engine_lease",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text),
    sa.Column("fence", sa.BigInteger),
    sa.Column("expires_at", sa.Float),
    sa.Column("acquired_at", sa.Float),
    sa.Column("endpoint", sa.Text),
)

IDENTITY = sa.Table("engine_identity", METADATA, sa.Column("id", sa.Text, primary_key=True))

CANDIDATE = sa.Table(
    "engine_candidate",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, primary_key=True),
    sa.Column("host", sa.Text),
    sa.Column("endpoint", sa.Text),
    sa.Column("seen_at", sa.Float),
    sa.Column("pid", sa.BigInteger),
    sa.Column("told", sa.Text, nullable=False, default="{}"),
)
