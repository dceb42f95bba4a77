"""Keep which desktop placed a handoff and which one took it, so that each hears of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of calls of the release before nobody is known."""
    op.add_column("handoffs", sa.Column("placed_by", sa.String(64), nullable=False, server_default=""))
    op.add_column("seat_leases", sa.Column("taken_by", sa.String(64), nullable=False, server_default=""))
    op.create_index("ix_handoffs_placed_by", "handoffs", ["placed_by", "placed_at"])
