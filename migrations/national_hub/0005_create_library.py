"""Create the tables of the library."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the replica, its search index, and the change log with what nodes report."""
    _create_replica()
    _create_index()
    _create_log()


def _create_replica() -> None:
    op.create_table(
        "library_entries",
        sa.Column("row_id", sa.Integer, primary_key=True),
        sa.Column("entry_id", sa.Text, nullable=False, unique=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("release", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("topics", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=True),
        sa.Column("valid_to", sa.Date, nullable=True),
        sa.Column("title", sa.Text, nullable=False),
    )
    op.create_table(
        "library_contents",
        sa.Column("row_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "library_releases",
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("applied_at", UtcDateTime, nullable=False),
    )


def _create_index() -> None:
    """Bigrams: FTS5 without content on SQLite, a tsvector under GIN on PostgreSQL."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE library_index USING fts5(grams, content='', detail=none, tokenize='ascii')")
        op.execute("CREATE VIRTUAL TABLE library_index_terms USING fts5vocab(library_index, 'row')")
    else:
        op.execute("CREATE TABLE library_index (row_id bigint PRIMARY KEY, grams tsvector NOT NULL)")
        op.execute("CREATE INDEX library_index_grams ON library_index USING gin (grams)")


def _create_log() -> None:
    op.create_table(
        "library_changes",
        sa.Column("release", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("entry_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=True),
        sa.Column("reason", sa.Text, nullable=True),
        sa.Column("successor", sa.Text, nullable=False),
    )
    op.create_index("ix_library_changes_entry_id", "library_changes", ["entry_id", "release"])
    op.create_table(
        "library_reports",
        sa.Column("member", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("refusal", sa.Text, nullable=False),
        sa.Column("reported_at", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    """Drop all of it; dropping the index takes its own tables along."""
    if op.get_bind().dialect.name == "sqlite":
        op.drop_table("library_index_terms")
    for name in ("library_reports", "library_changes", "library_index", "library_releases", "library_contents", "library_entries"):
        op.drop_table(name)
