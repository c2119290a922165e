"""Declare the engine's tables in the store; the migrations beside it make them."""

from pathlib import Path

import sqlalchemy as sa

MIGRATIONS = Path(__file__).with_name("migrations")
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
