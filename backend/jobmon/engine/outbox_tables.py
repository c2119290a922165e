"""Declare the tables of what is told to people and programs, and of what they declare."""

import sqlalchemy as sa

from jobmon.engine.tables import METADATA

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""SQLite counts up by itself in columns of this type alone."""

OUTBOX = sa.Table(
    "engine_outbox",
    METADATA,
    sa.Column("id", NUMBER, primary_key=True),
    sa.Column("token", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("bundle", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("text", sa.Text),
    sa.Column("facts", sa.Text),
    sa.Column("made_at", sa.Float),
    sa.Column("wait_s", sa.Float),
    sa.Column("state", sa.Text),
    sa.Column("digest", sa.Boolean),
    sa.Column("delivery", sa.BigInteger),
    sa.Column("bundled_at", sa.Float),
    sa.Column("due_at", sa.Float),
    sa.Column("tries", sa.Integer),
    sa.Column("fence", sa.BigInteger),
    sa.Column("ended_at", sa.Float),
    sa.Column("error", sa.Text),
)
"""Rows that are sent together name the first of them in `delivery`; that row is claimed, the others follow it.

`due_at` is the time of the next try, or of the digest for which a row is held back; NULL while a bundle is collected.
"""

MARK = sa.Table(
    "engine_mark",
    METADATA,
    sa.Column("id", NUMBER, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("at", sa.Float),
    sa.Column("until", sa.Float),
    sa.Column("note", sa.Text),
    sa.Column("source", sa.Text),
    sa.Column("made_at", sa.Float),
)
