"""Create the mark by which a search notices that entries have changed, and that never gives a row twice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, empty; the previous program does without and numbers rows by itself."""
    op.create_table(
        "library_marks",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
        sa.Column("last_row", sa.Integer, nullable=False),
    )
