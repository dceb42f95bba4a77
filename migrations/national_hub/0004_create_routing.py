"""Create the table of handoff steps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the steps of handoffs that origins told."""
    op.create_table(
        "handoff_steps",
        sa.Column("origin", sa.String(6), primary_key=True),
        sa.Column("handoff_id", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("from_unit", sa.String(6), nullable=False),
        sa.Column("unit", sa.String(6), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("topic", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_handoff_steps_state", "handoff_steps", ["state"])
