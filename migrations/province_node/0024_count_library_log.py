"""Count the change log of the library through, and remember removals for those who copy from here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the previous program does without: it writes no sequence, and who copies then compares trees instead of reading the log."""
    op.add_column("library_entries", sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("library_entries", sa.Column("seal", sa.LargeBinary, nullable=True))
    op.create_index("ix_library_entries_sequence", "library_entries", ["sequence"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE library_index_rows USING fts5vocab(library_index, 'instance')")
    op.add_column("library_releases", sa.Column("horizon", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "library_tombstones",
        sa.Column("entry_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("release", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("successor", sa.Text, nullable=False),
        sa.Column("removed_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_library_tombstones_sequence", "library_tombstones", ["sequence"])
    _create_staging()


def _create_staging() -> None:
    op.create_table(
        "library_staged",
        sa.Column("entry_id", sa.Text, primary_key=True),
        sa.Column("row_id", sa.Integer, nullable=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("release", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=True),
        sa.Column("recorded_at", UtcDateTime, nullable=True),
        sa.Column("reason", sa.Text, nullable=True),
        sa.Column("successor", sa.Text, nullable=False),
    )
    op.create_table("library_swept", sa.Column("row_id", sa.Integer, primary_key=True, autoincrement=False))
    op.create_table(
        "library_progress",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("base", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    )
