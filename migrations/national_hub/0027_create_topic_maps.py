"""Create the queue of entries with unknown classification codes, and the maps that people make of such codes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "library_unmapped",
        sa.Column("entry_id", sa.Text, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("topics", sa.Text, nullable=False),
        sa.Column("province", sa.Text, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "library_topic_maps",
        sa.Column("province", sa.Text, primary_key=True),
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("becomes", sa.Text, nullable=False),
        sa.Column("mapped_at", UtcDateTime, nullable=False),
    )
