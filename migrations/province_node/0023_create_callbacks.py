"""Create where a node keeps the callbacks and messages that its units owe."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and its indexes."""
    op.create_table(
        "callbacks",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("from_unit", sa.String(6), nullable=False),
        sa.Column("from_member", sa.String(6), nullable=False),
        sa.Column("unit", sa.String(6), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("topic", sa.String(32), nullable=False),
        sa.Column("language", sa.String(32), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("entered_at", UtcDateTime, nullable=False),
        sa.Column("arrived_at", UtcDateTime, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("misses", sa.Integer, nullable=False),
        sa.Column("not_before", UtcDateTime, nullable=True),
        sa.Column("held_until", UtcDateTime, nullable=True),
        sa.Column("taken_by", sa.String(64), nullable=False),
        sa.Column("take_id", sa.String(64), nullable=False),
        sa.Column("pool", sa.String(32), nullable=False),
        sa.Column("wish", sa.JSON, nullable=False),
    )
    op.create_index("ix_callbacks_unit", "callbacks", ["unit", "state"])
    op.create_index("ix_callbacks_state", "callbacks", ["state", "held_until"])
